// SlotFence: who may read when, one state after the other and with both sides at once.
#include "transport/host/slot_fence.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <thread>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

using Begin = SlotFence::Begin;

void what_was_not_offered_is_packed(void**) {
  uint64_t word = 0;
  SlotFence fence(&word);
  hexagent_status why = HEXAGENT_OK;
  assert_true(fence.begin(7, &why) == Begin::kPacked);
  fence.offer(6);
  assert_true(fence.begin(7, &why) == Begin::kPacked);
  assert_true(fence.begin(6, &why) == Begin::kBegun);
}

void what_is_offered_is_read_once(void**) {
  uint64_t word = 0;
  SlotFence fence(&word);
  hexagent_status why = HEXAGENT_OK;
  fence.offer(1);
  assert_true(fence.begin(1, &why) == Begin::kBegun);
  assert_false(fence.take_back(1, HEXAGENT_E_CANCELLED));  // it is read
  assert_true(fence.begin(1, &why) == Begin::kTakenBack);  // by one alone
  assert_true(fence.end(1, &why));
  assert_true(fence.take_back(1, HEXAGENT_E_CANCELLED));
  assert_true(fence.begin(1, &why) == Begin::kTakenBack);
  assert_false(fence.end(1, &why));
}

void what_is_taken_back_tells_why(void**) {
  uint64_t word = 0;
  SlotFence fence(&word);
  for (const hexagent_status given : {HEXAGENT_E_CANCELLED, HEXAGENT_E_PEER, HEXAGENT_E_CLOSED}) {
    hexagent_status why = HEXAGENT_OK;
    fence.offer(9);
    assert_true(fence.take_back(9, given));
    assert_true(fence.begin(9, &why) == Begin::kTakenBack);
    assert_int_equal(why, given);
  }
}

void what_is_seized_while_it_is_read_does_not_count(void**) {
  uint64_t word = 0;
  SlotFence fence(&word);
  hexagent_status why = HEXAGENT_OK;
  fence.seize(HEXAGENT_E_PEER);  // nothing there
  assert_int_equal(word, 0);
  fence.offer(3);
  assert_true(fence.begin(3, &why) == Begin::kBegun);
  fence.seize(HEXAGENT_E_TIMEOUT);
  assert_false(fence.end(3, &why));
  assert_int_equal(why, HEXAGENT_E_TIMEOUT);
  fence.offer(4);
  fence.seize(HEXAGENT_E_PEER);
  assert_true(fence.begin(4, &why) == Begin::kTakenBack);
  assert_int_equal(why, HEXAGENT_E_PEER);
}

// A word of a peer that lies: any value, no answer that is not one of ours.
void any_word_denies_or_is_one_of_ours(void**) {
  for (uint64_t low = 0; low < (uint64_t{1} << 24); low += 251) {
    uint64_t word = uint64_t{5} << 32 | low;
    SlotFence fence(&word);
    hexagent_status why = HEXAGENT_OK;
    const Begin begun = fence.begin(5, &why);
    if (low == 1) {
      assert_true(begun == Begin::kBegun);
    } else {
      assert_true(begun == Begin::kTakenBack);
      assert_true(why < 0);
    }
  }
}

// The source writes what it likes as soon as it has its memory back; what the target has read and
// counts is always as it was offered.
void a_read_that_counts_saw_nothing_later(void**) {
  constexpr uint32_t kRounds = 20'000;
  alignas(8) uint64_t word = 0;
  std::atomic<uint32_t> offered{0};  // as a READY message
  uint64_t memory[8] = {};
  uint32_t counted = 0;
  std::thread target([&] {
    SlotFence fence(&word);
    for (uint32_t seen = 0; seen < kRounds;) {
      const uint32_t generation = offered.load(std::memory_order_acquire);
      if (generation == seen) continue;
      seen = generation;
      hexagent_status why = HEXAGENT_OK;
      if (fence.begin(generation, &why) != Begin::kBegun) continue;
      uint64_t read[8];
      for (uint32_t i = 0; i < 8; ++i) read[i] = memory[i];
      if (!fence.end(generation, &why)) continue;
      ++counted;
      for (const uint64_t value : read) {
        if (value != generation) std::abort();
      }
    }
  });
  SlotFence fence(&word);
  for (uint32_t generation = 1; generation <= kRounds; ++generation) {
    for (uint64_t& value : memory) value = generation;
    fence.offer(generation);
    offered.store(generation, std::memory_order_release);
    if (generation % 3 == 0) std::this_thread::yield();
    // Some are taken back at once, some after they were read. Before the last is, none is offered.
    while (!fence.take_back(generation, HEXAGENT_E_CANCELLED)) std::this_thread::yield();
    for (uint64_t& value : memory) value = UINT64_MAX;
  }
  target.join();
  assert_true(counted <= kRounds);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_was_not_offered_is_packed),
      cmocka_unit_test(what_is_offered_is_read_once),
      cmocka_unit_test(what_is_taken_back_tells_why),
      cmocka_unit_test(what_is_seized_while_it_is_read_does_not_count),
      cmocka_unit_test(any_word_denies_or_is_one_of_ours),
      cmocka_unit_test(a_read_that_counts_saw_nothing_later),
  };
  return cmocka_run_group_tests_name("slot fence", tests, nullptr, nullptr);
}
