// Division of 32-bit numbers by one that is known before a launch: a multiplication and shifts,
// since a device has no instruction for division and each 16 bytes would need four of them. After
// Granlund and Montgomery, "Division by invariant integers using multiplication" (PLDI 1994),
// figure 4.1: right for every numerator and divisor. Tests:
// tests/unit/transport/cuda/copy_plan_test.cc.
#pragma once

#include <cstdint>

#include "transport/copy/checksum.h"

namespace hexagent::transport {

struct FastDivide {
  uint32_t divisor;
  uint32_t multiplier;
  uint32_t shift_first;
  uint32_t shift_last;
};

// `divisor` is not 0.
inline FastDivide fast_divide_by(uint32_t divisor) {
  uint32_t log = 0;  // of the divisor, rounded up
  while (log < 32 && (uint64_t{1} << log) < divisor) ++log;
  const uint64_t above = (uint64_t{1} << log) - divisor;
  const auto multiplier = static_cast<uint32_t>((above << 32) / divisor + 1);
  return {divisor, multiplier, log < 1 ? log : 1, log > 0 ? log - 1 : 0};
}

HEXAGENT_HOST_DEVICE uint32_t quotient(const FastDivide& by, uint32_t value) {
  const auto high = static_cast<uint32_t>((static_cast<uint64_t>(by.multiplier) * value) >> 32);
  return (high + ((value - high) >> by.shift_first)) >> by.shift_last;
}

}  // namespace hexagent::transport
