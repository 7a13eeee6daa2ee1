// EventSignal: readable while raised, no raise lost between threads, no readability left behind.
#include "runtime/event_signal.h"

#include <poll.h>

#include <atomic>
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

using hexagent::EventSignal;

bool readable(const EventSignal& signal, int timeout_ms) {
  pollfd entry = {signal.descriptor(), POLLIN, 0};
  return poll(&entry, 1, timeout_ms) == 1;
}

bool follows_raise_and_lower() {
  EventSignal signal;
  for (int round = 0; round < 3; ++round) {
    if (readable(signal, 0)) return false;
    signal.lower();  // with nothing to lower
    signal.raise();
    signal.raise();
    if (!readable(signal, 0)) return false;
    signal.lower();
  }
  return !readable(signal, 0);
}

void it_is_readable_from_raise_to_lower(void**) { assert_true(follows_raise_and_lower()); }

// Producers count up and raise; the reader must see every count, sleeping in between.
bool nothing_is_missed() {
  constexpr uint64_t kProducers = 3;
  constexpr uint64_t kCount = 20000;
  EventSignal signal;
  std::atomic<uint64_t> made{0};
  std::vector<std::thread> threads;
  for (uint64_t who = 0; who < kProducers; ++who) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < kCount; ++i) {
        made.fetch_add(1, std::memory_order_relaxed);
        signal.raise();
      }
    });
  }
  bool good = true;
  while (good && made.load(std::memory_order_relaxed) < kProducers * kCount) {
    // What comes after this look raises; a minute without is a lost one.
    const uint64_t seen = made.load(std::memory_order_relaxed);
    signal.lower();
    if (made.load(std::memory_order_relaxed) != seen) continue;
    good = readable(signal, 60000);
  }
  for (std::thread& thread : threads) thread.join();
  // At most one more lowering each for raises that came late.
  for (uint64_t i = 0; i < kProducers && readable(signal, 0); ++i) signal.lower();
  return good && !readable(signal, 0);
}

void no_raise_is_missed_and_none_stays_for_ever(void**) { assert_true(nothing_is_missed()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_is_readable_from_raise_to_lower),
      cmocka_unit_test(no_raise_is_missed_and_none_stays_for_ever),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
