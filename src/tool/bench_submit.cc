// `hexagent bench submit`: nanoseconds per record that hexagent_submit() takes from its caller.
//
// The calls are well formed and belong to a workflow nobody has begun, so that what follows in the
// core is short; it is not measured. In manual driving the caller steps after every round; with a
// thread the library's drains what the caller fills at the same time.
#include <vector>

#include "tool/bench_driving.h"
#include "tool/bench_timing.h"

namespace hexagent::tool {
namespace {

class SubmitBench {
 public:
  explicit SubmitBench(const char* driving)
      : scheduler_(open_scheduler({{"driving", driving}, {"calls_max", "1024"}})),
        manual_(std::string(driving) == "manual"),
        calls_(HEXAGENT_BATCH_MAX),
        results_(HEXAGENT_BATCH_MAX),
        decisions_(kRecordsPerRound) {
    const int32_t model = check(hexagent_name(scheduler_, "model", 5), "name");
    for (hexagent_call& call : calls_) {
      call = {};
      call.workflow = 1;
      call.model = static_cast<uint32_t>(model);
      call.prompt_tokens = 1000;
    }
  }
  ~SubmitBench() { hexagent_close(scheduler_); }
  SubmitBench(const SubmitBench&) = delete;
  SubmitBench& operator=(const SubmitBench&) = delete;

  // Median over the rounds of nanoseconds per record, `batch` records in one call.
  double measure(uint32_t rounds, uint32_t batch) {
    std::vector<double> times;
    for (uint32_t round = 0; round < rounds; ++round) {
      const int64_t begin = clock_ns();
      for (uint32_t sent = 0; sent < kRecordsPerRound; sent += batch) {
        const int32_t queued = hexagent_submit(scheduler_, calls_.data(), batch, nullptr, 0,
                                               nullptr, 0, results_.data());
        if (queued != static_cast<int32_t>(batch)) throw std::runtime_error("intake is full");
      }
      times.push_back(static_cast<double>(clock_ns() - begin) / kRecordsPerRound);
      drain();
    }
    return median(times);
  }

 private:
  void drain() {
    if (manual_) check(hexagent_step(scheduler_, ++now_), "step");
    for (uint32_t left = kRecordsPerRound; left > 0;) {
      left -=
          static_cast<uint32_t>(check(hexagent_poll(scheduler_, decisions_.data(), left), "poll"));
    }
  }

  hexagent_scheduler* scheduler_;
  bool manual_;
  int64_t now_ = 0;
  std::vector<hexagent_call> calls_;
  std::vector<hexagent_status> results_;
  std::vector<hexagent_decision> decisions_;
};

}  // namespace

void add_bench_submit(CLI::App* bench) {
  add_driving_bench<SubmitBench>(bench, {"submit", "What submitting a call costs its caller",
                                         "hexagent_submit(), ns per record", 64});
}

}  // namespace hexagent::tool
