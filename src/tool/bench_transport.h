// The parts of `hexagent bench transport`: copies against memcpy, and the host transports between
// two ends. Rows A6 to A11, A13, A15 and A16 of the data plane's acceptance table.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace hexagent::tool {

struct BenchTransportOptions {
  uint32_t megabytes = 256;  // of one pass, far more than the caches
  uint32_t repetitions = 9;
  bool json = false;
  uint64_t link_rate = 0;          // the part "urgent" over host-tcp alone, bytes/s; 0 = unbounded
  std::vector<std::string> parts;  // which to run; empty = all
};

// Shares of the speed of memcpy, medians over the repetitions.
struct CopyResult {
  std::string kernels;
  uint32_t fragment_bytes;
  double gather, gather_sum, scatter, scatter_sum;
  double memcpy_bytes_per_s;
};

std::vector<CopyResult> bench_copies(const BenchTransportOptions& options);

struct PathResult {
  double submit_ns;  // 1,024 blocks x 160 regions
  uint64_t submit_allocations;
  uint64_t metadata_bytes;  // block ids kept, and what is sent
  double chunk_ns;          // both ends, 2 KiB
  uint64_t chunk_allocations;
  double first_chunk_ns;  // submit to the first event, 1 MB, idle and connected
  double first_chunk_p99_ns;
};

PathResult bench_path(const BenchTransportOptions& options);

// Whole transfers against memcpy of as many bytes, both ends in one thread.
struct TransferResult {
  uint32_t fragment_bytes;
  std::string way;  // two copies, packed with cached or streaming stores; one copy
  bool checksum;
  double share_of_memcpy;
  double bytes_per_s;
};

std::vector<TransferResult> bench_transfers(const BenchTransportOptions& options);

// host-tcp against plain sockets, 16 KiB fragments.
struct TcpResult {
  double share_of_plain;
  double bytes_per_s;
  double plain_bytes_per_s;
};

TcpResult bench_tcp(const BenchTransportOptions& options);

// A transfer of 16 MiB that is cancelled at a random moment, by either end in turn.
struct CancelResult {
  std::string way;
  uint32_t cancels;
  uint32_t late;                             // more, which came when it was done
  double wish_ns, wish_p99_ns, wish_max_ns;  // from the moment until the end's blocks are free
  double call_ns, call_p99_ns;               // from the call of cancel()
  double other_ns, other_p99_ns;             // from the moment until the other end's are
};

std::vector<CancelResult> bench_cancels();

// Urgent transfers of 4 MiB behind eight of `megabytes` each. In chunk times of the low-risk ones.
struct UrgentResult {
  std::string way;
  uint64_t bulk_bytes;
  uint64_t chunk_bytes;
  double chunk_ns;
  uint32_t urgents;
  // From the moment of the wish to submit(), while the source's thread copies; from submit() until
  // the first chunk is packed or offered to be read; until it is whole in the target's blocks.
  double submitted_chunks, submitted_chunks_p95;
  double announced_chunks, announced_chunks_p95;
  double arrived_chunks, arrived_chunks_p95;
  double bulk_loss;     // of the low-risk ones' goodput, against a round without urgent ones
  double urgent_share;  // of all bytes: what they have to lose
};

std::vector<UrgentResult> bench_urgent(const BenchTransportOptions& options);

// kill -9 of the other process, until the transfer has failed and its blocks are free.
struct KillResult {
  std::string way;
  uint32_t kills;
  double failed_ns, failed_max_ns;
  double quiesced_ns, quiesced_max_ns;
};

std::vector<KillResult> bench_kills();

// Memory on huge pages where the system gives them, touched once.
struct FreeBenchMemory {
  void operator()(unsigned char* memory) const { std::free(memory); }
};
using BenchMemory = std::unique_ptr<unsigned char, FreeBenchMemory>;
BenchMemory make_bench_memory(size_t bytes);

// 0 ... count - 1 in an order that no prefetcher guesses, the same in every run.
std::vector<int32_t> shuffled_ids(uint32_t count);

}  // namespace hexagent::tool
