// How a transfer is cut into chunks: what one staging slot takes, what is sent as one, and the
// grain at which a more urgent transfer goes ahead. Tests:
// tests/unit/transport/engine/parts_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "transport/copy/kv_layout.h"

namespace hexagent::transport {

// A short transfer, too, is packed at one end while it is unpacked at the other.
inline constexpr uint64_t kChunksWanted = 8;

struct ChunkRule {
  uint64_t bytes_min;
  uint64_t slot_bytes;  // of the target
  uint64_t chunks_wanted = kChunksWanted;
};

// Chunk number c is the fragments from c * fragments_per_chunk on.
struct Chunking {
  uint64_t fragments = 0;
  uint32_t fragments_per_chunk = 1;
  uint32_t chunk_count = 0;

  uint64_t first(uint32_t chunk) const { return uint64_t{chunk} * fragments_per_chunk; }
  uint64_t end(uint32_t chunk) const {
    return std::min(fragments, first(chunk) + fragments_per_chunk);
  }
  uint64_t count(uint32_t chunk) const { return end(chunk) - first(chunk); }
};

// What a link carries while an urgent transfer waits for its turn.
inline constexpr double kChunkSeconds = 0.3e-3;
inline constexpr uint64_t kChunkBytesMax = uint64_t{16} << 20;

// Whole layers where a chunk has room for one, so that layers become complete one by one. Zero
// chunks when not even one fragment fits a slot. `bytes_per_s` is 0 while the link is unknown.
inline Chunking make_chunking(const KvCopy& copy, const WireShape& wire, const ChunkRule& rule,
                              double bytes_per_s) {
  Chunking chunking;
  chunking.fragments = fragment_count(copy);
  const uint64_t fragment = std::max(copy.full.staged_bytes, copy.last.staged_bytes);
  if (fragment > rule.slot_bytes) return chunking;
  const uint64_t most = std::min(rule.slot_bytes, kChunkBytesMax);
  const uint64_t share = region_staged_bytes(copy) * copy.region_count / rule.chunks_wanted;
  const auto wanted =
      std::min(share, static_cast<uint64_t>(std::min(bytes_per_s * kChunkSeconds, 1e12)));
  const uint64_t bytes = std::clamp(wanted, std::min(rule.bytes_min, most), most);
  uint64_t per_chunk = std::max<uint64_t>(1, bytes / fragment);
  const uint64_t layer = uint64_t{wire.block_count} * wire.regions_per_layer;
  if (per_chunk >= layer) per_chunk = per_chunk / layer * layer;
  per_chunk = std::min(per_chunk, chunking.fragments);
  per_chunk = std::max(per_chunk, chunking.fragments / UINT32_MAX + 1);
  chunking.fragments_per_chunk = static_cast<uint32_t>(std::min<uint64_t>(per_chunk, UINT32_MAX));
  chunking.chunk_count = static_cast<uint32_t>(
      (chunking.fragments + chunking.fragments_per_chunk - 1) / chunking.fragments_per_chunk);
  return chunking;
}

}  // namespace hexagent::transport
