// Runner: all (policy, seed) runs of a cell on several threads. Each run has its own scheduler,
// engines and random numbers, so the result does not depend on the number of threads. Tests:
// tests/sim/determinism_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/study/cell.h"
#include "sim/study/result.h"

namespace hexagent::sim {

struct RunnerConfig {
  std::vector<std::string> policies;
  std::vector<uint64_t> seeds;
  uint32_t threads = 1;
  // Called after each run from one thread at a time.
  std::function<void(size_t done, size_t total)> progress;
};

// One run of one policy, which may carry settings of its own.
RunResult run_unit(const Cell& cell, const std::string& policy, uint64_t seed);

// Results by policy, then seed, in the order given. The first exception of a run is thrown on.
std::vector<std::vector<RunResult>> run_cell(const Cell& cell, const RunnerConfig& config);

}  // namespace hexagent::sim
