// Two transports of the plugin: see pair.h.
#include "pair.h"

#include "transport/loader.h"

namespace hexagent::transport::bench {
namespace {

void enter(const hexagent_transport_ops& ops, const PoolShape& shape, BenchEnd* end) {
  std::vector<uint64_t> bases;
  const uint64_t region = shape.blocks * shape.block_bytes();
  for (uint32_t at = 0; at < 2 * shape.layers; ++at) {
    bases.push_back(end->memory.address() + at * region);
  }
  hexagent_kv_pool pool = {};
  pool.struct_size = sizeof(pool);
  pool.memory = HEXAGENT_MEMORY_CUDA;
  pool.layout = HEXAGENT_KV_NHD;
  pool.layer_count = shape.layers;
  pool.regions_per_layer = 2;
  pool.block_tokens = shape.block_tokens;
  pool.head_count = shape.head_count;
  pool.head_bytes = shape.head_bytes;
  pool.block_count = shape.blocks;
  pool.block_stride_bytes = shape.block_bytes();
  pool.region_bases = bases.data();
  pool.content_hash = 7;
  if (ops.register_pool(end->host.transport, &pool, &end->pool) != HEXAGENT_OK) {
    must(cudaErrorUnknown, "register_pool");
  }
}

}  // namespace

void open_end(const hexagent_transport_ops& ops, const PoolShape& shape, uint32_t worker,
              const char* options, uint32_t slot_bytes, uint32_t chunk_bytes, BenchEnd* end) {
  hexagent_transport_config config = LocalHost::config(worker);
  config.options = options;
  config.slot_bytes = slot_bytes;
  config.chunk_bytes_min = chunk_bytes;
  if (end->host.open(&ops, config) != HEXAGENT_OK) must(cudaErrorUnknown, "create");
  enter(ops, shape, end);
}

int64_t BenchPair::now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

BenchPair::BenchPair(const char* plugin, const PoolShape& of, const char* options,
                     uint32_t slot_bytes, uint32_t chunk_bytes)
    : shape(of), source(of), target(of) {
  const LoadedTransport loaded = load_plugin(plugin);
  if (loaded.status != HEXAGENT_OK) {
    std::printf("\nFAILED: %s\n", loaded.text);
    std::exit(1);
  }
  ops = loaded.ops;
  open_end(ops, shape, 1, options, slot_bytes, chunk_bytes, &source);
  open_end(ops, shape, 2, options, slot_bytes, chunk_bytes, &target);
  ops.connect(source.host.transport, 2);
  until([this] {
    return source.host.find(HEXAGENT_TRANSFER_PEER_UP, 0) != nullptr &&
           target.host.find(HEXAGENT_TRANSFER_PEER_UP, 0) != nullptr;
  });
}

hexagent_kv_blocks BenchPair::blocks(const BenchEnd& end, const std::vector<int32_t>& ids) const {
  hexagent_kv_blocks all = {};
  all.pool = end.pool;
  all.blocks = ids.data();
  all.block_count = static_cast<uint32_t>(ids.size());
  return all;
}

std::pair<uint64_t, uint64_t> BenchPair::begin(const std::vector<int32_t>& from,
                                               const std::vector<int32_t>& to, uint32_t flags) {
  hexagent_kv_reservation reservation = {};
  reservation.struct_size = sizeof(reservation);
  reservation.peer_worker = 1;
  reservation.target = blocks(target, to);
  hexagent_kv_transfer transfer = {};
  transfer.struct_size = sizeof(transfer);
  transfer.flags = flags;
  transfer.peer_worker = 2;
  transfer.source = blocks(source, from);
  uint64_t id = 0;
  if (ops.reserve(target.host.transport, &reservation, &transfer.token) != HEXAGENT_OK ||
      ops.submit(source.host.transport, &transfer, &id) != HEXAGENT_OK) {
    must(cudaErrorUnknown, "submit");
  }
  return {transfer.token, id};
}

void BenchPair::turn() {
  for (BenchEnd* end : {&source, &target}) {
    BenchEnd* other = end == &source ? &target : &source;
    const int64_t begin_ns = now_ns();
    if (end->host.progress()) progress_seconds += 1e-9 * static_cast<double>(now_ns() - begin_ns);
    while (!end->host.sent.empty()) {
      const std::vector<unsigned char> message = std::move(end->host.sent.front().second);
      end->host.sent.pop_front();
      ops.control(other->host.transport, end == &source ? 1 : 2, message.data(), message.size());
    }
  }
}

}  // namespace hexagent::transport::bench
