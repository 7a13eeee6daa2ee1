// `hexagent bench` with its first benchmark, `decision`, and `hexagent settings`.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "hexagent/hexagent.h"
#include "sim/study/cell.h"
#include "tool/bench_decision.h"
#include "tool/cell_options.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

struct BenchOptions {
  BenchDecisionConfig config;
  std::vector<std::string> settings;
  bool json = false;
};

void run_bench(BenchOptions* options) {
  for (const std::string& pair : options->settings) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos)
      throw std::invalid_argument("--set " + pair + ": not key=value");
    options->config.settings.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  if (options->config.traces.empty()) {
    options->config.traces = {sim::find_data_file("traces/text2sql_chess.jsonl.gz"),
                              sim::find_data_file("traces/toolagent_taubench.jsonl.gz")};
  }
  const BenchDecisionResult result = bench_decision(options->config);
  if (options->json) {
    const nlohmann::ordered_json decision = {{"p50_ns", result.p50_ns},
                                             {"p99_ns", result.p99_ns},
                                             {"p999_ns", result.p999_ns},
                                             {"mean_ns", result.mean_ns},
                                             {"no_plan_p50_ns", result.idle_p50_ns},
                                             {"waiting_calls", result.waiting_mean},
                                             {"waiting_calls_min", result.waiting_min},
                                             {"live_workflows", result.live_workflows},
                                             {"prefill_workers", options->config.prefill_workers},
                                             {"decode_workers", options->config.decode_workers},
                                             {"events", result.events},
                                             {"plans", result.plans},
                                             {"allocations", result.allocations},
                                             {"policy", options->config.policy}};
    std::printf("%s\n", nlohmann::ordered_json({{"decision", decision}}).dump(2).c_str());
    return;
  }
  std::printf("measured: policy %s, %u + %u workers, %llu live workflows, %.0f calls waiting\n",
              options->config.policy.c_str(), options->config.prefill_workers,
              options->config.decode_workers,
              static_cast<unsigned long long>(result.live_workflows), result.waiting_mean);
  std::printf(
      "event in to decisions out over %llu events: p50 %.2f us, p99 %.2f us, p99.9 %.2f us\n",
      static_cast<unsigned long long>(result.events), result.p50_ns * 1e-3, result.p99_ns * 1e-3,
      result.p999_ns * 1e-3);
  std::printf("events without a plan: p50 %.2f us; allocations while measuring: %llu\n",
              result.idle_p50_ns * 1e-3, static_cast<unsigned long long>(result.allocations));
}

void list_settings() {
  for (uint32_t index = 0;; ++index) {
    hexagent_config_info info = {};
    info.struct_size = sizeof(info);
    if (hexagent_config_describe(index, &info) != HEXAGENT_OK) return;
    std::printf("%-22s default %-10s%s %s\n", info.key, info.default_value,
                info.live != 0 ? " live" : "     ", info.text);
  }
}

}  // namespace

void add_bench(CLI::App* app) {
  CLI::App* bench = app->add_subcommand("bench", "Measures the library on this machine");
  bench->require_subcommand(1);
  CLI::App* command = bench->add_subcommand("decision", "Event in to decisions out");
  auto options = std::make_shared<BenchOptions>();
  BenchDecisionConfig& config = options->config;
  command->add_option("--policy", config.policy, "Policy")->capture_default_str();
  command->add_option("--trace", config.traces, "Bodies to draw from; CHESS and tau-bench");
  command->add_option("--prefill-workers", config.prefill_workers)->capture_default_str();
  command->add_option("--decode-workers", config.decode_workers)->capture_default_str();
  command->add_option("--workflows", config.workflows, "Live workflows")->capture_default_str();
  command->add_option("--waiting", config.waiting, "Calls kept waiting")->capture_default_str();
  command->add_option("--events", config.events, "Measured events")->capture_default_str();
  command->add_option("--set", options->settings, "Configuration key=value");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run_bench(options.get()); });
  add_bench_ring(bench);
  add_bench_submit(bench);
  add_bench_poll(bench);
  add_bench_end_to_end(bench);
  add_bench_transport(bench);
}

void add_policies(CLI::App* app) {
  CLI::App* command =
      app->add_subcommand("settings", "Lists the library's configuration keys and policies");
  command->callback(list_settings);
}

}  // namespace hexagent::tool
