// The hidden factors on the times of a run's workers: drawn from the seed alone, so they are equal
// for every policy and for the bounds. Covered by tests/unit/sim/bounds/fluid_test.cc
#pragma once

#include <vector>

#include "sim/cluster/resolved.h"

namespace hexagent::sim {

struct WorkerFactors {
  double prefill = 1.0;
  double decode = 1.0;
};

// By worker, in the cluster file's order.
inline std::vector<WorkerFactors> worker_factors(const ResolvedCluster& cluster, uint64_t seed) {
  Random random = Random(seed).split(hash_text("worker factors"));
  std::vector<WorkerFactors> factors;
  for (const ResolvedGroup& group : cluster.groups) {
    for (int32_t i = 0; i < group.count; ++i) {
      // In this order, whatever the role: a worker's factors do not move when another's role does.
      const double prefill = draw_factor(cluster.file.prefill_factor, random);
      factors.push_back({prefill, draw_factor(cluster.file.decode_factor, random)});
    }
  }
  return factors;
}

}  // namespace hexagent::sim
