// The joint search: the cheapest (prefill worker, decode worker) pair, each pair's cost made of the
// pieces in placement_cost.h. Own-finish and impact are two sets of its weights.
// Tests: tests/unit/core/plan/placement_search_test.cc.
#pragma once

#include "core/base/exact_math.h"
#include "core/plan/placement.h"

namespace hexagent {

// How a joint placement weighs the pieces of a pair. All zero: the call's own finish, in seconds.
struct JointWeights {
  double work = 0.0;      // of the uncached prefill work, on top of the time it takes
  double transfer = 0.0;  // of the transfer time, on top of that time
  double impact = 0.0;    // of the delay caused to the decode batch
  uint32_t power = 1;     // p: the own finish counts as stretch^p, not as seconds
};

// Cost of finishing `finish_s` from now: H S^p / (p S_now^(p - 1)), seconds that grow steeper the
// more they stretch the workflow; their slope is 1 where the stretch is what it is projected to be
// now.
inline double own_cost_s(const CallShape& shape, double finish_s, uint32_t power) {
  if (power < 2 || shape.horizon_s <= 0.0) return finish_s;
  const double span_s = shape.horizon_s * shape.stretch_now;
  return span_s / power * whole_power((shape.elapsed_s + finish_s) / span_s, power);
}

// The best pair, pairs with KV space first. Same answer as trying all.
bool choose_joint(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                  Choice* best);

// The decode half of the same search, for a call whose KV is on `prefill`.
bool choose_joint_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                         const JointWeights& weights, Choice* best);

// As Placement::surely_misfits().
bool surely_misfits_joint(const PlanView& view, const CallShape& shape);

// As Placement::keeps(): each open worker is compared with the pair's decode worker.
bool keeps_joint(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                 const std::vector<uint32_t>& open, Choice* kept);

// A placement by the joint search with weights of its own.
class JointPlacement : public Placement {
 public:
  bool choose(const PlanView& view, const CallShape& shape, Choice* best) const final {
    return choose_joint(view, shape, weights(view, shape), best);
  }
  bool choose_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                     Choice* best) const final {
    return choose_joint_decode(view, shape, prefill, weights(view, shape), best);
  }
  bool surely_misfits(const PlanView& view, const CallShape& shape) const final {
    return surely_misfits_joint(view, shape);
  }
  bool keeps(const PlanView& view, const CallShape& shape, const std::vector<uint32_t>& open,
             Choice* kept) const final {
    return keeps_joint(view, shape, weights(view, shape), open, kept);
  }

 private:
  virtual JointWeights weights(const PlanView& view, const CallShape& shape) const = 0;
};

}  // namespace hexagent
