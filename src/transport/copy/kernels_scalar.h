// One run, vector by vector, without intrinsics: the portable kernel, and the ends that the others
// leave. Everything is `static`; checksum.h says why. Tests:
// tests/unit/transport/copy/gather_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "transport/copy/checksum.h"

namespace hexagent::transport {

[[maybe_unused]] static inline uint64_t copy_scalar(unsigned char* to, const unsigned char* from,
                                                    size_t bytes, uint64_t seed, uint32_t vector,
                                                    bool sum) {
  if (!sum) {
    memcpy(to, from, bytes);
    return 0;
  }
  uint64_t total = 0;
  size_t at = 0;
  for (; at + kSumVectorBytes <= bytes; at += kSumVectorBytes) {
    uint32_t words[4];
    memcpy(words, from + at, sizeof(words));
    memcpy(to + at, words, sizeof(words));
    total += sum_vector(words[0], words[1], words[2], words[3], seed, vector++);
  }
  if (at < bytes) {
    uint32_t words[4] = {};
    memcpy(words, from + at, bytes - at);
    memcpy(to + at, words, bytes - at);
    total += sum_vector(words[0], words[1], words[2], words[3], seed, vector);
  }
  return total;
}

}  // namespace hexagent::transport
