// The profiles that ship with the library: every entry of examples/profiles/profiles.json.
// Tests: tests/unit/core/model/builtin_profiles_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace hexagent {

struct BuiltinProfile {
  const char* gpu;
  const char* model;
  uint32_t tensor_parallel;
  double prefill_fixed_s;
  double prefill_per_token_s;
  double prefill_per_pair_s;
  uint32_t small_below_tokens;
  double small_fixed_s;
  double small_per_token_s;
  double decode_fixed_s;
  double decode_per_sequence_s;
  double decode_per_context_token_s;
  uint32_t kv_bytes_per_token;
  uint64_t kv_capacity_tokens;
  double prefill_error;  // relative error of the fit, 95th percentile
  double decode_error;
};

// nullptr when there is none.
const BuiltinProfile* find_builtin_profile(std::string_view gpu, std::string_view model,
                                           uint32_t tensor_parallel);

}  // namespace hexagent
