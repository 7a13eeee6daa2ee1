// TimeModel: see profile.h.
#include "core/model/profile.h"

namespace hexagent {

TimeModel make_time_model(const hexagent_profile& profile) {
  TimeModel model;
  model.prefill_fixed = profile.prefill_fixed_s;
  model.prefill_per_token = profile.prefill_per_token_s;
  model.prefill_per_pair = profile.prefill_per_pair_s;
  model.small_fixed = profile.small_fixed_s;
  model.small_per_token = profile.small_per_token_s;
  model.small_below = profile.small_below_tokens;
  model.decode_fixed = profile.decode_fixed_s;
  model.decode_per_sequence = profile.decode_per_sequence_s;
  model.decode_per_context_token = profile.decode_per_context_token_s;
  return model;
}

hexagent_status validate_profile(const hexagent_profile& profile, uint32_t* field) {
  constexpr double kAbsurd_s = 1e3;
  *field = HEXAGENT_FIELD_GPU;
  if (profile.gpu == 0) return HEXAGENT_E_NAME;
  *field = HEXAGENT_FIELD_MODEL;
  if (profile.model == 0) return HEXAGENT_E_NAME;
  *field = HEXAGENT_FIELD_PROFILE;
  const double times[] = {profile.prefill_fixed_s,       profile.prefill_per_token_s,
                          profile.prefill_per_pair_s,    profile.small_fixed_s,
                          profile.small_per_token_s,     profile.decode_fixed_s,
                          profile.decode_per_sequence_s, profile.decode_per_context_token_s};
  for (double time : times) {
    if (!(time >= 0.0 && time <= kAbsurd_s)) return HEXAGENT_E_RANGE;  // false for NaN
  }
  if (profile.prefill_fixed_s + profile.prefill_per_token_s <= 0.0) return HEXAGENT_E_RANGE;
  if (profile.small_below_tokens > 0 && profile.small_fixed_s + profile.small_per_token_s <= 0.0) {
    return HEXAGENT_E_RANGE;  // a threshold without its form: short prefills would take no time
  }
  if (profile.decode_fixed_s + profile.decode_per_sequence_s <= 0.0) return HEXAGENT_E_RANGE;
  if (profile.kv_bytes_per_token == 0) return HEXAGENT_E_RANGE;
  *field = HEXAGENT_FIELD_NONE;
  return HEXAGENT_OK;
}

}  // namespace hexagent
