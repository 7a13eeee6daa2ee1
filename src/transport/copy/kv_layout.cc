// KV layouts: see kv_layout.h.
#include "transport/copy/kv_layout.h"

#include "core/base/check.h"

namespace hexagent::transport {
namespace {

constexpr uint32_t kLayersMax = 4096;
constexpr uint32_t kBlockTokensMax = 65536;
constexpr uint64_t kBytesMax = 0xffffffffu;  // strides and offsets inside a block are 32 bits

uint32_t align_vector(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + kSumVectorBytes - 1) / kSumVectorBytes * kSumVectorBytes);
}

bool is_flat(uint32_t layout) { return layout == HEXAGENT_KV_FLAT; }

uint32_t layer_count(const KvPool& pool, const hexagent_kv_blocks& blocks) {
  return blocks.layer_count != 0 ? blocks.layer_count : pool.shape.layer_count - blocks.first_layer;
}

uint32_t head_count(const KvPool& pool, const hexagent_kv_blocks& blocks) {
  if (is_flat(pool.shape.layout)) return 0;
  return blocks.head_count != 0 ? blocks.head_count : pool.shape.head_count - blocks.first_head;
}

// Packed rows of one fragment.
struct Rows {
  uint32_t count;
  uint32_t bytes;
};

Rows rows_of(const WireShape& wire, uint32_t tokens) {
  switch (wire.layout) {
    case HEXAGENT_KV_NHD:
      return {tokens, wire.head_count * wire.unit_bytes};
    case HEXAGENT_KV_HND:
      return {wire.head_count, tokens * wire.unit_bytes};
    default:
      return {1, tokens * wire.unit_bytes};
  }
}

// How a pool of the wire's own layout keeps those rows.
uint32_t row_stride(const hexagent_kv_pool& pool) {
  switch (pool.layout) {
    case HEXAGENT_KV_NHD:
      return pool.head_count * pool.head_bytes;
    case HEXAGENT_KV_HND:
      return pool.block_tokens * pool.head_bytes;
    default:
      return 0;
  }
}

FragmentShape same_layout(const hexagent_kv_pool& pool, const WireShape& wire, uint32_t tokens) {
  const Rows rows = rows_of(wire, tokens);
  const uint32_t pitch = align_vector(rows.bytes);
  FragmentShape shape = {};
  shape.staged_bytes = rows.count * pitch;
  shape.inner_count = 1;
  const bool touching = rows.count == 1 || (pitch == rows.bytes && row_stride(pool) == pitch);
  if (touching) {
    shape.outer_count = 1;
    shape.run_bytes = rows.count * rows.bytes;
    shape.staged_outer = shape.staged_inner = shape.staged_bytes;
    return shape;
  }
  shape.outer_count = rows.count;
  shape.run_bytes = rows.bytes;
  shape.staged_outer = shape.staged_inner = pitch;
  shape.outer_stride = row_stride(pool);
  return shape;
}

// The wire's rows are tokens and the pool's are heads, or the other way round: head by head.
FragmentShape other_layout(const hexagent_kv_pool& pool, const WireShape& wire, uint32_t tokens) {
  const Rows rows = rows_of(wire, tokens);
  const uint32_t in_row = wire.layout == HEXAGENT_KV_NHD ? wire.head_count : tokens;
  FragmentShape shape = {};
  shape.outer_count = rows.count;
  shape.inner_count = in_row;
  shape.run_bytes = wire.unit_bytes;
  shape.staged_outer = align_vector(rows.bytes);
  shape.staged_inner = wire.unit_bytes;
  shape.staged_bytes = rows.count * shape.staged_outer;
  const uint32_t token_stride =
      pool.layout == HEXAGENT_KV_NHD ? pool.head_count * pool.head_bytes : pool.head_bytes;
  const uint32_t head_stride =
      pool.layout == HEXAGENT_KV_NHD ? pool.head_bytes : pool.block_tokens * pool.head_bytes;
  shape.outer_stride = wire.layout == HEXAGENT_KV_NHD ? token_stride : head_stride;
  shape.inner_stride = wire.layout == HEXAGENT_KV_NHD ? head_stride : token_stride;
  return shape;
}

}  // namespace

uint64_t token_bytes(const hexagent_kv_pool& pool) {
  if (is_flat(pool.layout)) return pool.token_bytes;
  return static_cast<uint64_t>(pool.head_count) * pool.head_bytes;
}

uint64_t block_bytes(const hexagent_kv_pool& pool) { return token_bytes(pool) * pool.block_tokens; }

hexagent_status check_pool(const hexagent_kv_pool& pool) {
  if (pool.reserved != 0) return HEXAGENT_E_RESERVED;
  if (pool.region_bases == nullptr) return HEXAGENT_E_ARGUMENT;
  if (pool.layout > HEXAGENT_KV_FLAT || pool.memory > HEXAGENT_MEMORY_CUDA) {
    return HEXAGENT_E_RANGE;
  }
  if (pool.layer_count == 0 || pool.layer_count > kLayersMax) return HEXAGENT_E_RANGE;
  if (pool.regions_per_layer == 0 || pool.regions_per_layer > 2) return HEXAGENT_E_RANGE;
  if (pool.block_tokens == 0 || pool.block_tokens > kBlockTokensMax) return HEXAGENT_E_RANGE;
  if (pool.block_count == 0 || pool.block_count > INT32_MAX) return HEXAGENT_E_RANGE;
  const bool flat = is_flat(pool.layout);
  const bool has_heads = pool.head_count != 0 && pool.head_bytes != 0;
  const bool has_no_heads = pool.head_count == 0 && pool.head_bytes == 0;
  if (flat ? !has_no_heads : !has_heads) return HEXAGENT_E_RANGE;
  if (flat ? pool.token_bytes == 0 : pool.token_bytes != 0) return HEXAGENT_E_RANGE;
  // Twice what fits: padding of rows must not overflow either.
  if (token_bytes(pool) > kBytesMax / 2 / pool.block_tokens) return HEXAGENT_E_RANGE;
  const uint64_t padded_rows = static_cast<uint64_t>(pool.block_tokens) * pool.head_count;
  if (padded_rows * kSumVectorBytes > kBytesMax / 2) return HEXAGENT_E_RANGE;
  if (pool.block_stride_bytes < block_bytes(pool) || pool.block_stride_bytes > kBytesMax) {
    return HEXAGENT_E_RANGE;
  }
  return HEXAGENT_OK;
}

hexagent_status check_blocks(const KvPool& pool, const hexagent_kv_blocks& blocks) {
  const hexagent_kv_pool& shape = pool.shape;
  if (blocks.reserved[0] != 0 || blocks.reserved[1] != 0) return HEXAGENT_E_RESERVED;
  if (blocks.blocks == nullptr || blocks.block_count == 0) return HEXAGENT_E_ARGUMENT;
  if (blocks.last_block_tokens > shape.block_tokens) return HEXAGENT_E_RANGE;
  if (blocks.first_layer >= shape.layer_count ||
      blocks.layer_count > shape.layer_count - blocks.first_layer) {
    return HEXAGENT_E_RANGE;
  }
  if (is_flat(shape.layout)) {
    if (blocks.first_head != 0 || blocks.head_count != 0) return HEXAGENT_E_RANGE;
  } else if (blocks.first_head >= shape.head_count ||
             blocks.head_count > shape.head_count - blocks.first_head) {
    return HEXAGENT_E_RANGE;
  }
  // One pass without branches: the list is as long as the prompt.
  uint32_t highest = 0;
  for (uint32_t i = 0; i < blocks.block_count; ++i) {
    const auto id = static_cast<uint32_t>(blocks.blocks[i]);  // negative ids become the largest
    highest = id > highest ? id : highest;
  }
  return highest < shape.block_count ? HEXAGENT_OK : HEXAGENT_E_RANGE;
}

WireShape wire_shape(const KvPool& pool, const hexagent_kv_blocks& blocks) {
  const hexagent_kv_pool& shape = pool.shape;
  WireShape wire = {};
  wire.content_hash = shape.content_hash;
  wire.layout = shape.layout;
  wire.region_count = layer_count(pool, blocks) * shape.regions_per_layer;
  wire.regions_per_layer = shape.regions_per_layer;
  wire.block_count = blocks.block_count;
  wire.block_tokens = shape.block_tokens;
  wire.last_block_tokens =
      blocks.last_block_tokens != 0 ? blocks.last_block_tokens : shape.block_tokens;
  wire.head_count = head_count(pool, blocks);
  wire.unit_bytes = is_flat(shape.layout) ? shape.token_bytes : shape.head_bytes;
  return wire;
}

bool fits(const WireShape& source, const WireShape& target) {
  const bool same =
      source.content_hash == target.content_hash && source.region_count == target.region_count &&
      source.regions_per_layer == target.regions_per_layer &&
      source.block_count == target.block_count && source.block_tokens == target.block_tokens &&
      source.last_block_tokens == target.last_block_tokens &&
      source.head_count == target.head_count && source.unit_bytes == target.unit_bytes;
  if (!same) return false;
  if (source.layout == target.layout) return true;
  if (is_flat(source.layout) || is_flat(target.layout)) return false;
  return source.unit_bytes % kSumVectorBytes == 0;
}

KvCopy make_copy(const KvPool& pool, const hexagent_kv_blocks& blocks, const int32_t* ids,
                 const WireShape& wire) {
  const hexagent_kv_pool& shape = pool.shape;
  HEXAGENT_CHECK(blocks.block_count == wire.block_count);
  KvCopy copy = {};
  copy.region_bases =
      pool.bases.data() + static_cast<size_t>(blocks.first_layer) * shape.regions_per_layer;
  copy.blocks = ids;
  copy.block_stride_bytes = shape.block_stride_bytes;
  const uint64_t head_stride = shape.layout == HEXAGENT_KV_HND
                                   ? static_cast<uint64_t>(shape.block_tokens) * shape.head_bytes
                                   : shape.head_bytes;
  copy.block_offset = blocks.first_head * head_stride;
  copy.region_count = wire.region_count;
  copy.block_count = wire.block_count;
  const bool same = shape.layout == wire.layout;
  const auto make = same ? same_layout : other_layout;
  copy.full = make(shape, wire, wire.block_tokens);
  copy.last = make(shape, wire, wire.last_block_tokens);
  return copy;
}

uint64_t payload_bytes(const WireShape& wire, uint64_t fragment) {
  const uint64_t heads = is_flat(wire.layout) ? 1 : wire.head_count;
  const uint64_t per_token = heads * wire.unit_bytes;
  const uint64_t regions = fragment / wire.block_count;
  const uint64_t region_tokens =
      static_cast<uint64_t>(wire.block_count - 1) * wire.block_tokens + wire.last_block_tokens;
  const uint64_t rest_tokens = fragment % wire.block_count * wire.block_tokens;
  return (regions * region_tokens + rest_tokens) * per_token;
}

}  // namespace hexagent::transport
