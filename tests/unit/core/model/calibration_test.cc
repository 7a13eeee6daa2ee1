// Calibration: the factor of a worker, learned from pairs of predicted and real times.
#include "core/model/calibration.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::Calibration;

Calibration after(double ratio, int observations, Calibration calibration = {}) {
  for (int i = 0; i < observations; ++i) calibration.observe(0.02, 0.02 * ratio);
  return calibration;
}

// Real times that are right in the middle but spread by a fifth either way.
Calibration after_jitter(double ratio, int observations) {
  Calibration calibration;
  for (int i = 0; i < observations; ++i)
    calibration.observe(1.0, ratio * (i % 2 ? 1.2 : 1.0 / 1.2));
  return calibration;
}

Calibration after_nonsense() {
  Calibration calibration;
  calibration.observe(0.0, 1.0);
  calibration.observe(1.0, 0.0);
  calibration.observe(-1.0, 1.0);
  calibration.observe(static_cast<double>(NAN), 1.0);
  calibration.observe(1.0, static_cast<double>(INFINITY));
  return calibration;
}

bool near(double value, double expected, double tolerance) {
  return std::fabs(value - expected) <= tolerance;
}

void a_new_worker_is_as_its_profile_says(void**) {
  const Calibration calibration;
  assert_true(calibration.factor() == 1.0);
  assert_int_equal(calibration.count(), 0);
}

void eight_observations_weigh_as_much_as_the_profile(void**) {
  // (8 * log 1 + 8 * log 1.21) / 16 = log 1.1
  assert_true(near(after(1.21, 8).factor(), 1.1, 1e-12));
}

void a_steady_worker_is_learned(void**) {
  assert_true(near(after(1.3, 500).factor(), 1.3, 0.01));
  assert_true(near(after(0.8, 500).factor(), 0.8, 0.01));
  assert_true(after(1.3, 500).spread() < 0.02);
}

void slower_and_faster_are_the_same_distance_away(void**) {
  assert_true(near(after(1.25, 20).factor() * after(0.8, 20).factor(), 1.0, 1e-12));
}

void jitter_averages_out_and_shows_in_the_spread(void**) {
  assert_true(near(after_jitter(1.1, 400).factor(), 1.1, 0.015));
  assert_true(near(after_jitter(1.1, 400).spread(), 0.2, 0.03));
}

void one_odd_report_moves_a_known_worker_little(void**) {
  const Calibration odd = after(100.0, 1, after(1.0, 100));
  assert_true(odd.factor() > 1.0 && odd.factor() < 1.002);
}

void a_worker_that_changes_is_followed(void**) {
  const Calibration changed = after(1.6, 400, after(1.0, 1000));
  assert_true(near(changed.factor(), 1.6, 0.02));
}

void the_factor_is_bounded(void**) {
  assert_true(after(1000.0, 5000).factor() <= 4.0);
  assert_true(after(1000.0, 5000).factor() > 3.9);
  assert_true(after(0.001, 5000).factor() >= 0.25);
}

void impossible_times_teach_nothing(void**) {
  assert_int_equal(after_nonsense().count(), 0);
  assert_true(after_nonsense().factor() == 1.0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_new_worker_is_as_its_profile_says),
      cmocka_unit_test(eight_observations_weigh_as_much_as_the_profile),
      cmocka_unit_test(a_steady_worker_is_learned),
      cmocka_unit_test(slower_and_faster_are_the_same_distance_away),
      cmocka_unit_test(jitter_averages_out_and_shows_in_the_spread),
      cmocka_unit_test(one_odd_report_moves_a_known_worker_little),
      cmocka_unit_test(a_worker_that_changes_is_followed),
      cmocka_unit_test(the_factor_is_bounded),
      cmocka_unit_test(impossible_times_teach_nothing),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
