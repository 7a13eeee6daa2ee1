// Aggregation over cells: geometric means by kind of cell, wins and losses. See aggregate.h.
#include <algorithm>
#include <cmath>
#include <functional>

#include "sim/study/aggregate.h"
#include "sim/study/statistics.h"

namespace hexagent::sim {
namespace {

// The pairs of quantiles that one row of a summary is made of, one a cell.
struct CellPair {
  const PairedRatio* req95 = nullptr;
  const PairedRatio* req99 = nullptr;
};

struct Quantile {
  Interval ratio;
  size_t silent = 0;
  size_t wins = 0;
  size_t losses = 0;
  double worst = 0.0;
};

Quantile over_cells(const std::vector<const PairedRatio*>& pairs) {
  Quantile result;
  std::vector<std::vector<double>> ratios;
  for (const PairedRatio* pair : pairs) {
    if (pair->seeds.empty()) {
      ++result.silent;
      continue;
    }
    ratios.push_back(pair->seeds);
    if (pair->ratio.high < 1.0) ++result.wins;
    if (pair->ratio.low > 1.0) ++result.losses;
    result.worst = std::max(result.worst, pair->ratio.high);
  }
  result.ratio = bootstrap_cells(ratios);
  return result;
}

Summary summary_of(const std::string& name, CellKind kind, const std::vector<CellPair>& pairs) {
  std::vector<const PairedRatio*> all95;
  std::vector<const PairedRatio*> all99;
  for (const CellPair& pair : pairs) {
    all95.push_back(pair.req95);
    all99.push_back(pair.req99);
  }
  const Quantile q95 = over_cells(all95);
  const Quantile q99 = over_cells(all99);
  Summary summary;
  summary.of = name;
  summary.kind = kind;
  summary.cells = pairs.size();
  summary.ratio95 = q95.ratio;
  summary.ratio99 = q99.ratio;
  summary.silent95 = q95.silent;
  summary.silent99 = q99.silent;
  summary.wins95 = q95.wins;
  summary.wins99 = q99.wins;
  summary.losses95 = q95.losses;
  summary.losses99 = q99.losses;
  summary.worst95 = q95.worst;
  summary.worst99 = q99.worst;
  return summary;
}

// One row a kind of cell that `find` finds a pair in.
void add_rows(const std::string& name, bool is_group, const std::vector<CellResult>& cells,
              const std::function<CellPair(const CellResult&)>& find, std::vector<Summary>* rows) {
  for (const CellKind kind : kCellKinds) {
    std::vector<CellPair> pairs;
    for (const CellResult& cell : cells) {
      if (cell.kind != kind) continue;
      const CellPair pair = find(cell);
      if (pair.req95 != nullptr) pairs.push_back(pair);
    }
    if (pairs.empty()) continue;
    rows->push_back(summary_of(name, kind, pairs));
    rows->back().is_group = is_group;
  }
}

CellPair pair_of_policy(const CellResult& cell, const std::string& policy) {
  for (const RivalResult& rival : cell.rivals) {
    if (rival.policy == policy) return {&rival.req95, &rival.req99};
  }
  return {};
}

CellPair pair_of_group(const CellResult& cell, const std::string& name) {
  for (const GroupResult& group : cell.groups) {
    if (group.group != name) continue;
    return {&cell.rivals[group.strongest95].req95, &cell.rivals[group.strongest99].req99};
  }
  return {};
}

bool is_ablation(const Suite& suite, const std::string& policy) {
  return std::any_of(suite.ablations.begin(), suite.ablations.end(),
                     [&](const Ablation& ablation) { return ablation.policy == policy; });
}

void add_losses(Evaluation* evaluation) {
  for (const CellResult& cell : evaluation->cells) {
    for (const RivalResult& rival : cell.rivals) {
      if (is_ablation(evaluation->suite, rival.policy)) continue;
      for (const auto& [percent, pair] : {std::pair(95, &rival.req95), {99, &rival.req99}}) {
        if (!pair->seeds.empty() && pair->ratio.low > 1.0) {
          evaluation->losses.push_back({cell.spec.name, rival.policy, percent, pair->ratio});
        }
      }
    }
  }
  std::stable_sort(
      evaluation->losses.begin(), evaluation->losses.end(),
      [](const Loss& left, const Loss& right) { return left.ratio.value > right.ratio.value; });
}

}  // namespace

void add_summaries(Evaluation* evaluation) {
  const Suite& suite = evaluation->suite;
  const std::vector<CellResult>& cells = evaluation->cells;
  for (const PolicyGroup& group : suite.groups) {
    add_rows(
        group.name, true, cells,
        [&](const CellResult& cell) { return pair_of_group(cell, group.name); },
        &evaluation->summaries);
  }
  std::vector<std::string> done;
  for (const PolicyGroup& group : suite.groups) {
    for (const std::string& policy : group.policies) {
      if (std::find(done.begin(), done.end(), policy) != done.end()) continue;
      done.push_back(policy);
      add_rows(
          policy, false, cells,
          [&](const CellResult& cell) { return pair_of_policy(cell, policy); },
          &evaluation->summaries);
    }
  }
  for (const Ablation& ablation : suite.ablations) {
    add_rows(
        ablation.name, false, cells,
        [&](const CellResult& cell) { return pair_of_policy(cell, ablation.policy); },
        &evaluation->ablations);
  }
  add_losses(evaluation);
}

}  // namespace hexagent::sim
