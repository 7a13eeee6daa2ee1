// Placement own-finish: the paper's joint choice, the pair with the earliest projected end of the
// call's own decode on the simulated state, KV-feasible (notes/algorithms.md 1.2). What the call
// does to others is not counted.
#include "core/plan/placement.h"
#include "core/plan/placement_joint.h"

namespace hexagent {
namespace {

class OwnFinishPlacement final : public Placement {
 public:
  std::string_view name() const override { return "own-finish"; }
  bool locks_decode() const override { return true; }
  bool takes_earliest_finish() const override { return true; }
  bool choose(const PlanView& view, const CallShape& shape, Choice* best) const override {
    return choose_joint(view, shape, JointWeights{}, best);
  }
  bool surely_misfits(const PlanView& view, const CallShape& shape) const override {
    return surely_misfits_joint(view, shape);
  }
  bool keeps(const PlanView& view, const CallShape& shape, const std::vector<uint32_t>& open,
             Choice* kept) const override {
    return keeps_joint(view, shape, JointWeights{}, open, kept);
  }
  bool choose_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                     Choice* best) const override {
    return choose_joint_decode(view, shape, prefill, JointWeights{}, best);
  }
};

}  // namespace

const Placement& own_finish_placement() {
  static const OwnFinishPlacement placement;
  return placement;
}

}  // namespace hexagent
