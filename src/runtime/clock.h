// The clock of the driving modes in which the library itself tells the time. Read once per batch;
// the core is only ever told. Manual driving has no clock.
#pragma once

#include <ctime>

#include "core/base/time.h"

namespace hexagent {

// CLOCK_MONOTONIC; the same for all threads of the machine, and what a timerfd is set by.
inline TimeNs monotonic_now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<TimeNs>(time.tv_sec) * kSecondNs + static_cast<TimeNs>(time.tv_nsec);
}

}  // namespace hexagent
