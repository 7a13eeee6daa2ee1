// Row A12: layers that become ready one by one, each told by an event that its stream has still to
// reach, as an engine's prefill does. What is left to do after the last of them?
#include <numeric>

#include "pair.h"

namespace hexagent::transport::bench {
namespace {

// As long as a layer of a prefill; one block, so that copies have room.
__global__ void compute(int64_t cycles) {
  const int64_t begin = clock64();
  while (clock64() - begin < cycles) continue;
}

}  // namespace

void overlap_row(const char* plugin, Table* table) {
  constexpr int kRounds = 7;
  PoolShape shape;
  shape.blocks = 512;
  BenchPair pair(plugin, shape, "path=direct", 8u << 20, 1u << 20);
  std::vector<int32_t> ids(256);
  std::iota(ids.begin(), ids.end(), 0);
  const double bytes = 256.0 * 160 * static_cast<double>(shape.block_bytes());
  // The whole at once, which also teaches the link's speed.
  std::vector<double> whole;
  for (int round = 0; round < 5; ++round) {
    const int64_t begin_ns = BenchPair::now_ns();
    const auto both = pair.begin(ids, ids, 0);
    pair.until([&] { return pair.ended(both); });
    whole.push_back(1e-9 * static_cast<double>(BenchPair::now_ns() - begin_ns));
    pair.forget_events();
  }
  const double chunk_seconds = median(whole) * (8u << 20) / bytes;
  Stream prefill;
  std::vector<double> extra;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Event> events(shape.layers);
    for (uint32_t layer = 0; layer < shape.layers; ++layer) {
      compute<<<1, 1, 0, prefill>>>(400'000);  // about 0.2 ms
      must(cudaEventRecord(events[layer], prefill), "event");
    }
    const auto both = pair.begin(ids, ids, HEXAGENT_TRANSFER_LAYERWISE);
    uint32_t told = 0;
    int64_t last_ns = 0;
    pair.until([&] {
      // The engine's host runs ahead of its device by two layers.
      while (told < shape.layers && (told < 2 || cudaEventQuery(events[told - 2]) == cudaSuccess)) {
        cudaEvent_t event = events[told];
        pair.ops.layers_ready(pair.source.host.transport, both.second, ++told, event);
      }
      if (last_ns == 0 && cudaEventQuery(events.back()) == cudaSuccess) {
        last_ns = BenchPair::now_ns();
      }
      return pair.ended(both);
    });
    extra.push_back(1e-9 * static_cast<double>(BenchPair::now_ns() - last_ns));
    pair.forget_events();
  }
  const double chunks = median(extra) / chunk_seconds;
  table->row("A12", "layers one by one: time after the last", "1.5 chunks of 8 MiB",
             text("%.2f chunks (%.0f us)", chunks, 1e6 * median(extra)), chunks <= 1.5);
}

}  // namespace hexagent::transport::bench
