// Truth times for engine tests, simple enough to add up by hand:
//   prefill  1 ms + 1 us per new token, and 1 ns per (new, seen) token pair
//   decode   2 ms + 1 ms per sequence, and 1 us per token of context
#pragma once

#include <cstdint>

#include "sim/engine/truth_times.h"

namespace hexagent::sim {

struct LinearTruth final : TruthTimes {
  double prefill_linear_s(int64_t new_tokens) const override {
    return 1e-3 + 1e-6 * static_cast<double>(new_tokens);
  }
  double prefill_attention_s(int64_t new_tokens, int64_t cached_tokens) const override {
    const auto fresh = static_cast<double>(new_tokens);
    return 1e-9 * fresh * (static_cast<double>(cached_tokens) + fresh / 2.0);
  }
  double decode_linear_s(int32_t batch) const override {
    return 2e-3 + 1e-3 * static_cast<double>(batch);
  }
  double decode_attention_s(int32_t /*batch*/, int64_t context_sum) const override {
    return 1e-6 * static_cast<double>(context_sum);
  }
};

}  // namespace hexagent::sim
