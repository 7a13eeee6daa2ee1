// The cluster file: one small text that states everything about a simulated cluster.
// Lines are `key value...`; `#` begins a comment. Only cluster, worker and tensor_parallel have no
// default. Profiles are loaded by profile_set.h, and resolved.h joins the two for one model.
// Tests: tests/unit/sim/cluster/cluster_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/random.h"

namespace hexagent::sim {

enum class WorkerRole : uint8_t { kPrefill, kDecode, kBoth };

// Which moment fixes the decode worker: with the prefill, or after it (engine's connector).
enum class DecodeBinding : uint8_t { kPrefillStart, kPrefillEnd };

// When a prefill worker sends KV: once the prompt is whole, or each layer once it is computed.
enum class Transfer : uint8_t { kAfterPrefill, kLayerwise };

const char* name_of(WorkerRole role);
const char* name_of(DecodeBinding binding);
const char* name_of(Transfer transfer);

struct WorkerGroup {
  WorkerRole role = WorkerRole::kPrefill;
  std::string gpu;
  int32_t count = 0;
};

// Bounds of the hidden factor on a worker's times. The defaults are the 5th and 95th percentile of
// measured end-to-end times over the kernel sums that the tables hold.
struct FactorRange {
  double low = 1.0;
  double high = 1.0;
};

struct ClusterFile {
  std::string path;
  std::string name;
  std::string profiles_folder = "../profiles";     // as written, relative to the cluster file
  std::map<std::string, int32_t> tensor_parallel;  // by model
  std::vector<WorkerGroup> workers;
  double nic_gbit_per_s = 400.0;                        // per worker and direction
  std::map<std::string, double> nic_gbit_per_s_by_gpu;  // overrides
  double nic_efficiency = 0.90;  // of line rate that an RDMA transfer of KV reaches
  double link_latency_us = 20.0;
  int64_t chunk_tokens = 2048;
  int64_t batch_tokens = 8192;
  int32_t decode_batch_max = 256;
  double kv_share = 1.0;  // of the KV capacity that the profiles give
  int64_t block_tokens = 16;
  double iteration_jitter = 0.05;  // relative standard deviation of one iteration's time
  FactorRange prefill_factor = {0.83, 1.31};
  FactorRange decode_factor = {0.886, 1.13};
  DecodeBinding decode_binding = DecodeBinding::kPrefillStart;
  double dispatch_round_trip_ms = 1.0;
  // A decode worker that already holds a prefix of the KV is sent only the rest.
  bool delta_transfer = true;
  Transfer transfer = Transfer::kAfterPrefill;      // of prefill workers
  std::map<std::string, Transfer> transfer_by_gpu;  // overrides

  bool is_layerwise(const std::string& gpu) const;
  // Bytes per second that one worker's NIC moves in one direction.
  double nic_bytes_per_s(const std::string& gpu) const;
  double link_latency_s() const { return link_latency_us * 1e-6; }
  std::string profiles_path() const;  // the folder, found from the cluster file's own
};

// Throw InputError naming line and key.
ClusterFile load_cluster(const std::string& path);
ClusterFile parse_cluster(std::string_view text, const std::string& path);

// Applies lines of a cluster file to one that was read: each replaces what the file says. `worker`
// lines replace all workers, the other keys that may repeat only the entry they name. `source`
// stands for the file in errors; lines count from 1. Throws InputError.
void change_cluster(ClusterFile& cluster, const std::vector<std::string>& lines,
                    const std::string& source);

// Every setting with its value, defaults included, in the format of the file itself.
std::string describe_cluster(const ClusterFile& cluster);

// Even in the logarithm between the bounds.
double draw_factor(const FactorRange& range, Random& random);

}  // namespace hexagent::sim
