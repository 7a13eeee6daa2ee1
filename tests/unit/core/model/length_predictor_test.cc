// LengthPredictor: buckets, shrinkage from the prior to the cell, bounds, hints.
#include "core/model/length_predictor.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::estimate_from_hints;
using hexagent::LengthEstimate;
using hexagent::LengthPredictor;

constexpr uint32_t kClass = 7;
constexpr uint32_t kStage = 3;

// Lives in the fixture: a failed assertion leaves by longjmp and runs no destructor.
int setup(void** state) {
  *state = std::make_unique<LengthPredictor>().release();
  return 0;
}

int setup_tiny(void** state) {
  *state = std::make_unique<LengthPredictor>(16u).release();
  return 0;
}

int teardown(void** state) {
  std::unique_ptr<LengthPredictor>(static_cast<LengthPredictor*>(*state)).reset();
  return 0;
}

LengthPredictor& predictor_of(void** state) { return *static_cast<LengthPredictor*>(*state); }

void learn_many(LengthPredictor* predictor, uint32_t stage, uint32_t tokens, int count) {
  for (int i = 0; i < count; ++i) predictor->learn(kClass, stage, tokens);
}

bool near(double value, double expected, double tolerance) {
  return std::fabs(value - expected) <= tolerance;
}

// Lengths whose bucket does not enclose them, or whose bucket is wider than an eighth of them.
uint32_t misplaced_lengths() {
  uint32_t misplaced = 0;
  for (uint32_t tokens = 0; tokens < 1u << 20; tokens += 1 + tokens / 100) {
    const uint32_t bucket = LengthPredictor::bucket_of(tokens);
    const uint32_t top = LengthPredictor::bucket_top(bucket);
    const bool above = bucket == 0 || LengthPredictor::bucket_top(bucket - 1) < tokens;
    if (!(above && tokens <= top && top - tokens <= tokens / 8)) ++misplaced;
  }
  return misplaced;
}

uint32_t quantile_at(const LengthPredictor& predictor, double share) {
  return predictor.predict(kClass, kStage, 0, share).quantile;
}

uint32_t quantiles_that_fall(const LengthPredictor& predictor) {
  uint32_t falls = 0;
  uint32_t last = 0;
  for (double share = 0.02; share < 0.999; share += 0.01) {
    const uint32_t quantile = quantile_at(predictor, share);
    if (quantile < last) ++falls;
    last = quantile;
  }
  return falls;
}

// Lengths 1, 2 ... 1000, in an order that is not sorted.
void learn_uniform(LengthPredictor* predictor) {
  for (uint32_t i = 0; i < 1000; ++i) predictor->learn(kClass, kStage, 1 + i * 617 % 1000);
}

void buckets_enclose_their_lengths_within_an_eighth(void**) {
  assert_int_equal(misplaced_lengths(), 0);
  assert_int_equal(LengthPredictor::bucket_of(UINT32_MAX), LengthPredictor::kBuckets - 1);
  assert_int_equal(LengthPredictor::bucket_top(LengthPredictor::kBuckets - 1), (1u << 20) - 1);
}

void knowing_nothing_the_prior_answers(void** state) {
  const LengthPredictor& predictor = predictor_of(state);
  const LengthEstimate estimate = predictor.predict(kClass, kStage, 0, 0.9);
  assert_true(estimate.mean == 256.0);
  // x^2 / (x^2 + m^2) = 0.9 at x = 3 m, m = 256 * 2 / pi = 163; the bucket's top is 511.
  assert_int_equal(estimate.quantile, 511);
  assert_int_equal(quantile_at(predictor, 0.5), 175);
}

void a_small_limit_lowers_the_prior(void** state) {
  const LengthEstimate estimate = predictor_of(state).predict(kClass, kStage, 100, 0.9);
  assert_true(estimate.mean == 25.0);
  assert_int_equal(estimate.quantile, 51);
}

void every_answer_is_between_one_and_the_limit(void** state) {
  LengthPredictor& predictor = predictor_of(state);
  learn_many(&predictor, kStage, 5000, 50);
  learn_many(&predictor, kStage + 1, 0, 50);
  const LengthEstimate clipped = predictor.predict(kClass, kStage, 300, 0.9);
  assert_true(clipped.mean == 300.0);
  assert_int_equal(clipped.quantile, 300);
  assert_int_equal(predictor.predict(kClass, kStage + 1, 1, 0.9).quantile, 1);
  assert_true(predictor.predict(kClass, kStage + 1, 1, 0.9).mean == 1.0);
}

void one_observation_shifts_every_level_by_a_fifth(void** state) {
  LengthPredictor& predictor = predictor_of(state);
  predictor.learn(kClass, kStage, 1256);
  // Each of the three levels has n / (n + 4) = 1/5: 256 + 1000 * (1 - (4/5)^3).
  assert_true(near(predictor.predict(kClass, kStage, 0, 0.9).mean, 256.0 + 488.0, 1e-9));
  // Another stage of the class has two levels to lean on, another class one.
  assert_true(near(predictor.predict(kClass, 99, 0, 0.9).mean, 256.0 + 360.0, 1e-9));
  assert_true(near(predictor.predict(99, kStage, 0, 0.9).mean, 256.0 + 200.0, 1e-9));
}

void many_observations_outweigh_the_rest(void** state) {
  LengthPredictor& predictor = predictor_of(state);
  learn_many(&predictor, kStage + 1, 4000, 1000);
  learn_many(&predictor, kStage, 100, 1000);
  const LengthEstimate estimate = predictor.predict(kClass, kStage, 0, 0.9);
  assert_true(near(estimate.mean, 100.0, 10.0));
  assert_int_equal(estimate.quantile, LengthPredictor::bucket_top(LengthPredictor::bucket_of(100)));
  assert_int_equal(predictor.observed(kClass, kStage), 1000);
}

void a_bimodal_stage_keeps_its_two_modes(void** state) {
  LengthPredictor& predictor = predictor_of(state);
  learn_many(&predictor, kStage, 10, 700);
  learn_many(&predictor, kStage, 1000, 300);
  assert_int_equal(quantile_at(predictor, 0.6), 10);
  assert_true(quantile_at(predictor, 0.8) >= 1000);
}

void quantiles_of_a_known_distribution_are_met(void** state) {
  LengthPredictor& predictor = predictor_of(state);
  learn_uniform(&predictor);
  assert_true(near(predictor.predict(kClass, kStage, 0, 0.5).mean, 500.5, 1.0));
  assert_true(near(quantile_at(predictor, 0.5), 500.0, 500.0 / 8));
  assert_true(near(quantile_at(predictor, 0.9), 900.0, 900.0 / 8));
}

void a_higher_share_never_gives_a_shorter_length(void** state) {
  LengthPredictor& predictor = predictor_of(state);
  assert_int_equal(quantiles_that_fall(predictor), 0);
  predictor.learn(kClass, kStage, 40);
  assert_int_equal(quantiles_that_fall(predictor), 0);
  learn_uniform(&predictor);
  assert_int_equal(quantiles_that_fall(predictor), 0);
}

void a_full_table_goes_on_learning_classes_then_all_calls(void** state) {
  LengthPredictor& predictor = predictor_of(state);  // 16 cells: 12 before stages are turned away
  for (uint32_t stage = 1; stage <= 40; ++stage) predictor.learn(kClass, stage, 900);
  assert_int_equal(predictor.observed(kClass, 1), 1);
  assert_int_equal(predictor.observed(kClass, 40), 0);
  assert_true(predictor.predict(kClass, 40, 0, 0.9).mean > 800.0);
  for (uint32_t other = 100; other < 200; ++other) predictor.learn(other, kStage, 900);
  assert_int_equal(predictor.observed(101, 0xffffffffu), 1);  // classes still got the last cells
  assert_int_equal(predictor.observed(199, 0xffffffffu), 0);
  assert_true(predictor.predict(199, kStage, 0, 0.9).mean > 800.0);
}

void equal_hints_mean_certainty(void**) {
  const LengthEstimate estimate = estimate_from_hints(777, 777, 0, 0.9);
  assert_true(estimate.mean == 777.0);
  assert_int_equal(estimate.quantile, 777);
}

void hints_are_met_at_their_own_shares(void**) {
  assert_int_equal(estimate_from_hints(400, 1600, 0, 0.5).quantile, 400);
  assert_true(near(estimate_from_hints(400, 1600, 0, 0.9).quantile, 1600.0, 1.0));
  // sigma = ln 4 / 1.28155 = 1.0817; mean = 400 exp(sigma^2 / 2) = 718.0.
  assert_true(near(estimate_from_hints(400, 1600, 0, 0.9).mean, 718.0, 0.5));
  // 99 %: 400 exp(2.32635 sigma) = 4954.
  assert_true(near(estimate_from_hints(400, 1600, 0, 0.99).quantile, 4954.0, 10.0));
}

void a_missing_high_hint_is_three_medians(void**) {
  assert_true(near(estimate_from_hints(100, 0, 0, 0.9).quantile, 300.0, 1.0));
}

void hints_are_clipped_and_never_zero(void**) {
  assert_int_equal(estimate_from_hints(400, 1600, 500, 0.9).quantile, 500);
  assert_true(estimate_from_hints(400, 1600, 500, 0.9).mean == 500.0);
  assert_int_equal(estimate_from_hints(0, 0, 1, 0.5).quantile, 1);
  assert_true(estimate_from_hints(1, UINT32_MAX, 0, 0.9).mean <= 4294967295.0);
  assert_true(estimate_from_hints(1, UINT32_MAX, 0, 0.999).quantile <= 1u << 31);
}

}  // namespace

int main() {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const CMUnitTest tests[] = {
      cmocka_unit_test(buckets_enclose_their_lengths_within_an_eighth),
      TEST(knowing_nothing_the_prior_answers),
      TEST(a_small_limit_lowers_the_prior),
      TEST(every_answer_is_between_one_and_the_limit),
      TEST(one_observation_shifts_every_level_by_a_fifth),
      TEST(many_observations_outweigh_the_rest),
      TEST(a_bimodal_stage_keeps_its_two_modes),
      TEST(quantiles_of_a_known_distribution_are_met),
      TEST(a_higher_share_never_gives_a_shorter_length),
      cmocka_unit_test_setup_teardown(a_full_table_goes_on_learning_classes_then_all_calls,
                                      setup_tiny, teardown),
      cmocka_unit_test(equal_hints_mean_certainty),
      cmocka_unit_test(hints_are_met_at_their_own_shares),
      cmocka_unit_test(a_missing_high_hint_is_three_medians),
      cmocka_unit_test(hints_are_clipped_and_never_zero),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
