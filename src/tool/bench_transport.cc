// `hexagent bench transport`: how fast KV is packed, moved and unpacked by this processor.
// No GPU is used. Ratios are of one run.
#include "tool/bench_transport.h"

#include <algorithm>
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

Json to_json(const CancelResult& result) {
  return {{"way", result.way},
          {"cancels", result.cancels},
          {"late", result.late},
          {"wish_ns", result.wish_ns},
          {"wish_p99_ns", result.wish_p99_ns},
          {"wish_max_ns", result.wish_max_ns},
          {"call_ns", result.call_ns},
          {"call_p99_ns", result.call_p99_ns},
          {"other_end_ns", result.other_ns},
          {"other_end_p99_ns", result.other_p99_ns}};
}

void print(const std::vector<CancelResult>& cancels) {
  std::printf("cancel to QUIESCED at a random moment of 16 MiB, us: median, p99\n");
  for (const CancelResult& cancel : cancels) {
    std::printf("%-24s %6.0f %6.0f (max %.0f), from the call %.0f %.0f, other end %.0f %.0f\n",
                cancel.way.c_str(), cancel.wish_ns * 1e-3, cancel.wish_p99_ns * 1e-3,
                cancel.wish_max_ns * 1e-3, cancel.call_ns * 1e-3, cancel.call_p99_ns * 1e-3,
                cancel.other_ns * 1e-3, cancel.other_p99_ns * 1e-3);
  }
}

Json to_json(const UrgentResult& result) {
  return {{"way", result.way},
          {"low_risk_bytes", result.bulk_bytes},
          {"chunk_bytes", result.chunk_bytes},
          {"chunk_ns", result.chunk_ns},
          {"urgents", result.urgents},
          {"submitted_chunks", result.submitted_chunks},
          {"submitted_chunks_p95", result.submitted_chunks_p95},
          {"announced_chunks", result.announced_chunks},
          {"announced_chunks_p95", result.announced_chunks_p95},
          {"arrived_chunks", result.arrived_chunks},
          {"arrived_chunks_p95", result.arrived_chunks_p95},
          {"low_risk_loss", result.bulk_loss},
          {"urgent_share", result.urgent_share}};
}

void print(const std::vector<UrgentResult>& urgents) {
  std::printf("first chunk of 4 MiB urgent behind low risk, in chunk times: median, p95\n");
  for (const UrgentResult& urgent : urgents) {
    std::printf("%-24s announced %.1f %.1f, arrived %.1f %.1f; submitted after %.1f %.1f\n",
                urgent.way.c_str(), urgent.announced_chunks, urgent.announced_chunks_p95,
                urgent.arrived_chunks, urgent.arrived_chunks_p95, urgent.submitted_chunks,
                urgent.submitted_chunks_p95);
    std::printf("%-24s a chunk: %llu KiB, %.0f us; behind %.1f GiB\n", "",
                static_cast<unsigned long long>(urgent.chunk_bytes >> 10), urgent.chunk_ns * 1e-3,
                static_cast<double>(urgent.bulk_bytes) / (1u << 30));
    std::printf("%-24s low risk loses %.1f %%, of which %.1f are the urgent bytes\n", "",
                100 * urgent.bulk_loss, 100 * urgent.urgent_share);
  }
}

Json to_json(const KillResult& result) {
  return {{"way", result.way},
          {"kills", result.kills},
          {"failed_ns", result.failed_ns},
          {"failed_max_ns", result.failed_max_ns},
          {"quiesced_ns", result.quiesced_ns},
          {"quiesced_max_ns", result.quiesced_max_ns}};
}

void print(const std::vector<KillResult>& kills) {
  std::printf("kill -9 of the peer's process to FAILED and QUIESCED, ms: median, longest\n");
  for (const KillResult& kill : kills) {
    std::printf("%-28s failed %.2f %.2f, quiesced %.2f %.2f (%u kills)\n", kill.way.c_str(),
                kill.failed_ns * 1e-6, kill.failed_max_ns * 1e-6, kill.quiesced_ns * 1e-6,
                kill.quiesced_max_ns * 1e-6, kill.kills);
  }
}

template <class Result>
Json to_json(const std::vector<Result>& results) {
  Json all = Json::array();
  for (const Result& result : results) all.push_back(to_json(result));
  return all;
}

constexpr const char* kParts[] = {"path", "copies", "transfers", "tcp", "cancel", "urgent", "kill"};

// Runs one part, if it is wanted, and prints it or puts it into `all`.
class PartRunner {
 public:
  explicit PartRunner(const BenchTransportOptions& options) : options_(options) {}

  template <class Measure>
  void part(const std::string& name, const Measure& measure) {
    const std::vector<std::string>& wanted = options_.parts;
    if (!wanted.empty() && std::count(wanted.begin(), wanted.end(), name) == 0) return;
    const auto result = measure();
    if (options_.json) {
      all_[name] = to_json(result);
    } else {
      print(result);
    }
  }
  const Json& all() const { return all_; }

 private:
  const BenchTransportOptions& options_;
  Json all_ = Json::object();
};

void run_transport(const BenchTransportOptions& options) {
  PartRunner run(options);
  run.part("path", [&] { return bench_path(options); });
  run.part("copies", [&] { return bench_copies(options); });
  run.part("transfers", [&] { return bench_transfers(options); });
  run.part("tcp", [&] { return bench_tcp(options); });
  run.part("cancel", [] { return bench_cancels(); });
  run.part("urgent", [&] { return bench_urgent(options); });
  run.part("kill", [] { return bench_kills(); });
  if (options.json) std::printf("%s\n", Json({{"transport", run.all()}}).dump(2).c_str());
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
  command->add_option("--part", options->parts, "Run this part alone; may be given several times")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kParts), std::end(kParts))));
  command->add_option("--link-rate", options->link_rate,
                      "The part urgent over host-tcp alone, held to so many bytes/s; 0: all ways, "
                      "unbounded");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run_transport(*options); });
}

}  // namespace hexagent::tool
