// EventQueue: what the engine is told, bounded; the endpoint's thread adds, the engine polls. A
// mutex is enough: some events a transfer, and neither side holds it for longer than a copy.
// Tests: tests/unit/endpoint/endpoint_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <vector>

#include "hexagent/endpoint.h"
#include "runtime/event_signal.h"

namespace hexagent::endpoint {

class EventQueue {
 public:
  // May throw std::bad_alloc, SystemFailure.
  explicit EventQueue(uint32_t capacity) : events_(capacity) {}

  // [endpoint's thread] Places that are free. The engine only makes more.
  uint32_t room() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<uint32_t>(events_.size()) - count_;
  }

  // [endpoint's thread] There must be room.
  void push(const hexagent_endpoint_event& event) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      events_[(first_ + count_) % events_.size()] = event;
      ++count_;
    }
    signal_.raise();
  }

  // [one consumer]
  uint32_t take(hexagent_endpoint_event* events, uint32_t capacity) {
    uint32_t taken = take_now(events, capacity);
    if (taken > 0 || capacity == 0) return taken;
    signal_.lower();
    taken = take_now(events, capacity);
    // What is left keeps the descriptor readable.
    if (taken == capacity) signal_.raise();
    return taken;
  }

  // [any thread] Whoever waits must notice that nothing will come.
  void wake_consumer() noexcept { signal_.raise(); }

  int descriptor() const { return signal_.descriptor(); }

 private:
  uint32_t take_now(hexagent_endpoint_event* events, uint32_t capacity) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint32_t taken = std::min(capacity, count_);
    for (uint32_t i = 0; i < taken; ++i) events[i] = events_[(first_ + i) % events_.size()];
    first_ = static_cast<uint32_t>((first_ + taken) % events_.size());
    count_ -= taken;
    return taken;
  }

  std::mutex mutex_;
  std::vector<hexagent_endpoint_event> events_;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
  EventSignal signal_;
};

}  // namespace hexagent::endpoint
