// Boot identity: the same as long as the machine runs, and no number of what is no identity.
#include "runtime/boot_identity.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

void it_stays_the_same(void**) { assert_true(boot_identity() == boot_identity()); }

void every_digit_counts(void**) {
  const uint64_t one = fold_boot_id("0ea2ba39-4d0c-4e53-8b2b-6ae4a6f0b7c1\n");
  assert_true(one == (0x0ea2ba394d0c4e53 ^ 0x8b2b6ae4a6f0b7c1));
  assert_true(one != fold_boot_id("1ea2ba39-4d0c-4e53-8b2b-6ae4a6f0b7c1\n"));
  assert_true(one != fold_boot_id("0ea2ba39-4d0c-4e53-8b2b-6ae4a6f0b7c0\n"));
}

void anything_else_is_unknown(void**) {
  assert_true(fold_boot_id("") == 0);
  assert_true(fold_boot_id("0ea2ba39-4d0c-4e53-8b2b-6ae4a6f0b7c\n") == 0);
  assert_true(fold_boot_id("no such file") == 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_stays_the_same),
      cmocka_unit_test(every_digit_counts),
      cmocka_unit_test(anything_else_is_unknown),
  };
  return cmocka_run_group_tests_name("boot identity", tests, nullptr, nullptr);
}
