// DecisionRing: order, wrapping, bounds; a producer on another thread.
#include "runtime/decision_ring.h"

#include <sched.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::DecisionRing;

// Writes up to `wanted` decisions numbered from `*next`, in as many pieces as it takes.
uint32_t write(DecisionRing* ring, uint64_t* next, uint32_t wanted) {
  uint32_t written = 0;
  while (written < wanted) {
    uint32_t room = 0;
    hexagent_decision* target = ring->room(&room);
    if (target == nullptr) break;
    const uint32_t count = std::min(room, wanted - written);
    for (uint32_t i = 0; i < count; ++i) {
      target[i] = {};
      target[i].sequence = (*next)++;
      target[i].order_key = -static_cast<int64_t>(target[i].sequence);
    }
    ring->publish(count);
    written += count;
  }
  return written;
}

// Takes up to `capacity`; false if they are not those that follow `*expected`.
bool take(DecisionRing* ring, uint64_t* expected, uint32_t capacity, uint32_t* count) {
  std::vector<hexagent_decision> decisions(capacity);
  *count = ring->take(decisions.data(), capacity);
  for (uint32_t i = 0; i < *count; ++i) {
    const uint64_t sequence = (*expected)++;
    if (decisions[i].sequence != sequence) return false;
    if (decisions[i].order_key != -static_cast<int64_t>(sequence)) return false;
  }
  return true;
}

bool capacity_is_exact() {
  DecisionRing ring(5);  // rounded up to 8
  uint64_t next = 0;
  uint64_t expected = 0;
  uint32_t count = 0;
  if (ring.capacity() != 8 || ring.size() != 0) return false;
  if (write(&ring, &next, 100) != 8 || ring.size() != 8) return false;
  if (write(&ring, &next, 1) != 0) return false;
  if (!take(&ring, &expected, 3, &count) || count != 3) return false;
  if (write(&ring, &next, 100) != 3) return false;
  if (!take(&ring, &expected, 100, &count) || count != 8) return false;
  return take(&ring, &expected, 100, &count) && count == 0 && ring.size() == 0;
}

void the_capacity_is_used_to_the_last_place(void**) { assert_true(capacity_is_exact()); }

bool any_mix_keeps_order() {
  DecisionRing ring(16);
  uint64_t next = 0;
  uint64_t expected = 0;
  uint64_t state = 1;
  for (int round = 0; round < 10000; ++round) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto amount = static_cast<uint32_t>(state >> 60);
    uint32_t count = 0;
    if ((state >> 40) % 2 == 0) {
      write(&ring, &next, amount);
    } else if (!take(&ring, &expected, amount, &count)) {
      return false;
    }
    if (ring.size() != next - expected) return false;
  }
  return next > 1000;
}

void any_mix_of_writing_and_taking_keeps_order(void**) { assert_true(any_mix_keeps_order()); }

bool threads_lose_nothing() {
  constexpr uint64_t kCount = 200000;
  DecisionRing ring(64);
  std::thread producer([&ring] {
    uint64_t next = 0;
    while (next < kCount) {
      const uint64_t left = kCount - next;
      if (write(&ring, &next, static_cast<uint32_t>(std::min<uint64_t>(left, 7))) == 0) {
        sched_yield();
      }
    }
  });
  uint64_t expected = 0;
  bool good = true;
  while (expected < kCount) {
    uint32_t count = 0;
    if (!take(&ring, &expected, 10, &count)) {
      good = false;
      expected += 1;  // go on, so that the producer ends
    }
    if (count == 0) sched_yield();
  }
  producer.join();
  return good;
}

void a_consumer_on_another_thread_gets_all_in_order(void**) { assert_true(threads_lose_nothing()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_capacity_is_used_to_the_last_place),
      cmocka_unit_test(any_mix_of_writing_and_taking_keeps_order),
      cmocka_unit_test(a_consumer_on_another_thread_gets_all_in_order),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
