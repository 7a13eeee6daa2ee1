// Gather and scatter between random blocks and a packed row, each timed right after a memcpy of as
// many bytes, so that whatever slows the machine slows both.
#include <sys/mman.h>

#include <cstring>
#include <stdexcept>

#include "tool/bench_timing.h"
#include "tool/bench_transport.h"
#include "transport/copy/gather.h"

namespace hexagent::tool {
namespace {

using namespace transport;  // NOLINT: this file measures little else

constexpr uint32_t kRegions = 4;
constexpr uint32_t kFragments[] = {4096, 9216, 16384, 32768, 65536, 262144};

struct Times {
  std::vector<double> memcpy_s;
  std::vector<double> share[4];  // gather, gather_sum, scatter, scatter_sum
};

double seconds_since(int64_t begin_ns) { return static_cast<double>(clock_ns() - begin_ns) * 1e-9; }

class CopyBench {
 public:
  explicit CopyBench(size_t bytes)
      : bytes_(bytes),
        pool_(make_bench_memory(2 * bytes)),
        staged_(make_bench_memory(bytes)),
        reference_(make_bench_memory(bytes)) {}

  CopyResult measure(const CopyKernels& kernels, uint32_t fragment, uint32_t repetitions) {
    lay_out(fragment);
    const Chunk chunk = {&copy_, 0, fragment_count(copy_), staged_.get()};
    const size_t moved = staged_bytes(chunk);
    Times times;
    uint64_t gathered = 0;
    uint64_t scattered = 0;
    for (uint32_t i = 0; i < repetitions; ++i) {
      for (uint32_t what = 0; what < 4; ++what) {
        int64_t begin = clock_ns();
        std::memcpy(reference_.get(), pool_.get() + (i % 2) * bytes_, moved);
        const double alone_s = seconds_since(begin);
        const SumOption sum = {what % 2 == 1, 99};
        begin = clock_ns();
        const uint64_t got = what < 2 ? gather(kernels, chunk, sum, Store::kStreaming)
                                      : scatter(kernels, chunk, sum, Store::kStreaming);
        times.share[what].push_back(alone_s / seconds_since(begin));
        times.memcpy_s.push_back(alone_s);
        if (what == 1) gathered = got;
        if (what == 3) scattered = got;
      }
    }
    if (gathered != scattered) throw std::runtime_error("checksums differ");
    return {kernels.name,
            fragment,
            median(times.share[0]),
            median(times.share[1]),
            median(times.share[2]),
            median(times.share[3]),
            static_cast<double>(moved) / median(times.memcpy_s)};
  }

 private:
  // Every other block of a pool twice as large as what is moved.
  void lay_out(uint32_t fragment) {
    const auto blocks = static_cast<uint32_t>(bytes_ / fragment / kRegions);
    ids_ = shuffled_ids(2 * blocks);
    ids_.resize(blocks);
    bases_.clear();
    for (uint64_t region = 0; region < kRegions; ++region) {
      bases_.push_back(reinterpret_cast<uintptr_t>(pool_.get()) +
                       region * 2 * blocks * uint64_t{fragment});
    }
    copy_ = KvCopy{};
    copy_.region_bases = bases_.data();
    copy_.blocks = ids_.data();
    copy_.block_stride_bytes = fragment;
    copy_.region_count = kRegions;
    copy_.block_count = blocks;
    copy_.full = copy_.last = {1, 1, fragment, fragment, fragment, fragment, 0, 0};
  }

  size_t bytes_;
  BenchMemory pool_;
  BenchMemory staged_;
  BenchMemory reference_;
  std::vector<int32_t> ids_;
  std::vector<uint64_t> bases_;
  KvCopy copy_ = {};
};

}  // namespace

BenchMemory make_bench_memory(size_t bytes) {
  constexpr size_t kHugePage = 2u << 20;
  const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  BenchMemory memory(static_cast<unsigned char*>(std::aligned_alloc(kHugePage, rounded)));
  if (memory == nullptr) throw std::bad_alloc();
  madvise(memory.get(), rounded, MADV_HUGEPAGE);
  std::memset(memory.get(), 1, rounded);
  return memory;
}

std::vector<int32_t> shuffled_ids(uint32_t count) {
  std::vector<int32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i) ids[i] = static_cast<int32_t>(i);
  uint64_t state = 1;
  for (uint32_t i = count; i > 1; --i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::swap(ids[i - 1], ids[(state >> 33) % i]);
  }
  return ids;
}

std::vector<CopyResult> bench_copies(const BenchTransportOptions& options) {
  CopyBench bench(size_t{options.megabytes} << 20);
  std::vector<const CopyKernels*> kernels = {&portable_kernels()};
  for (const CopyKernels* more : {neon_kernels(), avx2_kernels(), avx512_kernels()}) {
    if (more != nullptr) kernels.push_back(more);
  }
  std::vector<CopyResult> results;
  for (const CopyKernels* each : kernels) {
    for (const uint32_t fragment : kFragments) {
      results.push_back(bench.measure(*each, fragment, options.repetitions));
    }
  }
  return results;
}

}  // namespace hexagent::tool
