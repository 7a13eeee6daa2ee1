// Row A13: urgent transfers submitted behind 2 GiB of low risk: when their first chunk leaves and
// when it has arrived, in chunk times of what is under way, and what the low-risk ones lose. The
// moments are random, mostly in the middle of a copy of the source's thread.
#include <algorithm>
#include <array>
#include <cstring>

#include "sim/random.h"
#include "tool/bench_timing.h"
#include "tool/bench_transport.h"
#include "tool/bench_transport_end.h"
#include "transport/engine/message.h"
#include "transport/host/host_memory.h"
#include "transport/tcp/host_tcp.h"

namespace hexagent::tool {
namespace {

constexpr uint32_t kBulks = 8;         // of 256 MiB each, of the same blocks
constexpr uint32_t kUrgents = 8;       // a round
constexpr uint32_t kUrgentBlocks = 8;  // 4 MiB
constexpr int64_t kDeadlineNs = 50'000'000;

struct Urgent {
  uint64_t token = 0;
  int64_t wanted_ns = 0;
  int64_t submitted_ns = 0;
  int64_t announced_ns = 0;  // by the source's thread
  int64_t arrived_ns = 0;    // by the target's
  bool behind = false;       // the low-risk ones were not through
};

class UrgentBench {
 public:
  UrgentBench(const hexagent_transport_ops* ops, const char* options, uint32_t megabytes)
      : blocks_(static_cast<uint32_t>((size_t{megabytes} << 20) / BenchPair::kBlockBytes)),
        pair_(ops, options, blocks_) {
    pair_.source.on_message = [this](const void* message, size_t size) {
      on_message(message, size);
    };
    pair_.source.on_event = [this](const hexagent_transfer_event& event) {
      if (event.kind == HEXAGENT_TRANSFER_DONE && event.user_data == 0) ++bulks_done_;
      if (bulks_done_ == kBulks && bulk_end_ns_ == 0) bulk_end_ns_ = clock_ns();
    };
    pair_.target.on_event = [this](const hexagent_transfer_event& event) { on_arrival(event); };
  }

  // Nanoseconds from the first submit until the last low-risk transfer is done.
  int64_t round(bool with_urgent) {
    std::vector<uint64_t> tokens;
    for (uint32_t i = 0; i < kBulks; ++i) tokens.push_back(pair_.reserve(blocks_));
    urgents_ = {};
    for (Urgent& urgent : urgents_) {
      if (with_urgent) urgent.token = pair_.reserve(kUrgentBlocks);
    }
    bulks_done_ = 0;
    bulk_end_ns_ = 0;
    const int64_t begin_ns = clock_ns();
    for (const uint64_t token : tokens) submit_bulk(token);
    if (with_urgent) submit_urgents(begin_ns);
    quiesced_ += kBulks + (with_urgent ? kUrgents : 0);
    pair_.until_quiesced(quiesced_);
    return bulk_end_ns_ - begin_ns;
  }
  void last_alone(int64_t took_ns) { alone_ns_ = took_ns; }
  const std::array<Urgent, kUrgents>& urgents() const { return urgents_; }
  double chunk_ns() const {
    return static_cast<double>(chunk_bytes_) * static_cast<double>(alone_ns_) /
           static_cast<double>(bulk_bytes());
  }
  uint64_t chunk_bytes() const { return chunk_bytes_; }
  uint64_t bulk_bytes() const { return uint64_t{blocks_} * BenchPair::kBlockBytes * kBulks; }

 private:
  void submit_bulk(uint64_t token) {
    hexagent_kv_transfer bulk = pair_.describe(blocks_, token);
    bulk.risk = 0.01;
    pair_.submit(bulk);
  }
  // One after the other, spread over nine tenths of what the low-risk ones take alone.
  void submit_urgents(int64_t begin_ns) {
    const int64_t gap_ns = alone_ns_ * 9 / 10 / kUrgents;
    for (uint32_t i = 0; i < kUrgents; ++i) {
      Urgent* urgent = &urgents_[i];
      urgent->wanted_ns = begin_ns + gap_ns * i + gap_ns / 4 + offset_ns(gap_ns / 2);
      pair_.source.at(urgent->wanted_ns, [this, urgent] {
        urgent->submitted_ns = clock_ns();
        urgent->behind = bulks_done_ < kBulks;
        hexagent_kv_transfer transfer = pair_.describe(kUrgentBlocks, urgent->token);
        transfer.risk = 1.0;
        transfer.deadline_ns = clock_ns() + kDeadlineNs;
        transfer.user_data = 1;
        pair_.submit(transfer);
      });
      pair_.until([this] { return pair_.source.at_done(); });
    }
  }
  Urgent* urgent_of(uint64_t token) {
    for (Urgent& urgent : urgents_) {
      if (urgent.token == token && token != 0) return &urgent;
    }
    return nullptr;
  }
  void on_message(const void* bytes, size_t size) {
    transport::AnyMessage message = {};
    if (transport::read_message(bytes, size, &message) != transport::MessageCheck::kGood) return;
    if (message.header.kind == transport::MessageKind::kOpen) {
      const uint64_t chunk = uint64_t{message.open.fragments_per_chunk} * BenchPair::kFragment;
      if (urgent_of(message.open.token) == nullptr) chunk_bytes_ = chunk;
    }
    if (message.header.kind != transport::MessageKind::kReady) return;
    Urgent* urgent = urgent_of(message.ready.token);
    if (urgent != nullptr && urgent->announced_ns == 0) urgent->announced_ns = clock_ns();
  }
  void on_arrival(const hexagent_transfer_event& event) {
    if (event.kind > HEXAGENT_TRANSFER_DONE || event.bytes == 0) return;
    Urgent* urgent = urgent_of(event.id);
    if (urgent != nullptr && urgent->arrived_ns == 0) urgent->arrived_ns = clock_ns();
  }
  // 0 to `most_ns`.
  int64_t offset_ns(int64_t most_ns) {
    return static_cast<int64_t>(random_.below(static_cast<uint64_t>(most_ns + 1)));
  }

  // All before the pair, whose thread uses it.
  std::array<Urgent, kUrgents> urgents_;
  uint32_t bulks_done_ = 0;
  int64_t bulk_end_ns_ = 0;
  uint64_t chunk_bytes_ = 0;
  uint32_t blocks_;
  BenchPair pair_;
  uint32_t quiesced_ = 0;
  int64_t alone_ns_ = 0;
  sim::Random random_{1};
};

UrgentResult measure_urgent(const hexagent_transport_ops* ops, const char* way, const char* options,
                            const BenchTransportOptions& wanted) {
  UrgentBench bench(ops, options, wanted.megabytes);
  bench.last_alone(bench.round(false));  // the link is known from here on
  std::vector<double> submitted;
  std::vector<double> announced;
  std::vector<double> arrived;
  std::vector<double> losses;
  std::vector<double> chunk_ns;
  for (uint32_t i = 0; i < wanted.repetitions; ++i) {
    const int64_t alone_ns = bench.round(false);
    bench.last_alone(alone_ns);
    const double chunk = bench.chunk_ns();
    losses.push_back(1.0 - static_cast<double>(alone_ns) / static_cast<double>(bench.round(true)));
    chunk_ns.push_back(chunk);
    for (const Urgent& urgent : bench.urgents()) {
      if (!urgent.behind) continue;
      const auto chunks = [chunk](int64_t from_ns, int64_t to_ns) {
        return static_cast<double>(to_ns - from_ns) / chunk;
      };
      submitted.push_back(chunks(urgent.wanted_ns, urgent.submitted_ns));
      announced.push_back(chunks(urgent.submitted_ns, urgent.announced_ns));
      arrived.push_back(chunks(urgent.submitted_ns, urgent.arrived_ns));
    }
  }
  UrgentResult result = {};
  result.way = way;
  result.bulk_bytes = bench.bulk_bytes();
  result.chunk_bytes = bench.chunk_bytes();
  result.chunk_ns = median(chunk_ns);
  result.urgents = static_cast<uint32_t>(announced.size());
  result.submitted_chunks = quantile(&submitted, 0.5);
  result.submitted_chunks_p95 = quantile(&submitted, 0.95);
  result.announced_chunks = quantile(&announced, 0.5);
  result.announced_chunks_p95 = quantile(&announced, 0.95);
  result.arrived_chunks = quantile(&arrived, 0.5);
  result.arrived_chunks_p95 = quantile(&arrived, 0.95);
  result.bulk_loss = median(losses);
  const double urgent_bytes =
      static_cast<double>(kUrgents * kUrgentBlocks * BenchPair::kBlockBytes);
  result.urgent_share = urgent_bytes / (urgent_bytes + static_cast<double>(result.bulk_bytes));
  return result;
}

}  // namespace

std::vector<UrgentResult> bench_urgent(const BenchTransportOptions& options) {
  if (options.link_rate != 0) {
    const std::string rate = "rate=" + std::to_string(options.link_rate);
    return {
        measure_urgent(transport::host_tcp_ops(), "host-tcp, slow link", rate.c_str(), options)};
  }
  return {measure_urgent(transport::host_memory_ops(), "host-memory, two copies", "one_copy=off",
                         options),
          measure_urgent(transport::host_memory_ops(), "host-memory, one copy", "one_copy_min=0",
                         options),
          measure_urgent(transport::host_tcp_ops(), "host-tcp", nullptr, options)};
}

}  // namespace hexagent::tool
