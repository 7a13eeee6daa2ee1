// Kernels for AVX2. Compiled with -mavx2, so nothing here may be an inline function that other
// files share, and only the function pointers are reached, after a look at the processor.
#include "transport/copy/kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include "transport/copy/kernels_scalar.h"

namespace hexagent::transport {
namespace {

constexpr size_t kVector = 32;
constexpr size_t kStep = 128;           // bytes of one lane a turn
constexpr size_t kPrefetchAhead = 512;  // bytes; short runs end before it, and the next is not near

// Keys of the two 16-byte vectors in a register, and the running sum.
struct Sum {
  __m256i mask;
  __m256i total;
};

__m256i first_key(uint64_t seed, uint32_t vector) {
  const auto low = static_cast<int>(static_cast<uint32_t>(seed) + vector * kSumStep);
  const auto high = static_cast<int>(static_cast<uint32_t>(low) + kSumStep);
  return _mm256_set_epi32(high, high, high, high, low, low, low, low);
}

__m256i key_mask(uint64_t seed) {
  const auto word1 = static_cast<int>(kSumWord1);
  const auto word2 = static_cast<int>(kSumWord2);
  const auto word3 = static_cast<int>(kSumWord3);
  const __m256i words = _mm256_set_epi32(word3, word2, word1, 0, word3, word2, word1, 0);
  return _mm256_xor_si256(words, _mm256_set1_epi32(static_cast<int>(seed >> 32)));
}

void add(Sum* sum, __m256i* key, __m256i value) {
  const __m256i keyed = _mm256_add_epi32(value, _mm256_xor_si256(*key, sum->mask));
  *key = _mm256_add_epi32(*key, _mm256_set1_epi32(static_cast<int>(2 * kSumStep)));
  sum->total = _mm256_add_epi64(sum->total, _mm256_mul_epu32(keyed, _mm256_srli_epi64(keyed, 32)));
}

uint64_t total_of(const Sum& sum) {
  alignas(kVector) uint64_t parts[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(parts), sum.total);
  return parts[0] + parts[1] + parts[2] + parts[3];
}

template <bool streaming>
void store(unsigned char* to, __m256i value) {
  auto* target = reinterpret_cast<__m256i*>(to);
  if constexpr (streaming) {
    _mm256_stream_si256(target, value);
  } else {
    _mm256_storeu_si256(target, value);
  }
}

template <bool streaming, bool sum, uint32_t lanes>
uint64_t copy(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
              uint64_t seed, const uint32_t* vectors) {
  Sum running = {key_mask(seed), _mm256_setzero_si256()};
  __m256i keys[lanes];
  for (uint32_t lane = 0; lane < lanes; ++lane) keys[lane] = first_key(seed, vectors[lane]);
  const size_t whole = bytes / kStep * kStep;
  for (size_t at = 0; at < whole; at += kStep) {
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      const unsigned char* source = from[lane] + at;
      _mm_prefetch(reinterpret_cast<const char*>(source + kPrefetchAhead), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(source + kPrefetchAhead + 64), _MM_HINT_T0);
      __m256i values[kStep / kVector];
      for (uint32_t i = 0; i < kStep / kVector; ++i) {
        values[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + i * kVector));
      }
      for (uint32_t i = 0; i < kStep / kVector; ++i) {
        store<streaming>(to[lane] + at + i * kVector, values[i]);
        if constexpr (sum) add(&running, &keys[lane], values[i]);
      }
    }
  }
  uint64_t total = sum ? total_of(running) : 0;
  for (uint32_t lane = 0; lane < lanes && whole < bytes; ++lane) {
    total += copy_scalar(to[lane] + whole, from[lane] + whole, bytes - whole, seed,
                         vectors[lane] + static_cast<uint32_t>(whole / kSumVectorBytes), sum);
  }
  return total;
}

template <bool streaming, bool sum>
uint64_t one(unsigned char* to, const unsigned char* from, size_t bytes, uint64_t seed,
             uint32_t vector) {
  return copy<streaming, sum, 1>(&to, &from, bytes, seed, &vector);
}

template <bool streaming, bool sum>
uint64_t four(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
              uint64_t seed, const uint32_t* vectors) {
  return copy<streaming, sum, kLanes>(to, from, bytes, seed, vectors);
}

void fence() { _mm_sfence(); }

constexpr CopyKernels kKernels = {
    "avx2",
    {{one<false, false>, one<false, true>}, {one<true, false>, one<true, true>}},
    {{four<false, false>, four<false, true>}, {four<true, false>, four<true, true>}},
    fence};

}  // namespace

const CopyKernels* avx2_kernels() { return __builtin_cpu_supports("avx2") ? &kKernels : nullptr; }

}  // namespace hexagent::transport

#else

namespace hexagent::transport {
const CopyKernels* avx2_kernels() { return nullptr; }
}  // namespace hexagent::transport

#endif
