// SlotFence: who may read a chunk that lies in the source's own blocks. One word for each staging
// slot, in memory that both processes map:
//
//   source: offer()                target: begin() ... reads ... end()
//   source: take_back(), true when nothing reads and nothing will
//
// So the source's blocks are free at once after a cancel, unless the target's read has begun; then
// they are when it ends. seize() is for a target that counts as gone: what it reads from then on is
// harmless, since end() tells it that it does not count.
//
// Happens-before, for every access: offer() releases what the source has written (its blocks and
// the list of them), begin() acquires it. end() releases, so that reads before it are over when
// take_back() acquires its word. A read that end() counts was over before the word could be
// changed: seize() changes it in one step with looking at it, and end() fails after that.
//
// The word comes from a peer: any value is possible, and one that makes no sense denies. A peer
// that lies harms only what it sends or what it reads. Tests:
// tests/unit/transport/host/slot_fence_test.cc.
#pragma once

#include <atomic>
#include <cstdint>

#include "hexagent/hexagent.h"

namespace hexagent::transport {

class SlotFence {
 public:
  enum class Begin {
    kPacked,  // nothing was offered under this generation: the bytes are in the slot
    kBegun,
    kTakenBack
  };

  // `word` is zero before its first use, on a boundary of 8 bytes.
  explicit SlotFence(uint64_t* word) : word_(*word) {}

  // Source. A generation is offered once, and is never 0.
  void offer(uint32_t generation) {
    word_.store(make(generation, State::kOffered, HEXAGENT_OK), std::memory_order_release);
  }
  // True: nothing reads it, and nothing will; a target that comes is told `why`. False: it is read.
  bool take_back(uint32_t generation, hexagent_status why) {
    uint64_t expected = make(generation, State::kOffered, HEXAGENT_OK);
    const uint64_t taken = make(generation, State::kTakenBack, why);
    if (word_.compare_exchange_strong(expected, taken, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      return true;
    }
    return expected != make(generation, State::kReading, HEXAGENT_OK);
  }
  // Whatever is offered or read counts no more.
  void seize(hexagent_status why) {
    uint64_t now = word_.load(std::memory_order_acquire);
    while (state_of(now) == State::kOffered || state_of(now) == State::kReading) {
      const uint64_t taken = make(generation_of(now), State::kTakenBack, why);
      if (word_.compare_exchange_weak(now, taken, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return;
      }
    }
  }

  // Target. `why` is set when the answer is kTakenBack.
  Begin begin(uint32_t generation, hexagent_status* why) {
    uint64_t now = word_.load(std::memory_order_acquire);
    if (generation_of(now) != generation) return Begin::kPacked;
    uint64_t expected = make(generation, State::kOffered, HEXAGENT_OK);
    if (word_.compare_exchange_strong(expected, make(generation, State::kReading, HEXAGENT_OK),
                                      std::memory_order_acq_rel, std::memory_order_acquire)) {
      return Begin::kBegun;
    }
    *why = reason_of(expected);
    return Begin::kTakenBack;
  }
  // True: what was read is what was offered. Else `why` is set.
  bool end(uint32_t generation, hexagent_status* why) {
    uint64_t expected = make(generation, State::kReading, HEXAGENT_OK);
    if (word_.compare_exchange_strong(expected, make(generation, State::kRead, HEXAGENT_OK),
                                      std::memory_order_acq_rel, std::memory_order_acquire)) {
      return true;
    }
    *why = reason_of(expected);
    return false;
  }

 private:
  enum class State : uint8_t { kNone = 0, kOffered = 1, kReading = 2, kRead = 3, kTakenBack = 4 };

  // Generation, 16 bits of the reason, state. Statuses are small negative numbers.
  static uint64_t make(uint32_t generation, State state, hexagent_status why) {
    const auto reason = static_cast<uint16_t>(why);
    return uint64_t{generation} << 32 | uint64_t{reason} << 8 | static_cast<uint8_t>(state);
  }
  static State state_of(uint64_t word) { return static_cast<State>(word & 0xff); }
  static uint32_t generation_of(uint64_t word) { return static_cast<uint32_t>(word >> 32); }
  static hexagent_status reason_of(uint64_t word) {
    const auto why = static_cast<int16_t>(static_cast<uint16_t>(word >> 8));
    return why < 0 ? hexagent_status{why} : hexagent_status{HEXAGENT_E_CANCELLED};
  }

  std::atomic_ref<uint64_t> word_;
  static_assert(std::atomic_ref<uint64_t>::is_always_lock_free, "both processes use it");
};

}  // namespace hexagent::transport
