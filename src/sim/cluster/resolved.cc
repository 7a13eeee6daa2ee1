// Looking up profiles for the groups of a cluster file, or deriving them.
#include "sim/cluster/resolved.h"

#include <algorithm>

#include "sim/input_error.h"

namespace hexagent::sim {

ProfileSet load_profiles(const std::string& folder) {
  ProfileSet set;
  set.folder = folder;
  set.fitted = load_fitted_profiles(folder + "/profiles.json");
  set.measured = load_measured_tables(folder + "/prefill.csv", folder + "/decode.csv");
  set.models = load_models(folder + "/models.csv");
  set.gpus = load_hardware(folder + "/hardware.csv");
  return set;
}

ResolvedCluster resolve_cluster(const ClusterFile& file, const ProfileSet& profiles,
                                const std::string& model) {
  ResolvedCluster cluster;
  cluster.file = file;
  const auto degree = file.tensor_parallel.find(model);
  if (degree == file.tensor_parallel.end()) {
    throw InputError(file.path, 0, "tensor_parallel", "has no line for model " + model);
  }
  cluster.tensor_parallel = degree->second;
  const auto shape = profiles.models.find(model);
  if (shape == profiles.models.end()) {
    throw InputError(file.path, 0, "tensor_parallel", model + " is not in models.csv");
  }
  cluster.model = shape->second;
  for (const WorkerGroup& group : file.workers) {
    ResolvedGroup resolved;
    resolved.role = group.role;
    resolved.count = group.count;
    resolved.nic_bytes_per_s = file.nic_bytes_per_s(group.gpu);
    resolved.layerwise = group.role != WorkerRole::kDecode && file.is_layerwise(group.gpu);
    const auto entry = profiles.fitted.entries.find({group.gpu, model, cluster.tensor_parallel});
    const auto gpu = profiles.gpus.find(group.gpu);
    if (entry != profiles.fitted.entries.end()) {
      resolved.fitted = entry->second;
    } else if (gpu != profiles.gpus.end()) {
      resolved.fitted = derive_profile(profiles.fitted, profiles.models, profiles.gpus,
                                       cluster.model, gpu->second, cluster.tensor_parallel);
    } else {
      throw InputError(file.path, 0, "worker", group.gpu + " is not in hardware.csv");
    }
    resolved.fitted.kv_capacity_tokens = static_cast<int64_t>(
        file.kv_share * static_cast<double>(resolved.fitted.kv_capacity_tokens));
    if (resolved.fitted.kv_capacity_tokens < file.block_tokens) {
      throw InputError(file.path, 0, "worker",
                       model + " leaves no room for KV on " + group.gpu + " at parallelism " +
                           std::to_string(cluster.tensor_parallel));
    }
    cluster.groups.push_back(std::move(resolved));
  }
  return cluster;
}

int64_t ResolvedCluster::servable_tokens_max() const {
  int64_t prefill_tokens = 0;
  int64_t decode_tokens = 0;
  for (const ResolvedGroup& group : groups) {
    const int64_t capacity = group.fitted.kv_capacity_tokens;
    if (group.role != WorkerRole::kDecode) prefill_tokens = std::max(prefill_tokens, capacity);
    if (group.role != WorkerRole::kPrefill) decode_tokens = std::max(decode_tokens, capacity);
  }
  return std::min(prefill_tokens, decode_tokens);
}

MeasuredProfile measured_profile(const ProfileSet& profiles, const ResolvedGroup& group) {
  const FittedProfile& fitted = group.fitted;
  const auto rows = profiles.measured.find({fitted.gpu, fitted.model, fitted.tensor_parallel});
  return MeasuredProfile(rows == profiles.measured.end() ? MeasuredRows{} : rows->second, fitted);
}

}  // namespace hexagent::sim
