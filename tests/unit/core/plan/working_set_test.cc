// WorkingSet: sums by model and tier, and what goes before a tier.
#include "core/plan/working_set.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::WorkingSet;

void a_tier_sees_itself_and_earlier_ones(void**) {
  WorkingSet set;
  set.add(7, HEXAGENT_TIER_INTERACTIVE, 100);
  set.add(7, HEXAGENT_TIER_STANDARD, 20);
  set.add(7, HEXAGENT_TIER_BATCH, 3);
  assert_int_equal(set.tokens(7, HEXAGENT_TIER_INTERACTIVE), 100);
  assert_int_equal(set.tokens(7, HEXAGENT_TIER_STANDARD), 120);
  assert_int_equal(set.tokens(7, HEXAGENT_TIER_BATCH), 123);
}

void models_are_apart(void**) {
  WorkingSet set;
  set.prepare(9);
  set.add(7, HEXAGENT_TIER_INTERACTIVE, 100);
  assert_int_equal(set.tokens(9, HEXAGENT_TIER_BATCH), 0);
  set.add(9, HEXAGENT_TIER_INTERACTIVE, 1);
  assert_int_equal(set.tokens(7, HEXAGENT_TIER_BATCH), 100);
  assert_int_equal(set.total(), 101);
}

void what_is_removed_is_gone(void**) {
  WorkingSet set;
  set.add(7, HEXAGENT_TIER_STANDARD, 0xffffffffu);
  set.add(7, HEXAGENT_TIER_STANDARD, 0xffffffffu);  // more than 32 bits together
  assert_int_equal(set.total(), 2 * uint64_t{0xffffffffu});
  set.remove(7, HEXAGENT_TIER_STANDARD, 0xffffffffu);
  set.remove(7, HEXAGENT_TIER_STANDARD, 0xffffffffu);
  assert_int_equal(set.total(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_tier_sees_itself_and_earlier_ones),
      cmocka_unit_test(models_are_apart),
      cmocka_unit_test(what_is_removed_is_gone),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
