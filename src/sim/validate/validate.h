// The simulator's engines against end-to-end measurements: every row of the tables in a folder
// (format: README of the profiles) whose GPU, model and parallelism has kernel times is run on a
// lone engine (lone_engine.h), and simulated over measured time is told per table and quantity.
// Tests: tests/unit/sim/validate/validate_test.cc
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/cluster/resolved.h"

namespace hexagent::sim {

// One quantity of one table and kind of server.
struct EngineError {
  std::string table;     // file name
  std::string server;    // GPU, engine, number format
  std::string quantity;  // prefill, decode iteration, batch latency, first token, per token
  size_t rows = 0;
  double ratio_median = 0.0;  // simulated over measured
  double error_median = 0.0;  // |ratio - 1|
  double error_p90 = 0.0;
};

// Tables that the folder lacks are left out. Throws InputError for what cannot be read, and when
// there is none of them.
std::vector<EngineError> validate_engines(const std::string& folder, const ProfileSet& profiles);

std::string engine_errors_table(const std::vector<EngineError>& errors);

}  // namespace hexagent::sim
