// The options that say what is simulated; `simulate` and `compare` share them.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/study/cell.h"

namespace hexagent::tool {

struct CellOptions {
  sim::CellRequest request;
  std::vector<std::string> settings;  // key=value
  std::string lengths = "predictor";
  uint32_t seeds = 5;
  uint64_t first_seed = 101;  // test seeds are 101-120, tuning seeds 1-10 (EXPERIMENTS section 5)
  uint32_t threads = 0;       // 0 = one per core

  void add_to(CLI::App* command);
  // Settings parsed into the request; throws std::invalid_argument.
  void finish();
  std::vector<uint64_t> seed_list() const;
};

// "a,b,c" into its parts; empty parts are dropped.
std::vector<std::string> split_list(const std::string& text);

}  // namespace hexagent::tool
