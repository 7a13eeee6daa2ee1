// One simulated engine without cluster, library, hidden factor or jitter: what a benchmark of a
// single inference server measures. Tests: tests/unit/sim/validate/validate_test.cc
#pragma once

#include <cstdint>

#include "sim/engine/truth_times.h"

namespace hexagent::sim {

// Equal requests, as benchmarks send them.
struct LoneLoad {
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  int32_t batch = 1;  // sent together, or clients that each send their next when one ended
};

// From sending `batch` prompts at once until the last prefill ended.
double lone_prefill_s(const TruthTimes& truth, const LoneLoad& load);

// Mean decode iteration of a batch whose KV is all there.
double lone_iteration_s(const TruthTimes& truth, const LoneLoad& load);

// From sending the batch until its last output token; prefill and decode on one engine.
double lone_batch_s(const TruthTimes& truth, const LoneLoad& load);

// Medians over all requests but each client's first, prefill and decode on one engine; clients
// begin evenly over the time of one request.
struct LoneServing {
  double first_token_s = 0.0;  // after sending
  double per_token_s = 0.0;    // between the first token and the last
};
LoneServing lone_serving(const TruthTimes& truth, const LoneLoad& load);

}  // namespace hexagent::sim
