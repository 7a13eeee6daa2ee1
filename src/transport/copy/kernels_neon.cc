// Kernels for 64-bit ARM, whose baseline has NEON: no look at the processor is needed. There are no
// streaming stores among its intrinsics; both forms are the same.
#include "transport/copy/kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include "transport/copy/kernels_scalar.h"

namespace hexagent::transport {
namespace {

constexpr size_t kStep = 64;  // bytes of one lane a turn

// Adds the products of one vector: words 0 and 2 with 1 and 3.
uint64x2_t add(uint64x2_t total, uint32x4_t value, uint32_t key, uint32x4_t mask) {
  const uint32x4_t keyed = vaddq_u32(value, veorq_u32(vdupq_n_u32(key), mask));
  const uint32x2_t even = vget_low_u32(vuzp1q_u32(keyed, keyed));
  const uint32x2_t odd = vget_low_u32(vuzp2q_u32(keyed, keyed));
  return vmlal_u32(total, even, odd);
}

template <bool sum, uint32_t lanes>
uint64_t copy(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
              uint64_t seed, const uint32_t* vectors) {
  const uint32_t words[4] = {0, kSumWord1, kSumWord2, kSumWord3};
  const uint32x4_t mask =
      veorq_u32(vld1q_u32(words), vdupq_n_u32(static_cast<uint32_t>(seed >> 32)));
  uint64x2_t running = vdupq_n_u64(0);
  uint32_t keys[lanes];
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    keys[lane] = static_cast<uint32_t>(seed) + vectors[lane] * kSumStep;
  }
  const size_t whole = bytes / kStep * kStep;
  for (size_t at = 0; at < whole; at += kStep) {
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      for (size_t i = 0; i < kStep; i += kSumVectorBytes) {
        const uint8x16_t value = vld1q_u8(from[lane] + at + i);
        vst1q_u8(to[lane] + at + i, value);
        if constexpr (sum) {
          running = add(running, vreinterpretq_u32_u8(value), keys[lane], mask);
          keys[lane] += kSumStep;
        }
      }
    }
  }
  uint64_t total = sum ? vgetq_lane_u64(running, 0) + vgetq_lane_u64(running, 1) : 0;
  for (uint32_t lane = 0; lane < lanes && whole < bytes; ++lane) {
    total += copy_scalar(to[lane] + whole, from[lane] + whole, bytes - whole, seed,
                         vectors[lane] + static_cast<uint32_t>(whole / kSumVectorBytes), sum);
  }
  return total;
}

template <bool sum>
uint64_t one(unsigned char* to, const unsigned char* from, size_t bytes, uint64_t seed,
             uint32_t vector) {
  return copy<sum, 1>(&to, &from, bytes, seed, &vector);
}

template <bool sum>
uint64_t four(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
              uint64_t seed, const uint32_t* vectors) {
  return copy<sum, kLanes>(to, from, bytes, seed, vectors);
}

void no_fence() {}

constexpr CopyKernels kKernels = {"neon",
                                  {{one<false>, one<true>}, {one<false>, one<true>}},
                                  {{four<false>, four<true>}, {four<false>, four<true>}},
                                  no_fence};

}  // namespace

const CopyKernels* neon_kernels() { return &kKernels; }

}  // namespace hexagent::transport

#else

namespace hexagent::transport {
const CopyKernels* neon_kernels() { return nullptr; }
}  // namespace hexagent::transport

#endif
