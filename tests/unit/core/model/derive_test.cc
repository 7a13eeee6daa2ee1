// Derived profiles: close to every measured entry, sensible where there is none.
#include "core/model/derive.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/model/builtin_profiles.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::BuiltinProfile;
using hexagent::derive_profile;
using hexagent::find_builtin_profile;

struct NamedGpu {
  std::string_view name;
  hexagent_gpu gpu;
};

struct NamedModel {
  std::string_view name;
  hexagent_model model;
};

// As in examples/profiles: hardware.csv with the roofline shares of profiles.json, and models.csv.
constexpr NamedGpu kGpus[] = {
    {"A100-80G", {sizeof(hexagent_gpu), 1, 312e12, 2039e9, 85899345920., 0.832, 0.683, 300e9}},
    {"H100-80G", {sizeof(hexagent_gpu), 2, 989e12, 3350e9, 85520809984., 0.782, 0.837, 450e9}},
    {"H200-141G", {sizeof(hexagent_gpu), 3, 989e12, 4800e9, 150754820096., 0.742, 0.767, 450e9}}};
constexpr uint32_t kSize = sizeof(hexagent_model);
constexpr NamedModel kModels[] = {
    {"llama-3.1-8b", {kSize, 1, 131072, 131072, 8.03e9, 1.606e10, 32, 4096, 32, 8, 128, 0}},
    {"qwen3-14b", {kSize, 2, 40960, 163840, 1.477e10, 2.954e10, 40, 5120, 40, 8, 128, 0}},
    {"qwen3-32b", {kSize, 3, 40960, 262144, 3.276e10, 6.552e10, 64, 5120, 64, 8, 128, 0}},
    {"llama-3.1-70b", {kSize, 4, 131072, 327680, 7.055e10, 1.411e11, 80, 8192, 64, 8, 128, 0}}};
constexpr uint32_t kParallel[] = {1, 2, 4, 8};

struct Answer {
  hexagent_profile profile;
  hexagent_status status;
  uint32_t field;
  char text[200];
};

Answer derive(const hexagent_gpu& gpu, const hexagent_model& model, uint32_t parallel) {
  Answer answer = {};
  answer.status = derive_profile(gpu, model, parallel, &answer.profile, &answer.field, answer.text,
                                 sizeof(answer.text));
  return answer;
}

// Prefill of n tokens and decode of a batch at a context of 2,048, of either kind of profile.
template <class Profile>
double prefill_s(const Profile& profile, double tokens) {
  const double linear = tokens < profile.small_below_tokens
                            ? profile.small_fixed_s + profile.small_per_token_s * tokens
                            : profile.prefill_fixed_s + profile.prefill_per_token_s * tokens;
  return linear + profile.prefill_per_pair_s * tokens * tokens / 2.0;
}

template <class Profile>
double decode_s(const Profile& profile, double sequences) {
  return profile.decode_fixed_s + profile.decode_per_sequence_s * sequences +
         profile.decode_per_context_token_s * sequences * 2048.0;
}

struct Errors {
  double median = 0.0;
  double worst = 0.0;
  uint32_t count = 0;
};

// Of one quantity over all measured entries.
template <class Quantity>
Errors errors_of(Quantity quantity) {
  std::array<double, 64> errors = {};
  Errors result;
  for (const NamedGpu& gpu : kGpus) {
    for (const NamedModel& model : kModels) {
      for (uint32_t parallel : kParallel) {
        const BuiltinProfile* measured = find_builtin_profile(gpu.name, model.name, parallel);
        if (measured == nullptr) continue;
        const Answer answer = derive(gpu.gpu, model.model, parallel);
        if (answer.status != HEXAGENT_OK) return {9.0, 9.0, 0};
        errors[result.count++] = std::fabs(quantity(answer.profile) / quantity(*measured) - 1.0);
      }
    }
  }
  std::sort(errors.begin(), errors.begin() + result.count);
  result.median = 0.5 * (errors[(result.count - 1) / 2] + errors[result.count / 2]);
  result.worst = errors[result.count - 1];
  return result;
}

Errors prefill_errors(double tokens) {
  return errors_of([tokens](const auto& profile) { return prefill_s(profile, tokens); });
}

Errors decode_errors(double sequences) {
  return errors_of([sequences](const auto& profile) { return decode_s(profile, sequences); });
}

double capacity_error() {
  return errors_of(
             [](const auto& profile) { return static_cast<double>(profile.kv_capacity_tokens); })
      .worst;
}

// The left-out pair between its neighbours: slower than an H200, faster than an A100.
uint32_t parallels_out_of_order() {
  uint32_t count = 0;
  for (uint32_t parallel : {1u, 2u, 4u, 8u}) {
    const hexagent_profile middle = derive(kGpus[1].gpu, kModels[2].model, parallel).profile;
    const BuiltinProfile* slow = find_builtin_profile("A100-80G", "qwen3-32b", parallel);
    const BuiltinProfile* fast = find_builtin_profile("H200-141G", "qwen3-32b", parallel);
    const bool prefill = prefill_s(middle, 8192.0) < 0.5 * prefill_s(*slow, 8192.0) &&
                         prefill_s(middle, 8192.0) > 0.85 * prefill_s(*fast, 8192.0);
    const bool decode = decode_s(middle, 32.0) < decode_s(*slow, 32.0) &&
                        decode_s(middle, 32.0) > decode_s(*fast, 32.0);
    if (!prefill || !decode) ++count;
  }
  return count;
}

hexagent_status status_with_model(hexagent_model model) {
  return derive(kGpus[1].gpu, model, 1).status;
}

void prefill_is_close_to_every_measured_entry(void**) {
  assert_int_equal(prefill_errors(256.0).count, 32);
  assert_true(prefill_errors(256.0).median < 0.07 && prefill_errors(256.0).worst < 0.22);
  assert_true(prefill_errors(2048.0).median < 0.06 && prefill_errors(2048.0).worst < 0.17);
  assert_true(prefill_errors(8192.0).median < 0.05 && prefill_errors(8192.0).worst < 0.22);
}

void decode_is_close_to_every_measured_entry(void**) {
  assert_true(decode_errors(1.0).median < 0.06 && decode_errors(1.0).worst < 0.17);
  assert_true(decode_errors(32.0).median < 0.04 && decode_errors(32.0).worst < 0.15);
  assert_true(decode_errors(128.0).median < 0.06 && decode_errors(128.0).worst < 0.15);
}

void kv_capacity_follows_the_rule_of_the_measured_entries(void**) {
  assert_true(capacity_error() < 1e-5);
}

void a_pair_nobody_measured_lies_between_its_neighbours(void**) {
  assert_int_equal(parallels_out_of_order(), 0);
}

void the_two_prefill_forms_meet_at_the_threshold(void**) {
  const hexagent_profile profile = derive(kGpus[0].gpu, kModels[3].model, 4).profile;
  const double small = profile.small_fixed_s + profile.small_per_token_s * 512.0;
  const double large = profile.prefill_fixed_s + profile.prefill_per_token_s * 512.0;
  assert_true(std::fabs(small / large - 1.0) < 1e-12);
  assert_true(profile.small_per_token_s >= 0.0);
}

void a_derived_profile_says_so(void**) {
  const hexagent_profile profile = derive(kGpus[1].gpu, kModels[2].model, 2).profile;
  assert_int_equal(profile.derived, 1);
  assert_int_equal(profile.gpu, 2);
  assert_int_equal(profile.model, 3);
  assert_int_equal(profile.tensor_parallel, 2);
  assert_int_equal(profile.kv_bytes_per_token, 262144);
}

void shares_that_are_not_stated_have_defaults(void**) {
  hexagent_gpu gpu = kGpus[1].gpu;
  gpu.gemm_share_of_peak = gpu.weight_read_share_of_peak = 0.75;
  gpu.nvlink_bytes_per_s = 300e9;
  const hexagent_profile stated = derive(gpu, kModels[3].model, 4).profile;
  gpu.gemm_share_of_peak = gpu.weight_read_share_of_peak = gpu.nvlink_bytes_per_s = 0.0;
  const hexagent_profile defaulted = derive(gpu, kModels[3].model, 4).profile;
  assert_true(stated.prefill_per_token_s == defaulted.prefill_per_token_s);
  assert_true(stated.decode_fixed_s == defaulted.decode_fixed_s);
}

void more_gpus_than_kv_heads_do_not_read_less_kv(void**) {
  const hexagent_profile eight = derive(kGpus[1].gpu, kModels[3].model, 8).profile;
  const hexagent_profile sixteen = derive(kGpus[1].gpu, kModels[3].model, 16).profile;
  assert_true(sixteen.decode_per_context_token_s == eight.decode_per_context_token_s);
  assert_true(sixteen.prefill_per_pair_s < eight.prefill_per_pair_s);
}

void weights_that_leave_no_room_never_fit(void**) {
  const Answer answer = derive(kGpus[1].gpu, kModels[3].model, 1);
  assert_int_equal(answer.status, HEXAGENT_E_NEVER_FITS);
  assert_int_equal(answer.field, HEXAGENT_FIELD_KV_CAPACITY);
  assert_true(answer.text[0] != '\0');
  assert_int_equal(answer.profile.derived, 0);
}

void a_number_out_of_range_is_named(void**) {
  hexagent_gpu gpu = kGpus[0].gpu;
  gpu.memory_bytes_per_s = static_cast<double>(NAN);
  const Answer answer = derive(gpu, kModels[0].model, 1);
  assert_int_equal(answer.status, HEXAGENT_E_RANGE);
  assert_int_equal(answer.field, HEXAGENT_FIELD_GPU);
  assert_non_null(std::string_view(answer.text).find("memory_bytes_per_s") == 0 ? answer.text
                                                                                : nullptr);
  assert_int_equal(derive(kGpus[0].gpu, kModels[0].model, 0).field, HEXAGENT_FIELD_TENSOR_PARALLEL);
  hexagent_model model = kModels[0].model;
  model.parameters = 0.0;  // allowed in a model, not to derive from
  assert_int_equal(status_with_model(model), HEXAGENT_E_RANGE);
  model = kModels[0].model;
  model.layers = 0;
  assert_int_equal(status_with_model(model), HEXAGENT_E_RANGE);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(prefill_is_close_to_every_measured_entry),
      cmocka_unit_test(decode_is_close_to_every_measured_entry),
      cmocka_unit_test(kv_capacity_follows_the_rule_of_the_measured_entries),
      cmocka_unit_test(a_pair_nobody_measured_lies_between_its_neighbours),
      cmocka_unit_test(the_two_prefill_forms_meet_at_the_threshold),
      cmocka_unit_test(a_derived_profile_says_so),
      cmocka_unit_test(shares_that_are_not_stated_have_defaults),
      cmocka_unit_test(more_gpus_than_kv_heads_do_not_read_less_kv),
      cmocka_unit_test(weights_that_leave_no_room_never_fit),
      cmocka_unit_test(a_number_out_of_range_is_named),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
