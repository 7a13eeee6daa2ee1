// What the tests of orders share. A larger key is more urgent.
#pragma once

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "core/plan/order.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace hexagent {

inline constexpr TimeNs kArrival = 100 * kSecondNs;  // of every workflow

inline bool near(double a, double b) { return std::fabs(a - b) < 1e-9; }

// `after_s`: now, since the arrival.
inline double key(const Order& order, const Workflow& workflow, const Call& call, double after_s,
                  double delta_s = 0.0, const Settings& settings = Settings{}) {
  const TimeNs now = kArrival + static_cast<TimeNs>(after_s * 1e9);
  return order.key({call, workflow, settings, now, delta_s});
}

}  // namespace hexagent
