// TimeModel: the fitted time model of one (GPU, model, tensor parallelism), ready for hot loops.
// Forms and units are those of hexagent_profile. Tests: tests/unit/core/model/profile_test.cc.
#pragma once

#include <cstdint>

#include "hexagent/hexagent.h"

namespace hexagent {

struct TimeModel {
  double prefill_fixed = 0.0;  // seconds
  double prefill_per_token = 0.0;
  double prefill_per_pair = 0.0;
  double small_fixed = 0.0;
  double small_per_token = 0.0;
  double small_below = 0.0;  // tokens
  double decode_fixed = 0.0;
  double decode_per_sequence = 0.0;
  double decode_per_context_token = 0.0;

  bool operator==(const TimeModel&) const = default;

  // One prefill iteration of `tokens` new tokens and `pairs` = sum of new * (cached + new / 2).
  double prefill_s(double tokens, double pairs) const {
    const bool small = tokens < small_below;
    return (small ? small_fixed + small_per_token * tokens
                  : prefill_fixed + prefill_per_token * tokens) +
           prefill_per_pair * pairs;
  }

  // One decode iteration.
  double decode_iteration_s(double sequences, double context_tokens) const {
    return decode_fixed + decode_per_sequence * sequences +
           decode_per_context_token * context_tokens;
  }
};

TimeModel make_time_model(const hexagent_profile& profile);

// HEXAGENT_OK, HEXAGENT_E_NAME (no GPU or model) or HEXAGENT_E_RANGE (a time that is negative, not
// a number or above 1,000 s; no prefill or decode time at all; a threshold of the small form
// without its times; no KV bytes). `field` names what is wrong.
hexagent_status validate_profile(const hexagent_profile& profile, uint32_t* field);

}  // namespace hexagent
