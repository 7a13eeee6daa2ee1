// From a pool and a selection of blocks, layers and heads to the index math of one end. Checks
// everything that comes from outside; kv_index.h checks nothing. Tests:
// tests/unit/transport/copy/kv_index_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "hexagent/transport.h"
#include "transport/copy/kv_index.h"

namespace hexagent::transport {

// A registered pool: the caller's description with its region bases copied.
struct KvPool {
  hexagent_kv_pool shape = {};  // region_bases is null; see `bases`
  std::vector<uint64_t> bases;
};

// Bytes of one token in one region, and of the tokens that a block has room for.
uint64_t token_bytes(const hexagent_kv_pool& pool);
uint64_t block_bytes(const hexagent_kv_pool& pool);

// HEXAGENT_OK, _ARGUMENT, _RESERVED or _RANGE.
hexagent_status check_pool(const hexagent_kv_pool& pool);

// What both ends of a transfer have to agree on, and what its packed form follows from.
struct WireShape {
  uint64_t content_hash;
  uint32_t layout;  // the source's: order of the packed rows
  uint32_t region_count;
  uint32_t regions_per_layer;
  uint32_t block_count;
  uint32_t block_tokens;
  uint32_t last_block_tokens;  // never 0
  uint32_t head_count;         // 0 for FLAT
  uint32_t unit_bytes;         // of a head of a token; FLAT: of a token
};

// HEXAGENT_OK, _ARGUMENT, _RESERVED or _RANGE: do the blocks, layers and heads exist in the pool?
hexagent_status check_blocks(const KvPool& pool, const hexagent_kv_blocks& blocks);

// Of a selection that check_blocks() has passed, with the pool's own layout.
WireShape wire_shape(const KvPool& pool, const hexagent_kv_blocks& blocks);

// May a transfer packed as `source` says be taken into what `target` says? Equal but for the
// layout, which may be NHD at one end and HND at the other if heads are whole vectors of 16 bytes.
bool fits(const WireShape& source, const WireShape& target);

// The index math of one end for a transfer packed as `wire`, which fits() this end. `ids` are its
// blocks, copied by the caller.
KvCopy make_copy(const KvPool& pool, const hexagent_kv_blocks& blocks, const int32_t* ids,
                 const WireShape& wire);

// Payload of the fragments before number `fragment`, without padding.
uint64_t payload_bytes(const WireShape& wire, uint64_t fragment);

}  // namespace hexagent::transport
