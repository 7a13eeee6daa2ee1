// One copy: the target reads a chunk out of the source's blocks. In place of its packed bytes, the
// chunk's slot of the staging holds the list of where they lie, under the slot's fence. The list
// says where to read, never where to write; the target's own blocks it knows itself. Tests:
// tests/unit/transport/host/one_copy_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hexagent/hexagent.h"
#include "transport/copy/gather.h"
#include "transport/copy/kv_index.h"
#include "transport/copy/run_walker.h"
#include "transport/host/peer_memory.h"

namespace hexagent::transport {

// How long what lies in one piece is, in the mean, in the blocks of one end.
uint64_t mean_run_bytes(const KvCopy& copy);

struct FragmentRange {
  uint64_t first;
  uint64_t count;
};

// How many times as long the kernel takes to copy from these blocks as this process does, both out
// of the caches: a matter of their pages above all. Looks at as many bytes as `scratch` has, for
// some ten microseconds. The blocks hold what they shall.
double kernel_slowness(const KvCopy& copy, FragmentRange range,
                       std::vector<unsigned char>* scratch);

// Source: writes the list for these fragments. False: a slot has no room for it.
bool write_offer(const KvCopy& copy, FragmentRange range, unsigned char* slot, size_t slot_bytes);

// Target: reads what the slot lists into its own blocks, in order. HEXAGENT_OK,
// HEXAGENT_E_ARGUMENT: it lists fewer bytes, or more; or as PeerMemory::read(). The slot stays the
// peer's to change: nothing in it is looked at twice.
hexagent_status read_offer(const PeerMemory& peer, const KvCopy& copy, FragmentRange range,
                           const unsigned char* slot, size_t slot_bytes, ReadBatch* scratch);

}  // namespace hexagent::transport
