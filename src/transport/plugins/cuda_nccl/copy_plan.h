// What a pack or unpack kernel is told, and where each 16 bytes of a chunk lie. The packed side of
// a chunk is one row of vectors; the pool's side follows from divisions by numbers that the host
// prepared. The same code on host and device; it says what kv_index.h says, without its divisions.
// Tests: tests/unit/transport/cuda/copy_plan_test.cc.
#pragma once

#include <cstdint>

#include "transport/copy/gather.h"
#include "transport/copy/kv_index.h"
#include "transport/plugins/cuda_nccl/fast_divide.h"

namespace hexagent::transport {

// How the bytes of a fragment lie decides which kernel copies them.
enum class CopyKind : uint32_t {
  kWhole16,  // a fragment is one run, all of it on boundaries of 16 bytes
  kRows16,   // several runs, likewise
  kRows4,    // runs on boundaries of 4
  kRows1     // any
};
inline constexpr uint32_t kCopyKinds = 4;

// A FragmentShape counted in vectors where that is what is divided.
struct PlanShape {
  FastDivide by_outer;
  FastDivide by_inner;
  uint32_t outer_stride;
  uint32_t inner_stride;
  uint32_t run_bytes;
};

struct CopyPlan {
  const uint64_t* region_bases;  // where the kernel can read it; of the transfer's first region on
  const int32_t* blocks;
  unsigned char* staged;  // where the chunk lies packed
  uint64_t block_stride_bytes;
  uint64_t block_offset;
  uint64_t seed;
  uint32_t vectors;        // of the chunk
  uint32_t first_vector;   // in the transfer; the place that keys the sum
  uint32_t first_region;   // in which the chunk begins
  uint32_t region_before;  // vectors of that region that belong to earlier chunks
  uint32_t last_block;     // its place in the list
  FastDivide by_region;
  FastDivide by_fragment;
  PlanShape full;
  PlanShape last;
  CopyKind kind;
  bool sum;
};

// A piece of the pool that is a vector of the packed form.
struct PlanVector {
  uint64_t address;
  uint32_t bytes;  // 1 ... 16
};

// False when the chunk is too large for 32-bit vector numbers, which no slot can hold anyway. The
// arrays still are the host's; the launcher replaces them.
bool make_copy_plan(const Chunk& chunk, SumOption sum, CopyPlan* out);

// Both lists are read by many threads and written by none.
template <class Number>
HEXAGENT_HOST_DEVICE Number read_list(const Number* list, uint32_t at) {
#if defined(__CUDA_ARCH__)
  return __ldg(list + at);
#else
  return list[at];
#endif
}

// Vector number `vector` of the chunk, where every fragment is one aligned run.
HEXAGENT_HOST_DEVICE PlanVector whole_vector(const CopyPlan& plan, uint32_t vector) {
  const uint32_t at = plan.region_before + vector;
  const uint32_t region = quotient(plan.by_region, at);
  const uint32_t in_region = at - region * plan.by_region.divisor;
  const uint32_t block = quotient(plan.by_fragment, in_region);
  const uint32_t in_fragment = in_region - block * plan.by_fragment.divisor;
  const auto id = static_cast<uint32_t>(read_list(plan.blocks, block));
  return {read_list(plan.region_bases, plan.first_region + region) + id * plan.block_stride_bytes +
              plan.block_offset + uint64_t{in_fragment} * kSumVectorBytes,
          kSumVectorBytes};
}

// The same for fragments of several runs, or of runs that are no whole vectors.
HEXAGENT_HOST_DEVICE PlanVector row_vector(const CopyPlan& plan, uint32_t vector) {
  const uint32_t at = plan.region_before + vector;
  const uint32_t region = quotient(plan.by_region, at);
  const uint32_t in_region = at - region * plan.by_region.divisor;
  const uint32_t block = quotient(plan.by_fragment, in_region);
  const uint32_t in_fragment = in_region - block * plan.by_fragment.divisor;
  const PlanShape& shape = block == plan.last_block ? plan.last : plan.full;
  const uint32_t outer = quotient(shape.by_outer, in_fragment);
  const uint32_t in_outer = in_fragment - outer * shape.by_outer.divisor;
  const uint32_t inner = quotient(shape.by_inner, in_outer);
  const uint32_t in_run = (in_outer - inner * shape.by_inner.divisor) * kSumVectorBytes;
  const uint32_t left = shape.run_bytes - in_run;
  const auto id = static_cast<uint32_t>(read_list(plan.blocks, block));
  return {read_list(plan.region_bases, plan.first_region + region) + id * plan.block_stride_bytes +
              plan.block_offset + uint64_t{outer} * shape.outer_stride +
              uint64_t{inner} * shape.inner_stride + in_run,
          left < kSumVectorBytes ? left : kSumVectorBytes};
}

}  // namespace hexagent::transport
