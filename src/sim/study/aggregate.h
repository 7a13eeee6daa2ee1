// Aggregation: the numbers of an evaluation, made of its records alone (EXPERIMENTS sections 3 and
// 5). All ratios are subject over rival: below 1 the subject is better.
// Tests: tests/unit/sim/study/aggregate_test.cc
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "sim/study/result.h"
#include "sim/study/suite.h"

namespace hexagent::sim {

// Cells are averaged with their like alone. A steady cell is light below load 0.8, and overloaded,
// whatever its load, when the subject's Req95 grows over its arrivals by more than a quarter.
enum class CellKind : uint8_t { kLight, kLoaded, kDrain, kOverload };
inline constexpr std::array kCellKinds = {CellKind::kLight, CellKind::kLoaded, CellKind::kDrain,
                                          CellKind::kOverload};
const char* name_of(CellKind kind);

// One quantile of the subject against one rival in one cell.
struct PairedRatio {
  Interval ratio;             // not a number: no seed says anything
  std::vector<double> seeds;  // as seed_ratios() gives them
  bool bounded = false;       // a rival's run had no finite Req: the true ratio is no larger
};

struct RivalResult {
  std::string policy;
  PairedRatio req95;
  PairedRatio req99;
};

// The strongest rival of a group, for each quantile on its own.
struct GroupResult {
  std::string group;
  size_t strongest95 = 0;  // index into CellResult::rivals
  size_t strongest99 = 0;
};

struct CellResult {
  SuiteCell spec;
  Comparison comparison;  // the subject first
  CellKind kind = CellKind::kLoaded;
  bool tuned = false;               // strongest rivals chosen on tuning seeds, else on these
  std::vector<RivalResult> rivals;  // comparison.policies without the subject, in their order
  std::vector<GroupResult> groups;
  std::vector<SustainedSummary> sustained;  // may be empty
};

// Over the cells of one kind.
struct Summary {
  std::string of;  // a group, then the ratios are against its strongest, or a policy
  bool is_group = false;
  CellKind kind = CellKind::kLoaded;
  Interval ratio95;  // geometric means over cells; not a number: no cell says anything
  Interval ratio99;
  size_t cells = 0;
  size_t silent95 = 0;  // cells in which no seed says anything
  size_t silent99 = 0;
  size_t wins95 = 0;  // interval wholly below 1
  size_t wins99 = 0;
  size_t losses95 = 0;  // interval wholly above 1
  size_t losses99 = 0;
  double worst95 = 0.0;  // largest upper bound of a cell's interval
  double worst99 = 0.0;
};

// A cell in which the subject loses to a rival with its whole interval.
struct Loss {
  std::string cell;
  std::string policy;
  int percent = 95;  // of Req95 or Req99
  Interval ratio;
};

struct Evaluation {
  Suite suite;  // as it was run
  std::vector<CellResult> cells;
  std::vector<std::string> incomplete;  // cells with units still to be run; not among `cells`
  std::vector<Summary> summaries;       // groups first
  std::vector<Loss> losses;             // largest ratio first
  std::vector<Summary> ablations;       // `of` is the ablation's name
};

// Sees a cell together with its runs by policy and seed, which are not kept.
using CellVisitor =
    std::function<void(const CellResult& cell, const std::vector<std::vector<RunResult>>& runs)>;

// `infos` as describe_cells() gives them, `folder` that of the records. Throws std::runtime_error
// when no cell is complete.
Evaluation aggregate(const Suite& suite, const std::vector<CellInfo>& infos,
                     const std::string& folder, const CellVisitor& visit = nullptr);

// The parts, for tests: one cell from its runs by policy and seed, the subject first; `tuning` the
// same of the rivals, or empty. Then the means over all cells.
CellResult aggregate_cell(const Suite& suite, const SuiteCell& spec, const CellInfo& info,
                          const std::vector<std::vector<RunResult>>& runs,
                          const std::vector<std::vector<RunResult>>& tuning);
void add_summaries(Evaluation* evaluation);

}  // namespace hexagent::sim
