// Tests of the measured truth: exact at grid points, continuous at the edges, counted beyond.
#include "sim/cluster/measured.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

namespace {

using hexagent::sim::FittedProfile;
using hexagent::sim::LookupCounts;
using hexagent::sim::MeasuredProfile;
using hexagent::sim::MeasuredRows;

FittedProfile fitted() {
  FittedProfile profile;
  profile.a0_s = 0.01;
  profile.a1_s = 1e-4;
  profile.a2_s = 1e-9;
  profile.small_a0_s = 0.02;
  profile.small_a1_s = 8e-5;
  profile.small_below_tokens = 512;
  profile.b0_s = 0.03;
  profile.b1_s = 1e-4;
  profile.b2_s = 1e-7;
  return profile;
}

// Linear part: 0.05 s at 128 tokens, 0.2 at 512, 0.8 at 2048 (twice). Attention: ragged grid.
MeasuredRows rows() {
  MeasuredRows result;
  result.prefill = {
      {128, 0, 1, 0.051, 0.001},   {512, 0, 1, 0.204, 0.004},   {2048, 0, 1, 0.816, 0.016},
      {1024, 0, 2, 0.808, 0.008},  {128, 1024, 1, 0.06, 0.005}, {512, 1024, 1, 0.23, 0.02},
      {128, 4096, 1, 0.07, 0.014},
  };
  result.decode = {
      {128, 1, 0.031, 0.001}, {1024, 1, 0.038, 0.008}, {8192, 1, 0.094, 0.064},
      {128, 4, 0.042, 0.002}, {1024, 4, 0.056, 0.016},
  };
  return result;
}

const MeasuredProfile& profile() {
  static const MeasuredProfile kProfile(rows(), fitted());
  return kProfile;
}

bool is_close(double value, double expected) {
  return std::abs(value - expected) <= 1e-9 * std::abs(expected);
}

void linear_prefill_is_exact_at_rows_and_log_log_between(void**) {
  assert_true(is_close(profile().prefill_linear_s(128), 0.05));
  assert_true(is_close(profile().prefill_linear_s(512), 0.2));
  assert_true(is_close(profile().prefill_linear_s(2048), 0.8));
  assert_true(is_close(profile().prefill_linear_s(1024), 0.4));
  assert_true(is_close(profile().prefill_linear_s(256), 0.1));
}

void linear_prefill_beyond_the_rows_follows_the_scaled_form(void**) {
  // Below 128 the small form: 0.02 + 8e-5 N, scaled by 0.05 / 0.03024.
  assert_true(is_close(profile().prefill_linear_s(10), 0.0208 * 0.05 / 0.03024));
  // Above 2048 the large form: 0.01 + 1e-4 N, scaled by 0.8 / 0.2148.
  assert_true(is_close(profile().prefill_linear_s(4096), 0.4196 * 0.8 / 0.2148));
}

void prefill_attention_is_exact_at_rows(void**) {
  assert_true(is_close(profile().prefill_attention_s(128, 0), 0.001));
  assert_true(is_close(profile().prefill_attention_s(2048, 0), 0.016));
  assert_true(is_close(profile().prefill_attention_s(512, 1024), 0.02));
  assert_true(is_close(profile().prefill_attention_s(128, 4096), 0.014));
}

void prefill_attention_is_log_log_in_new_and_linear_in_cached_tokens(void**) {
  assert_true(is_close(profile().prefill_attention_s(256, 0), 0.002));
  assert_true(is_close(profile().prefill_attention_s(128, 512), 0.003));
  assert_true(is_close(profile().prefill_attention_s(128, 2560), 0.0095));
}

void prefill_attention_beyond_the_rows_grows_with_the_pairs(void**) {
  // pairs(128, 8192) / pairs(128, 4096) = 8256 / 4160.
  assert_true(is_close(profile().prefill_attention_s(128, 8192), 0.014 * 8256.0 / 4160.0));
  // The level at 1024 ends at 512 new tokens: pairs(1024, 1024) / pairs(512, 1024) = 2.4.
  assert_true(is_close(profile().prefill_attention_s(1024, 1024), 0.02 * 2.4));
  // pairs(64, 0) / pairs(128, 0) = 0.25.
  assert_true(is_close(profile().prefill_attention_s(64, 0), 0.001 * 0.25));
  assert_true(profile().prefill_attention_s(0, 100) == 0.0);
}

void decode_is_exact_at_rows_and_log_log_between(void**) {
  assert_true(is_close(profile().decode_linear_s(1), 0.03));
  assert_true(is_close(profile().decode_linear_s(4), 0.04));
  assert_true(is_close(profile().decode_linear_s(2), std::sqrt(0.03 * 0.04)));
  assert_true(is_close(profile().decode_attention_s(1, 8192), 0.064));
  assert_true(is_close(profile().decode_attention_s(4, 4 * 1024), 0.016));
  assert_true(is_close(profile().decode_attention_s(1, 2048), 0.016));
  // Halfway between batch 1 and 4 in the logarithm, at context 1024.
  assert_true(is_close(profile().decode_attention_s(2, 2048), std::sqrt(0.008 * 0.016)));
}

void decode_beyond_the_rows_follows_the_scaled_form(void**) {
  // 0.03 + 1e-4 * 8 scaled by 0.04 / 0.0304.
  assert_true(is_close(profile().decode_linear_s(8), 0.0308 * 0.04 / 0.0304));
  // Context grows from 1024 to 2048 at batch 4; batch grows from 4 to 8 at context 1024.
  assert_true(is_close(profile().decode_attention_s(4, 4 * 2048), 0.032));
  assert_true(is_close(profile().decode_attention_s(8, 8 * 1024), 0.032));
  assert_true(is_close(profile().decode_attention_s(1, 64), 0.0005));
}

// The largest step between neighbours over a sweep, relative to the value: edges must not jump.
double largest_jump() {
  double jump = 0.0;
  const auto visit = [&jump](double before, double after) {
    jump = std::fmax(jump, std::abs(after - before) / before);
  };
  for (int64_t n = 100; n < 3000; ++n) {
    visit(profile().prefill_linear_s(n), profile().prefill_linear_s(n + 1));
    visit(profile().prefill_attention_s(n, 700), profile().prefill_attention_s(n + 1, 700));
    visit(profile().prefill_attention_s(300, 2 * n), profile().prefill_attention_s(300, 2 * n + 1));
    visit(profile().decode_attention_s(3, 3 * n), profile().decode_attention_s(3, 3 * n + 3));
  }
  return jump;
}

void times_do_not_jump_at_the_edges(void**) { assert_true(largest_jump() < 0.022); }

LookupCounts counts_after_lookups(const MeasuredProfile& shared) {
  const MeasuredProfile own = shared;
  own.prefill_linear_s(128);
  own.prefill_linear_s(127);
  own.prefill_attention_s(128, 4096);
  own.prefill_attention_s(128, 4097);
  own.prefill_attention_s(512, 1025);
  own.decode_linear_s(4);
  own.decode_linear_s(5);
  own.decode_attention_s(4, 4096);
  own.decode_attention_s(4, 4097);
  own.decode_attention_s(1, 8192);
  return own.counts();
}

void lookups_beyond_the_tables_are_counted(void**) {
  static const MeasuredProfile kFresh(rows(), fitted());
  const LookupCounts counts = counts_after_lookups(kFresh);
  assert_int_equal(counts.prefill_linear.lookups, 2);
  assert_int_equal(counts.prefill_linear.extrapolated, 1);
  assert_int_equal(counts.prefill_attention.lookups, 3);
  assert_int_equal(counts.prefill_attention.extrapolated, 2);
  assert_int_equal(counts.decode_linear.lookups, 2);
  assert_int_equal(counts.decode_linear.extrapolated, 1);
  assert_int_equal(counts.decode_attention.lookups, 3);
  assert_int_equal(counts.decode_attention.extrapolated, 1);
  assert_int_equal(kFresh.counts().decode_attention.lookups, 0);
}

void without_rows_the_fitted_form_stands_and_is_counted(void**) {
  static const MeasuredProfile kBare(MeasuredRows{}, fitted());
  assert_true(is_close(kBare.prefill_linear_s(1000), 0.11));
  assert_true(is_close(kBare.prefill_linear_s(100), 0.028));
  assert_true(is_close(kBare.prefill_attention_s(100, 50), 1e-5));
  assert_true(is_close(kBare.decode_linear_s(10), 0.031));
  assert_true(is_close(kBare.decode_attention_s(10, 5000), 5e-4));
  assert_int_equal(kBare.counts().prefill_linear.extrapolated, 2);
  assert_int_equal(kBare.counts().decode_attention.extrapolated, 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(linear_prefill_is_exact_at_rows_and_log_log_between),
      cmocka_unit_test(linear_prefill_beyond_the_rows_follows_the_scaled_form),
      cmocka_unit_test(prefill_attention_is_exact_at_rows),
      cmocka_unit_test(prefill_attention_is_log_log_in_new_and_linear_in_cached_tokens),
      cmocka_unit_test(prefill_attention_beyond_the_rows_grows_with_the_pairs),
      cmocka_unit_test(decode_is_exact_at_rows_and_log_log_between),
      cmocka_unit_test(decode_beyond_the_rows_follows_the_scaled_form),
      cmocka_unit_test(times_do_not_jump_at_the_edges),
      cmocka_unit_test(lookups_beyond_the_tables_are_counted),
      cmocka_unit_test(without_rows_the_fitted_form_stands_and_is_counted),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
