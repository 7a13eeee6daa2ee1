// A pool with its memory, and transfers done the slow and obvious way: byte by byte, by the
// definitions in hexagent/transport.h, without anything of src/transport/copy.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "hexagent/transport.h"
#include "transport/copy/kv_layout.h"
#include "unit/transport/random.h"

namespace hexagent::transport {

struct FreeMemory {
  void operator()(unsigned char* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<unsigned char, FreeMemory>;

inline Memory make_memory(size_t bytes) {
  constexpr size_t kPage = 4096;
  return Memory(
      static_cast<unsigned char*>(std::aligned_alloc(kPage, (bytes + kPage) / kPage * kPage)));
}

// Regions lie one after the other, `gap` bytes apart and at the end.
struct TestPool {
  KvPool pool;
  Memory memory;
  size_t bytes = 0;

  TestPool(const hexagent_kv_pool& shape, size_t gap, unsigned char fill) {
    pool.shape = shape;
    const size_t region = shape.block_stride_bytes * shape.block_count + gap;
    const size_t regions = size_t{shape.layer_count} * shape.regions_per_layer;
    bytes = region * regions;
    memory = make_memory(bytes);
    std::memset(memory.get(), fill, bytes);
    for (size_t i = 0; i < regions; ++i) {
      pool.bases.push_back(reinterpret_cast<uintptr_t>(memory.get()) + i * region);
    }
    pool.shape.region_bases = nullptr;
  }
  hexagent_kv_pool description() const {
    hexagent_kv_pool shape = pool.shape;
    shape.region_bases = pool.bases.data();
    return shape;
  }
};

inline std::vector<int32_t> some_blocks(uint32_t count, uint32_t of, TestRandom* random) {
  std::vector<int32_t> all(of);
  std::iota(all.begin(), all.end(), 0);
  for (uint32_t i = 0; i < count; ++i) std::swap(all[i], all[random->between(i, of - 1)]);
  all.resize(count);
  return all;
}

// Address of byte `byte` of (region, block, token, head).
inline unsigned char* slow_address(const KvPool& pool, uint32_t region, int32_t block,
                                   uint32_t token, uint32_t head, uint32_t byte) {
  const hexagent_kv_pool& shape = pool.shape;
  uint64_t at = pool.bases[region] + static_cast<uint64_t>(block) * shape.block_stride_bytes;
  if (shape.layout == HEXAGENT_KV_NHD) {
    at += (uint64_t{token} * shape.head_count + head) * shape.head_bytes;
  } else if (shape.layout == HEXAGENT_KV_HND) {
    at += (uint64_t{head} * shape.block_tokens + token) * shape.head_bytes;
  } else {
    at += uint64_t{token} * shape.token_bytes;
  }
  return reinterpret_cast<unsigned char*>(static_cast<uintptr_t>(at + byte));
}

// Calls visit(address or null for padding) for every byte of the packed form, in order.
template <class Visit>
void slow_walk(const KvPool& pool, const hexagent_kv_blocks& blocks, uint32_t wire_layout,
               const Visit& visit) {
  const hexagent_kv_pool& shape = pool.shape;
  const bool flat = shape.layout == HEXAGENT_KV_FLAT;
  const uint32_t layers =
      blocks.layer_count != 0 ? blocks.layer_count : shape.layer_count - blocks.first_layer;
  const uint32_t all_heads = flat ? 1 : shape.head_count;
  const uint32_t heads = blocks.head_count != 0 ? blocks.head_count : all_heads - blocks.first_head;
  const uint32_t unit = flat ? shape.token_bytes : shape.head_bytes;
  const auto pad = [&visit](uint32_t* written) {
    while (*written % 16 != 0) {
      visit(static_cast<unsigned char*>(nullptr));
      ++*written;
    }
  };
  for (uint32_t r = 0; r < layers * shape.regions_per_layer; ++r) {
    const uint32_t region = blocks.first_layer * shape.regions_per_layer + r;
    for (uint32_t i = 0; i < blocks.block_count; ++i) {
      const bool cut = i + 1 == blocks.block_count && blocks.last_block_tokens != 0;
      const uint32_t tokens = cut ? blocks.last_block_tokens : shape.block_tokens;
      const bool by_head = wire_layout == HEXAGENT_KV_HND;
      uint32_t written = 0;
      for (uint32_t a = 0; a < (by_head ? heads : tokens); ++a) {
        for (uint32_t b = 0; b < (by_head ? tokens : heads); ++b) {
          const uint32_t token = by_head ? b : a;
          const uint32_t head = (by_head ? a : b) + blocks.first_head;
          for (uint32_t byte = 0; byte < unit; ++byte, ++written) {
            visit(slow_address(pool, region, blocks.blocks[i], token, head, byte));
          }
        }
        if (!flat) pad(&written);
      }
      pad(&written);
    }
  }
}

inline std::vector<unsigned char> slow_gather(const KvPool& pool, const hexagent_kv_blocks& blocks,
                                              uint32_t wire_layout) {
  std::vector<unsigned char> packed;
  slow_walk(pool, blocks, wire_layout,
            [&packed](const unsigned char* at) { packed.push_back(at != nullptr ? *at : 0); });
  return packed;
}

inline void slow_scatter(const KvPool& pool, const hexagent_kv_blocks& blocks, uint32_t wire_layout,
                         const std::vector<unsigned char>& packed) {
  size_t next = 0;
  slow_walk(pool, blocks, wire_layout, [&packed, &next](unsigned char* at) {
    if (at != nullptr) *at = packed[next];
    ++next;
  });
}

inline uint64_t slow_sum(const std::vector<unsigned char>& packed, uint64_t seed) {
  uint64_t total = 0;
  for (size_t at = 0; at < packed.size(); at += 16) {
    uint32_t words[4];
    std::memcpy(words, packed.data() + at, sizeof(words));
    const uint32_t key =
        (static_cast<uint32_t>(seed) + static_cast<uint32_t>(at / 16) * 0x9E3779B9u) ^
        static_cast<uint32_t>(seed >> 32);
    total += uint64_t{words[0] + key} * (words[1] + (key ^ 0xA5A5A5A5u)) +
             uint64_t{words[2] + (key ^ 0x3C3C3C3Cu)} * (words[3] + ~key);
  }
  return total;
}

// A pool of a random shape. Sizes are small and often odd.
inline hexagent_kv_pool random_shape(TestRandom* random) {
  hexagent_kv_pool shape = {};
  shape.struct_size = sizeof(shape);
  shape.layout = random->below(3);
  shape.layer_count = random->between(1, 4);
  shape.regions_per_layer = random->between(1, 2);
  shape.block_tokens = random->chance(50) ? 16 : random->between(1, 20);
  if (shape.layout == HEXAGENT_KV_FLAT) {
    shape.token_bytes = random->chance(50) ? 576 : random->between(1, 300);
  } else {
    shape.head_count = random->between(1, 8);
    shape.head_bytes = random->chance(60) ? 16 * random->between(1, 16) : random->between(1, 70);
  }
  shape.block_count = random->between(1, 12);
  shape.block_stride_bytes = block_bytes(shape);
  if (random->chance(50)) shape.block_stride_bytes += random->between(1, 200);
  shape.content_hash = 7;
  return shape;
}

// Blocks, layers and heads of it; `ids` keeps the list.
inline hexagent_kv_blocks random_selection(const hexagent_kv_pool& shape, TestRandom* random,
                                           std::vector<int32_t>* ids) {
  hexagent_kv_blocks blocks = {};
  *ids = some_blocks(random->between(1, shape.block_count), shape.block_count, random);
  blocks.blocks = ids->data();
  blocks.block_count = static_cast<uint32_t>(ids->size());
  if (random->chance(60)) blocks.last_block_tokens = random->between(1, shape.block_tokens);
  if (random->chance(60)) {
    blocks.first_layer = random->below(shape.layer_count);
    blocks.layer_count = random->below(shape.layer_count - blocks.first_layer + 1);
  }
  if (shape.head_count > 0 && random->chance(60)) {
    blocks.first_head = random->below(shape.head_count);
    blocks.head_count = random->below(shape.head_count - blocks.first_head + 1);
  }
  return blocks;
}

// Layers of 64 KiB: 4 layers x 2 regions x blocks of 2 KiB.
inline hexagent_kv_pool small_shape(uint32_t blocks, uint32_t layers = 4) {
  hexagent_kv_pool shape = {};
  shape.struct_size = sizeof(shape);
  shape.layout = HEXAGENT_KV_NHD;
  shape.layer_count = layers;
  shape.regions_per_layer = 2;
  shape.block_tokens = 16;
  shape.head_count = 2;
  shape.head_bytes = 64;
  shape.block_count = blocks;
  shape.block_stride_bytes = 16 * 2 * 64;
  shape.content_hash = 7;
  return shape;
}

}  // namespace hexagent::transport
