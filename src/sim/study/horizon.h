// H_w, the yardstick of stretch: how long a workflow takes when each call has the cluster to
// itself on its best workers. Computed from true lengths; never shown to a policy.
//
// H_w is the longest path of the workflow's DAG, where a call starts its tool gap after its last
// dependency ended (unknown gaps count 0) and takes
//   min over prefill workers of prefill(n new tokens after u cached)
//   + link latency + prompt * KV bytes per token / largest prefill egress bandwidth
//   + min over decode workers of out * (b0 + b1 + b2 * (prompt + out / 2)).
// u = the shared prefix when its source is a call of the same workflow, else 0; n = prompt - u.
// Coefficients are the fitted ones, without worker factors or jitter.
// Tests with vectors worked by hand: tests/unit/sim/study/horizon_test.cc
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cluster/fitted.h"
#include "sim/cluster/resolved.h"
#include "sim/workload/stream.h"
#include "sim/workload/trace.h"

namespace hexagent::sim {

struct HorizonCluster {
  std::vector<FittedProfile> prefill;  // one of each kind of worker is enough
  std::vector<FittedProfile> decode;
  double link_latency_s = 0.0;
  double egress_bytes_per_s_max = 0.0;  // of prefill workers
  double kv_bytes_per_token = 0.0;
};

HorizonCluster horizon_cluster(const ResolvedCluster& cluster);

// One call alone on its best workers, without its tool gap.
double call_alone_s(int64_t prompt_tokens, int64_t cached_tokens, int64_t output_tokens,
                    const HorizonCluster& cluster);

// H of a body with its recorded lengths.
double workflow_horizon_s(const TraceWorkflow& workflow, const HorizonCluster& cluster);

// H of an instance with the lengths it really has: what its stretch is measured against.
double instance_horizon_s(const WorkflowInstance& instance, const HorizonCluster& cluster);

}  // namespace hexagent::sim
