// `hexagent bench poll`: nanoseconds per decision that hexagent_poll() takes from its caller.
//
// A round queues inputs that are refused at once, waits until all their decisions wait, and
// measures nothing but the polling.
#include <sched.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "tool/bench_timing.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

constexpr uint32_t kRound = 4096;  // decisions; they fit the decision ring

struct Options {
  uint32_t rounds = 400;
  bool json = false;
};

class Bench {
 public:
  explicit Bench(const char* driving)
      : scheduler_(open_scheduler({{"driving", driving}, {"calls_max", "1024"}})),
        manual_(std::string(driving) == "manual"),
        decisions_(kRound) {}
  ~Bench() { hexagent_close(scheduler_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // Median over the rounds of nanoseconds per decision, up to `batch` in one call.
  double measure(uint32_t rounds, uint32_t batch) {
    std::vector<double> times;
    for (uint32_t round = 0; round < rounds; ++round) {
      fill();
      const int64_t begin = clock_ns();
      for (uint32_t polled = 0; polled < kRound;) {
        polled += static_cast<uint32_t>(
            check(hexagent_poll(scheduler_, decisions_.data(), batch), "poll"));
      }
      times.push_back(static_cast<double>(clock_ns() - begin) / kRound);
    }
    return median(times);
  }

 private:
  void fill() {
    for (uint32_t i = 0; i < kRound; ++i) check(hexagent_ready(scheduler_, 1, 1, i), "ready");
    if (manual_) check(hexagent_step(scheduler_, ++now_), "step");
    while (waiting() < kRound) sched_yield();
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

void run(const Options& options) {
  nlohmann::ordered_json all;
  if (!options.json) std::printf("hexagent_poll(), ns per decision\n");
  for (const char* driving : {"manual", "thread"}) {
    Bench bench(driving);
    bench.measure(options.rounds / 10 + 1, 256);  // warm up
    const double single = bench.measure(options.rounds, 1);
    const double batched = bench.measure(options.rounds, 256);
    all[driving] = {{"single_ns", single}, {"batch_of_256_ns", batched}};
    if (!options.json) {
      std::printf("%s driving: %.1f one by one, %.1f in batches of 256\n", driving, single,
                  batched);
    }
  }
  if (options.json) std::printf("%s\n", nlohmann::ordered_json({{"poll", all}}).dump(2).c_str());
}

}  // namespace

void add_bench_poll(CLI::App* bench) {
  CLI::App* command = bench->add_subcommand("poll", "What polling a decision costs its caller");
  auto options = std::make_shared<Options>();
  command->add_option("--rounds", options->rounds, "Rounds of 4096 decisions")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run(*options); });
}

}  // namespace hexagent::tool
