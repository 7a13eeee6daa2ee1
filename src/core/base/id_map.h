// IdMap: from a pair of the caller's 64-bit ids to an index. Open addressing with linear probing
// and backward-shift deletion, so look-ups stay short however long it lives; its inner order
// decides nothing. The mixing is fixed: ids come from the embedder itself, not from
// strangers. Tests: tests/unit/core/base/containers_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/check.h"

namespace hexagent {

class IdMap {
 public:
  static constexpr uint32_t kNone = 0xffffffffu;

  // Room for `entries_max`; the table is at most half full.
  explicit IdMap(uint32_t entries_max) : entries_max_(entries_max) {
    uint64_t size = 16;
    while (size < 2 * static_cast<uint64_t>(entries_max)) size *= 2;
    slots_.resize(size);
    mask_ = size - 1;
  }

  uint32_t find(uint64_t first, uint64_t second) const {
    for (uint64_t at = home(first, second);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.value == kNone) return kNone;
      if (slot.first == first && slot.second == second) return slot.value;
    }
  }

  // The key must be new and the value not kNone.
  void insert(uint64_t first, uint64_t second, uint32_t value) {
    HEXAGENT_CHECK(value != kNone && size_ < entries_max_);
    uint64_t at = home(first, second);
    while (slots_[at].value != kNone) at = (at + 1) & mask_;
    slots_[at] = {first, second, value};
    ++size_;
  }

  // False when there was no such key.
  bool erase(uint64_t first, uint64_t second) {
    uint64_t at = home(first, second);
    for (;; at = (at + 1) & mask_) {
      if (slots_[at].value == kNone) return false;
      if (slots_[at].first == first && slots_[at].second == second) break;
    }
    --size_;
    // Entries that probed past the hole move into it, else they could not be found any more.
    uint64_t hole = at;
    for (uint64_t next = (at + 1) & mask_; slots_[next].value != kNone; next = (next + 1) & mask_) {
      const uint64_t wanted = home(slots_[next].first, slots_[next].second);
      if (((next - wanted) & mask_) < ((next - hole) & mask_)) continue;
      slots_[hole] = slots_[next];
      hole = next;
    }
    slots_[hole] = Slot{};
    return true;
  }

  // Calls `visit(first, second, value)` for every entry, in an order that means nothing: only for
  // those who put it in order themselves.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.value != kNone) visit(slot.first, slot.second, slot.value);
    }
  }

  uint32_t size() const { return size_; }
  uint64_t memory_bytes() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    uint64_t first = 0;
    uint64_t second = 0;
    uint32_t value = kNone;
  };

  uint64_t home(uint64_t first, uint64_t second) const {
    uint64_t mixed = first * 0x9e3779b97f4a7c15u ^ (second + 0x165667b19e3779f9u);
    mixed ^= mixed >> 32;
    mixed *= 0xd6e8feb86659fd93u;
    mixed ^= mixed >> 32;
    return mixed & mask_;
  }

  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
  uint32_t entries_max_;
  uint32_t size_ = 0;
};

}  // namespace hexagent
