// Tests of src/sim/engine/cache_extents.h.
#include "sim/engine/cache_extents.h"

#include <algorithm>
#include <array>

#include "sim/random.h"

// cmocka.h needs these four before it and has no extern "C" of its own.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
extern "C" {
#include <cmocka.h>
}

namespace hexagent::sim {
namespace {

constexpr int32_t kBlocks = 24;

// Random touches and cuts against one stamp per block. Returns the step of the first difference.
int32_t first_difference_from_block_stamps(uint64_t seed) {
  Random random(seed);
  UseSteps steps;
  std::array<uint64_t, kBlocks> stamps{};
  for (int32_t i = 0; i < 2000; ++i) {
    int32_t used = 0;
    while (used < kBlocks && stamps[static_cast<size_t>(used)] != 0) ++used;
    if (used > 0 && random.next() % 3 == 0) {
      const int32_t begin = steps.deepest_begin_or(0);
      const auto width = static_cast<uint64_t>(used - begin);
      const int32_t end = begin + static_cast<int32_t>(random.next() % width);
      steps.cut_deepest(end, begin);
      std::fill(stamps.begin() + end, stamps.end(), uint64_t{0});
    } else {
      const auto end = 1 + static_cast<int32_t>(random.next() % kBlocks);
      const uint64_t stamp = 1 + random.next() % 40;
      steps.touch(end, stamp);
      for (int32_t b = 0; b < end; ++b) {
        uint64_t& block = stamps[static_cast<size_t>(b)];
        block = std::max(block, stamp);
      }
    }
    int32_t deepest = 0;
    while (deepest < kBlocks && stamps[static_cast<size_t>(deepest)] != 0) ++deepest;
    if (steps.empty() != (deepest == 0)) return i;
    if (deepest == 0) continue;
    const uint64_t stamp = stamps[static_cast<size_t>(deepest - 1)];
    if (steps.deepest().end_block != deepest || steps.deepest().stamp != stamp) return i;
    int32_t begin = deepest;
    while (begin > 0 && stamps[static_cast<size_t>(begin - 1)] == stamp) --begin;
    if (steps.deepest_begin_or(0) != begin) return i;
  }
  return -1;
}

int32_t deepest_after_holding_and_releasing() {
  ExtentCounts counts;
  for (int32_t extent = 0; extent < 40; ++extent) counts.add(extent);
  counts.add(30);
  for (int32_t extent = 31; extent < 40; ++extent) counts.remove(extent);
  counts.remove(30);
  return counts.max_or(-1);
}

bool releasing_too_often_throws() {
  ExtentCounts counts;
  counts.add(3);
  counts.remove(3);
  try {
    counts.remove(3);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

void use_steps_agree_with_one_stamp_per_block(void** /*state*/) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    assert_int_equal(first_difference_from_block_stamps(seed), -1);
  }
}
void an_extent_held_twice_stays_after_one_release(void** /*state*/) {
  assert_int_equal(deepest_after_holding_and_releasing(), 30);
}
void releasing_more_often_than_held_is_caught(void** /*state*/) {
  assert_true(releasing_too_often_throws());
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(use_steps_agree_with_one_stamp_per_block),
      cmocka_unit_test(an_extent_held_twice_stays_after_one_release),
      cmocka_unit_test(releasing_more_often_than_held_is_caught),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
