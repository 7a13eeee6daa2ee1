// C ABI: profiles that ship with the library, that are derived, and that the caller registers.
#include <string_view>

#include "capi/flaw.h"
#include "capi/guard.h"
#include "capi/record_input.h"
#include "capi/shape.h"
#include "core/model/builtin_profiles.h"
#include "core/model/derive.h"

namespace hexagent {
namespace {

hexagent_profile to_profile(const BuiltinProfile& builtin, uint32_t gpu, uint32_t model) {
  hexagent_profile profile = {};
  profile.struct_size = sizeof(profile);
  profile.gpu = gpu;
  profile.model = model;
  profile.tensor_parallel = builtin.tensor_parallel;
  profile.prefill_fixed_s = builtin.prefill_fixed_s;
  profile.prefill_per_token_s = builtin.prefill_per_token_s;
  profile.prefill_per_pair_s = builtin.prefill_per_pair_s;
  profile.small_fixed_s = builtin.small_fixed_s;
  profile.small_per_token_s = builtin.small_per_token_s;
  profile.small_below_tokens = builtin.small_below_tokens;
  profile.decode_fixed_s = builtin.decode_fixed_s;
  profile.decode_per_sequence_s = builtin.decode_per_sequence_s;
  profile.decode_per_context_token_s = builtin.decode_per_context_token_s;
  profile.kv_capacity_tokens = builtin.kv_capacity_tokens;
  profile.kv_bytes_per_token = builtin.kv_bytes_per_token;
  profile.prefill_error = builtin.prefill_error;
  profile.decode_error = builtin.decode_error;
  return profile;
}

hexagent_status find_builtin(hexagent_scheduler* scheduler, const char* gpu, const char* model,
                             uint32_t tensor_parallel, hexagent_profile* to_caller) {
  if (gpu == nullptr || model == nullptr) return HEXAGENT_E_ARGUMENT;
  const hexagent_status status = check_size(to_caller);
  if (status != HEXAGENT_OK) return status;
  const BuiltinProfile* builtin = find_builtin_profile(gpu, model, tensor_parallel);
  if (builtin == nullptr) return HEXAGENT_E_UNKNOWN_PROFILE;
  const int32_t gpu_name = scheduler->names.intern(gpu);
  if (gpu_name < 0) return gpu_name;
  const int32_t model_name = scheduler->names.intern(model);
  if (model_name < 0) return model_name;
  write_sized(
      to_profile(*builtin, static_cast<uint32_t>(gpu_name), static_cast<uint32_t>(model_name)),
      to_caller);
  return HEXAGENT_OK;
}

hexagent_status derive(const hexagent_gpu* gpu, const hexagent_model* model,
                       uint32_t tensor_parallel, hexagent_profile* to_caller,
                       hexagent_error* error) {
  hexagent_gpu whole_gpu;
  hexagent_model whole_model;
  Flaw flaw = read_record(gpu, &whole_gpu);
  if (flaw.status == HEXAGENT_OK) flaw = read_record(model, &whole_model);
  if (flaw.status == HEXAGENT_OK) flaw.status = check_size(to_caller);
  if (flaw.status == HEXAGENT_OK) flaw = check_gpu(whole_gpu);
  if (flaw.status == HEXAGENT_OK) flaw = check_model_shape(whole_model);
  if (flaw.status != HEXAGENT_OK) {
    tell(flaw, error);
    return flaw.status;
  }
  hexagent_profile profile = {};
  uint32_t field = HEXAGENT_FIELD_NONE;
  char text[sizeof(hexagent_error::text)] = "";
  const hexagent_status status =
      derive_profile(whole_gpu, whole_model, tensor_parallel, &profile, &field, text, sizeof(text));
  if (status == HEXAGENT_OK) {
    write_sized(profile, to_caller);
    tell(Flaw{}, error);
  } else {
    tell(status, field, text, error);
  }
  return status;
}

}  // namespace
}  // namespace hexagent

extern "C" {

hexagent_status hexagent_profile_builtin(hexagent_scheduler* scheduler, const char* gpu,
                                         const char* model, uint32_t tensor_parallel,
                                         hexagent_profile* profile) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::find_builtin(&self, gpu, model, tensor_parallel, profile);
  });
}

hexagent_status hexagent_profile_derive(const hexagent_gpu* gpu, const hexagent_model* model,
                                        uint32_t tensor_parallel, hexagent_profile* profile,
                                        hexagent_error* error) noexcept {
  if (!hexagent::is_usable(error)) return HEXAGENT_E_STRUCT_SIZE;
  return hexagent::guard_free(
      [&] { return hexagent::derive(gpu, model, tensor_parallel, profile, error); });
}

hexagent_status hexagent_profile_set(hexagent_scheduler* scheduler, const hexagent_profile* profile,
                                     uint64_t user_data, hexagent_error* error) noexcept {
  return hexagent::guard_telling(scheduler, error, [&](hexagent_scheduler& self) {
    return hexagent::push_sized(&self, hexagent::InputKind::kProfileSet, profile,
                                hexagent::check_profile, user_data);
  });
}

hexagent_status hexagent_model_set(hexagent_scheduler* scheduler, const hexagent_model* model,
                                   uint64_t user_data, hexagent_error* error) noexcept {
  return hexagent::guard_telling(scheduler, error, [&](hexagent_scheduler& self) {
    return hexagent::push_sized(&self, hexagent::InputKind::kModelSet, model, hexagent::check_model,
                                user_data);
  });
}

}  // extern "C"
