// Cell: see cell.h.
#include "sim/study/cell.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "sim/input_error.h"
#include "sim/run/gateway.h"
#include "sim/study/horizon.h"

namespace hexagent::sim {
namespace {

// Warm-up: three times the 95th percentile of H (EXPERIMENTS section 1), and enough workflows that
// the length predictor and the caches have seen every stage.
constexpr double kWarmupHorizons = 3.0;
constexpr double kWarmupWorkflows = 300.0;

// The wait for stragglers is at most ten times the measured interval (EXPERIMENTS section 1), but
// never less than this many times the longest workflow alone.
constexpr double kPatienceHorizons = 4.0;

std::vector<double> horizons(const std::vector<Trace>& traces, const ResolvedCluster& cluster) {
  const HorizonCluster reference = horizon_cluster(cluster);
  std::vector<double> all;
  for (const Trace& trace : traces) {
    for (const TraceWorkflow& body : trace.workflows) {
      all.push_back(workflow_horizon_s(body, reference));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

std::string find_data_file(const std::string& relative) {
  namespace fs = std::filesystem;
  for (const char* folder : {HEXAGENT_DATA_SOURCE, HEXAGENT_DATA_INSTALLED}) {
    const fs::path path = fs::path(folder) / relative;
    if (fs::exists(path)) return path.string();
  }
  throw InputError(relative, 0, "file", "not among the example data that ships with the project");
}

std::string find_cluster_file(const std::string& text) {
  if (std::filesystem::is_regular_file(text)) return text;
  try {
    return find_data_file("clusters/" + text + ".cluster");
  } catch (const InputError&) {
    throw InputError(text, 0, "cluster", "no such file, and no cluster of that name is shipped");
  }
}

Cell prepare_cell(const CellRequest& request) {
  Cell cell;
  cell.request = request;
  if (!(request.load > 0.0 && request.load <= 4.0)) {
    throw std::invalid_argument("load must be above 0 and at most 4");
  }
  if (request.lost_worker && request.drain_factor > 0.0) {
    throw std::invalid_argument("a worker can be lost in a steady cell only");
  }
  if (request.workflows == 0) throw std::invalid_argument("workflows must be at least 1");
  ClusterFile file = load_cluster(find_cluster_file(request.cluster));
  if (request.decode_binding == "prefill_start") {
    file.decode_binding = DecodeBinding::kPrefillStart;
  } else if (request.decode_binding == "prefill_end") {
    file.decode_binding = DecodeBinding::kPrefillEnd;
  } else if (!request.decode_binding.empty()) {
    throw std::invalid_argument("decode binding must be prefill_start or prefill_end");
  }
  if (request.dispatch_round_trip_ms >= 0.0) {
    file.dispatch_round_trip_ms = request.dispatch_round_trip_ms;
  }
  change_cluster(file, request.cluster_lines, "cluster lines");
  cell.profiles = load_profiles(file.profiles_path());
  cell.cluster = resolve_cluster(file, cell.profiles, request.model);
  std::vector<const Trace*> pointers;
  cell.traces.reserve(request.traces.size());
  for (const std::string& path : request.traces) {
    Trace trace = load_trace(path);
    if (request.sampled_gaps) cell.gaps.tool_sampled += sample_unknown_gaps(trace);
    const GapCounts gaps = normalise_gaps(trace);
    const Exclusion excluded = exclude_oversized(trace, cell.cluster.model.max_context_tokens,
                                                 cell.cluster.servable_tokens_max());
    cell.gaps.tool_unknown += gaps.tool_unknown;
    cell.gaps.tool_capped += gaps.tool_capped;
    cell.gaps.session_unknown += gaps.session_unknown;
    cell.gaps.session_capped += gaps.session_capped;
    cell.excluded.workflows += excluded.workflows;
    cell.excluded.over_context += excluded.over_context;
    cell.excluded.over_capacity += excluded.over_capacity;
    if (trace.workflows.empty()) {
      throw InputError(path, 0, "workflow", "no workflow is left that this cluster can serve");
    }
    cell.traces.push_back(std::move(trace));
  }
  if (cell.traces.empty()) throw std::invalid_argument("at least one trace is needed");
  for (const Trace& trace : cell.traces) pointers.push_back(&trace);
  cell.capacity = estimate_capacity(pointers, cell.cluster);
  const std::vector<double> sorted = horizons(cell.traces, cell.cluster);
  cell.horizon_p95_s = sorted[(sorted.size() * 95 + 99) / 100 - 1];
  cell.horizon_max_s = sorted.back();
  for (double horizon : sorted) cell.horizon_mean_s += horizon / static_cast<double>(sorted.size());
  int32_t workers = 0;
  for (const ResolvedGroup& group : cell.cluster.groups) workers += group.count;
  if (request.lost_worker && request.lost_worker->worker >= workers) {
    throw std::invalid_argument("the worker to lose is not in the cluster");
  }
  set_rate(&cell);
  return cell;
}

void set_rate(Cell* cell) {
  cell->rate_per_s = cell->request.load * cell->capacity.workflows_per_s;
  cell->warmup_s =
      std::max(kWarmupHorizons * cell->horizon_p95_s, kWarmupWorkflows / cell->rate_per_s);
}

PolicyText split_policy(const std::string& policy) {
  PolicyText text;
  size_t at = policy.find('@');
  text.name = policy.substr(0, at);
  while (at != std::string::npos) {
    const size_t next = policy.find('@', at + 1);
    const std::string pair =
        policy.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) {
      throw std::invalid_argument("policy " + policy + ": \"" + pair + "\" is not key=value");
    }
    text.settings.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    at = next;
  }
  return text;
}

void check_policy_text(const std::string& policy) {
  const PolicyText text = split_policy(policy);
  check_policy(text.name, text.settings);
}

RunConfig Cell::run(const std::string& policy, uint64_t seed) const {
  RunConfig config;
  config.cluster = &cluster;
  config.profiles = &profiles;
  for (const Trace& trace : traces) config.traces.push_back(&trace);
  config.settings = request.settings;
  const PolicyText text = split_policy(policy);
  config.policy = text.name;
  config.settings.insert(config.settings.end(), text.settings.begin(), text.settings.end());
  config.arrivals = request.arrivals;
  config.give_up_stretch = request.give_up_stretch;
  config.closed_loop = request.closed_loop;
  config.knowledge = request.knowledge;
  config.seed = seed;
  config.rate_per_s = rate_per_s;
  config.workflows = request.workflows;
  config.warmup_s = warmup_s;
  // A workflow that takes longer alone than the bound on the wait would never count as finished.
  config.patience_s = kPatienceHorizons * horizon_max_s;
  if (request.lost_worker) {
    const double interval_s = static_cast<double>(request.workflows) / rate_per_s;
    config.losses.push_back({request.lost_worker->worker, request.lost_worker->at * interval_s,
                             request.lost_worker->down * interval_s});
  }
  if (request.drain_factor > 0.0) {
    config.drain_rate_per_s = request.drain_factor * capacity.workflows_per_s;
  }
  return config;
}

CellInfo describe_cell(const Cell& cell, const std::vector<uint64_t>& seeds) {
  const CellRequest& request = cell.request;
  CellInfo info;
  info.cluster = cell.cluster.file.name;
  info.model = request.model;
  double bodies = 0.0;
  double calls = 0.0;
  for (const Trace& trace : cell.traces) {
    info.traces.push_back(trace.name);
    bodies += static_cast<double>(trace.workflows.size());
    for (const TraceWorkflow& body : trace.workflows) {
      calls += static_cast<double>(body.calls.size());
    }
  }
  info.calls_mean = calls / bodies;
  info.cluster_lines = request.cluster_lines;
  info.lengths = describe_length_knowledge(request.knowledge.lengths);
  info.model_error = request.knowledge.model_error;
  info.learns_online = request.knowledge.learns_online;
  info.measures_links = request.knowledge.measures_links;
  if (request.lost_worker) {
    char text[96];
    std::snprintf(text, sizeof(text), "worker %d from %g for %g of the interval",
                  request.lost_worker->worker, request.lost_worker->at, request.lost_worker->down);
    info.lost_worker = text;
  }
  info.arrivals = request.arrivals;
  info.decode_binding = name_of(cell.cluster.file.decode_binding);
  info.binding_resource = cell.capacity.binding;
  info.round_trip_ms = cell.cluster.file.dispatch_round_trip_ms;
  info.load = request.load;
  info.drain_factor = request.drain_factor;
  info.give_up_stretch = request.give_up_stretch;
  info.lambda_star = cell.capacity.workflows_per_s;
  info.rate_per_s = cell.rate_per_s;
  info.warmup_s = cell.warmup_s;
  info.horizon_mean_s = cell.horizon_mean_s;
  info.horizon_p95_s = cell.horizon_p95_s;
  info.closed_loop = request.closed_loop;
  info.workflows = request.workflows;
  info.seeds = seeds;
  info.excluded = cell.excluded.workflows;
  info.excluded_over_context = cell.excluded.over_context;
  info.excluded_over_capacity = cell.excluded.over_capacity;
  info.gaps_unknown = cell.gaps.tool_unknown;
  info.gaps_sampled = cell.gaps.tool_sampled;
  info.gaps_capped = cell.gaps.tool_capped;
  return info;
}

}  // namespace hexagent::sim
