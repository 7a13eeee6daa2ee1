// Placement own-finish: the paper's joint choice, the pair with the earliest projected end of the
// call's own decode on the simulated state, KV-feasible (notes/algorithms.md 1.2). What the call
// does to others is not counted.
#include "core/plan/placement_joint.h"

namespace hexagent {
namespace {

class OwnFinishPlacement final : public JointPlacement {
 public:
  std::string_view name() const override { return "own-finish"; }
  bool locks_decode() const override { return true; }
  bool takes_earliest_finish() const override { return true; }

 private:
  JointWeights weights(const PlanView&, const CallShape&) const override { return {}; }
};

}  // namespace

const Placement& own_finish_placement() {
  static const OwnFinishPlacement placement;
  return placement;
}

}  // namespace hexagent
