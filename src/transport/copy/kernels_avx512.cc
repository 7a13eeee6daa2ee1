// Kernels for AVX-512. Compiled with -mavx512f, so nothing here may be an inline function that
// other files share, and only the function pointers are reached, after a look at the processor.
#include "transport/copy/kernels.h"

#if defined(__AVX512F__)
#include <immintrin.h>

#include "transport/copy/kernels_vector.h"

namespace hexagent::transport {
namespace {

struct Avx512 {
  using Vector = __m512i;  // four 16-byte vectors of the checksum

  static constexpr size_t kVector = 64;
  static constexpr size_t kStep = 128;
  // Short runs end before it, and the next one is not near.
  static constexpr size_t kPrefetchAhead = 512;

  static Vector load(const unsigned char* from) { return _mm512_loadu_si512(from); }
  template <bool streaming>
  static void store(unsigned char* to, Vector value) {
    auto* target = reinterpret_cast<Vector*>(to);
    if constexpr (streaming) {
      _mm512_stream_si512(target, value);
    } else {
      _mm512_storeu_si512(target, value);
    }
  }

  static Vector zero() { return _mm512_setzero_si512(); }
  static Vector first_key(uint64_t seed, uint32_t vector) {
    const Vector places = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    const Vector steps = _mm512_mullo_epi32(places, _mm512_set1_epi32(static_cast<int>(kSumStep)));
    const uint32_t low = static_cast<uint32_t>(seed) + vector * kSumStep;
    return _mm512_add_epi32(steps, _mm512_set1_epi32(static_cast<int>(low)));
  }
  static Vector key_mask(uint64_t seed) {
    const Vector words = _mm512_set4_epi32(static_cast<int>(kSumWord3), static_cast<int>(kSumWord2),
                                           static_cast<int>(kSumWord1), 0);
    return _mm512_xor_si512(words, _mm512_set1_epi32(static_cast<int>(seed >> 32)));
  }
  static Vector add(Vector total, Vector* key, Vector mask, Vector value) {
    const Vector keyed = _mm512_add_epi32(value, _mm512_xor_si512(*key, mask));
    *key = _mm512_add_epi32(*key, _mm512_set1_epi32(static_cast<int>(4 * kSumStep)));
    return _mm512_add_epi64(total, _mm512_mul_epu32(keyed, _mm512_srli_epi64(keyed, 32)));
  }
  static uint64_t sum_of(Vector running) {
    alignas(kVector) uint64_t parts[8];
    _mm512_store_si512(parts, running);
    uint64_t total = 0;
    for (const uint64_t part : parts) total += part;
    return total;
  }
};

void fence() { _mm_sfence(); }

constexpr CopyKernels kKernels = vector_kernels<Avx512>("avx512", fence);

}  // namespace

const CopyKernels* avx512_kernels() {
  return __builtin_cpu_supports("avx512f") ? &kKernels : nullptr;
}

}  // namespace hexagent::transport

#else

namespace hexagent::transport {
const CopyKernels* avx512_kernels() { return nullptr; }
}  // namespace hexagent::transport

#endif
