// Before anything is measured: the kernels on the device against the host's gather and scatter, over
// random layouts, poisoned memory on both sides, with the checksum.
#include "bench.h"
#include "core/base/check.h"
#include "transport/copy/gather.h"
#include "transport/plugins/cuda_nccl/copy_kernels.h"
#include "unit/transport/copy/slow_kv.h"

namespace hexagent::transport::bench {
namespace {

constexpr uint32_t kCases = 400;
constexpr size_t kRoom = size_t{64} << 20;
constexpr unsigned char kPoison = 0xdb;

struct Device {
  DeviceBuffer pool{kRoom};
  DeviceBuffer staged{kRoom};
  DeviceBuffer lists{kRoom};
  DeviceBuffer counters{sizeof(CopyCounters)};
  Mark* mark = nullptr;
  Stream stream;

  Device() {
    must(cudaMemset(counters.data(), 0, counters.bytes()), "counters");
    must(cudaHostAlloc(reinterpret_cast<void**>(&mark), sizeof(Mark), cudaHostAllocMapped),
         "pinned memory");
  }
  ~Device() { cudaFreeHost(mark); }
};

// The sum; `copy` has the device's addresses, its lists are the host's.
uint64_t run(Device* device, const KvCopy& copy, uint64_t first, uint64_t count, SumOption sum,
             bool pack, uint32_t blocks) {
  CopyLaunch launch;
  const Chunk chunk = {&copy, first, count, device->staged.data()};
  if (!make_copy_plan(chunk, sum, &launch.plan)) std::abort();
  const size_t base_bytes = copy.region_count * sizeof(uint64_t);
  must(cudaMemcpy(device->lists.data(), copy.region_bases, base_bytes, cudaMemcpyDefault), "lists");
  must(cudaMemcpy(device->lists.data() + base_bytes, copy.blocks,
                  copy.block_count * sizeof(int32_t), cudaMemcpyDefault),
       "lists");
  launch.plan.region_bases = reinterpret_cast<const uint64_t*>(device->lists.data());
  launch.plan.blocks = reinterpret_cast<const int32_t*>(device->lists.data() + base_bytes);
  launch.pack = pack;
  launch.blocks = blocks;
  launch.counters = reinterpret_cast<CopyCounters*>(device->counters.data());
  launch.mark = device->mark;
  device->mark->sequence = 0;
  launch.sequence = 1;
  must(launch_copy_kernel(launch, device->stream), "launch");
  device->stream.wait();
  return device->mark->sequence == 1 ? device->mark->sum : ~uint64_t{0};
}

bool check_case(Device* device, TestRandom* random) {
  const hexagent_kv_pool shape = random_shape(random);
  TestPool pool(shape, random->below(100), kPoison);
  random->fill(pool.memory.get(), pool.bytes);
  std::vector<int32_t> ids;
  const hexagent_kv_blocks blocks = random_selection(shape, random, &ids);
  WireShape wire = wire_shape(pool.pool, blocks);
  const bool both = shape.layout != HEXAGENT_KV_FLAT && shape.head_bytes % 16 == 0;
  if (both && random->chance(50)) {
    wire.layout = wire.layout == HEXAGENT_KV_NHD ? HEXAGENT_KV_HND : HEXAGENT_KV_NHD;
  }
  const KvCopy on_host = make_copy(pool.pool, blocks, ids.data(), wire);
  const uint64_t all = fragment_count(on_host);
  const uint64_t first = random->below(static_cast<uint32_t>(all));
  const uint64_t count = random->between(1, static_cast<uint32_t>(all - first));
  const SumOption sum = {random->chance(70), random->next()};

  // The same pool on the device.
  const uint64_t host_base = reinterpret_cast<uintptr_t>(pool.memory.get());
  const uint64_t first_base = static_cast<uint64_t>(on_host.region_bases - pool.pool.bases.data());
  std::vector<uint64_t> bases = pool.pool.bases;
  for (uint64_t& base : bases) base = base - host_base + device->pool.address();
  KvCopy on_device = on_host;
  on_device.region_bases = bases.data() + first_base;

  std::vector<unsigned char> expected(staged_bytes({&on_host, first, count, nullptr}));
  const Memory packed = make_memory(expected.size() + 64);
  const uint64_t host_sum =
      gather(portable_kernels(), {&on_host, first, count, packed.get()}, sum, Store::kCached);
  must(cudaMemcpy(device->pool.data(), pool.memory.get(), pool.bytes, cudaMemcpyDefault), "pool");
  must(cudaMemset(device->staged.data(), kPoison, expected.size() + 64), "poison");
  const uint32_t grid = random->between(1, 8);
  bool good = run(device, on_device, first, count, sum, true, grid) == host_sum;
  std::vector<unsigned char> back(expected.size() + 64);
  must(cudaMemcpy(back.data(), device->staged.data(), back.size(), cudaMemcpyDefault), "staged");
  good = good && std::memcmp(back.data(), packed.get(), expected.size()) == 0;
  for (size_t at = expected.size(); at < back.size(); ++at) good = good && back[at] == kPoison;

  // And back into poisoned pools.
  std::memset(pool.memory.get(), kPoison, pool.bytes);
  must(cudaMemset(device->pool.data(), kPoison, pool.bytes), "poison");
  const uint64_t scattered =
      scatter(portable_kernels(), {&on_host, first, count, packed.get()}, sum, Store::kCached);
  good = good && run(device, on_device, first, count, sum, false, grid) == scattered;
  std::vector<unsigned char> pool_back(pool.bytes);
  must(cudaMemcpy(pool_back.data(), device->pool.data(), pool.bytes, cudaMemcpyDefault), "pool");
  return good && std::memcmp(pool_back.data(), pool.memory.get(), pool.bytes) == 0;
}

}  // namespace

int check_copies() {
  Device device;
  TestRandom random(77);
  int wrong = 0;
  for (uint32_t i = 0; i < kCases; ++i) wrong += check_case(&device, &random) ? 0 : 1;
  std::printf("kernels against the host: %u random layouts, %d wrong\n\n", kCases, wrong);
  return wrong;
}

}  // namespace hexagent::transport::bench
