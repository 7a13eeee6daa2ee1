// Gather and scatter: see gather.h.
#include "transport/copy/gather.h"

#include <cstring>
#include <initializer_list>

namespace hexagent::transport {
namespace {

// Runs of equal length collect here until a kernel can take kLanes of them at once.
template <bool gathering>
class Copier {
 public:
  Copier(const CopyKernels& kernels, const Chunk& chunk, SumOption sum, Store store)
      : kernels_(kernels),
        staged_(chunk.staged),
        staged_begin_(fragment_staged_offset(*chunk.copy, chunk.first_fragment)),
        sum_(sum),
        store_(store) {}

  void add(uint64_t address, uint64_t staged_offset, uint32_t bytes) {
    if (bytes != bytes_) flush();
    bytes_ = bytes;
    auto* in_pool = reinterpret_cast<unsigned char*>(static_cast<uintptr_t>(address));
    unsigned char* in_stage = staged_ + (staged_offset - staged_begin_);
    to_[waiting_] = gathering ? in_stage : in_pool;
    from_[waiting_] = gathering ? in_pool : in_stage;
    vectors_[waiting_] = static_cast<uint32_t>(staged_offset / kSumVectorBytes);
    if (gathering && bytes % kSumVectorBytes != 0) {
      std::memset(in_stage + bytes, 0, kSumVectorBytes - bytes % kSumVectorBytes);
    }
    if (++waiting_ == kLanes) flush();
  }

  uint64_t finish() {
    flush();
    if (store_ == Store::kStreaming) kernels_.fence();
    return total_;
  }

 private:
  void flush() {
    const uint32_t sums = sum_.on ? 1 : 0;
    uintptr_t unaligned = 0;
    for (uint32_t lane = 0; lane < waiting_; ++lane) {
      unaligned |= reinterpret_cast<uintptr_t>(to_[lane]) % kStreamAlign;
    }
    const auto store = static_cast<uint32_t>(unaligned == 0 ? store_ : Store::kCached);
    if (waiting_ == kLanes) {
      total_ += kernels_.four[store][sums](to_, from_, bytes_, sum_.seed, vectors_);
    } else {
      for (uint32_t lane = 0; lane < waiting_; ++lane) {
        total_ +=
            kernels_.one[store][sums](to_[lane], from_[lane], bytes_, sum_.seed, vectors_[lane]);
      }
    }
    waiting_ = 0;
  }

  const CopyKernels& kernels_;
  unsigned char* staged_;
  uint64_t staged_begin_;
  SumOption sum_;
  Store store_;
  unsigned char* to_[kLanes] = {};
  const unsigned char* from_[kLanes] = {};
  uint32_t vectors_[kLanes] = {};
  uint32_t waiting_ = 0;
  uint32_t bytes_ = 0;
  uint64_t total_ = 0;
};

// Fragment by fragment without a division each: the region and the place in the block list count
// up.
template <bool gathering>
uint64_t copy_chunk(const CopyKernels& kernels, const Chunk& chunk, SumOption sum, Store store) {
  const KvCopy& copy = *chunk.copy;
  Copier<gathering> copier(kernels, chunk, sum, store);
  uint64_t region = chunk.first_fragment / copy.block_count;
  uint64_t block = chunk.first_fragment % copy.block_count;
  uint64_t staged = fragment_staged_offset(copy, chunk.first_fragment);
  for (uint64_t left = chunk.fragment_count; left > 0; --left) {
    const bool last = block == copy.block_count - 1;
    const FragmentShape& shape = last ? copy.last : copy.full;
    const uint64_t address = copy.region_bases[region] +
                             static_cast<uint32_t>(copy.blocks[block]) * copy.block_stride_bytes +
                             copy.block_offset;
    for (uint64_t outer = 0; outer < shape.outer_count; ++outer) {
      for (uint64_t inner = 0; inner < shape.inner_count; ++inner) {
        copier.add(address + outer * shape.outer_stride + inner * shape.inner_stride,
                   staged + outer * shape.staged_outer + inner * shape.staged_inner,
                   shape.run_bytes);
      }
    }
    staged += shape.staged_bytes;
    block = last ? 0 : block + 1;
    region += last ? 1 : 0;
  }
  return copier.finish();
}

}  // namespace

const CopyKernels* kernels_by_name(std::string_view name) {
  for (const CopyKernels* kernels :
       {&portable_kernels(), avx2_kernels(), avx512_kernels(), neon_kernels()}) {
    if (kernels != nullptr && name == kernels->name) return kernels;
  }
  return nullptr;
}

uint64_t staged_bytes(const Chunk& chunk) {
  return fragment_staged_offset(*chunk.copy, chunk.first_fragment + chunk.fragment_count) -
         fragment_staged_offset(*chunk.copy, chunk.first_fragment);
}

uint64_t gather(const CopyKernels& kernels, const Chunk& chunk, SumOption sum, Store store) {
  return copy_chunk<true>(kernels, chunk, sum, store);
}

uint64_t scatter(const CopyKernels& kernels, const Chunk& chunk, SumOption sum, Store store) {
  return copy_chunk<false>(kernels, chunk, sum, store);
}

}  // namespace hexagent::transport
