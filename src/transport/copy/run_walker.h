// RunWalker: the memory of a row of fragments at one end, run by run in the order in which they
// are packed. Runs that touch are one. Both ends' walks over the same fragments give the same bytes
// in the same order, however each end keeps them, so one can be copied straight into the other.
// Tests: tests/unit/transport/copy/run_walker_test.cc.
#pragma once

#include <cstdint>

#include "transport/copy/kv_index.h"

namespace hexagent::transport {

struct MemoryRun {
  uint64_t address = 0;
  uint64_t bytes = 0;
};

class RunWalker {
 public:
  // `copy` must outlive the walk.
  RunWalker(const KvCopy& copy, uint64_t first_fragment, uint64_t fragment_count)
      : copy_(copy),
        left_(fragment_count),
        region_(first_fragment / copy.block_count),
        block_(first_fragment % copy.block_count) {
    more_ = step(&ahead_);
  }

  // False: there is no more.
  bool next(MemoryRun* run) {
    if (!more_) return false;
    *run = ahead_;
    for (more_ = step(&ahead_); more_ && ahead_.address == run->address + run->bytes;
         more_ = step(&ahead_)) {
      run->bytes += ahead_.bytes;
    }
    return true;
  }

 private:
  bool step(MemoryRun* run) {
    if (left_ == 0) return false;
    const bool last = block_ == copy_.block_count - 1;
    const FragmentShape& shape = last ? copy_.last : copy_.full;
    const uint64_t block = copy_.region_bases[region_] +
                           static_cast<uint32_t>(copy_.blocks[block_]) * copy_.block_stride_bytes +
                           copy_.block_offset;
    *run = {block + uint64_t{outer_} * shape.outer_stride + uint64_t{inner_} * shape.inner_stride,
            shape.run_bytes};
    if (++inner_ < shape.inner_count) return true;
    inner_ = 0;
    if (++outer_ < shape.outer_count) return true;
    outer_ = 0;
    --left_;
    block_ = last ? 0 : block_ + 1;
    region_ += last ? 1 : 0;
    return true;
  }

  const KvCopy& copy_;
  uint64_t left_;  // fragments
  uint64_t region_;
  uint64_t block_;
  uint32_t outer_ = 0;
  uint32_t inner_ = 0;
  bool more_ = false;
  MemoryRun ahead_;
};

}  // namespace hexagent::transport
