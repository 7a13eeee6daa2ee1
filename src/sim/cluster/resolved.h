// A cluster file joined with its profiles for one model: all that the simulator, the horizon and
// the capacity bound need to know about the workers, group by group.
// Tests: tests/unit/sim/cluster/resolved_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/cluster/cluster.h"
#include "sim/cluster/fitted.h"
#include "sim/cluster/measured.h"

namespace hexagent::sim {

// Everything a profile folder holds.
struct ProfileSet {
  std::string folder;
  FittedProfiles fitted;
  MeasuredTables measured;
  std::map<std::string, ModelShape> models;
  std::map<std::string, GpuShape> gpus;
};

// Throws InputError.
ProfileSet load_profiles(const std::string& folder);

// Workers of one line of the cluster file: same role, GPU and so profile.
struct ResolvedGroup {
  WorkerRole role = WorkerRole::kPrefill;
  int32_t count = 0;
  FittedProfile fitted;
  double nic_bytes_per_s = 0.0;  // one worker, one direction
  bool layerwise = false;        // prefill workers of it send each layer once it is computed
};

struct ResolvedCluster {
  ClusterFile file;
  ModelShape model;
  int32_t tensor_parallel = 1;
  std::vector<ResolvedGroup> groups;  // in the file's order

  // The smaller of the largest KV capacity of a prefilling and of a decoding worker: no call
  // longer than this can ever be served.
  int64_t servable_tokens_max() const;
};

// Throws InputError naming the cluster file when it gives no parallelism for `model`, names a GPU
// or model that the profiles do not know, or the model leaves no room for KV on a GPU.
ResolvedCluster resolve_cluster(const ClusterFile& file, const ProfileSet& profiles,
                                const std::string& model);

// The truth for one group's workers; see MeasuredProfile on copies.
MeasuredProfile measured_profile(const ProfileSet& profiles, const ResolvedGroup& group);

}  // namespace hexagent::sim
