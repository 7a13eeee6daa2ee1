// Urgency: keys that stay, keys that rise, and the end of the rise when a deadline is lost.
#include "core/plan/urgency.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::kSecondNs;
using hexagent::Urgency;

void a_constant_key_does_not_change_with_time(void**) {
  const Urgency urgency = Urgency::constant(-7.25);
  assert_true(urgency.at(0) == -7.25);
  assert_true(urgency.at(4'000'000'000 * kSecondNs) == -7.25);
}

void a_rising_key_counts_from_its_start_and_over_its_span(void**) {
  const Urgency urgency = Urgency::rising(100 * kSecondNs, 3.0, 2.0);
  assert_true(urgency.at(100 * kSecondNs) == 1.5);
  assert_true(urgency.at(105 * kSecondNs) == 4.0);
  assert_true(urgency.at(99 * kSecondNs) == 1.0);
}

void beyond_its_limit_a_key_falls_and_stays(void**) {
  Urgency urgency = Urgency::rising(0, 0.0, 10.0);
  urgency.limit = 1.0F;
  assert_true(urgency.at(9 * kSecondNs) == 0.9);
  assert_true(urgency.at(10 * kSecondNs) == 1.0);
  assert_true(urgency.at(10 * kSecondNs + 1000) == Urgency::kLost);
  assert_true(urgency.at(1000 * kSecondNs) == Urgency::kLost);
}

void a_default_urgency_is_zero_for_ever(void**) {
  assert_true(Urgency{}.at(0) == 0.0);
  assert_true(Urgency{}.at(77 * kSecondNs) == 0.0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_constant_key_does_not_change_with_time),
      cmocka_unit_test(a_rising_key_counts_from_its_start_and_over_its_span),
      cmocka_unit_test(beyond_its_limit_a_key_falls_and_stays),
      cmocka_unit_test(a_default_urgency_is_zero_for_ever),
  };
  return cmocka_run_group_tests_name("urgency", tests, nullptr, nullptr);
}
