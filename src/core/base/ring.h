// Ring: a FIFO of plain records that grows only beyond its first capacity, which callers choose so
// that it does not happen in normal running; grow_count() tells. Tests:
// tests/unit/core/base/containers_test.cc.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "core/base/check.h"

namespace hexagent {

template <class T>
class Ring {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // `capacity` is rounded up to a power of two.
  explicit Ring(uint32_t capacity) {
    uint64_t size = 16;
    while (size < capacity) size *= 2;
    slots_.resize(size);
  }

  void push(const T& value) {
    if (tail_ - head_ == slots_.size()) grow();
    slots_[tail_++ & (slots_.size() - 1)] = value;
  }
  T& front() { return slots_[head_ & (slots_.size() - 1)]; }
  // The element `index` places behind the front.
  const T& at(uint64_t index) const {
    HEXAGENT_CHECK(index < size());
    return slots_[(head_ + index) & (slots_.size() - 1)];
  }
  T& back() { return slots_[(tail_ - 1) & (slots_.size() - 1)]; }
  void pop() {
    HEXAGENT_CHECK(head_ < tail_);
    ++head_;
  }
  bool empty() const { return head_ == tail_; }
  uint64_t size() const { return tail_ - head_; }
  uint64_t capacity() const { return slots_.size(); }
  uint32_t grow_count() const { return grow_count_; }
  uint64_t memory_bytes() const { return slots_.size() * sizeof(T); }

 private:
  void grow() {
    std::vector<T> wider(slots_.size() * 2);
    for (uint64_t at = head_; at < tail_; ++at) {
      wider[at & (wider.size() - 1)] = slots_[at & (slots_.size() - 1)];
    }
    slots_.swap(wider);
    ++grow_count_;
  }

  std::vector<T> slots_;
  uint64_t head_ = 0;  // counts up for ever; the low bits are the place
  uint64_t tail_ = 0;
  uint32_t grow_count_ = 0;
};

}  // namespace hexagent
