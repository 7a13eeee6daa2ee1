// Kernels for AVX2. Compiled with -mavx2, so nothing here may be an inline function that other
// files share, and only the function pointers are reached, after a look at the processor.
#include "transport/copy/kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include "transport/copy/kernels_vector.h"

namespace hexagent::transport {
namespace {

struct Avx2 {
  using Vector = __m256i;  // two 16-byte vectors of the checksum

  static constexpr size_t kVector = 32;
  static constexpr size_t kStep = 128;
  // Short runs end before it, and the next one is not near.
  static constexpr size_t kPrefetchAhead = 512;

  static Vector load(const unsigned char* from) {
    return _mm256_loadu_si256(reinterpret_cast<const Vector*>(from));
  }
  template <bool streaming>
  static void store(unsigned char* to, Vector value) {
    auto* target = reinterpret_cast<Vector*>(to);
    if constexpr (streaming) {
      _mm256_stream_si256(target, value);
    } else {
      _mm256_storeu_si256(target, value);
    }
  }

  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector first_key(uint64_t seed, uint32_t vector) {
    const auto low = static_cast<int>(static_cast<uint32_t>(seed) + vector * kSumStep);
    const auto high = static_cast<int>(static_cast<uint32_t>(low) + kSumStep);
    return _mm256_set_epi32(high, high, high, high, low, low, low, low);
  }
  static Vector key_mask(uint64_t seed) {
    const auto word1 = static_cast<int>(kSumWord1);
    const auto word2 = static_cast<int>(kSumWord2);
    const auto word3 = static_cast<int>(kSumWord3);
    const Vector words = _mm256_set_epi32(word3, word2, word1, 0, word3, word2, word1, 0);
    return _mm256_xor_si256(words, _mm256_set1_epi32(static_cast<int>(seed >> 32)));
  }
  static Vector add(Vector total, Vector* key, Vector mask, Vector value) {
    const Vector keyed = _mm256_add_epi32(value, _mm256_xor_si256(*key, mask));
    *key = _mm256_add_epi32(*key, _mm256_set1_epi32(static_cast<int>(2 * kSumStep)));
    return _mm256_add_epi64(total, _mm256_mul_epu32(keyed, _mm256_srli_epi64(keyed, 32)));
  }
  static uint64_t sum_of(Vector total) {
    alignas(kVector) uint64_t parts[4];
    _mm256_store_si256(reinterpret_cast<Vector*>(parts), total);
    return parts[0] + parts[1] + parts[2] + parts[3];
  }
};

void fence() { _mm_sfence(); }

constexpr CopyKernels kKernels = vector_kernels<Avx2>("avx2", fence);

}  // namespace

const CopyKernels* avx2_kernels() { return __builtin_cpu_supports("avx2") ? &kKernels : nullptr; }

}  // namespace hexagent::transport

#else

namespace hexagent::transport {
const CopyKernels* avx2_kernels() { return nullptr; }
}  // namespace hexagent::transport

#endif
