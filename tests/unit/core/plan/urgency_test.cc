// Urgency: keys that stay, keys that rise, the end of the rise when a deadline is lost, and lines
// that are never below their keys.
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

// At sizes where rounding shows.
bool line_is_just_above_the_key(uint64_t* seed, bool rises) {
  const auto draw = [seed](double size) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(*seed >> 11) * 0x1p-53 * size;
  };
  const auto since = static_cast<hexagent::TimeNs>(draw(1e15));
  const double lead_s = draw(2e4) - 1e4;
  const double span_s = 1e-3 + draw(1e3);
  const Urgency urgency =
      rises ? Urgency::rising(since, lead_s, span_s) : Urgency::constant(lead_s);
  const Urgency::Line line = urgency.line();
  const hexagent::TimeNs now = since + static_cast<hexagent::TimeNs>(draw(1e13));
  const double key = urgency.at(now);
  const double above = line.rate * Urgency::shy_s(now) - line.offset;
  const double rounding = 1e-12 * (hexagent::to_s(now) + 1e4) / urgency.span_s;
  return key <= above && above - key <= rounding;
}

void a_line_is_never_below_its_key_and_near_it(void**) {
  uint64_t seed = 1;
  for (int i = 0; i < 100'000; ++i) assert_true(line_is_just_above_the_key(&seed, i % 4 != 0));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_constant_key_does_not_change_with_time),
      cmocka_unit_test(a_rising_key_counts_from_its_start_and_over_its_span),
      cmocka_unit_test(beyond_its_limit_a_key_falls_and_stays),
      cmocka_unit_test(a_default_urgency_is_zero_for_ever),
      cmocka_unit_test(a_line_is_never_below_its_key_and_near_it),
  };
  return cmocka_run_group_tests_name("urgency", tests, nullptr, nullptr);
}
