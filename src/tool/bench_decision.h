// The decision benchmark: event in to decisions out, under a standing queue of waiting calls.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hexagent::tool {

struct BenchDecisionConfig {
  std::string policy = "default";
  std::vector<std::string> traces;  // bodies to draw calls from
  std::vector<std::pair<std::string, std::string>> settings;
  uint32_t prefill_workers = 64;
  uint32_t decode_workers = 64;
  uint32_t workflows = 10000;  // live all the time
  uint32_t waiting = 2500;     // calls ready and not dispatched, held about this many
  uint64_t events = 1000000;   // measured
  uint64_t warmup = 100000;
};

struct BenchDecisionResult {
  uint64_t events = 0;
  double p50_ns = 0.0;
  double p99_ns = 0.0;
  double p999_ns = 0.0;
  double mean_ns = 0.0;
  double idle_p50_ns = 0.0;  // events that led to no plan
  double waiting_mean = 0.0;
  uint64_t waiting_min = 0;
  uint64_t allocations = 0;  // while measuring
  uint64_t plans = 0;
  uint64_t live_workflows = 0;
  uint64_t bytes_held = 0;
};

BenchDecisionResult bench_decision(const BenchDecisionConfig& config);

}  // namespace hexagent::tool
