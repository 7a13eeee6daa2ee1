// Aggregation of one cell, and of all from the folder: see aggregate.h. Means over cells are in
// aggregate_summary.cc.
#include "sim/study/aggregate.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "sim/bounds/bounds.h"
#include "sim/study/settle.h"
#include "sim/study/statistics.h"
#include "sim/study/sustained.h"
#include "sim/study/unit_store.h"

namespace hexagent::sim {
namespace {

constexpr double kLoadedFrom = 0.8;

CellKind kind_of(const CellInfo& info, const PolicySummary& subject) {
  if (info.drain_factor > 0.0) return CellKind::kDrain;
  if (subject.overload) return CellKind::kOverload;
  return info.load < kLoadedFrom ? CellKind::kLight : CellKind::kLoaded;
}

PairedRatio pair(const std::vector<double>& subject, const std::vector<double>& rival,
                 double bound) {
  PairedRatio result;
  result.seeds = seed_ratios(subject, rival, bound);
  result.bounded = std::any_of(rival.begin(), rival.end(), [](double v) { return std::isinf(v); });
  result.ratio = result.seeds.empty() ? Interval{std::nan(""), std::nan(""), std::nan("")}
                                      : bootstrap_mean(result.seeds);
  return result;
}

// Req95 and Req99 of each policy, by name, from which the strongest is chosen.
struct Strength {
  std::string policy;
  double req95 = 0.0;
  double req99 = 0.0;
};

std::vector<Strength> strengths_of(const Comparison& comparison) {
  std::vector<Strength> result;
  for (const PolicySummary& policy : comparison.policies) {
    result.push_back({policy.policy, policy.req95.value, policy.req99.value});
  }
  return result;
}

// The rival of `group` with the least `quantile`; the first of equals.
size_t strongest(const PolicyGroup& group, const std::vector<Strength>& strengths,
                 double Strength::*quantile, const std::vector<RivalResult>& rivals) {
  const Strength* best = nullptr;
  for (const std::string& policy : group.policies) {
    for (const Strength& entry : strengths) {
      if (entry.policy != policy) continue;
      if (best == nullptr || entry.*quantile < best->*quantile) best = &entry;
    }
  }
  for (size_t i = 0; best != nullptr && i < rivals.size(); ++i) {
    if (rivals[i].policy == best->policy) return i;
  }
  throw std::logic_error("a group without a rival was aggregated");
}

// All units of a cell, by policy and seed; none when one is missing.
std::optional<std::vector<std::vector<RunResult>>> load_units(
    const UnitStore& store, const std::string& cell, const std::vector<std::string>& policies,
    const std::vector<uint64_t>& seeds) {
  std::vector<std::vector<RunResult>> runs;
  for (const std::string& policy : policies) {
    runs.emplace_back();
    for (const uint64_t seed : seeds) {
      RunResult run;
      if (!store.load({cell, policy, seed}, &run)) return std::nullopt;
      runs.back().push_back(std::move(run));
    }
  }
  return runs;
}

// Bounds of a cell; none when one is missing.
std::optional<std::vector<SeedBounds>> load_bounds(const UnitStore& store, const SuiteCell& cell) {
  std::vector<SeedBounds> bounds;
  for (size_t i = 0; i < std::min<size_t>(cell.bounds.seeds, cell.seeds.size()); ++i) {
    SeedBounds entry;
    if (!store.load({cell.name, "", cell.seeds[i]}, &entry)) return std::nullopt;
    bounds.push_back(std::move(entry));
  }
  return bounds;
}

// Sustained loads of a cell; none when one is missing.
std::optional<std::vector<SustainedLoad>> load_sustained(const UnitStore& store,
                                                         const SuiteCell& cell) {
  std::vector<SustainedLoad> loads;
  for (const std::string& policy : cell.sustained.policies) {
    for (size_t i = 0; i < std::min<size_t>(cell.sustained.seeds, cell.seeds.size()); ++i) {
      SustainedLoad load;
      if (!store.load({cell.name, policy, cell.seeds[i]}, &load)) return std::nullopt;
      loads.push_back(std::move(load));
    }
  }
  return loads;
}

}  // namespace

const char* name_of(CellKind kind) {
  switch (kind) {
    case CellKind::kLight:
      return "light";
    case CellKind::kLoaded:
      return "loaded";
    case CellKind::kDrain:
      return "drain";
    case CellKind::kOverload:
      break;
  }
  return "overload";
}

CellResult aggregate_cell(const Suite& suite, const SuiteCell& spec, const CellInfo& info,
                          const std::vector<std::vector<RunResult>>& runs,
                          const std::vector<std::vector<RunResult>>& tuning) {
  CellResult cell;
  cell.spec = spec;
  cell.comparison = summarise(info, runs);
  const std::vector<PolicySummary>& policies = cell.comparison.policies;
  const PolicySummary& subject = policies.front();
  cell.kind = kind_of(info, subject);
  for (size_t i = 1; i < policies.size(); ++i) {
    cell.rivals.push_back({policies[i].policy,
                           pair(subject.seed_req95, policies[i].seed_req95, info.give_up_stretch),
                           pair(subject.seed_req99, policies[i].seed_req99, info.give_up_stretch)});
  }
  cell.tuned = !tuning.empty();
  const std::vector<Strength> strengths =
      strengths_of(cell.tuned ? summarise(info, tuning) : cell.comparison);
  for (const PolicyGroup& group : suite.groups) {
    if (!runs_group(spec, group.name)) continue;
    cell.groups.push_back({group.name, strongest(group, strengths, &Strength::req95, cell.rivals),
                           strongest(group, strengths, &Strength::req99, cell.rivals)});
  }
  return cell;
}

Evaluation aggregate(const Suite& suite, const std::vector<CellInfo>& infos,
                     const std::string& folder, const CellVisitor& visit) {
  const UnitStore store(folder);
  Evaluation evaluation;
  evaluation.suite = suite;
  for (size_t i = 0; i < suite.cells.size(); ++i) {
    const SuiteCell& spec = suite.cells[i];
    const std::optional<Suite> settled = settle(suite, spec, store);
    if (!settled) {
      evaluation.incomplete.push_back(spec.name);
      continue;
    }
    const auto runs = load_units(store, spec.name, policies_of(*settled, spec, false), spec.seeds);
    auto tuning = load_units(store, spec.name, policies_of(suite, spec, true), spec.tuning_seeds);
    const auto bounds = load_bounds(store, spec);
    const auto sustained = load_sustained(store, spec);
    if (!runs || !tuning || !bounds || !sustained) {
      evaluation.incomplete.push_back(spec.name);
      continue;
    }
    if (spec.tuning_seeds.empty()) tuning->clear();
    evaluation.cells.push_back(aggregate_cell(*settled, spec, infos[i], *runs, *tuning));
    evaluation.cells.back().sustained = summarise_sustained(*sustained);
    add_bounds(*bounds, &evaluation.cells.back().comparison);
    if (visit) visit(evaluation.cells.back(), *runs);
  }
  if (evaluation.cells.empty()) throw std::runtime_error(folder + ": no cell is complete yet");
  add_summaries(&evaluation);
  return evaluation;
}

}  // namespace hexagent::sim
