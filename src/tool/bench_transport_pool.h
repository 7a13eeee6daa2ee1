// What the transport benchmarks share: the host of an end, KV pools of flat blocks, and a
// reservation and a transfer of the same blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hexagent/transport.h"
#include "tool/bench_timing.h"

namespace hexagent::tool {

// The host of an end, which both functions get as their context.
inline hexagent_transport_host host_of(
    void* end, decltype(hexagent_transport_host::post_event) post_event,
    decltype(hexagent_transport_host::send_control) send_control) {
  hexagent_transport_host host = {};
  host.struct_size = sizeof(host);
  host.abi = HEXAGENT_TRANSPORT_ABI;
  host.context = end;
  host.post_event = post_event;
  host.send_control = send_control;
  host.now_ns = [](void*) { return clock_ns(); };
  return host;
}

// `fragment`: bytes of a block in one region.
inline hexagent_kv_pool flat_shape(uint32_t layers, uint32_t regions, uint32_t fragment,
                                   uint32_t blocks) {
  hexagent_kv_pool shape = {};
  shape.struct_size = sizeof(shape);
  shape.layout = HEXAGENT_KV_FLAT;
  shape.layer_count = layers;
  shape.regions_per_layer = regions;
  shape.block_tokens = 16;
  shape.token_bytes = fragment / 16;
  shape.block_count = blocks;
  shape.block_stride_bytes = fragment;
  return shape;
}

inline size_t pool_bytes(const hexagent_kv_pool& shape) {
  return size_t{shape.layer_count} * shape.regions_per_layer * shape.block_count *
         shape.block_stride_bytes;
}

// Region after region in `memory`; returns the pool's handle.
inline uint64_t register_flat_pool(const hexagent_transport_ops* ops, hexagent_transport* transport,
                                   hexagent_kv_pool shape, unsigned char* memory) {
  std::vector<uint64_t> bases;
  for (uint64_t region = 0; region < uint64_t{shape.layer_count} * shape.regions_per_layer;
       ++region) {
    bases.push_back(reinterpret_cast<uintptr_t>(memory) +
                    region * shape.block_stride_bytes * shape.block_count);
  }
  shape.region_bases = bases.data();
  uint64_t pool = 0;
  check(ops->register_pool(transport, &shape, &pool), "register_pool");
  return pool;
}

// From worker 1 to worker 2, the same ids at both ends, which must outlive both records.
struct BenchTransfer {
  hexagent_kv_reservation reservation = {};
  hexagent_kv_transfer transfer = {};

  BenchTransfer(const std::vector<int32_t>& ids, uint64_t give, uint64_t take, uint32_t flags) {
    reservation.struct_size = sizeof(reservation);
    reservation.peer_worker = 1;
    reservation.target.pool = take;
    reservation.target.blocks = ids.data();
    reservation.target.block_count = static_cast<uint32_t>(ids.size());
    transfer.struct_size = sizeof(transfer);
    transfer.flags = flags;
    transfer.peer_worker = 2;
    transfer.source = reservation.target;
    transfer.source.pool = give;
  }
};

}  // namespace hexagent::tool
