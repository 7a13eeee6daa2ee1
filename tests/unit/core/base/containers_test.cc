// Pool, IdMap, Ring, whole_power: small cases by hand, and IdMap against a slow map.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/base/exact_math.h"
#include "core/base/id_map.h"
#include "core/base/pool.h"
#include "core/base/ring.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::IdMap;
using hexagent::Pool;
using hexagent::Ring;

void pool_gives_each_record_once_and_takes_it_back(void**) {
  Pool<int> pool(2);
  const uint32_t first = pool.allocate();
  const uint32_t second = pool.allocate();
  assert_int_equal(first, 0);
  assert_int_equal(second, 1);
  assert_true(pool.allocate() == Pool<int>::kNone);
  assert_int_equal(pool.size(), 2);
  pool.release(first);
  assert_false(pool.live(first));
  assert_true(pool.live(second));
  assert_int_equal(pool.allocate(), first);
}

void pool_of_nothing_is_full(void**) {
  Pool<int> pool(0);
  assert_true(pool.allocate() == Pool<int>::kNone);
}

// A pool of ten, of which seven were in use and three still are.
Pool<int> used_pool() {
  Pool<int> pool(10);
  for (int i = 0; i < 7; ++i) pool.allocate();
  for (uint32_t index : {2u, 6u, 0u, 3u}) pool.release(index);
  return pool;
}

bool comes_back() {
  Pool<int> pool = used_pool();
  Pool<int> other(10);
  if (pool.released() != std::vector<uint32_t>{3, 0, 6, 2}) return false;
  if (!other.restore({5, 1, 4}, pool.released()) || other.size() != 3) return false;
  for (uint32_t index = 0; index < 10; ++index) {
    if (pool.live(index) != other.live(index)) return false;
  }
  for (int i = 0; i < 8; ++i) {  // the last one of them is none
    if (pool.allocate() != other.allocate()) return false;
  }
  return other.released().empty();
}

void pool_comes_back_with_the_order_of_its_free_records(void**) { assert_true(comes_back()); }

bool restores(const std::vector<uint32_t>& live, const std::vector<uint32_t>& released) {
  return Pool<int>(4).restore(live, released);
}

void pool_comes_back_from_whole_lists_only(void**) {
  assert_true(restores({}, {}));
  assert_true(restores({3, 1}, {0, 2}));
  assert_false(restores({1}, {}));  // 0 is missing
  assert_false(restores({0, 0}, {}));
  assert_false(restores({0}, {0}));
  assert_false(restores({0, 1, 2}, {3, 4}));
  assert_false(restores({0xffffffffu}, {}));
}

// Random inserts, look-ups and erasures; returns the number of disagreements with std::map.
int disagreements(uint64_t seed) {
  constexpr uint32_t kEntries = 64;
  IdMap map(kEntries);
  std::map<std::pair<uint64_t, uint64_t>, uint32_t> model;
  uint64_t state = seed;
  const auto draw = [&](uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  };
  int wrong = 0;
  for (uint32_t step = 0; step < 20000; ++step) {
    const uint64_t first = draw(40);
    const uint64_t second = draw(4);
    const auto known = model.find({first, second});
    const uint32_t expected = known == model.end() ? IdMap::kNone : known->second;
    wrong += map.find(first, second) == expected ? 0 : 1;
    if (known != model.end()) {
      wrong += map.erase(first, second) ? 0 : 1;
      model.erase(known);
    } else if (model.size() < kEntries && draw(3) != 0) {
      map.insert(first, second, step);
      model[{first, second}] = step;
    } else {
      wrong += map.erase(first, second) ? 1 : 0;
    }
    wrong += map.size() == model.size() ? 0 : 1;
  }
  return wrong;
}

void id_map_agrees_with_a_slow_map(void**) {
  for (uint64_t seed = 1; seed <= 20; ++seed) assert_int_equal(disagreements(seed), 0);
}

void ring_keeps_order_across_wrap_and_growth(void**) {
  Ring<uint32_t> ring(16);
  uint32_t pushed = 0;
  uint32_t popped = 0;
  for (uint32_t round = 0; round < 10; ++round) {
    for (uint32_t i = 0; i < 11; ++i) ring.push(pushed++);
    assert_int_equal(ring.back(), pushed - 1);
    for (uint32_t i = 0; i < pushed - popped; ++i) assert_int_equal(ring.at(i), popped + i);
    for (uint32_t i = 0; i < 9; ++i) {
      assert_int_equal(ring.front(), popped++);
      ring.pop();
    }
  }
  assert_int_equal(ring.size(), pushed - popped);
  assert_int_equal(ring.grow_count(), 1);
  while (!ring.empty()) {
    assert_int_equal(ring.front(), popped++);
    ring.pop();
  }
  assert_int_equal(popped, pushed);
}

void a_ring_that_was_emptied_begins_anew(void**) {
  Ring<uint32_t> ring(1024);
  ring.push(1);
  const uint32_t* first = &ring.front();
  for (uint32_t round = 0; round < 3000; ++round) {
    ring.push(2);
    ring.pop();
    ring.pop();
    assert_true(ring.empty());
    ring.push(1);
    assert_ptr_equal(&ring.front(), first);
  }
}

void whole_power_multiplies(void**) {
  assert_true(hexagent::whole_power(3.0, 0) == 1.0);
  assert_true(hexagent::whole_power(3.0, 1) == 3.0);
  assert_true(hexagent::whole_power(3.0, 5) == 243.0);
  assert_true(hexagent::whole_power(0.5, 12) == 1.0 / 4096.0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(pool_gives_each_record_once_and_takes_it_back),
      cmocka_unit_test(pool_of_nothing_is_full),
      cmocka_unit_test(pool_comes_back_with_the_order_of_its_free_records),
      cmocka_unit_test(pool_comes_back_from_whole_lists_only),
      cmocka_unit_test(id_map_agrees_with_a_slow_map),
      cmocka_unit_test(ring_keeps_order_across_wrap_and_growth),
      cmocka_unit_test(a_ring_that_was_emptied_begins_anew),
      cmocka_unit_test(whole_power_multiplies),
  };
  return cmocka_run_group_tests_name("containers", tests, nullptr, nullptr);
}
