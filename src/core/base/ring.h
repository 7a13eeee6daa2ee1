// Ring: a FIFO of plain records that grows only beyond its first capacity, which callers choose so
// that it does not happen in normal running; grow_count() tells. Places that were never used cost
// address space and no memory. Tests: tests/unit/core/base/containers_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/base/check.h"

namespace hexagent {

template <class T>
class Ring {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // `capacity` is rounded up to a power of two.
  explicit Ring(uint32_t capacity) {
    while (size_ < capacity) size_ *= 2;
    slots_ = std::make_unique_for_overwrite<T[]>(size_);
  }

  void push(const T& value) {
    if (tail_ - head_ == size_) grow();
    slots_[tail_++ & (size_ - 1)] = value;
  }
  T& front() { return slots_[head_ & (size_ - 1)]; }
  // The element `index` places behind the front.
  const T& at(uint64_t index) const {
    HEXAGENT_CHECK(index < size());
    return slots_[(head_ + index) & (size_ - 1)];
  }
  T& back() { return slots_[(tail_ - 1) & (size_ - 1)]; }
  void pop() {
    HEXAGENT_CHECK(head_ < tail_);
    // From the beginning when empty, or a long ring would come to use all its places in turn, and
    // with them all its memory.
    if (++head_ == tail_) head_ = tail_ = 0;
  }
  bool empty() const { return head_ == tail_; }
  uint64_t size() const { return tail_ - head_; }
  uint64_t capacity() const { return size_; }
  uint32_t grow_count() const { return grow_count_; }
  uint64_t memory_bytes() const { return size_ * sizeof(T); }

 private:
  void grow() {
    auto wider = std::make_unique_for_overwrite<T[]>(size_ * 2);
    for (uint64_t at = head_; at < tail_; ++at) {
      wider[at & (size_ * 2 - 1)] = slots_[at & (size_ - 1)];
    }
    slots_ = std::move(wider);
    size_ *= 2;
    ++grow_count_;
  }

  uint64_t size_ = 16;
  std::unique_ptr<T[]> slots_;
  uint64_t head_ = 0;  // counts up while anything is in it; the low bits are the place
  uint64_t tail_ = 0;
  uint32_t grow_count_ = 0;
};

}  // namespace hexagent
