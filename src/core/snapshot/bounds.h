// Bounds of what a snapshot may say, far beyond what any cluster reaches. They are there so that no
// estimate made of such numbers overflows or stops being a number.
#pragma once

#include <cstdint>

#include "core/base/time.h"

namespace hexagent {

// Of an estimate that was made at some time: the latest time and the longest duration (to_ns).
inline constexpr TimeNs kExpectedMaxNs = kTimeMaxNs + 4'600'000'000'000'000'000;

inline constexpr double kSecondsMost = 1e15;           // thirty million years
inline constexpr double kAmountMost = 1e24;            // tokens, bytes, pairs of tokens
inline constexpr double kWeightMost = 1e300;           // slopes of the sixteenth power of a stretch
inline constexpr uint64_t kTokensMost = 0x7fffffff;    // prompt and output fit 32 bits together
inline constexpr uint64_t kKvTokensMost = 1ULL << 40;  // of a worker's cache
inline constexpr int64_t kOrderKeyMost = 5'000'000'000'000'000'000;  // lifecycle_parts.h
inline constexpr double kWholeMost = 9007199254740992;  // sums of whole numbers are exact below it

}  // namespace hexagent
