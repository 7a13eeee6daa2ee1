// EmbedderLoop: driving by an event loop of the embedder's. One descriptor tells when there is
// work, run_once() does it, on the embedder's thread.
//
// The descriptor is an epoll set of three: inputs wait, a timer is due, decisions wait. Inputs come
// from any thread; everything else belongs to one thread at a time. Tests:
// tests/abi/loop_driving_test.c.
#pragma once

#include <cstdint>

#include "runtime/deadline_timer.h"
#include "runtime/driver.h"
#include "runtime/event_signal.h"

namespace hexagent {

class EmbedderLoop {
 public:
  // All of it outlives this. May throw SystemFailure.
  EmbedderLoop(Scheduler* core, Driver* driver, IntakeRing* intake);
  ~EmbedderLoop();
  EmbedderLoop(const EmbedderLoop&) = delete;
  EmbedderLoop& operator=(const EmbedderLoop&) = delete;

  // [any thread] After a push.
  void wake() noexcept { inputs_ready_.raise(); }

  // [any thread] After the handle was poisoned: whoever waits must notice.
  void tell_poisoned() noexcept { decisions_ready_.raise(); }

  // As hexagent_run_once(), with at least one input allowed. May throw as Driver::step().
  void run_once(uint64_t inputs_max);

  // As hexagent_poll(), without its checks.
  uint32_t poll(hexagent_decision* decisions, uint32_t capacity);

  int descriptor() const { return epoll_; }

 private:
  void watch(int descriptor);

  Scheduler* const core_;
  Driver* const driver_;
  IntakeRing* const intake_;
  EventSignal inputs_ready_;
  EventSignal decisions_ready_;
  DeadlineTimer timer_;
  int epoll_;
};

}  // namespace hexagent
