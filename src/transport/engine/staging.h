// Staging slots, from both ends. The target owns the memory and lends each slot to the source under
// a generation that is never used again; the source fills a slot that it holds a credit for. A
// credit is used once. Tests: tests/unit/transport/engine/parts_test.cc.
#pragma once

#include <cstdint>

#include "core/base/check.h"

namespace hexagent::transport {

inline constexpr uint32_t kSlotsMax = 16;
inline constexpr uint32_t kSlotBytesMax = 1u << 30;

// Target: what became of each slot.
class StagingSlots {
 public:
  enum class State : uint32_t {
    kNone,    // no such slot
    kLent,    // the source may write it
    kFilled,  // the source has written it; we read it
    kKept     // read, and not lent again: we have no room for what it would bring
  };

  // Generations go on where the connection before left off: a message of then fits no slot of now.
  void open(uint32_t count) {
    HEXAGENT_CHECK(count <= kSlotsMax);
    close();
    count_ = count;
    for (uint32_t slot = 0; slot < count; ++slot) lend(slot);
  }
  void close() {
    for (Slot& slot : slots_) slot.state = State::kNone;
    count_ = 0;
  }

  uint32_t count() const { return count_; }
  State state(uint32_t slot) const { return slot < count_ ? slots_[slot].state : State::kNone; }
  uint32_t generation(uint32_t slot) const { return slots_[slot].generation; }

  // The source says that it has written the slot. False: it has no right to.
  bool fill(uint32_t slot, uint32_t generation) {
    if (state(slot) != State::kLent || slots_[slot].generation != generation) return false;
    slots_[slot].state = State::kFilled;
    return true;
  }
  // Gives a new generation, the credit.
  uint32_t lend(uint32_t slot) {
    HEXAGENT_CHECK(slot < count_ && slots_[slot].state != State::kLent);
    slots_[slot].state = State::kLent;
    if (++last_generation_ == 0) ++last_generation_;
    return slots_[slot].generation = last_generation_;
  }
  void keep(uint32_t slot) {
    HEXAGENT_CHECK(state(slot) == State::kFilled);
    slots_[slot].state = State::kKept;
  }

 private:
  struct Slot {
    State state = State::kNone;
    uint32_t generation = 0;
  };
  Slot slots_[kSlotsMax];
  uint32_t count_ = 0;
  uint32_t last_generation_ = 0;
};

struct Credit {
  uint32_t slot;
  uint32_t generation;
};

// Source: the credits it holds, the last returned first, whose slot is warm in the caches.
class Credits {
 public:
  void clear() { count_ = 0; }
  uint32_t count() const { return count_; }
  // False when the peer gives more than it has slots, or a slot twice.
  bool add(const Credit& credit) {
    if (credit.slot >= kSlotsMax || credit.generation == 0 || count_ == kSlotsMax) return false;
    for (uint32_t i = 0; i < count_; ++i) {
      if (credits_[i].slot == credit.slot) return false;
    }
    credits_[count_++] = credit;
    return true;
  }
  Credit take() {
    HEXAGENT_CHECK(count_ > 0);
    return credits_[--count_];
  }

 private:
  Credit credits_[kSlotsMax] = {};
  uint32_t count_ = 0;
};

}  // namespace hexagent::transport
