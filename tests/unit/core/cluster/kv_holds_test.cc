// KvHolds: which blocks come free with the end of which transfer.
#include "core/cluster/kv_holds.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of a small type

KvHold hold(uint64_t call, uint32_t attempt, uint32_t worker, uint32_t blocks, bool source) {
  return {1, call, attempt, worker, blocks, source, 0};
}

void the_oldest_of_a_transfer_is_found(void**) {
  KvHolds holds;
  holds.add(hold(1, 1, 5, 10, false));
  holds.add(hold(1, 2, 5, 20, false));
  assert_int_equal(holds.find(1, 1, 0, 5), 0);
  assert_int_equal(holds.find(1, 1, 2, 5), 1);
  assert_int_equal(holds.find(1, 1, 3, 5), KvHolds::kNone);
  assert_int_equal(holds.find(1, 2, 0, 5), KvHolds::kNone);
  assert_int_equal(holds.find(1, 1, 0, 6), KvHolds::kNone);
}

void blocks_of_a_source_go_to_the_transfer_that_is_still_reading(void**) {
  KvHolds holds;
  holds.add(hold(1, 1, 5, 0, true));
  assert_true(holds.take_over(1, 1, 5, 30));
  assert_int_equal(holds.remove(0).blocks, 30);
  assert_false(holds.take_over(1, 1, 5, 30));
}

void the_last_of_several_transfers_frees_the_source(void**) {
  KvHolds holds;
  holds.add(hold(1, 1, 5, 0, true));
  holds.add(hold(1, 2, 5, 0, true));
  holds.take_over(1, 1, 5, 30);
  assert_int_equal(holds.remove(0).blocks, 0);
  assert_int_equal(holds.remove(0).blocks, 30);
}

void blocks_of_a_target_are_of_one_transfer(void**) {
  KvHolds holds;
  holds.add(hold(1, 1, 5, 10, false));
  holds.add(hold(1, 2, 5, 20, false));
  assert_false(holds.take_over(1, 1, 5, 30));
  assert_int_equal(holds.remove(0).blocks, 10);
}

void it_is_full_after_its_bound(void**) {
  KvHolds holds;
  for (uint32_t i = 0; i < KvHolds::kMost; ++i) holds.add(hold(i, 1, 5, 1, false));
  assert_true(holds.full());
  holds.remove(7);
  assert_false(holds.full());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_oldest_of_a_transfer_is_found),
      cmocka_unit_test(blocks_of_a_source_go_to_the_transfer_that_is_still_reading),
      cmocka_unit_test(the_last_of_several_transfers_frees_the_source),
      cmocka_unit_test(blocks_of_a_target_are_of_one_transfer),
      cmocka_unit_test(it_is_full_after_its_bound),
  };
  return cmocka_run_group_tests_name("kv holds", tests, nullptr, nullptr);
}
