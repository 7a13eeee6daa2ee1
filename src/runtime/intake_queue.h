// IntakeQueue: inputs that were taken and wait for the core; a bounded first-in first-out of bytes.
//
// Each entry is a header followed by its record, deps and prefixes, so that inputs of any shape
// share one fixed piece of memory and pushing never allocates. Full is an answer, not an error: the
// ABI says HEXAGENT_E_AGAIN. This queue is for one thread, as manual driving is; a lock-free ring
// takes its place behind the same interface when the library drives itself. Tests:
// tests/unit/runtime/intake_queue_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/input.h"

namespace hexagent {

class IntakeQueue {
 public:
  // Rounds the size down to whole units of 16 bytes. May throw std::bad_alloc.
  explicit IntakeQueue(uint64_t size_bytes);

  // Copies an input with all it points to. False when there is no room now; an empty queue has room
  // for whatever fits into its memory.
  bool try_push(const Input& input);

  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }

  // The oldest input; its pointers lead into the queue and are good until pop(). Not when empty.
  Input front() const;
  void pop();

  uint64_t memory_bytes() const { return capacity_ * sizeof(Unit); }

 private:
  // Every part starts at a multiple of 16 bytes, so records lie aligned in the queue.
  struct alignas(16) Unit {
    std::byte bytes[16];
  };

  bool find_place(uint64_t needed);
  void* append(uint64_t* position, const void* source, uint64_t size_bytes);

  uint64_t capacity_;  // units
  uint64_t head_ = 0;  // of the oldest entry
  uint64_t tail_ = 0;  // end of the newest; equal to head_ when empty or full
  uint64_t count_ = 0;
  std::unique_ptr<Unit[]> units_;
};

}  // namespace hexagent
