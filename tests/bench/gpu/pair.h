// Two transports of the plugin in this process, workers 1 (source) and 2 (target), each with a pool
// in memory of device 0; messages are carried by hand.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "unit/transport/local_host.h"

namespace hexagent::transport::bench {

struct PoolShape {
  uint32_t layers = 80;
  uint32_t blocks = 2048;
  uint32_t head_count = 8;
  uint32_t head_bytes = 256;
  uint32_t block_tokens = 16;

  uint64_t block_bytes() const { return uint64_t{block_tokens} * head_count * head_bytes; }
  uint64_t bytes() const { return 2 * layers * blocks * block_bytes(); }
};

// One end with its pool.
struct BenchEnd {
  LocalHost host;
  DeviceBuffer memory;
  uint64_t pool = 0;

  explicit BenchEnd(const PoolShape& shape) : memory(shape.bytes()) {}
};

// Makes the transport of a worker, with its pool.
void open_end(const hexagent_transport_ops& ops, const PoolShape& shape, uint32_t worker,
              const char* options, uint32_t slot_bytes, uint32_t chunk_bytes, BenchEnd* end);

struct BenchPair {
  hexagent_transport_ops ops;
  PoolShape shape;
  BenchEnd source;
  BenchEnd target;
  double progress_seconds = 0;  // in calls that did something

  // Ends the program when the plugin cannot be had: then nothing is measured.
  BenchPair(const char* plugin, const PoolShape& of, const char* options, uint32_t slot_bytes,
            uint32_t chunk_bytes);

  hexagent_kv_blocks blocks(const BenchEnd& end, const std::vector<int32_t>& ids) const;
  // The token and the source's id.
  std::pair<uint64_t, uint64_t> begin(const std::vector<int32_t>& from,
                                      const std::vector<int32_t>& to, uint32_t flags);
  // One call of progress() at both ends, and the messages.
  void turn();
  template <class Reached>
  void until(const Reached& reached) {
    const int64_t give_up = now_ns() + 20'000'000'000;
    while (!reached()) {
      turn();
      if (now_ns() > give_up) must(cudaErrorTimeout, "a transfer");
    }
  }
  bool ended(const std::pair<uint64_t, uint64_t>& both) const {
    return target.host.find(HEXAGENT_TRANSFER_QUIESCED, both.first) != nullptr &&
           source.host.find(HEXAGENT_TRANSFER_QUIESCED, both.second) != nullptr;
  }
  void forget_events() {
    source.host.events.clear();
    target.host.events.clear();
  }
  static int64_t now_ns();
};

}  // namespace hexagent::transport::bench
