// WaitingWork: sums by model and tier.
#include "core/plan/waiting_work.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::WaitingWork;

void work_ahead_is_that_of_its_own_tier_and_earlier_ones(void**) {
  WaitingWork work;
  work.add(7, HEXAGENT_TIER_INTERACTIVE, 1.0);
  work.add(7, HEXAGENT_TIER_STANDARD, 2.0);
  work.add(7, HEXAGENT_TIER_BATCH, 4.0);
  assert_true(work.ahead_s(7, HEXAGENT_TIER_INTERACTIVE) == 1.0);
  assert_true(work.ahead_s(7, HEXAGENT_TIER_STANDARD) == 3.0);
  assert_true(work.ahead_s(7, HEXAGENT_TIER_BATCH) == 7.0);
  assert_int_equal(work.calls(), 3);
}

void models_do_not_wait_for_each_other(void**) {
  WaitingWork work;
  work.add(7, 0, 1.0);
  work.add(8, 0, 5.0);
  assert_true(work.ahead_s(7, 0) == 1.0);
  assert_true(work.ahead_s(9, 0) == 0.0);
  assert_true(work.seconds() == 6.0);  // a cluster's backlog is that of all
}

void an_empty_sum_is_exactly_nothing(void**) {
  WaitingWork work;
  for (double seconds : {0.1, 0.2, 0.3}) work.add(7, 0, seconds);
  for (double seconds : {0.2, 0.1, 0.3}) work.remove(7, 0, seconds);
  assert_true(work.ahead_s(7, 0) == 0.0);
  assert_int_equal(work.calls(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(work_ahead_is_that_of_its_own_tier_and_earlier_ones),
      cmocka_unit_test(models_do_not_wait_for_each_other),
      cmocka_unit_test(an_empty_sum_is_exactly_nothing),
  };
  return cmocka_run_group_tests_name("waiting work", tests, nullptr, nullptr);
}
