// The checksum of a transfer: NH, the universal hash of UMAC (RFC 4418, section 5.2.2), over
// vectors of 16 bytes, each keyed by its place in the packed transfer. A sum of products modulo
// 2^64: any order of the vectors gives the same value, so threads, SIMD lanes and chunks need no
// order and partial sums add up. It finds accidents (flipped bits, swapped blocks, stale bytes),
// and withstands no adversary.
//
// Every function is `static`: this header is compiled into files with instruction sets of their
// own, and a shared inline function could be taken from the wrong one. It is also compiled for
// devices. Tests: tests/unit/transport/copy/gather_test.cc.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define HEXAGENT_HOST_DEVICE static __host__ __device__ __forceinline__
#else
#define HEXAGENT_HOST_DEVICE [[maybe_unused]] static inline
#endif

namespace hexagent::transport {

// Spread of keys over places, and the constants that part the four words of one vector.
inline constexpr uint32_t kSumStep = 0x9E3779B9u;
inline constexpr uint32_t kSumWord1 = 0xA5A5A5A5u;
inline constexpr uint32_t kSumWord2 = 0x3C3C3C3Cu;
inline constexpr uint32_t kSumWord3 = 0xFFFFFFFFu;

inline constexpr uint32_t kSumVectorBytes = 16;

HEXAGENT_HOST_DEVICE uint32_t sum_key(uint64_t seed, uint32_t vector) {
  return (static_cast<uint32_t>(seed) + vector * kSumStep) ^ static_cast<uint32_t>(seed >> 32);
}

// One vector, its four words in memory order (little endian).
HEXAGENT_HOST_DEVICE uint64_t sum_vector(uint32_t word0, uint32_t word1, uint32_t word2,
                                         uint32_t word3, uint64_t seed, uint32_t vector) {
  const uint32_t key = sum_key(seed, vector);
  const uint32_t a = word0 + key;
  const uint32_t b = word1 + (key ^ kSumWord1);
  const uint32_t c = word2 + (key ^ kSumWord2);
  const uint32_t d = word3 + (key ^ kSumWord3);
  return static_cast<uint64_t>(a) * b + static_cast<uint64_t>(c) * d;
}

}  // namespace hexagent::transport
