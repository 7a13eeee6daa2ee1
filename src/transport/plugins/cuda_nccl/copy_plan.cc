// Plans of pack and unpack kernels: see copy_plan.h.
#include "transport/plugins/cuda_nccl/copy_plan.h"

#include <limits>

namespace hexagent::transport {
namespace {

PlanShape plan_shape(const FragmentShape& shape) {
  return {fast_divide_by(shape.staged_outer / kSumVectorBytes),
          fast_divide_by(shape.staged_inner / kSumVectorBytes), shape.outer_stride,
          shape.inner_stride, shape.run_bytes};
}

bool is_whole(const FragmentShape& shape) {
  return shape.outer_count == 1 && shape.inner_count == 1 && shape.run_bytes == shape.staged_bytes;
}

// What all addresses and lengths of the pool have in common, as bits.
uint64_t boundary_bits(const KvCopy& copy, uint64_t first_region, uint64_t regions) {
  uint64_t bits = copy.block_stride_bytes | copy.block_offset;
  for (const FragmentShape& shape : {copy.full, copy.last}) {
    bits |= shape.run_bytes | shape.outer_stride | shape.inner_stride;
  }
  for (uint64_t region = 0; region < regions; ++region) {
    bits |= copy.region_bases[first_region + region];
  }
  return bits;
}

CopyKind kind_of(const KvCopy& copy, uint64_t first_region, uint64_t regions) {
  const uint64_t bits = boundary_bits(copy, first_region, regions);
  if (bits % 4 != 0) return CopyKind::kRows1;
  if (bits % kSumVectorBytes != 0) return CopyKind::kRows4;
  return is_whole(copy.full) && is_whole(copy.last) ? CopyKind::kWhole16 : CopyKind::kRows16;
}

}  // namespace

bool make_copy_plan(const Chunk& chunk, SumOption sum, CopyPlan* out) {
  constexpr uint64_t kMost = std::numeric_limits<int32_t>::max();
  const KvCopy& copy = *chunk.copy;
  const uint64_t first_region = chunk.first_fragment / copy.block_count;
  const uint64_t last_region = (chunk.first_fragment + chunk.fragment_count - 1) / copy.block_count;
  const uint64_t region_vectors = region_staged_bytes(copy) / kSumVectorBytes;
  const uint64_t first_vector =
      fragment_staged_offset(copy, chunk.first_fragment) / kSumVectorBytes;
  const uint64_t before = first_vector - first_region * region_vectors;
  const uint64_t vectors = staged_bytes(chunk) / kSumVectorBytes;
  if (region_vectors > kMost || before + vectors > kMost) return false;
  CopyPlan plan = {};
  plan.region_bases = copy.region_bases;
  plan.blocks = copy.blocks;
  plan.staged = chunk.staged;
  plan.block_stride_bytes = copy.block_stride_bytes;
  plan.block_offset = copy.block_offset;
  plan.seed = sum.seed;
  plan.vectors = static_cast<uint32_t>(vectors);
  plan.first_vector = static_cast<uint32_t>(first_vector);  // keys of sums wrap, as on the host
  plan.first_region = static_cast<uint32_t>(first_region);
  plan.region_before = static_cast<uint32_t>(before);
  plan.last_block = copy.block_count - 1;
  plan.by_region = fast_divide_by(static_cast<uint32_t>(region_vectors));
  plan.by_fragment = fast_divide_by(copy.full.staged_bytes / kSumVectorBytes);
  plan.full = plan_shape(copy.full);
  plan.last = plan_shape(copy.last);
  plan.kind = kind_of(copy, first_region, last_region - first_region + 1);
  plan.sum = sum.on;
  *out = plan;
  return true;
}

}  // namespace hexagent::transport
