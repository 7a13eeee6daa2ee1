// Options of a cell: see cell_options.h.
#include "tool/cell_options.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>

namespace hexagent::tool {

void CellOptions::add_to(CLI::App* command) {
  command->add_option("--trace", request.traces, "Trace files (.jsonl or .jsonl.gz), mixed evenly")
      ->required()
      ->delimiter(',');
  command->add_option("--cluster", request.cluster, "Cluster file, or the name of a shipped one")
      ->required();
  command->add_option("--model", request.model, "Model all workers serve")->capture_default_str();
  command->add_option("--load", request.load, "Arrival rate over lambda*")->capture_default_str();
  command
      ->add_option("--drain", request.drain_factor,
                   "Drain cell: send all workflows at this multiple of lambda*, measure all")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--give-up-stretch", request.give_up_stretch,
                   "Stop a run once its Req95 is sure to be above this; 0 = never")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--workflows", request.workflows, "Measured workflows of one seed")
      ->capture_default_str();
  command->add_option("--seeds", seeds, "Number of seeds")->capture_default_str();
  command->add_option("--first-seed", first_seed, "First seed")
      ->check(CLI::NonNegativeNumber)  // or it would wrap around
      ->capture_default_str();
  command->add_option("--arrivals", request.arrivals, "poisson, fixed, gamma:CV or trace:FILE")
      ->capture_default_str();
  command->add_flag("--closed-loop", request.closed_loop,
                    "A session's next turn follows its previous one");
  command->add_option("--decode-binding", request.decode_binding,
                      "prefill_start or prefill_end instead of the cluster file's");
  command
      ->add_option("--round-trip-ms", request.dispatch_round_trip_ms,
                   "Dispatch round trip instead of the cluster file's")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--cluster-line", request.cluster_lines,
                      "Line that replaces what the cluster file says, e.g. \"nic_gbit_per_s 25\"");
  command
      ->add_option("--lengths", lengths,
                   "What is known of output lengths: predictor, oracle, lognormal:SIGMA, "
                   "biased:FACTOR")
      ->capture_default_str();
  command
      ->add_option("--model-error", request.knowledge.model_error,
                   "Relative error of the times that the scheduler is told")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  command->add_flag("--measured-links", request.knowledge.measures_links,
                    "Reports of transfers tell the scheduler what links carry");
  command->add_flag("--learn-online", request.knowledge.learns_online,
                    "Learning goes on while measuring");
  command->add_flag("--sample-gaps", request.sampled_gaps,
                    "Draw unknown tool gaps (synthetic) instead of taking them as 0");
  command->add_option("--set", settings, "Configuration key=value for every policy");
  command->add_option("--threads", threads, "Runs at a time; 0 = one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void CellOptions::finish() {
  request.knowledge.lengths = sim::parse_length_knowledge(lengths);
  if (!std::isfinite(request.knowledge.model_error)) {
    throw std::invalid_argument("--model-error must be a finite number");
  }
  for (const std::string& pair : settings) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      throw std::invalid_argument("--set " + pair + ": not key=value");
    }
    request.settings.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  if (seeds == 0) throw std::invalid_argument("--seeds must be at least 1");
  // The validators above let through what is no number at all.
  if (!std::isfinite(request.drain_factor) || !std::isfinite(request.dispatch_round_trip_ms)) {
    throw std::invalid_argument("--drain and --round-trip-ms must be finite numbers");
  }
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
}

std::vector<uint64_t> CellOptions::seed_list() const {
  std::vector<uint64_t> list;
  for (uint64_t i = 0; i < seeds; ++i) list.push_back(first_seed + i);
  return list;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    if (comma > begin) parts.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return parts;
}

}  // namespace hexagent::tool
