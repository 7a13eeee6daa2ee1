// Row A15: cancels at random moments, how long until blocks are free, and that nothing writes them
// after: each half of the target's blocks is filled once it is quiesced, and looked at when the
// transfer into the other half has ended.
#include <numeric>

#include "pair.h"
#include "unit/transport/random.h"

namespace hexagent::transport::bench {
namespace {

constexpr unsigned char kCanary = 0xc5;

std::vector<int32_t> half_of(const PoolShape& shape, uint32_t half) {
  std::vector<int32_t> ids(shape.blocks / 2);
  std::iota(ids.begin(), ids.end(), static_cast<int32_t>(half * shape.blocks / 2));
  return ids;
}

// Regions lie one after the other; a half of each is one row of bytes.
struct Halves {
  BenchPair* pair;
  std::vector<unsigned char> back;

  size_t pitch() const { return pair->shape.blocks * pair->shape.block_bytes(); }
  size_t width() const { return pitch() / 2; }
  size_t height() const { return 2 * pair->shape.layers; }
  unsigned char* data(uint32_t half) const { return pair->target.memory.data() + half * width(); }
  void fill(uint32_t half) const {
    must(cudaMemset2D(data(half), pitch(), kCanary, width(), height()), "canary");
    must(cudaDeviceSynchronize(), "canary");
  }
  bool untouched(uint32_t half) {
    back.resize(width() * height());
    must(cudaMemcpy2D(back.data(), width(), data(half), pitch(), width(), height(),
                      cudaMemcpyDefault),
         "canary");
    return std::all_of(back.begin(), back.end(), [](unsigned char c) { return c == kCanary; });
  }
};

}  // namespace

int cancel_row(const char* plugin, Table* table) {
  constexpr int kCancels = 10'000;
  PoolShape shape;
  shape.layers = 8;
  shape.blocks = 8;
  shape.head_count = 2;
  BenchPair pair(plugin, shape, "path=direct", 1u << 18, 1u << 16);
  Halves halves{&pair, {}};
  TestRandom random(15);
  std::vector<double> times;
  int late_writes = 0;
  for (int round = 0; round < kCancels; ++round) {
    const uint32_t half = static_cast<uint32_t>(round) % 2;
    const auto both = pair.begin(half_of(shape, 0), half_of(shape, half), 0);
    const uint32_t turns = random.below(40);
    for (uint32_t turn = 0; turn < turns; ++turn) pair.turn();
    const bool by_source = random.chance(50);
    const int64_t begin_ns = BenchPair::now_ns();
    LocalHost& host = by_source ? pair.source.host : pair.target.host;
    const uint64_t handle = by_source ? both.second : both.first;
    pair.ops.cancel(host.transport, by_source ? HEXAGENT_TRANSFER_SOURCE : HEXAGENT_TRANSFER_TARGET,
                    handle);
    pair.until([&] { return host.find(HEXAGENT_TRANSFER_QUIESCED, handle) != nullptr; });
    times.push_back(1e-6 * static_cast<double>(BenchPair::now_ns() - begin_ns));
    pair.until(
        [&] { return pair.target.host.find(HEXAGENT_TRANSFER_QUIESCED, both.first) != nullptr; });
    halves.fill(half);
    pair.until([&] { return pair.ended(both); });
    if (round > 0 && !halves.untouched(1 - half)) ++late_writes;
    pair.forget_events();
  }
  const double slowest = percentile(times, 0.99);
  table->row("A15", "cancel to quiesced, 10,000 at random moments", "p99 2 ms, no late write",
             text("p99 %.3f ms, %d late writes", slowest, late_writes),
             slowest <= 2 && late_writes == 0);
  return late_writes;
}

}  // namespace hexagent::transport::bench
