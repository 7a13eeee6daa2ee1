// The portable kernels, and which kernels this processor gets.
#include "transport/copy/kernels.h"
#include "transport/copy/kernels_scalar.h"

namespace hexagent::transport {
namespace {

template <bool sum>
uint64_t one(unsigned char* to, const unsigned char* from, size_t bytes, uint64_t seed,
             uint32_t vector) {
  return copy_scalar(to, from, bytes, seed, vector, sum);
}

template <bool sum>
uint64_t four(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
              uint64_t seed, const uint32_t* vectors) {
  uint64_t total = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    total += copy_scalar(to[lane], from[lane], bytes, seed, vectors[lane], sum);
  }
  return total;
}

void no_fence() {}

constexpr CopyKernels kPortable = {"portable",
                                   {{one<false>, one<true>}, {one<false>, one<true>}},
                                   {{four<false>, four<true>}, {four<false>, four<true>}},
                                   no_fence};

}  // namespace

const CopyKernels& portable_kernels() { return kPortable; }

const CopyKernels& best_kernels() {
  if (const CopyKernels* kernels = avx512_kernels()) return *kernels;
  if (const CopyKernels* kernels = avx2_kernels()) return *kernels;
  if (const CopyKernels* kernels = neon_kernels()) return *kernels;
  return kPortable;
}

}  // namespace hexagent::transport
