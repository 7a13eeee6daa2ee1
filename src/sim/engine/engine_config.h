// What the engines of one worker are built from, and the statistics they keep.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/engine/truth_times.h"
#include "sim/random.h"

namespace hexagent::sim {

struct EngineConfig {
  const TruthTimes* truth = nullptr;  // only looked at; outlives the engine
  int64_t kv_capacity_tokens = 0;
  double factor = 1.0;     // hidden factor of this worker on every iteration
  double jitter_sd = 0.0;  // relative standard deviation of one iteration's time
  Random random{0};        // source of the jitter, this engine's own stream
  int64_t chunk_tokens = 2048;
  int64_t batch_tokens = 8192;
  int32_t decode_batch_max = 256;
  bool reports_progress = false;  // of prefills, at the begin of every iteration
};

struct EngineStats {
  double busy_s = 0.0;
  double kv_token_seconds = 0.0;  // KV in use (pinned or private, cache not counted) over time
  int64_t iterations = 0;
  int64_t computed_tokens = 0;    // prompt tokens computed
  int64_t hit_tokens = 0;         // prompt tokens found in the own prefix cache
  int64_t decoded_tokens = 0;     // output tokens
  int64_t recomputed_tokens = 0;  // context computed again after a preemption
  int64_t preemptions = 0;
};

// One draw per iteration. Bounded below, so that a wild setting cannot turn time backwards.
inline double draw_jitter(Random& random, double jitter_sd) {
  constexpr double kJitterMin = 0.25;
  return jitter_sd > 0.0 ? std::max(kJitterMin, 1.0 + jitter_sd * random.normal()) : 1.0;
}

}  // namespace hexagent::sim
