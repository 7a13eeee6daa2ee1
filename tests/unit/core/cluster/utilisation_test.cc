// Utilisation: hand-computed values.
#include "core/cluster/utilisation.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of one type

bool about(double a, double b) { return std::fabs(a - b) < 1e-12; }

void the_share_told_counts_from_then_on(void**) {
  Utilisation use;
  use.note(0, 1.0, 10.0);
  assert_true(use.value() == 0.0);  // for no time yet
  use.note(10 * kSecondNs, 0.0, 10.0);
  assert_true(about(use.value(), 0.5));
  use.note(40 * kSecondNs, 1.0, 10.0);  // idle for three times the memory
  assert_true(about(use.value(), 0.125));
  use.note(40 * kSecondNs, 0.0, 10.0);  // told again at the same time
  assert_true(about(use.value(), 0.125));
}

void what_is_long_past_is_forgotten(void**) {
  Utilisation use;
  for (int i = 0; i < 10000; ++i) use.note(i * kSecondNs, 0.25, 5.0);
  assert_true(about(use.value(), 0.25));
}

void time_that_goes_back_changes_nothing(void**) {
  Utilisation use;
  use.note(10 * kSecondNs, 1.0, 10.0);
  use.note(20 * kSecondNs, 1.0, 10.0);
  const double before = use.value();
  use.note(15 * kSecondNs, 1.0, 10.0);
  assert_true(use.value() == before);
}

void work_delays_the_more_the_busier_it_is(void**) {
  Utilisation use;
  assert_true(use.delay_per_work() == 0.0);
  use.note(0, 1.0, 10.0);
  use.note(10 * kSecondNs, 1.0, 10.0);  // half
  assert_true(about(use.delay_per_work(), 1.0));
  for (int i = 2; i < 1000; ++i) use.note(i * 10 * kSecondNs, 1.0, 10.0);
  assert_true(about(use.delay_per_work(), 19.0));  // as at 95 %: the most
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_share_told_counts_from_then_on),
      cmocka_unit_test(what_is_long_past_is_forgotten),
      cmocka_unit_test(time_that_goes_back_changes_nothing),
      cmocka_unit_test(work_delays_the_more_the_busier_it_is),
  };
  return cmocka_run_group_tests_name("utilisation", tests, nullptr, nullptr);
}
