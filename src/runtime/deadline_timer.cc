// DeadlineTimer: see deadline_timer.h.
#include "runtime/deadline_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/system_failure.h"

namespace hexagent {

DeadlineTimer::DeadlineTimer()
    : descriptor_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  if (descriptor_ < 0) throw SystemFailure{"a timer descriptor", errno};
}

DeadlineTimer::~DeadlineTimer() { close(descriptor_); }

void DeadlineTimer::arm(TimeNs deadline) noexcept {
  if (deadline >= armed_) return;
  armed_ = deadline;
  const TimeNs at = std::max<TimeNs>(deadline, 1);  // 0 would disarm
  itimerspec spec = {};
  spec.it_value.tv_sec = at / kSecondNs;
  spec.it_value.tv_nsec = at % kSecondNs;
  timerfd_settime(descriptor_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void DeadlineTimer::acknowledge(TimeNs now) noexcept {
  if (now < armed_) return;
  // Disarming also clears an expiry that was not read. Reading would not do: when `now` is read a
  // moment before the timer fires there is nothing to read yet, and it would fire for nobody.
  const itimerspec disarmed = {};
  timerfd_settime(descriptor_, 0, &disarmed, nullptr);
  armed_ = kNever;
}

}  // namespace hexagent
