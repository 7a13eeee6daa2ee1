// A big transfer for benchmarks of the kernels alone: blocks in random order, in device memory.
#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "bench.h"
#include "transport/plugins/cuda_nccl/copy_kernels.h"
#include "unit/transport/random.h"

namespace hexagent::transport::bench {

class BenchCopy {
 public:
  // `bytes` of payload in fragments of `fragment` bytes; the pool is twice as large.
  BenchCopy(uint64_t bytes, uint32_t fragment, const DeviceBuffer& pool, unsigned char* staged)
      : lists_(kListBytes), counters_(sizeof(CopyCounters)), staged_(staged) {
    const auto blocks = static_cast<uint32_t>(bytes / kRegions / fragment);
    const uint64_t region_bytes = pool.bytes() / kRegions;
    std::vector<int32_t> all(region_bytes / fragment);
    std::iota(all.begin(), all.end(), 0);
    TestRandom random(fragment);
    for (uint32_t i = 0; i < blocks; ++i) {
      std::swap(all[i], all[random.between(i, static_cast<uint32_t>(all.size()) - 1)]);
    }
    blocks_.assign(all.begin(), all.begin() + blocks);
    for (uint32_t region = 0; region < kRegions; ++region) {
      bases_.push_back(pool.address() + region * region_bytes);
    }
    copy_.region_bases = bases_.data();
    copy_.blocks = blocks_.data();
    copy_.block_stride_bytes = fragment;
    copy_.region_count = kRegions;
    copy_.block_count = blocks;
    copy_.full = {1, 1, fragment, fragment, fragment, fragment, 0, 0};
    copy_.last = copy_.full;
    must(cudaMemset(counters_.data(), 0, counters_.bytes()), "counters");
    must(cudaHostAlloc(reinterpret_cast<void**>(&mark_), sizeof(Mark), cudaHostAllocMapped),
         "pinned memory");
    const size_t base_bytes = bases_.size() * sizeof(uint64_t);
    must(cudaMemcpy(lists_.data(), bases_.data(), base_bytes, cudaMemcpyDefault), "lists");
    must(cudaMemcpy(lists_.data() + base_bytes, blocks_.data(), blocks * sizeof(int32_t),
                    cudaMemcpyDefault),
         "lists");
  }
  ~BenchCopy() { cudaFreeHost(mark_); }
  BenchCopy(const BenchCopy&) = delete;
  BenchCopy& operator=(const BenchCopy&) = delete;

  uint64_t payload() const { return uint64_t{kRegions} * blocks_.size() * copy_.full.run_bytes; }
  uint64_t fragments() const { return fragment_count(copy_); }

  // Fragments [first, first + count), packed at `staged`.
  CopyLaunch launch(bool pack, bool sum, uint32_t ctas, uint64_t first, uint64_t count,
                    unsigned char* staged) const {
    CopyLaunch launch;
    const Chunk chunk = {&copy_, first, count, staged};
    if (!make_copy_plan(chunk, {sum, 0x1234567890abcdefu}, &launch.plan)) std::abort();
    launch.plan.region_bases = reinterpret_cast<const uint64_t*>(lists_.data());
    launch.plan.blocks = reinterpret_cast<const int32_t*>(lists_.data() + kRegions * 8);
    launch.pack = pack;
    launch.blocks = ctas != 0 ? ctas : whole_grid(launch.plan, pack);
    launch.counters = reinterpret_cast<CopyCounters*>(counters_.data());
    launch.mark = mark_;
    launch.sequence = 1;
    return launch;
  }
  CopyLaunch launch_all(bool pack, bool sum, uint32_t ctas) const {
    return launch(pack, sum, ctas, 0, fragments(), staged_);
  }

 private:
  static constexpr uint32_t kRegions = 8;
  static constexpr size_t kListBytes = size_t{32} << 20;

  static uint32_t whole_grid(const CopyPlan& plan, bool pack) {
    int multiprocessors = 0;
    must(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0), "device");
    return static_cast<uint32_t>(multiprocessors * copy_kernel_occupancy(plan, pack));
  }

  DeviceBuffer lists_;
  DeviceBuffer counters_;
  unsigned char* staged_;
  std::vector<uint64_t> bases_;
  std::vector<int32_t> blocks_;
  KvCopy copy_ = {};
  Mark* mark_ = nullptr;
};

}  // namespace hexagent::transport::bench
