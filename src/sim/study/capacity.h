// Lambda*, the load unit: the largest workflow rate that any division of work could sustain.
//
// A linear program over (call type, group of equal workers), type = (trace, class, stage). With
// x, y, z = calls per second of a type that a group prefills for others, decodes for others, and
// serves whole (role both, which moves no KV):
//   maximise lambda
//   for each type   sum x + sum z = sum y + sum z = calls per workflow * lambda
//   for each group  prefill and decode seconds <= workers
//                   egress of x  <= workers * NIC, ingress of y <= workers * NIC
// Costs are means over the type's calls of
//   prefill  n (a1 + a0 / batch_tokens) + a2 n (u + n / 2), with n and u as in H. The fixed part is
//            shared over a full batch budget, and a full batch is above the small-form threshold
//            whatever the size of the calls in it, so the small form has no part here.
//   NIC      prompt * KV bytes per token (the whole prompt: no credit for delta transfer)
//   decode   out (b0 / B + b1 + b2 (prompt + out / 2)), at the best batch
//            B = floor(KV capacity / (prompt + out / 2)) within 1 and decode_batch_max.
// Calls that no group of a side can hold should have been excluded before.
// Tests with vectors worked by hand: tests/unit/sim/study/capacity_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/cluster/resolved.h"
#include "sim/workload/trace.h"

namespace hexagent::sim {

// Use of one group at the optimum, each 0 to 1 of what all its workers can do.
struct GroupUse {
  std::string gpu;
  WorkerRole role = WorkerRole::kPrefill;
  int32_t count = 0;
  double prefill = 0.0;
  double decode = 0.0;
  double egress = 0.0;
  double ingress = 0.0;
};

// How much of the bound each resource holds, by the duals of the program; they sum to 1.
struct BindingShares {
  double prefill = 0.0;
  double decode = 0.0;
  double ingress = 0.0;
  double egress = 0.0;
};

struct Capacity {
  double workflows_per_s = 0.0;  // lambda*
  std::string binding;  // resource with the largest share: prefill, decode, ingress, egress
  BindingShares shares;
  std::vector<GroupUse> groups;  // as in the cluster
};

// Several traces are mixed evenly by workflows. Throws std::invalid_argument for no workflow at
// all and std::runtime_error when the program has no optimum.
Capacity estimate_capacity(const std::vector<const Trace*>& traces, const ResolvedCluster& cluster);

}  // namespace hexagent::sim
