// Future events of the simulation in the total order (time, sequence of insertion).
// A binary heap; an event is cancelled through its handle, whose generation makes a stale handle
// harmless. Cancelled entries stay in the heap until they reach the top, which keeps cancel O(1).
// Tests: tests/unit/sim/engine/event_queue_test.cc
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sim/engine/sim_time.h"

namespace hexagent::sim {

struct EventHandle {
  uint32_t slot = 0;
  uint32_t generation = 0;  // 0 names no event
};

template <typename Payload>
class EventQueue {
 public:
  // Room for so many events, stale ones included, without a further allocation.
  void reserve(size_t count) {
    heap_.reserve(count);
    slots_.reserve(count);
    free_slots_.reserve(count);
  }

  EventHandle push(TimeNs time, Payload payload) {
    uint32_t slot = 0;
    if (free_slots_.empty()) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.push_back(Slot{});
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    slots_[slot].payload = std::move(payload);
    slots_[slot].live = true;
    heap_.push_back(Entry{time, next_sequence_++, slot, slots_[slot].generation});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
    ++live_count_;
    return EventHandle{slot, slots_[slot].generation};
  }

  // False when the event has already been taken or cancelled.
  bool cancel(EventHandle handle) {
    if (handle.slot >= slots_.size()) return false;
    Slot& slot = slots_[handle.slot];
    if (!slot.live || slot.generation != handle.generation) return false;
    retire(handle.slot);
    drop_stale();
    return true;
  }

  bool empty() const { return live_count_ == 0; }
  size_t count() const { return live_count_; }

  // Time of the earliest event, kNever when there is none.
  TimeNs next_time() const { return heap_.empty() ? kNever : heap_.front().time; }

  Payload pop() {
    if (heap_.empty()) throw std::logic_error("event queue: pop from an empty queue");
    const uint32_t slot = heap_.front().slot;
    Payload payload = std::move(slots_[slot].payload);
    retire(slot);
    drop_stale();
    return payload;
  }

 private:
  struct Slot {
    Payload payload{};
    uint32_t generation = 1;
    bool live = false;
  };
  struct Entry {
    TimeNs time;
    uint64_t sequence;
    uint32_t slot;
    uint32_t generation;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.time != b.time ? a.time > b.time : a.sequence > b.sequence;
    }
  };

  void retire(uint32_t slot) {
    slots_[slot].live = false;
    if (++slots_[slot].generation == 0) slots_[slot].generation = 1;
    free_slots_.push_back(slot);
    --live_count_;
  }

  // Keeps the top of the heap live, so that next_time() can stay const and O(1).
  void drop_stale() {
    while (!heap_.empty() && slots_[heap_.front().slot].generation != heap_.front().generation) {
      std::pop_heap(heap_.begin(), heap_.end(), Later{});
      heap_.pop_back();
    }
  }

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  uint64_t next_sequence_ = 0;
  size_t live_count_ = 0;
};

}  // namespace hexagent::sim
