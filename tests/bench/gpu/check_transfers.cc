// Whole transfers through the plugin, before anything is measured: random content into poisoned
// blocks, with the checksum; blocks that are not named stay as they are.
#include <cstring>
#include <numeric>

#include "pair.h"
#include "unit/transport/copy/slow_kv.h"

namespace hexagent::transport::bench {
namespace {

constexpr unsigned char kPoison = 0xdb;

// Where block `id` of region `region` starts in the memory of a pool.
size_t block_at(const PoolShape& shape, uint32_t region, int32_t id) {
  return (uint64_t{region} * shape.blocks + static_cast<uint32_t>(id)) * shape.block_bytes();
}

bool one_transfer(BenchPair* pair, TestRandom* random, const std::vector<unsigned char>& given) {
  const PoolShape& shape = pair->shape;
  const uint32_t count = random->between(1, shape.blocks);
  const std::vector<int32_t> from = some_blocks(count, shape.blocks, random);
  const std::vector<int32_t> to = some_blocks(count, shape.blocks, random);
  must(cudaMemset(pair->target.memory.data(), kPoison, pair->target.memory.bytes()), "poison");
  must(cudaDeviceSynchronize(), "poison");
  const auto both = pair->begin(from, to, HEXAGENT_TRANSFER_CHECKSUM);
  pair->until([&] { return pair->ended(both); });
  bool good = pair->target.host.find(HEXAGENT_TRANSFER_DONE, both.first) != nullptr;
  std::vector<unsigned char> expected(given.size(), kPoison);
  for (uint32_t region = 0; region < 2 * shape.layers; ++region) {
    for (uint32_t i = 0; i < count; ++i) {
      std::memcpy(expected.data() + block_at(shape, region, to[i]),
                  given.data() + block_at(shape, region, from[i]), shape.block_bytes());
    }
  }
  std::vector<unsigned char> got(given.size());
  must(cudaMemcpy(got.data(), pair->target.memory.data(), got.size(), cudaMemcpyDefault), "pool");
  good = good && got == expected;
  pair->forget_events();
  return good;
}

}  // namespace

int check_transfers(const char* plugin) {
  constexpr int kTransfers = 40;
  PoolShape shape;
  shape.layers = 8;
  shape.blocks = 64;
  BenchPair pair(plugin, shape, "path=direct", 1u << 20, 1u << 16);
  TestRandom random(99);
  std::vector<unsigned char> given(shape.bytes());
  random.fill(given.data(), given.size());
  must(cudaMemcpy(pair.source.memory.data(), given.data(), given.size(), cudaMemcpyDefault),
       "pool");
  int wrong = 0;
  for (int i = 0; i < kTransfers; ++i) wrong += one_transfer(&pair, &random, given) ? 0 : 1;
  std::printf("transfers into poisoned blocks: %d, %d wrong\n\n", kTransfers, wrong);
  return wrong;
}

}  // namespace hexagent::transport::bench
