// DecisionRing: decisions on their way to the embedder; bounded, wait-free, one producer, one
// consumer.
//
// The loop thread writes, whoever calls hexagent_poll() reads. Full is not loss: decisions that
// find no room stay in the core. Two positions count decisions and never wrap. Each side owns one
// and keeps a copy of the other's, so that it looks at the other's cache line only when the copy
// says "full" or "empty". Tests: tests/unit/runtime/decision_ring_test.cc.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

#include "hexagent/hexagent.h"

namespace hexagent {

class DecisionRing {
 public:
  // Rounded up to a power of two. May throw std::bad_alloc.
  explicit DecisionRing(uint64_t capacity)
      : capacity_(std::bit_ceil(std::max<uint64_t>(1, capacity))),
        decisions_(std::make_unique<hexagent_decision[]>(capacity_)) {}

  // [producer] Room in one piece, to be written and then published; null when the ring is full.
  hexagent_decision* room(uint32_t* count) {
    if (written_ - head_seen_ == capacity_) {
      // Acquire: pairs with take(); the consumer has copied what it released, so we may overwrite.
      head_seen_ = head_.load(std::memory_order_acquire);
    }
    const uint64_t at = written_ & (capacity_ - 1);
    const uint64_t free = capacity_ - (written_ - head_seen_);
    *count = static_cast<uint32_t>(std::min<uint64_t>({free, capacity_ - at, UINT32_MAX}));
    return *count > 0 ? &decisions_[at] : nullptr;
  }

  // [producer] The first `count` of room() are written.
  void publish(uint32_t count) {
    written_ += count;
    // Release: pairs with take(); the decisions are visible to whoever sees the position.
    tail_.store(written_, std::memory_order_release);
  }

  // [consumer] Copies out up to `capacity`, oldest first.
  uint32_t take(hexagent_decision* decisions, uint32_t capacity) {
    if (tail_seen_ - read_ < capacity) {
      // Acquire: pairs with publish().
      tail_seen_ = tail_.load(std::memory_order_acquire);
    }
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(capacity, tail_seen_ - read_));
    if (count == 0) return 0;
    // One by one: a large memcpy() of lines that another core has written takes three times as
    // long.
    for (uint32_t i = 0; i < count; ++i) {
      decisions[i] = decisions_[(read_ + i) & (capacity_ - 1)];
    }
    read_ += count;
    // Release: pairs with room(); our copying is over.
    head_.store(read_, std::memory_order_release);
    return count;
  }

  // [producer] How many wait; those the consumer is just taking may still be counted.
  uint64_t size() {
    head_seen_ = head_.load(std::memory_order_acquire);  // acquire: as in room()
    return written_ - head_seen_;
  }

  uint64_t capacity() const { return capacity_; }
  uint64_t memory_bytes() const { return capacity_ * sizeof(hexagent_decision); }

 private:
  static constexpr uint64_t kLineBytes = 64;

  const uint64_t capacity_;
  const std::unique_ptr<hexagent_decision[]> decisions_;

  // Producer's line.
  alignas(kLineBytes) std::atomic<uint64_t> tail_{0};
  uint64_t written_ = 0;  // the same, without a load
  uint64_t head_seen_ = 0;

  // Consumer's line.
  alignas(kLineBytes) std::atomic<uint64_t> head_{0};
  uint64_t read_ = 0;
  uint64_t tail_seen_ = 0;
};

}  // namespace hexagent
