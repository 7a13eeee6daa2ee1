// EventSignal: an eventfd that is readable while something waits for its reader.
//
// Whoever adds something raises it afterwards; the system call is made only when it was not raised
// yet. The reader takes until nothing is left, lowers it, and looks once more before it sleeps.
// Nothing is missed, whatever the interleaving; the argument stands in event_signal.cc. Both the
// descriptor an embedder waits on and the wake-up of an embedder's loop are made of this.
// Tests: tests/unit/runtime/event_signal_test.cc.
#pragma once

#include <atomic>
#include <cstdint>

namespace hexagent {

class EventSignal {
 public:
  // May throw SystemFailure.
  EventSignal();
  ~EventSignal();
  EventSignal(const EventSignal&) = delete;
  EventSignal& operator=(const EventSignal&) = delete;

  // [any thread] After what it tells of has been published.
  void raise() noexcept;

  // [reader] Before the last look for more.
  void lower() noexcept;

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  std::atomic<bool> raised_{false};
  std::atomic<uint64_t> sent_{0};  // writes to the descriptor, also those about to be made
  uint64_t received_ = 0;          // of these, read back; the reader's own
};

}  // namespace hexagent
