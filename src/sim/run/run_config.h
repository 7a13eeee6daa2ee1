// What one simulated run is: a cluster, a workload, a policy, a seed. The same for the command-line
// tool, the comparison and the tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/cluster/resolved.h"
#include "sim/run/clairvoyance.h"
#include "sim/run/knowledge.h"
#include "sim/workload/stream.h"
#include "sim/workload/trace.h"

namespace hexagent::sim {

// A worker that dies during the run and comes back as a new incarnation.
struct WorkerLoss {
  int32_t worker = 0;  // index in the cluster
  double at_s = 0.0;   // after measuring starts
  double down_s = 0.0;
};

struct RunConfig {
  const ResolvedCluster* cluster = nullptr;
  const ProfileSet* profiles = nullptr;
  std::vector<const Trace*> traces;
  std::string policy = "default";
  std::vector<std::pair<std::string, std::string>> settings;  // configuration keys of the library
  std::string arrivals = "poisson";
  bool closed_loop = false;
  uint64_t seed = 1;
  double rate_per_s = 1.0;
  uint32_t workflows = 2000;  // measured
  double warmup_s = 0.0;      // arrivals before this are not measured
  // Drain cell: warm up, let all end, then send `workflows` at this rate and measure them all.
  double drain_rate_per_s = 0.0;
  std::vector<WorkerLoss> losses;
  std::optional<Clairvoyance> clairvoyance;
  Knowledge knowledge;      // what the scheduler is told of lengths and times
  double patience_s = 0.0;  // waits at least this long for stragglers
  // Stops once more than 5 % of the measured workflows have a stretch above this, since Req95 is
  // above it whatever follows; those not ended count as unfinished. 0 = never.
  double give_up_stretch = 0.0;
  bool keep_workflows = true;  // records of single workflows in the result
};

// The stream of workflows of a run. With an open loop it is the same whatever the policy does.
WorkloadConfig workload_config(const RunConfig& config);

}  // namespace hexagent::sim
