// RemainderPredictor: shrinkage from all calls to the cell, Gittins ranks, and when it is full.
#include "core/model/remainder_predictor.h"

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

using hexagent::Remainder;
using hexagent::RemainderPredictor;

constexpr uint32_t kClass = 7;
constexpr uint32_t kStage = 3;

int setup(void** state) {
  *state = std::make_unique<RemainderPredictor>().release();
  return 0;
}

int setup_tiny(void** state) {
  *state = std::make_unique<RemainderPredictor>(4u).release();
  return 0;
}

int teardown(void** state) {
  std::unique_ptr<RemainderPredictor>(static_cast<RemainderPredictor*>(*state)).reset();
  return 0;
}

RemainderPredictor& predictor_of(void** state) { return *static_cast<RemainderPredictor*>(*state); }

bool near(double value, double expected, double share) {
  return std::fabs(value - expected) <= share * expected;
}

void learn_many(RemainderPredictor* predictor, uint32_t stage, uint32_t calls_done, double work_s,
                double path_s, int count) {
  for (int i = 0; i < count; ++i) predictor->learn(kClass, stage, calls_done, work_s, path_s);
}

void with_nothing_learnt_all_calls_are_alike(void** state) {
  const Remainder one = predictor_of(state).predict(kClass, kStage, 0);
  const Remainder other = predictor_of(state).predict(kClass + 1, kStage + 1, 9);
  assert_true(one.work_s > 0.0 && one.path_s > 0.0 && one.rank_s > 0.0);
  assert_true(one.work_s == other.work_s && one.rank_s == other.rank_s);
}

void a_cell_with_many_observations_says_their_mean(void** state) {
  RemainderPredictor& predictor = predictor_of(state);
  learn_many(&predictor, kStage, 2, 4.0, 9.0, 500);
  const Remainder seen = predictor.predict(kClass, kStage, 2);
  assert_true(near(seen.work_s, 4.0, 0.02));
  assert_true(near(seen.path_s, 9.0, 0.02));
  // A class never seen leans on all calls.
  assert_true(near(predictor.predict(kClass + 1, kStage, 2).work_s, 4.0, 0.02));
}

void a_stage_is_told_apart_by_how_much_is_done(void** state) {
  RemainderPredictor& predictor = predictor_of(state);
  learn_many(&predictor, kStage, 0, 20.0, 20.0, 500);
  learn_many(&predictor, kStage, 4, 2.0, 2.0, 500);
  const Remainder early = predictor.predict(kClass, kStage, 0);
  const Remainder late = predictor.predict(kClass, kStage, 7);  // the octave of 4
  assert_true(near(early.work_s, 20.0, 0.02));
  assert_true(near(late.work_s, 2.0, 0.06));
  // But an agent is a stage, whatever was done before.
  assert_true(early.stage_path_s == late.stage_path_s);
  assert_true(near(early.stage_path_s, 11.0, 0.02));
}

void of_equal_means_the_chance_of_an_early_end_ranks_first(void** state) {
  RemainderPredictor& predictor = predictor_of(state);
  learn_many(&predictor, 1, 0, 10.0, 10.0, 1000);
  learn_many(&predictor, 2, 0, 1.0, 1.0, 500);
  learn_many(&predictor, 2, 0, 19.0, 19.0, 500);
  const Remainder steady = predictor.predict(kClass, 1, 0);
  const Remainder chance = predictor.predict(kClass, 2, 0);
  assert_true(near(steady.work_s, chance.work_s, 0.02));
  // Stopping after 1 s serves 1 s for half a completion. The class leaks in with one share in 250.
  assert_true(near(chance.rank_s, 2.0, 0.2));
  assert_true(near(steady.rank_s, 10.0, 0.2));
}

void the_rank_of_a_certain_length_is_the_length(void** state) {
  RemainderPredictor& predictor = predictor_of(state);
  learn_many(&predictor, kStage, 0, 5.0, 5.0, 100);
  assert_true(near(predictor.predict(kClass, kStage, 0).rank_s, 5.0, 0.13));  // a bucket is wide
}

void when_cells_run_out_wider_ones_go_on_learning(void** state) {
  RemainderPredictor& predictor = predictor_of(state);  // four cells: all, class, stage, progress
  learn_many(&predictor, kStage, 0, 3.0, 3.0, 200);
  learn_many(&predictor, kStage + 1, 0, 9.0, 9.0, 200);
  assert_true(near(predictor.predict(kClass, kStage, 0).work_s, 3.0, 0.03));
  assert_true(near(predictor.predict(kClass, kStage + 1, 0).work_s, 6.0, 0.03));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(with_nothing_learnt_all_calls_are_alike, setup, teardown),
      cmocka_unit_test_setup_teardown(a_cell_with_many_observations_says_their_mean, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_stage_is_told_apart_by_how_much_is_done, setup, teardown),
      cmocka_unit_test_setup_teardown(of_equal_means_the_chance_of_an_early_end_ranks_first, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(the_rank_of_a_certain_length_is_the_length, setup, teardown),
      cmocka_unit_test_setup_teardown(when_cells_run_out_wider_ones_go_on_learning, setup_tiny,
                                      teardown),
  };
  return cmocka_run_group_tests_name("remainder_predictor", tests, nullptr, nullptr);
}
