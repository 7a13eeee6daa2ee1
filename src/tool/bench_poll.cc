// `hexagent bench poll`: nanoseconds per decision that hexagent_poll() takes from its caller.
//
// A round queues inputs that are refused at once, waits until all their decisions wait, and
// measures nothing but the polling.
#include <sched.h>

#include <vector>

#include "tool/bench_driving.h"
#include "tool/bench_timing.h"

namespace hexagent::tool {
namespace {

class PollBench {
 public:
  explicit PollBench(const char* driving)
      : scheduler_(open_scheduler({{"driving", driving}, {"calls_max", "1024"}})),
        manual_(std::string(driving) == "manual"),
        decisions_(kRecordsPerRound) {}
  ~PollBench() { hexagent_close(scheduler_); }
  PollBench(const PollBench&) = delete;
  PollBench& operator=(const PollBench&) = delete;

  // Median over the rounds of nanoseconds per decision, up to `batch` in one call.
  double measure(uint32_t rounds, uint32_t batch) {
    std::vector<double> times;
    for (uint32_t round = 0; round < rounds; ++round) {
      fill();
      const int64_t begin = clock_ns();
      for (uint32_t polled = 0; polled < kRecordsPerRound;) {
        polled += static_cast<uint32_t>(
            check(hexagent_poll(scheduler_, decisions_.data(), batch), "poll"));
      }
      times.push_back(static_cast<double>(clock_ns() - begin) / kRecordsPerRound);
    }
    return median(times);
  }

 private:
  void fill() {
    for (uint32_t i = 0; i < kRecordsPerRound; ++i)
      check(hexagent_ready(scheduler_, 1, 1, i), "ready");
    if (manual_) check(hexagent_step(scheduler_, ++now_), "step");
    while (waiting() < kRecordsPerRound) sched_yield();
  }

  uint64_t waiting() {
    hexagent_stats stats = {};
    stats.struct_size = sizeof(stats);
    check(hexagent_stats_read(scheduler_, &stats), "stats");
    return stats.decisions_waiting;
  }

  hexagent_scheduler* scheduler_;
  bool manual_;
  int64_t now_ = 0;
  std::vector<hexagent_decision> decisions_;
};

}  // namespace

void add_bench_poll(CLI::App* bench) {
  add_driving_bench<PollBench>(bench, {"poll", "What polling a decision costs its caller",
                                       "hexagent_poll(), ns per decision", 256});
}

}  // namespace hexagent::tool
