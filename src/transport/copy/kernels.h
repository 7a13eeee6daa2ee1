// The innermost loops of gather and scatter, one table for each instruction set. All give the same
// bytes and the same sums. Tests: tests/unit/transport/copy/gather_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hexagent::transport {

// Streaming stores pass the caches by: right for what is not read again soon. They need targets on
// boundaries of kStreamAlign.
enum class Store : uint32_t { kCached = 0, kStreaming = 1 };

inline constexpr size_t kStreamAlign = 64;
inline constexpr uint32_t kLanes = 4;  // runs that one call copies side by side

struct CopyKernels {
  const char* name;
  // Copies `bytes`, any number, and returns the sum of its vectors from `vector` on (0 without
  // sum), the last one filled up with zeros. First index: Store; second: 1 to sum.
  uint64_t (*one[2][2])(unsigned char* to, const unsigned char* from, size_t bytes, uint64_t seed,
                        uint32_t vector);
  // The same for kLanes runs of equal length. One stream of addresses alone leaves memory channels
  // and prefetchers idle: with streaming stores it reaches half of what four do.
  uint64_t (*four[2][2])(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
                         uint64_t seed, const uint32_t* vectors);
  void (*fence)();  // streaming stores before it are seen before stores after it
};

// C++ without intrinsics; the reference.
const CopyKernels& portable_kernels();

// Null where the compiler's target or this processor lacks them.
const CopyKernels* avx2_kernels();
const CopyKernels* avx512_kernels();
const CopyKernels* neon_kernels();

// The best of this processor.
const CopyKernels& best_kernels();

}  // namespace hexagent::transport
