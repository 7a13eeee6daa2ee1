// Index math of paged KV, the same code on host and device: where the bytes of a transfer lie in
// the pool and where they lie packed ("staged").
//
// A transfer moves *fragments*: what one region (a layer's K or V) holds of one block. In packed
// form fragments follow each other region by region, in each region block by block. A fragment is
// packed as rows, each on a boundary of 16 bytes:
//   NHD   a row is a token: its selected heads
//   HND   a row is a head: its tokens
//   FLAT  one row, all tokens
// which does not depend on how many heads either end has in all, so ends of different tensor
// parallelism agree. In the pool a fragment is `outer_count` x `inner_count` runs of `run_bytes`;
// rows that touch each other in both places are one run.
//
// Who makes these from a pool: kv_layout.h. Tests: tests/unit/transport/copy/kv_index_test.cc.
#pragma once

#include <cstdint>

#include "transport/copy/checksum.h"

namespace hexagent::transport {

// How the bytes of one block in one region lie, for a number of tokens.
struct FragmentShape {
  uint32_t outer_count;
  uint32_t inner_count;
  uint32_t run_bytes;
  uint32_t staged_bytes;  // of the packed fragment, a multiple of 16
  uint32_t staged_outer;  // packed: from one outer run to the next
  uint32_t staged_inner;
  uint32_t outer_stride;  // in the pool, likewise
  uint32_t inner_stride;
};

// One end of a transfer. Arrays live as long as the transfer does.
struct KvCopy {
  const uint64_t* region_bases;  // of its first layer on
  const int32_t* blocks;
  uint64_t block_stride_bytes;
  uint64_t block_offset;  // of the first selected head inside a block
  uint32_t region_count;
  uint32_t block_count;
  FragmentShape full;
  FragmentShape last;  // of the last block in the list
};

// A contiguous piece of memory at both ends.
struct KvRun {
  uint64_t address;
  uint64_t staged_offset;  // from the start of the packed transfer
  uint32_t bytes;
};

HEXAGENT_HOST_DEVICE uint64_t fragment_count(const KvCopy& copy) {
  return static_cast<uint64_t>(copy.region_count) * copy.block_count;
}

HEXAGENT_HOST_DEVICE uint64_t region_staged_bytes(const KvCopy& copy) {
  return static_cast<uint64_t>(copy.block_count - 1) * copy.full.staged_bytes +
         copy.last.staged_bytes;
}

// Where fragment number `fragment`, 0 ... fragment_count(), starts in packed form.
HEXAGENT_HOST_DEVICE uint64_t fragment_staged_offset(const KvCopy& copy, uint64_t fragment) {
  const uint64_t region = fragment / copy.block_count;
  const uint64_t block = fragment % copy.block_count;
  return region * region_staged_bytes(copy) + block * copy.full.staged_bytes;
}

HEXAGENT_HOST_DEVICE const FragmentShape& fragment_shape(const KvCopy& copy, uint64_t fragment) {
  return fragment % copy.block_count == copy.block_count - 1 ? copy.last : copy.full;
}

// Where the pool keeps the first byte of a fragment.
HEXAGENT_HOST_DEVICE uint64_t fragment_address(const KvCopy& copy, uint64_t fragment) {
  const uint64_t region = fragment / copy.block_count;
  const auto id = static_cast<uint32_t>(copy.blocks[fragment % copy.block_count]);
  return copy.region_bases[region] + id * copy.block_stride_bytes + copy.block_offset;
}

HEXAGENT_HOST_DEVICE uint32_t run_count(const FragmentShape& shape) {
  return shape.outer_count * shape.inner_count;
}

// Run number `run` of a fragment.
HEXAGENT_HOST_DEVICE KvRun run_at(const KvCopy& copy, uint64_t fragment, uint32_t run) {
  const FragmentShape& shape = fragment_shape(copy, fragment);
  const uint32_t outer = run / shape.inner_count;
  const uint32_t inner = run % shape.inner_count;
  const uint64_t in_block = static_cast<uint64_t>(outer) * shape.outer_stride +
                            static_cast<uint64_t>(inner) * shape.inner_stride;
  const uint64_t in_stage = static_cast<uint64_t>(outer) * shape.staged_outer +
                            static_cast<uint64_t>(inner) * shape.staged_inner;
  return {fragment_address(copy, fragment) + in_block,
          fragment_staged_offset(copy, fragment) + in_stage, shape.run_bytes};
}

// For a device's lane: what the 16 bytes at `offset` of a packed fragment are in the pool. `bytes`
// is less than 16 at the end of a run, and 0 where there is only padding.
HEXAGENT_HOST_DEVICE KvRun vector_at(const KvCopy& copy, uint64_t fragment, uint32_t offset) {
  const FragmentShape& shape = fragment_shape(copy, fragment);
  const uint32_t outer = offset / shape.staged_outer;
  const uint32_t in_outer = offset % shape.staged_outer;
  const uint32_t inner = in_outer / shape.staged_inner;
  const uint32_t in_run = in_outer % shape.staged_inner;
  const uint32_t left = in_run < shape.run_bytes ? shape.run_bytes - in_run : 0;
  return {fragment_address(copy, fragment) + static_cast<uint64_t>(outer) * shape.outer_stride +
              static_cast<uint64_t>(inner) * shape.inner_stride + in_run,
          fragment_staged_offset(copy, fragment) + offset,
          left < kSumVectorBytes ? left : kSumVectorBytes};
}

}  // namespace hexagent::transport
