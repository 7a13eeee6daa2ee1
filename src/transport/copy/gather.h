// Gather and scatter: between the blocks of a pool and their packed form, with the checksum in the
// same pass. What is copied where comes from kv_index.h, the loops from kernels.h. Tests:
// tests/unit/transport/copy/gather_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "transport/copy/kernels.h"
#include "transport/copy/kv_index.h"

namespace hexagent::transport {

// A row of fragments of a transfer and the staging memory that starts with the first of them.
struct Chunk {
  const KvCopy* copy;
  uint64_t first_fragment;
  uint64_t fragment_count;
  unsigned char* staged;  // on a boundary of 16 bytes
};

// Kernels by the name in their table; null where this processor has none of that name.
const CopyKernels* kernels_by_name(std::string_view name);

struct SumOption {
  bool on = false;
  uint64_t seed = 0;
};

// Bytes that the packed form of the chunk takes.
uint64_t staged_bytes(const Chunk& chunk);

// Pool to staging. Padding becomes zero. Returns the sum of the chunk, 0 without one.
uint64_t gather(const CopyKernels& kernels, const Chunk& chunk, SumOption sum, Store store);

// Staging to pool. Writes the bytes of the selected heads and tokens of the fragments, no others.
uint64_t scatter(const CopyKernels& kernels, const Chunk& chunk, SumOption sum, Store store);

}  // namespace hexagent::transport
