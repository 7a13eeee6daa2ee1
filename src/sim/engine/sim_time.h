// Simulated time: integer nanoseconds of virtual time. Model times are double seconds and become
// TimeNs only through to_ns(), so that rounding happens in one place.
// Covered by the tests of every engine.
#pragma once

#include <cstdint>
#include <limits>

namespace hexagent::sim {

using TimeNs = int64_t;

inline constexpr TimeNs kNever = std::numeric_limits<TimeNs>::max();
inline constexpr double kNsPerSecond = 1e9;

// Rounds to the nearest nanosecond and never below one: a step that took no time at all would let
// an engine loop without virtual time moving on.
inline TimeNs to_ns(double seconds) {
  const double duration_ns = seconds * kNsPerSecond + 0.5;
  return duration_ns < 1.0 ? TimeNs{1} : static_cast<TimeNs>(duration_ns);
}

inline double to_s(TimeNs duration_ns) { return static_cast<double>(duration_ns) / kNsPerSecond; }

}  // namespace hexagent::sim
