// Time in the core: integer nanoseconds of the caller's monotonic clock, always passed in as `now`.
// Model times are double seconds and become TimeNs only through to_ns(), so rounding is in one
// place.
#pragma once

#include <cstdint>
#include <limits>

namespace hexagent {

using TimeNs = int64_t;

inline constexpr TimeNs kNever = std::numeric_limits<TimeNs>::max();
inline constexpr TimeNs kSecondNs = 1'000'000'000;
inline constexpr TimeNs kMillisecondNs = 1'000'000;
inline constexpr double kNsPerS = 1e9;

// Latest time that anybody may speak of: the Unix clock until 2096. With the longest estimate
// (to_ns) or duration added it still fits.
inline constexpr TimeNs kTimeMaxNs = 4'000'000'000'000'000'000;

// Rounds to the nearest nanosecond. Saturates at about 146 years, far beyond any estimate.
inline TimeNs to_ns(double seconds) {
  constexpr double kLimitS = 4.6e9;
  if (!(seconds > 0.0)) return 0;
  if (seconds > kLimitS) seconds = kLimitS;
  return static_cast<TimeNs>(seconds * 1e9 + 0.5);
}

inline double to_s(TimeNs duration_ns) { return static_cast<double>(duration_ns) * 1e-9; }

}  // namespace hexagent
