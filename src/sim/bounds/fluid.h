// The fluid bound of EXPERIMENTS section 6: the smallest alpha such that, for every interval, the
// work of all but the best (1 - q) of the workflows due within it fits capacity. No policy has a
// Req_q below it, up to jitter (which has mean 1 and evens out over the iterations of an interval;
// where the cluster file says `iteration_jitter 0` the bound is strict).
//
// A workflow is due within [s, u] when it arrives at s or later and its deadline a + alpha H is u
// or earlier. Its work is the least that its calls can take (least_work.h) with every prefix hit
// there could be, on this seed's workers with their hidden factors. Work on unequal workers is made
// one number by linear-programming duality: with any prices of the groups' time, the priced work of
// a call on its cheapest group, summed, is at most the priced time of all groups. Prices that make
// the mean call equally dear everywhere are as good as the program's own where pools do not share
// workers, so no solver is needed. Prefill, decode, ingress and egress each give one such number.
// A workflow that cannot end in time even alone counts as late; late workflows are taken from the
// (1 - q), and from the rest each interval takes off those with the most work.
// Tests: tests/unit/sim/bounds/fluid_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/study/cell.h"

namespace hexagent::sim {

inline constexpr size_t kFluidResources = 4;  // prefill, decode, egress, ingress

struct FluidWorkflow {
  double arrival_s = 0.0;
  double horizon_s = 0.0;                        // H_w
  double floor_s = 0.0;                          // no completion is faster
  std::array<double, kFluidResources> work_s{};  // of all the cluster's capacity in it
};

// The smallest alpha, to one part in a thousand from below; 0 for no workflows.
double fluid_requirement(const std::vector<FluidWorkflow>& workflows, double q);

struct FluidBound {
  double req95 = 0.0;
  double req99 = 0.0;
};

// The measured workflows of one seed. Open loops only: else arrivals depend on the policy.
std::vector<FluidWorkflow> fluid_workflows(const Cell& cell, uint64_t seed);
std::optional<FluidBound> fluid_bound(const Cell& cell, uint64_t seed);

}  // namespace hexagent::sim
