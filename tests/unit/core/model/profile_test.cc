// TimeModel: the two prefill forms, the decode form, and which profiles are refused.
#include "core/model/profile.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::make_time_model;
using hexagent::TimeModel;
using hexagent::validate_profile;

hexagent_profile good_profile() {
  hexagent_profile profile = {};
  profile.struct_size = sizeof(profile);
  profile.gpu = 1;
  profile.model = 2;
  profile.tensor_parallel = 4;
  profile.prefill_fixed_s = 0.5;
  profile.prefill_per_token_s = 0.25;
  profile.prefill_per_pair_s = 0.125;
  profile.small_below_tokens = 512;
  profile.small_fixed_s = 1.0;
  profile.small_per_token_s = 0.0625;
  profile.decode_fixed_s = 2.0;
  profile.decode_per_sequence_s = 0.5;
  profile.decode_per_context_token_s = 0.25;
  profile.kv_bytes_per_token = 327680;
  return profile;
}

struct Verdict {
  hexagent_status status;
  uint32_t field;
};

Verdict verdict_of(const hexagent_profile& profile) {
  Verdict verdict = {};
  verdict.status = validate_profile(profile, &verdict.field);
  return verdict;
}

Verdict verdict_with(double hexagent_profile::*member, double value) {
  hexagent_profile profile = good_profile();
  profile.*member = value;
  return verdict_of(profile);
}

constexpr double hexagent_profile::*kTimes[] = {
    &hexagent_profile::prefill_fixed_s,       &hexagent_profile::prefill_per_token_s,
    &hexagent_profile::prefill_per_pair_s,    &hexagent_profile::small_fixed_s,
    &hexagent_profile::small_per_token_s,     &hexagent_profile::decode_fixed_s,
    &hexagent_profile::decode_per_sequence_s, &hexagent_profile::decode_per_context_token_s};

uint32_t times_not_refused(double value) {
  uint32_t count = 0;
  for (const auto& member : kTimes) {
    const Verdict verdict = verdict_with(member, value);
    if (verdict.status != HEXAGENT_E_RANGE || verdict.field != HEXAGENT_FIELD_PROFILE) ++count;
  }
  return count;
}

void a_large_prefill_uses_the_large_form(void**) {
  const TimeModel model = make_time_model(good_profile());
  assert_true(model.prefill_s(1024.0, 16.0) == 0.5 + 0.25 * 1024.0 + 0.125 * 16.0);
}

void a_small_prefill_uses_the_small_form(void**) {
  const TimeModel model = make_time_model(good_profile());
  assert_true(model.prefill_s(256.0, 16.0) == 1.0 + 0.0625 * 256.0 + 0.125 * 16.0);
}

void the_threshold_itself_belongs_to_the_large_form(void**) {
  const TimeModel model = make_time_model(good_profile());
  assert_true(model.prefill_s(512.0, 0.0) == 0.5 + 0.25 * 512.0);
  assert_true(model.prefill_s(511.0, 0.0) == 1.0 + 0.0625 * 511.0);
}

void without_a_threshold_there_is_only_the_large_form(void**) {
  hexagent_profile profile = good_profile();
  profile.small_below_tokens = 0;
  assert_true(make_time_model(profile).prefill_s(1.0, 0.0) == 0.75);
}

void a_decode_iteration_adds_batch_and_context(void**) {
  const TimeModel model = make_time_model(good_profile());
  assert_true(model.decode_iteration_s(8.0, 100.0) == 2.0 + 0.5 * 8.0 + 0.25 * 100.0);
}

void a_good_profile_is_accepted(void**) {
  const Verdict verdict = verdict_of(good_profile());
  assert_int_equal(verdict.status, HEXAGENT_OK);
  assert_int_equal(verdict.field, HEXAGENT_FIELD_NONE);
}

void every_absurd_time_is_refused(void**) {
  assert_int_equal(times_not_refused(static_cast<double>(NAN)), 0);
  assert_int_equal(times_not_refused(static_cast<double>(INFINITY)), 0);
  assert_int_equal(times_not_refused(-1e-9), 0);
  assert_int_equal(times_not_refused(1000.5), 0);
}

void work_that_takes_no_time_is_refused(void**) {
  hexagent_profile profile = good_profile();
  profile.decode_fixed_s = profile.decode_per_sequence_s = 0.0;
  assert_int_equal(verdict_of(profile).status, HEXAGENT_E_RANGE);
  profile = good_profile();
  profile.prefill_fixed_s = profile.prefill_per_token_s = 0.0;
  assert_int_equal(verdict_of(profile).status, HEXAGENT_E_RANGE);
  profile = good_profile();
  profile.small_fixed_s = profile.small_per_token_s = 0.0;
  assert_int_equal(verdict_of(profile).status, HEXAGENT_E_RANGE);
  profile.small_below_tokens = 0;
  assert_int_equal(verdict_of(profile).status, HEXAGENT_OK);
}

void a_profile_of_nothing_is_refused_by_field(void**) {
  hexagent_profile profile = good_profile();
  profile.gpu = 0;
  assert_int_equal(verdict_of(profile).status, HEXAGENT_E_NAME);
  assert_int_equal(verdict_of(profile).field, HEXAGENT_FIELD_GPU);
  profile = good_profile();
  profile.model = 0;
  assert_int_equal(verdict_of(profile).field, HEXAGENT_FIELD_MODEL);
  profile = good_profile();
  profile.kv_bytes_per_token = 0;
  assert_int_equal(verdict_of(profile).status, HEXAGENT_E_RANGE);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_large_prefill_uses_the_large_form),
      cmocka_unit_test(a_small_prefill_uses_the_small_form),
      cmocka_unit_test(the_threshold_itself_belongs_to_the_large_form),
      cmocka_unit_test(without_a_threshold_there_is_only_the_large_form),
      cmocka_unit_test(a_decode_iteration_adds_batch_and_context),
      cmocka_unit_test(a_good_profile_is_accepted),
      cmocka_unit_test(every_absurd_time_is_refused),
      cmocka_unit_test(work_that_takes_no_time_is_refused),
      cmocka_unit_test(a_profile_of_nothing_is_refused_by_field),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
