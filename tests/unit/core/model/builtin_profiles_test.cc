// Built-in profiles: the generated table is whole, exact and found by its key.
#include "core/model/builtin_profiles.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::BuiltinProfile;
using hexagent::find_builtin_profile;

constexpr std::string_view kGpus[] = {"A100-80G", "H100-80G", "H200-141G"};
constexpr std::string_view kModels[] = {"llama-3.1-8b", "qwen3-14b", "qwen3-32b", "llama-3.1-70b"};
constexpr uint32_t kParallel[] = {1, 2, 4, 8};

bool sane(const BuiltinProfile& profile) {
  return profile.prefill_fixed_s > 0.0 && profile.prefill_per_token_s > 0.0 &&
         profile.prefill_per_pair_s > 0.0 && profile.small_fixed_s > 0.0 &&
         profile.small_per_token_s > 0.0 && profile.small_below_tokens == 512 &&
         profile.decode_fixed_s > 0.0 && profile.decode_per_sequence_s > 0.0 &&
         profile.decode_per_context_token_s > 0.0 && profile.kv_bytes_per_token >= 131072 &&
         profile.kv_capacity_tokens >= 10000 && profile.prefill_error > 0.0 &&
         profile.prefill_error < 0.1 && profile.decode_error > 0.0 && profile.decode_error < 0.2;
}

struct Census {
  uint32_t found = 0;
  uint32_t insane = 0;
};

Census take_census() {
  Census census;
  for (std::string_view gpu : kGpus) {
    for (std::string_view model : kModels) {
      for (uint32_t parallel : kParallel) {
        const BuiltinProfile* profile = find_builtin_profile(gpu, model, parallel);
        if (profile == nullptr) continue;
        ++census.found;
        if (!sane(*profile)) ++census.insane;
      }
    }
  }
  return census;
}

void the_table_holds_every_measured_entry(void**) {
  const Census census = take_census();
  assert_int_equal(census.found, 32);
  assert_int_equal(census.insane, 0);
}

void numbers_arrive_unrounded(void**) {
  const BuiltinProfile* profile = find_builtin_profile("A100-80G", "llama-3.1-8b", 1);
  assert_non_null(profile);
  assert_true(profile->prefill_fixed_s == 0.0035578);
  assert_true(profile->prefill_per_pair_s == 2.9194e-09);
  assert_true(profile->decode_per_context_token_s == 8.0137e-08);
  assert_int_equal(profile->kv_capacity_tokens, 438623);
}

void the_left_out_pair_is_not_in_the_table(void**) {
  assert_null(find_builtin_profile("H100-80G", "qwen3-32b", 1));
  assert_null(find_builtin_profile("H100-80G", "qwen3-32b", 4));
}

void keys_match_as_a_whole(void**) {
  assert_null(find_builtin_profile("H100", "llama-3.1-8b", 1));
  assert_null(find_builtin_profile("H100-80G", "llama-3.1-8", 1));
  assert_null(find_builtin_profile("H100-80G", "llama-3.1-8b", 3));
  assert_null(find_builtin_profile("", "", 0));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_table_holds_every_measured_entry),
      cmocka_unit_test(numbers_arrive_unrounded),
      cmocka_unit_test(the_left_out_pair_is_not_in_the_table),
      cmocka_unit_test(keys_match_as_a_whole),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
