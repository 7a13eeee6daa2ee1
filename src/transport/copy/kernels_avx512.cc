// Kernels for AVX-512. Compiled with -mavx512f, so nothing here may be an inline function that
// other files share, and only the function pointers are reached, after a look at the processor.
#include "transport/copy/kernels.h"

#if defined(__AVX512F__)
#include <immintrin.h>

#include "transport/copy/kernels_scalar.h"

namespace hexagent::transport {
namespace {

constexpr size_t kVector = 64;
constexpr size_t kStep = 128;           // bytes of one lane a turn
constexpr size_t kPrefetchAhead = 512;  // bytes; short runs end before it, and the next is not near

// Keys of the four 16-byte vectors in a register, and the running sum.
struct Sum {
  __m512i mask;
  __m512i total;
};

__m512i first_key(uint64_t seed, uint32_t vector) {
  const __m512i places = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  const __m512i steps = _mm512_mullo_epi32(places, _mm512_set1_epi32(static_cast<int>(kSumStep)));
  const uint32_t low = static_cast<uint32_t>(seed) + vector * kSumStep;
  return _mm512_add_epi32(steps, _mm512_set1_epi32(static_cast<int>(low)));
}

__m512i key_mask(uint64_t seed) {
  const __m512i words = _mm512_set4_epi32(static_cast<int>(kSumWord3), static_cast<int>(kSumWord2),
                                          static_cast<int>(kSumWord1), 0);
  return _mm512_xor_si512(words, _mm512_set1_epi32(static_cast<int>(seed >> 32)));
}

void add(Sum* sum, __m512i* key, __m512i value) {
  const __m512i keyed = _mm512_add_epi32(value, _mm512_xor_si512(*key, sum->mask));
  *key = _mm512_add_epi32(*key, _mm512_set1_epi32(static_cast<int>(4 * kSumStep)));
  sum->total = _mm512_add_epi64(sum->total, _mm512_mul_epu32(keyed, _mm512_srli_epi64(keyed, 32)));
}

uint64_t total_of(const Sum& sum) {
  alignas(kVector) uint64_t parts[8];
  _mm512_store_si512(parts, sum.total);
  uint64_t total = 0;
  for (const uint64_t part : parts) total += part;
  return total;
}

template <bool streaming>
void store(unsigned char* to, __m512i value) {
  auto* target = reinterpret_cast<__m512i*>(to);
  if constexpr (streaming) {
    _mm512_stream_si512(target, value);
  } else {
    _mm512_storeu_si512(target, value);
  }
}

template <bool streaming, bool sum, uint32_t lanes>
uint64_t copy(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
              uint64_t seed, const uint32_t* vectors) {
  Sum running = {key_mask(seed), _mm512_setzero_si512()};
  __m512i keys[lanes];
  for (uint32_t lane = 0; lane < lanes; ++lane) keys[lane] = first_key(seed, vectors[lane]);
  const size_t whole = bytes / kStep * kStep;
  for (size_t at = 0; at < whole; at += kStep) {
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      const unsigned char* source = from[lane] + at;
      _mm_prefetch(reinterpret_cast<const char*>(source + kPrefetchAhead), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(source + kPrefetchAhead + 64), _MM_HINT_T0);
      __m512i values[kStep / kVector];
      for (uint32_t i = 0; i < kStep / kVector; ++i) {
        values[i] = _mm512_loadu_si512(source + i * kVector);
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
    "avx512",
    {{one<false, false>, one<false, true>}, {one<true, false>, one<true, true>}},
    {{four<false, false>, four<false, true>}, {four<true, false>, four<true, true>}},
    fence};

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
