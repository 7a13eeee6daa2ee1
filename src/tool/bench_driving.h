// What `hexagent bench submit` and `hexagent bench poll` share: one record at a time against
// batches, driven by hand and by the library's thread, as text or JSON.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tool/commands.h"

namespace hexagent::tool {

// Records of one round; they fit the intake and the decision ring.
inline constexpr uint32_t kRecordsPerRound = 4096;

struct DrivingBench {
  const char* name;     // of the subcommand
  const char* summary;  // for its help
  const char* title;    // what the numbers are
  uint32_t batch;
};

struct DrivingBenchOptions {
  uint32_t rounds = 400;
  bool json = false;
};

// `Bench` is made for a way of driving; measure(rounds, batch) answers nanoseconds per record.
template <class Bench>
void run_driving_bench(const DrivingBench& about, const DrivingBenchOptions& options) {
  nlohmann::ordered_json all;
  if (!options.json) std::printf("%s\n", about.title);
  for (const char* driving : {"manual", "thread"}) {
    Bench bench(driving);
    bench.measure(options.rounds / 10 + 1, about.batch);  // warm up
    const double single = bench.measure(options.rounds, 1);
    const double batched = bench.measure(options.rounds, about.batch);
    const std::string batch_key = "batch_of_" + std::to_string(about.batch) + "_ns";
    all[driving] = {{"single_ns", single}, {batch_key, batched}};
    if (!options.json) {
      std::printf("%s driving: %.1f one by one, %.1f in batches of %u\n", driving, single, batched,
                  about.batch);
    }
  }
  if (!options.json) return;
  std::printf("%s\n", nlohmann::ordered_json({{about.name, all}}).dump(2).c_str());
}

template <class Bench>
void add_driving_bench(CLI::App* bench, const DrivingBench& about) {
  CLI::App* command = bench->add_subcommand(about.name, about.summary);
  auto options = std::make_shared<DrivingBenchOptions>();
  command->add_option("--rounds", options->rounds, "Rounds of 4096 records")->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([about, options] { run_driving_bench<Bench>(about, *options); });
}

}  // namespace hexagent::tool
