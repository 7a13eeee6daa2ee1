// Rows A9 to A11: what the host pays for a transfer and for a chunk, and how long the first chunk
// takes; and what whole transfers carry, two transports in one process on one device.
#include <numeric>

#include "pair.h"

namespace hexagent::transport::bench {
namespace {

std::vector<int32_t> row_of(uint32_t first, uint32_t count) {
  std::vector<int32_t> ids(count);
  std::iota(ids.begin(), ids.end(), static_cast<int32_t>(first));
  return ids;
}

void submit_row(BenchPair* pair, Table* table) {
  constexpr int kRounds = 200;
  const std::vector<int32_t> ids = row_of(0, 1024);
  std::vector<double> times;
  for (int round = 0; round < kRounds; ++round) {
    hexagent_kv_transfer transfer = {};
    transfer.struct_size = sizeof(transfer);
    transfer.peer_worker = 2;
    transfer.source = pair->blocks(pair->source, ids);
    transfer.token = 1;  // of no reservation: it ends at once
    uint64_t id = 0;
    const int64_t begin_ns = BenchPair::now_ns();
    pair->ops.submit(pair->source.host.transport, &transfer, &id);
    times.push_back(1e-3 * static_cast<double>(BenchPair::now_ns() - begin_ns));
    pair->until([&] { return pair->source.host.find(HEXAGENT_TRANSFER_QUIESCED, id) != nullptr; });
    pair->forget_events();
  }
  table->row("A9", "submit, 1,024 blocks x 160 regions", "15 us", text("%.1f us", median(times)),
             median(times) <= 15);
}

void whole_rows(BenchPair* pair, Table* table) {
  constexpr int kRounds = 10;
  const std::vector<int32_t> ids = row_of(0, 1024);
  const double bytes = 1024.0 * 160 * static_cast<double>(pair->shape.block_bytes());
  std::vector<double> rates;
  pair->progress_seconds = 0;
  uint64_t chunks = 0;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t begin_ns = BenchPair::now_ns();
    const auto both = pair->begin(ids, ids, HEXAGENT_TRANSFER_CHECKSUM);
    pair->until([&] { return pair->ended(both); });
    rates.push_back(bytes / (1e-9 * static_cast<double>(BenchPair::now_ns() - begin_ns)));
    chunks += static_cast<uint64_t>(bytes / (8u << 20));
    pair->forget_events();
  }
  table->note("", "whole transfers of 5 GiB, checksum, 16 blocks, one device, two transports",
              text("%.0f GB/s payload", 1e-9 * median(rates)));
  const double us = 1e6 * pair->progress_seconds / static_cast<double>(chunks);
  table->row("A10", "host time a chunk of 8 MiB, both ends", "2 x 10 us", text("%.1f us", us),
             us <= 20);
}

void first_chunk_row(BenchPair* pair, Table* table) {
  constexpr int kRounds = 300;
  const std::vector<int32_t> ids = row_of(0, 1);  // 160 regions of 32 KiB are 5 MiB
  std::vector<double> times;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t begin_ns = BenchPair::now_ns();
    const auto both = pair->begin(ids, ids, 0);
    pair->until([&] {
      return pair->source.host.find(HEXAGENT_TRANSFER_CHUNK, both.second) != nullptr ||
             pair->source.host.find(HEXAGENT_TRANSFER_DONE, both.second) != nullptr;
    });
    times.push_back(1e-3 * static_cast<double>(BenchPair::now_ns() - begin_ns));
    pair->until([&] { return pair->ended(both); });
    pair->forget_events();
  }
  table->row("A11", "submit to first chunk of 1 MiB, both ends in one thread", "150 us",
             text("%.0f us, p99 %.0f", median(times), percentile(times, 0.99)),
             median(times) <= 150);
}

}  // namespace

void transfer_rows(const char* plugin, Table* table) {
  BenchPair pair(plugin, PoolShape(), "path=direct", 8u << 20, 1u << 20);
  whole_rows(&pair, table);
  submit_row(&pair, table);
  first_chunk_row(&pair, table);
}

}  // namespace hexagent::transport::bench
