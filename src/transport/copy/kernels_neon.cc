// Kernels for 64-bit ARM, whose baseline has NEON: no look at the processor is needed. There are no
// streaming stores among its intrinsics; both forms are the same.
#include "transport/copy/kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include "transport/copy/kernels_vector.h"

namespace hexagent::transport {
namespace {

struct Neon {
  using Vector = uint32x4_t;  // one 16-byte vector of the checksum

  static constexpr size_t kVector = 16;
  static constexpr size_t kStep = 64;
  static constexpr size_t kPrefetchAhead = 0;

  static Vector load(const unsigned char* from) { return vreinterpretq_u32_u8(vld1q_u8(from)); }
  template <bool streaming>
  static void store(unsigned char* to, Vector value) {
    vst1q_u8(to, vreinterpretq_u8_u32(value));
  }

  static Vector zero() { return vdupq_n_u32(0); }
  static Vector first_key(uint64_t seed, uint32_t vector) {
    return vdupq_n_u32(static_cast<uint32_t>(seed) + vector * kSumStep);
  }
  static Vector key_mask(uint64_t seed) {
    const uint32_t words[4] = {0, kSumWord1, kSumWord2, kSumWord3};
    return veorq_u32(vld1q_u32(words), vdupq_n_u32(static_cast<uint32_t>(seed >> 32)));
  }
  // Adds the products of one vector: words 0 and 2 with 1 and 3.
  static Vector add(Vector total, Vector* key, Vector mask, Vector value) {
    const Vector keyed = vaddq_u32(value, veorq_u32(*key, mask));
    *key = vaddq_u32(*key, vdupq_n_u32(kSumStep));
    const uint32x2_t even = vget_low_u32(vuzp1q_u32(keyed, keyed));
    const uint32x2_t odd = vget_low_u32(vuzp2q_u32(keyed, keyed));
    return vreinterpretq_u32_u64(vmlal_u32(vreinterpretq_u64_u32(total), even, odd));
  }
  static uint64_t sum_of(Vector total) {
    const uint64x2_t parts = vreinterpretq_u64_u32(total);
    return vgetq_lane_u64(parts, 0) + vgetq_lane_u64(parts, 1);
  }
};

void neon_fence() {}

constexpr CopyKernels kKernels = vector_kernels<Neon>("neon", neon_fence);

}  // namespace

const CopyKernels* neon_kernels() { return &kKernels; }

}  // namespace hexagent::transport

#else

namespace hexagent::transport {
const CopyKernels* neon_kernels() { return nullptr; }
}  // namespace hexagent::transport

#endif
