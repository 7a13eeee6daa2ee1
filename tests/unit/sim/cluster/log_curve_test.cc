// Tests of the log-log curve.
#include "sim/cluster/log_curve.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <map>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

namespace {

using hexagent::sim::LogCurve;

double value_at(double x) {
  const LogCurve curve({{1.0, 2.0}, {10.0, 200.0}, {100.0, 400.0}});
  return std::exp(curve.log_y(std::log(x)));
}

bool is_close(double value, double expected) {
  return std::abs(value - expected) <= 1e-12 * expected;
}

void points_come_out_as_given(void**) {
  assert_true(is_close(value_at(1.0), 2.0));
  assert_true(is_close(value_at(10.0), 200.0));
  assert_true(is_close(value_at(100.0), 400.0));
}

void between_points_runs_a_power_law(void**) {
  // From (1, 2) to (10, 200) y = 2 x^2.
  assert_true(is_close(value_at(3.0), 18.0));
}

void outside_its_range_the_end_stands(void**) {
  assert_true(is_close(value_at(0.1), 2.0));
  assert_true(is_close(value_at(1e6), 400.0));
}

double single_point() {
  const std::map<double, double> points = {{5.0, 7.0}};
  return std::exp(LogCurve(points).log_y(std::log(50.0)));
}

void one_point_is_a_constant(void**) { assert_true(is_close(single_point(), 7.0)); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(points_come_out_as_given),
      cmocka_unit_test(between_points_runs_a_power_law),
      cmocka_unit_test(outside_its_range_the_end_stands),
      cmocka_unit_test(one_point_is_a_constant),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
