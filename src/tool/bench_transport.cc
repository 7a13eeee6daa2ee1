// `hexagent bench transport`: how fast KV is packed, moved and unpacked by this processor.
// No GPU is used. Ratios are of one run.
#include "tool/bench_transport.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "tool/commands.h"

namespace hexagent::tool {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const CopyResult& result) {
  return {{"kernels", result.kernels},
          {"fragment_bytes", result.fragment_bytes},
          {"gather_of_memcpy", result.gather},
          {"gather_checksum_of_memcpy", result.gather_sum},
          {"scatter_of_memcpy", result.scatter},
          {"scatter_checksum_of_memcpy", result.scatter_sum},
          {"memcpy_bytes_per_s", result.memcpy_bytes_per_s}};
}

Json to_json(const PathResult& result) {
  return {{"submit_ns", result.submit_ns},
          {"submit_allocations", result.submit_allocations},
          {"metadata_bytes", result.metadata_bytes},
          {"chunk_ns", result.chunk_ns},
          {"chunk_allocations", result.chunk_allocations},
          {"first_chunk_ns", result.first_chunk_ns},
          {"first_chunk_p99_ns", result.first_chunk_p99_ns}};
}

Json to_json(const TransferResult& result) {
  return {{"fragment_bytes", result.fragment_bytes},
          {"way", result.way},
          {"checksum", result.checksum},
          {"of_memcpy", result.share_of_memcpy},
          {"bytes_per_s", result.bytes_per_s}};
}

void print(const std::vector<CopyResult>& copies) {
  std::printf("copies, percent of memcpy of as many bytes right before (memcpy GB/s)\n");
  std::printf("%-10s %9s %8s %8s %8s %8s\n", "kernels", "fragment", "gather", "+ sum", "scatter",
              "+ sum");
  for (const CopyResult& copy : copies) {
    std::printf("%-10s %9u %8.0f %8.0f %8.0f %8.0f   (%.1f)\n", copy.kernels.c_str(),
                copy.fragment_bytes, 100 * copy.gather, 100 * copy.gather_sum, 100 * copy.scatter,
                100 * copy.scatter_sum, copy.memcpy_bytes_per_s * 1e-9);
  }
}

void print(const PathResult& path) {
  std::printf(
      "submit of 1,024 blocks x 160 regions: %.1f us, %llu B kept and sent, %llu allocations\n",
      path.submit_ns * 1e-3, static_cast<unsigned long long>(path.metadata_bytes),
      static_cast<unsigned long long>(path.submit_allocations));
  std::printf("a chunk of 2 KiB through both ends: %.2f us, %llu allocations\n",
              path.chunk_ns * 1e-3, static_cast<unsigned long long>(path.chunk_allocations));
  std::printf("submit to first chunk, 1 MiB: %.1f us, p99 %.1f us\n", path.first_chunk_ns * 1e-3,
              path.first_chunk_p99_ns * 1e-3);
}

void print(const std::vector<TransferResult>& transfers) {
  std::printf("whole transfers, both ends in one thread: copies, percent of one memcpy\n");
  for (const TransferResult& transfer : transfers) {
    std::printf("%9u B, %-15s %-12s %6.0f   (%.1f GB/s)\n", transfer.fragment_bytes,
                transfer.way.c_str(), transfer.checksum ? "checksum" : "no checksum",
                100 * transfer.share_of_memcpy, transfer.bytes_per_s * 1e-9);
  }
}

Json to_json(const TcpResult& result) {
  return {{"of_plain_sockets", result.share_of_plain},
          {"bytes_per_s", result.bytes_per_s},
          {"plain_bytes_per_s", result.plain_bytes_per_s}};
}

void print(const TcpResult& tcp) {
  std::printf("host-tcp over the loopback: %.0f %% of plain sockets (%.1f against %.1f GB/s)\n",
              100 * tcp.share_of_plain, tcp.bytes_per_s * 1e-9, tcp.plain_bytes_per_s * 1e-9);
}

void run_transport(const BenchTransportOptions& options) {
  const PathResult path = bench_path(options);
  const std::vector<CopyResult> copies = bench_copies(options);
  const std::vector<TransferResult> transfers = bench_transfers(options);
  const TcpResult tcp = bench_tcp(options);
  if (!options.json) {
    print(copies);
    print(path);
    print(transfers);
    print(tcp);
    return;
  }
  Json copies_json = Json::array();
  for (const CopyResult& copy : copies) copies_json.push_back(to_json(copy));
  Json transfers_json = Json::array();
  for (const TransferResult& transfer : transfers) transfers_json.push_back(to_json(transfer));
  const Json all = {{"copies", copies_json},
                    {"path", to_json(path)},
                    {"transfers", transfers_json},
                    {"tcp", to_json(tcp)}};
  std::printf("%s\n", Json({{"transport", all}}).dump(2).c_str());
}

}  // namespace

void add_bench_transport(CLI::App* bench) {
  constexpr uint32_t kMegabytesMax = 16384;
  CLI::App* command =
      bench->add_subcommand("transport", "Packing, moving and unpacking KV in host memory");
  auto options = std::make_shared<BenchTransportOptions>();
  command->add_option("--megabytes", options->megabytes, "Of one pass")
      ->capture_default_str()
      ->check(CLI::Range(16U, kMegabytesMax));
  command->add_option("--repetitions", options->repetitions)
      ->capture_default_str()
      ->check(CLI::Range(1U, 1000U));
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run_transport(*options); });
}

}  // namespace hexagent::tool
