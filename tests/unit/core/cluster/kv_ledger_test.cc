// KvLedger: whole blocks, foreign load, and that nothing can be promised twice.
#include "core/cluster/kv_ledger.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::KvLedger;

void a_ledger_reserves_whole_blocks_within_capacity(void**) {
  KvLedger ledger(100, 16);  // six whole blocks
  assert_int_equal(ledger.capacity_tokens(), 96);
  const uint32_t blocks = ledger.reserve(33);
  assert_int_equal(blocks, 3);
  assert_int_equal(ledger.reserved_tokens(), 48);
  assert_int_equal(ledger.free_tokens(), 48);
  assert_true(ledger.fits(48));
  assert_false(ledger.fits(49));
  ledger.release(blocks);
  assert_int_equal(ledger.free_tokens(), 96);
}

void foreign_load_takes_whole_blocks_too(void**) {
  KvLedger ledger(96, 16);
  const uint32_t blocks = ledger.reserve(48);
  ledger.set_foreign(20);
  assert_int_equal(ledger.foreign_tokens(), 32);
  assert_int_equal(ledger.free_tokens(), 16);
  assert_true(ledger.fits(16));
  assert_false(ledger.fits(17));
  ledger.set_foreign(0);
  assert_true(ledger.fits(48));
  ledger.release(blocks);
}

void foreign_load_beyond_capacity_keeps_what_is_promised(void**) {
  KvLedger ledger(96, 16);
  const uint32_t blocks = ledger.reserve(48);
  ledger.set_foreign(1000);
  assert_int_equal(ledger.free_tokens(), 0);
  assert_false(ledger.fits(1));
  assert_int_equal(ledger.reserved_tokens(), 48);
  ledger.release(blocks);
  assert_false(ledger.fits(1));
  ledger.set_foreign(80);
  assert_true(ledger.fits(16));
}

void an_empty_ledger_takes_nothing_but_nothing(void**) {
  const KvLedger ledger(15, 16);
  assert_int_equal(ledger.capacity_tokens(), 0);
  assert_true(ledger.fits(0));
  assert_false(ledger.fits(1));
}

// Random reservations, releases and heartbeats against a plain sum: reserved and foreign never
// exceed the capacity by a reservation.
bool random_use_adds_up(uint64_t seed) {
  const auto draw = [&seed](uint64_t bound) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % bound;
  };
  const uint32_t block = 1 + static_cast<uint32_t>(draw(64));
  KvLedger ledger(draw(20'000), block);
  std::vector<uint32_t> held;
  uint64_t blocks = 0;
  for (int step = 0; step < 2000; ++step) {
    const uint64_t tokens = draw(2000);
    switch (draw(3)) {
      case 0:
        if (!ledger.fits(tokens)) break;
        held.push_back(ledger.reserve(tokens));
        blocks += held.back();
        if (ledger.reserved_tokens() + ledger.foreign_tokens() > ledger.capacity_tokens()) {
          return false;
        }
        break;
      case 1:
        if (held.empty()) break;
        ledger.release(held.back());
        blocks -= held.back();
        held.pop_back();
        break;
      default:
        ledger.set_foreign(tokens);
    }
    if (ledger.reserved_tokens() != blocks * block) return false;
    if (ledger.fits(1) != (ledger.free_tokens() > 0)) return false;
  }
  return true;
}

void promises_never_exceed_the_capacity(void**) {
  for (uint64_t seed = 1; seed <= 50; ++seed) assert_true(random_use_adds_up(seed));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_ledger_reserves_whole_blocks_within_capacity),
      cmocka_unit_test(foreign_load_takes_whole_blocks_too),
      cmocka_unit_test(foreign_load_beyond_capacity_keeps_what_is_promised),
      cmocka_unit_test(an_empty_ledger_takes_nothing_but_nothing),
      cmocka_unit_test(promises_never_exceed_the_capacity),
  };
  return cmocka_run_group_tests_name("kv ledger", tests, nullptr, nullptr);
}
