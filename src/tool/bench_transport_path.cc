// The host-memory transport, both ends in one thread: what a submit, a chunk and the first chunk
// cost, and whole transfers against memcpy.
#include <cstring>
#include <stdexcept>

#include "hexagent/transport.h"
#include "tool/allocation_counter.h"
#include "tool/bench_timing.h"
#include "tool/bench_transport.h"
#include "tool/bench_transport_pool.h"
#include "transport/engine/message.h"
#include "transport/host/host_memory.h"

namespace hexagent::tool {
namespace {

// A host without queues that grow, so that allocations counted are the transport's.
struct PathEnd {
  static constexpr uint32_t kMessages = 128;
  struct Message {
    size_t size;
    unsigned char bytes[HEXAGENT_CONTROL_MAX];
  };

  const hexagent_transport_ops* ops = transport::host_memory_ops();
  hexagent_transport* transport = nullptr;
  std::vector<Message> messages = std::vector<Message>(kMessages);
  uint32_t first = 0;
  uint32_t count = 0;
  uint32_t chunk_events = 0;  // CHUNK and DONE
  uint32_t quiesced = 0;
  int64_t first_event_ns = 0;

  ~PathEnd() {
    if (transport != nullptr) ops->destroy(transport);
  }
  void open(uint32_t worker, hexagent_transport_config config) {
    const hexagent_transport_host host = host_of(this, post_event, send_control);
    config.struct_size = sizeof(config);
    config.worker = worker;
    config.incarnation = worker;
    check(ops->create(&host, &config, &transport), "create");
  }
  static hexagent_status post_event(void* context, const hexagent_transfer_event* event) {
    auto* end = static_cast<PathEnd*>(context);
    if (event->kind == HEXAGENT_TRANSFER_FAILED && event->status != HEXAGENT_E_CANCELLED) {
      return HEXAGENT_OK;  // noticed by the count that does not rise
    }
    if (event->kind == HEXAGENT_TRANSFER_QUIESCED) ++end->quiesced;
    if (event->kind > HEXAGENT_TRANSFER_DONE) return HEXAGENT_OK;
    if (end->chunk_events++ == 0) end->first_event_ns = clock_ns();
    return HEXAGENT_OK;
  }
  static hexagent_status send_control(void* context, uint32_t, const void* message, size_t size) {
    auto* end = static_cast<PathEnd*>(context);
    if (end->count == kMessages) return HEXAGENT_E_AGAIN;
    Message& to = end->messages[(end->first + end->count++) % kMessages];
    to.size = size;
    std::memcpy(to.bytes, message, size);
    return HEXAGENT_OK;
  }
  bool progress() const {
    int64_t next_ns = 0;
    // One copy, then the other end: as if each had a thread of its own.
    return check(ops->progress(transport, 1, &next_ns), "progress") > 0;
  }
};

class Path {
 public:
  Path(const hexagent_transport_config& config, const hexagent_kv_pool& shape)
      : pools_{make_bench_memory(pool_bytes(shape)), make_bench_memory(pool_bytes(shape))} {
    source_.open(1, config);
    target_.open(2, config);
    give_ = register_flat_pool(source_.ops, source_.transport, shape, pools_[0].get());
    take_ = register_flat_pool(target_.ops, target_.transport, shape, pools_[1].get());
    check(source_.ops->connect(source_.transport, 2), "connect");
    run();
  }
  // Moves the same ids at both ends; until both have QUIESCED.
  void transfer(const std::vector<int32_t>& ids, uint32_t flags) {
    source_.quiesced = target_.quiesced = 0;
    source_.chunk_events = 0;
    begin(ids, flags);
    run();
    if (source_.quiesced != 1 || target_.quiesced != 1 || source_.chunk_events == 0) {
      throw std::runtime_error("a transfer did not end");
    }
  }
  // The time of submit() alone; the transfer is cancelled.
  int64_t submit(const std::vector<int32_t>& ids, uint64_t* allocations) {
    const uint64_t before = allocation_count();
    const int64_t took_ns = begin(ids, 0);
    *allocations += allocation_count() - before;
    check(source_.ops->cancel(source_.transport, HEXAGENT_TRANSFER_SOURCE, id_), "cancel");
    run();
    return took_ns;
  }
  const PathEnd& source() const { return source_; }
  int64_t submitted_ns() const { return submitted_ns_; }

 private:
  int64_t begin(const std::vector<int32_t>& ids, uint32_t flags) {
    BenchTransfer wanted(ids, give_, take_, flags);
    check(target_.ops->reserve(target_.transport, &wanted.reservation, &wanted.transfer.token),
          "reserve");
    submitted_ns_ = clock_ns();
    check(source_.ops->submit(source_.transport, &wanted.transfer, &id_), "submit");
    return clock_ns() - submitted_ns_;
  }
  static bool deliver(PathEnd* from, const PathEnd& to, uint32_t worker) {
    const bool any = from->count > 0;
    for (; from->count > 0; --from->count) {
      const PathEnd::Message& message = from->messages[from->first];
      check(to.ops->control(to.transport, worker, message.bytes, message.size), "control");
      from->first = (from->first + 1) % PathEnd::kMessages;
    }
    return any;
  }
  void run() {
    for (bool busy = true; busy;) {
      busy = source_.progress();
      busy = deliver(&source_, target_, 1) || busy;
      busy = target_.progress() || busy;
      busy = deliver(&target_, source_, 2) || busy;
    }
  }

  BenchMemory pools_[2];
  PathEnd source_;
  PathEnd target_;
  uint64_t give_ = 0;
  uint64_t take_ = 0;
  uint64_t id_ = 0;
  int64_t submitted_ns_ = 0;
};

void bench_submit(PathResult* result) {
  constexpr uint32_t kBlocks = 1024;
  constexpr uint32_t kRounds = 1000;
  // 80 layers of K and V; how long a block is does not matter to a submit.
  const hexagent_kv_pool shape = flat_shape(80, 2, 64, kBlocks);
  Path path({}, shape);
  const std::vector<int32_t> ids = shuffled_ids(kBlocks);
  uint64_t ignored = 0;
  path.submit(ids, &ignored);
  std::vector<int64_t> times;
  result->submit_allocations = 0;
  for (uint32_t i = 0; i < kRounds; ++i) {
    times.push_back(path.submit(ids, &result->submit_allocations));
  }
  result->submit_ns = median(times);
  result->metadata_bytes = kBlocks * sizeof(int32_t) * 2 + sizeof(transport::OpenMessage);
}

void bench_chunks(uint32_t repetitions, PathResult* result) {
  constexpr uint32_t kChunks = 4096;
  // Two fragments do not fit a slot, so each is a chunk; its two copies within the first cache are
  // a small part of what is measured.
  constexpr uint32_t kFragment = 2112;
  const hexagent_kv_pool shape = flat_shape(kChunks, 1, kFragment, 1);
  hexagent_transport_config config = {};
  config.slot_bytes = 4096;
  Path path(config, shape);
  std::vector<double> times;
  const std::vector<int32_t> ids = {0};
  path.transfer(ids, 0);
  times.reserve(repetitions);
  const uint64_t before = allocation_count();
  for (uint32_t i = 0; i < repetitions; ++i) {
    const int64_t begin = clock_ns();
    path.transfer(ids, 0);
    times.push_back(static_cast<double>(clock_ns() - begin));
  }
  result->chunk_allocations = allocation_count() - before;
  result->chunk_ns = median(times) / kChunks;
}

void bench_first_chunk(PathResult* result) {
  constexpr uint32_t kRounds = 2000;
  constexpr uint32_t kFragment = 4096;
  constexpr uint32_t kBlocks = 8;  // x 32 regions x 4 KiB = 1 MiB
  const hexagent_kv_pool shape = flat_shape(16, 2, kFragment, 64 * kBlocks);
  Path path({}, shape);
  const std::vector<int32_t> all = shuffled_ids(64 * kBlocks);
  std::vector<int64_t> times;
  for (uint32_t i = 0; i < kRounds; ++i) {
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(i % 64 * kBlocks);
    const std::vector<int32_t> ids(from, from + kBlocks);
    path.transfer(ids, 0);
    if (i > 100) times.push_back(path.source().first_event_ns - path.submitted_ns());
  }
  result->first_chunk_ns = median(times);
  result->first_chunk_p99_ns = quantile(&times, 0.99);
}

TransferResult bench_transfer(Path* path, const BenchMemory (&plain)[2], size_t bytes,
                              const std::vector<int32_t>& ids, uint32_t flags,
                              uint32_t repetitions) {
  std::vector<double> shares;
  std::vector<double> rates;
  for (uint32_t i = 0; i < repetitions; ++i) {
    int64_t begin = clock_ns();
    std::memcpy(plain[1].get(), plain[0].get(), bytes);
    const auto alone = static_cast<double>(clock_ns() - begin);
    begin = clock_ns();
    path->transfer(ids, flags);
    const auto took = static_cast<double>(clock_ns() - begin);
    shares.push_back(alone / took);
    rates.push_back(static_cast<double>(bytes) / took * 1e9);
  }
  return {0, "", flags != 0, median(shares), median(rates)};
}

}  // namespace

PathResult bench_path(const BenchTransportOptions& options) {
  PathResult result = {};
  bench_submit(&result);
  bench_chunks(options.repetitions * 5, &result);
  bench_first_chunk(&result);
  return result;
}

std::vector<TransferResult> bench_transfers(const BenchTransportOptions& options) {
  constexpr uint32_t kLayers = 16;
  struct Way {
    const char* name;
    const char* options;
    bool sums;
  };
  constexpr Way kWays[] = {{"two, cached", "one_copy=off pack=cached", true},
                           {"two, streaming", "one_copy=off pack=streaming", true},
                           {"one", "one_copy_min=0", false}};
  std::vector<TransferResult> results;
  const size_t bytes = size_t{options.megabytes} << 20;
  const BenchMemory plain[] = {make_bench_memory(bytes), make_bench_memory(bytes)};
  for (const uint32_t fragment : {4096u, 16384u, 65536u}) {
    const auto blocks = static_cast<uint32_t>(bytes / fragment / (2 * kLayers));
    const hexagent_kv_pool shape = flat_shape(kLayers, 2, fragment, 2 * blocks);
    for (const Way& way : kWays) {
      hexagent_transport_config config = {};
      config.blocks_max = 2 * blocks;
      config.options = way.options;
      Path path(config, shape);
      std::vector<int32_t> ids = shuffled_ids(2 * blocks);
      ids.resize(blocks);
      for (const uint32_t flags : {0u, uint32_t{HEXAGENT_TRANSFER_CHECKSUM}}) {
        if (flags != 0 && !way.sums) continue;
        results.push_back(bench_transfer(&path, plain, bytes, ids, flags, options.repetitions));
        results.back().fragment_bytes = fragment;
        results.back().way = way.name;
      }
    }
  }
  return results;
}

}  // namespace hexagent::tool
