// Evaluation: runs the units of a suite (cell, policy, seed) that a folder does not hold yet, on
// several threads, and keeps each as a record. Numbers are made of the records alone, by
// aggregate.h. Tests: tests/tool/evaluate.sh
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/study/manifest.h"
#include "sim/study/suite.h"
#include "sim/study/unit_store.h"

namespace hexagent::sim {

struct EvaluationProgress {
  size_t done = 0;  // units, those found included
  size_t total = 0;
  double work_done = 0.0;     // of this run alone, in calls to be simulated
  double work_total = 0.0;    // of this run alone
  std::string finished_cell;  // "" unless this unit was its last
};

struct EvaluationOptions {
  std::string folder;
  uint32_t threads = 1;
  size_t stop_after = 0;  // units to run before stopping; 0 = all
  // From one thread at a time, after each unit that ended and once before the first.
  std::function<void(const EvaluationProgress&)> progress;
};

struct EvaluationOutcome {
  size_t total = 0;
  size_t found = 0;  // records that were there
  size_t run = 0;
  bool complete() const { return found + run == total; }
};

// A suite with fewer cells, seeds or workflows. Throws std::invalid_argument when a name is none of
// its cells.
Suite select_cells(Suite suite, const std::vector<std::string>& names);
Suite reduce(Suite suite, const Reduction& reduction);

// Prepares every cell once, which finds most mistakes before hours of simulation, and tells what
// each is. Throws std::runtime_error naming the cell.
std::vector<CellInfo> describe_cells(const Suite& suite, uint32_t threads);

// Throws std::runtime_error naming cell, policy and seed of the first unit that failed; finished
// units are kept.
EvaluationOutcome run_evaluation(const Suite& suite, const std::vector<CellInfo>& infos,
                                 const EvaluationOptions& options);

}  // namespace hexagent::sim
