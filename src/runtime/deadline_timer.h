// DeadlineTimer: a descriptor that becomes readable at a point of CLOCK_MONOTONIC (a timerfd).
//
// uv_timer_t counts in milliseconds, and the descriptor of a libuv loop does not turn readable for
// its timers at all; a timerfd has neither fault, so both driving modes that wait use it. It is set
// lazily: a deadline that moves away leaves it as it is, at the price of one needless wake-up,
// which spares a system call per batch. One thread at a time.
#pragma once

#include "core/base/time.h"

namespace hexagent {

class DeadlineTimer {
 public:
  // May throw SystemFailure.
  DeadlineTimer();
  ~DeadlineTimer();
  DeadlineTimer(const DeadlineTimer&) = delete;
  DeadlineTimer& operator=(const DeadlineTimer&) = delete;

  // Readable at `deadline` or before; kNever: not on its account.
  void arm(TimeNs deadline) noexcept;

  // Makes it unreadable when `now` has reached what it was armed for; arm() it again.
  void acknowledge(TimeNs now) noexcept;

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  TimeNs armed_ = kNever;
};

}  // namespace hexagent
