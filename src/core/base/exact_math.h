// Arithmetic that gives the same bits with every compiler and C library: no libm on a decision
// path. Only + - * / of doubles, whose results IEEE 754 fixes to the last bit, and integer work on
// their bit pattern; builds must not contract expressions (-ffp-contract=off). Tests:
// tests/unit/core/base/exact_math_test.cc.
#pragma once

#include <bit>
#include <cstdint>

#include "core/base/check.h"

namespace hexagent {

// base to the power of a whole number, by squaring.
inline double whole_power(double base, uint32_t exponent) {
  double result = 1.0;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result *= base;
    base *= base;
  }
  return result;
}

// Base-two logarithm of a positive, normal, finite number. Error below 1e-15 or four roundings,
// whichever is larger; powers of two are exact.
inline double exact_log2(double value) {
  constexpr double kSmallestNormal = 0x1p-1022;
  constexpr double kLargest = 0x1.fffffffffffffp1023;
  HEXAGENT_CHECK(value >= kSmallestNormal && value <= kLargest);  // false for NaN
  constexpr uint64_t kMantissaBits = 0x000fffffffffffffu;
  constexpr uint64_t kExponentOfOne = 0x3ff0000000000000u;
  constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1;
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & kMantissaBits) | kExponentOfOne);  // [1, 2)
  if (mantissa * 0.5 > kSqrtHalf) {
    mantissa *= 0.5;
    ++exponent;
  }
  // ln m = 2 (t + t^3 / 3 + t^5 / 5 ...) with t = (m - 1) / (m + 1); |t| < 0.1716 within
  // [sqrt(1/2), sqrt(2)], so eleven terms leave less than 1e-18.
  const double t = (mantissa - 1.0) / (mantissa + 1.0);
  const double square = t * t;
  double series = 0.0;
  for (int order = 21; order >= 1; order -= 2) series = series * square + 1.0 / order;
  constexpr double kTwoOverLn2 = 0x1.71547652b82fep+1;
  return static_cast<double>(exponent) + kTwoOverLn2 * t * series;
}

// Two to the power of `exponent`. Relative error below 1e-15; whole exponents are exact. Saturates
// at the smallest and the largest power of two that is a normal number.
inline double exact_exp2(double exponent) {
  HEXAGENT_CHECK(exponent == exponent);
  if (exponent <= -1022.0) return 0x1p-1022;
  if (exponent >= 1023.0) return 0x1p1023;
  const int64_t whole = static_cast<int64_t>(exponent + (exponent < 0.0 ? -0.5 : 0.5));
  constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  const double rest = (exponent - static_cast<double>(whole)) * kLn2;  // |rest| < 0.3466
  // Taylor series of e^rest; fourteen terms leave less than 1e-17.
  double series = 1.0;
  for (int order = 14; order >= 1; --order) series = 1.0 + series * rest / order;
  return series * std::bit_cast<double>(static_cast<uint64_t>(whole + 1023) << 52);
}

// Standard normal quantile: how many standard deviations above the mean a share in (0, 1) lies.
// Rational approximation 26.2.23 of Abramowitz and Stegun, absolute error below 4.5e-4; exactly 0
// at one half.
inline double normal_quantile(double share) {
  HEXAGENT_CHECK(share > 0.0 && share < 1.0);
  if (share == 0.5) return 0.0;
  const double tail = share < 0.5 ? share : 1.0 - share;
  constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  const double squared = -2.0 * kLn2 * exact_log2(tail);
  const double t = exact_exp2(0.5 * exact_log2(squared));
  const double above = 2.515517 + t * (0.802853 + t * 0.010328);
  const double below = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  const double distance = t - above / below;
  return share < 0.5 ? -distance : distance;
}

}  // namespace hexagent
