// Tests of the fitted profiles, shapes and of profiles derived for pairs never measured.
#include "sim/cluster/fitted.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "../caught_error.h"
#include "profile_folder.h"

// cmocka.h has no extern "C" of its own, and comes last: it makes macros of common words.
extern "C" {
#include <cmocka.h>
}

namespace {

using hexagent::sim::catch_input_error;
using hexagent::sim::CaughtError;
using hexagent::sim::derive_profile;
using hexagent::sim::FittedProfile;
using hexagent::sim::FittedProfiles;
using hexagent::sim::load_fitted_profiles;
using hexagent::sim::load_hardware;
using hexagent::sim::load_models;
using hexagent::sim::ProfileFolder;

bool is_close(double value, double expected) {
  return std::abs(value - expected) <= 1e-9 * std::abs(expected);
}

// Only the numbers: the strings of a profile must not live across an assertion.
struct Numbers {
  double a0_s, a1_s, a2_s, small_a0_s, small_a1_s, b0_s, b1_s, b2_s;
  int64_t small_below_tokens, kv_bytes_per_token, kv_capacity_tokens;
  double prefill_fit_error, decode_fit_error;
  bool derived;
};

Numbers numbers_of(const FittedProfile& p) {
  return {p.a0_s,
          p.a1_s,
          p.a2_s,
          p.small_a0_s,
          p.small_a1_s,
          p.b0_s,
          p.b1_s,
          p.b2_s,
          p.small_below_tokens,
          p.kv_bytes_per_token,
          p.kv_capacity_tokens,
          p.prefill_fit_error,
          p.decode_fit_error,
          p.derived};
}

Numbers loaded() {
  const ProfileFolder folder;
  return numbers_of(load_fitted_profiles(folder.file("profiles.json")).entries.at({"G", "m", 1}));
}

Numbers derived(const char* gpu, const char* model, int tensor_parallel) {
  const ProfileFolder folder;
  const FittedProfiles known = load_fitted_profiles(folder.file("profiles.json"));
  const auto models = load_models(folder.file("models.csv"));
  const auto gpus = load_hardware(folder.file("hardware.csv"));
  return numbers_of(
      derive_profile(known, models, gpus, models.at(model), gpus.at(gpu), tensor_parallel));
}

void coefficients_are_read_by_name(void**) {
  const Numbers profile = loaded();
  assert_true(profile.a0_s == 0.004);
  assert_true(profile.a1_s == 0.00008);
  assert_true(profile.a2_s == 4e-9);
  assert_true(profile.small_a0_s == 0.008);
  assert_true(profile.small_a1_s == 0.00006);
  assert_int_equal(profile.small_below_tokens, 512);
  assert_true(profile.b0_s == 0.012);
  assert_true(profile.b1_s == 0.00004);
  assert_true(profile.b2_s == 1e-7);
  assert_int_equal(profile.kv_capacity_tokens, 400'000);
  assert_true(profile.prefill_fit_error == 0.02);
  assert_true(profile.decode_fit_error == 0.08);
  assert_false(profile.derived);
}

void forms_switch_at_the_small_threshold(void**) {
  FittedProfile profile;
  profile.a0_s = 1.0;
  profile.a1_s = 0.1;
  profile.a2_s = 0.01;
  profile.small_a0_s = 2.0;
  profile.small_a1_s = 0.2;
  profile.small_below_tokens = 10;
  profile.b0_s = 1.0;
  profile.b1_s = 0.5;
  profile.b2_s = 0.25;
  const double at_threshold_s = profile.prefill_s(10.0, 5.0);
  const double below_s = profile.prefill_s(8.0, 5.0);
  const double decode_s = profile.decode_iteration_s(2.0, 4.0);
  assert_true(is_close(at_threshold_s, 1.0 + 1.0 + 1.0));
  assert_true(is_close(below_s, 2.0 + 1.6 + 0.72));
  assert_true(is_close(decode_s, 3.0));
}

void a_derived_profile_of_a_known_pair_repeats_its_coefficients(void**) {
  const Numbers profile = derived("G", "m", 1);
  assert_true(is_close(profile.a1_s, 0.00008));
  assert_true(is_close(profile.b2_s, 1e-7));
  assert_true(profile.derived);
}

void a_derived_profile_scales_with_model_and_gpu(void**) {
  // Twice the parameters, layers and KV; on F thrice the arithmetic and twice the bandwidth.
  const Numbers larger = derived("G", "twice", 1);
  assert_true(is_close(larger.a1_s, 0.00016));
  assert_true(is_close(larger.a2_s, 8e-9));
  assert_true(is_close(larger.b0_s, 0.024));
  const Numbers faster = derived("F", "m", 1);
  assert_true(is_close(faster.a1_s, 0.00008 / 3.0));
  assert_true(is_close(faster.b0_s, 0.006));
  assert_true(is_close(faster.b2_s, 0.5e-7));
  assert_int_equal(faster.small_below_tokens, 512);
}

void derived_kv_capacity_follows_the_rule_of_the_file(void**) {
  // (2 * (0.9 * 80 GiB - 3.5 GiB - 1 GiB) - 32e9) / 262144 = (135 GiB - 32e9) / 262144.
  assert_int_equal(derived("G", "twice", 2).kv_capacity_tokens, 430'889);
  assert_true(derived("G", "huge", 1).kv_capacity_tokens < 0);
}

CaughtError error_after(const char* from, const char* to) {
  const ProfileFolder folder;
  folder.replace("profiles.json", from, to);
  const std::string path = folder.file("profiles.json");
  return catch_input_error([&path] { load_fitted_profiles(path); });
}

void bad_profiles_name_the_path_to_the_field(void**) {
  const CaughtError missing = error_after("\"a0_s\"", "\"a9_s\"");
  assert_string_equal(missing.field, "entries[0].prefill.a0_s");
  assert_string_equal(missing.message, "is missing");
  assert_string_equal(error_after("0.012", "-1").field, "entries[0].decode.b0_s");
  assert_string_equal(error_after("131072", "0").field, "entries[0].kv_bytes_per_token");
  assert_string_equal(error_after("\"entries\":[", "\"entries\":[1,").field, "entries[0]");
  assert_non_null(std::strstr(error_after("{", "").message, "not valid JSON"));
}

CaughtError error_of_models(const char* from, const char* to) {
  const ProfileFolder folder;
  folder.replace("models.csv", from, to);
  const std::string path = folder.file("models.csv");
  return catch_input_error([&path] { load_models(path); });
}

void bad_model_rows_are_named_with_their_line(void**) {
  const CaughtError zero = error_of_models("twice,1.6e+10,64", "twice,1.6e+10,0");
  assert_int_equal(zero.line, 3);
  assert_string_equal(zero.field, "layers");
  assert_non_null(std::strstr(error_of_models("twice", "m").message, "given twice"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(coefficients_are_read_by_name),
      cmocka_unit_test(forms_switch_at_the_small_threshold),
      cmocka_unit_test(a_derived_profile_of_a_known_pair_repeats_its_coefficients),
      cmocka_unit_test(a_derived_profile_scales_with_model_and_gpu),
      cmocka_unit_test(derived_kv_capacity_follows_the_rule_of_the_file),
      cmocka_unit_test(bad_profiles_name_the_path_to_the_field),
      cmocka_unit_test(bad_model_rows_are_named_with_their_line),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
