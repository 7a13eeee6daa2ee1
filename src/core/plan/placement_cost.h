// The pieces of a placement's cost, computed the same way for every policy.
// Tests: tests/unit/core/plan/placement_test.cc.
#pragma once

#include "core/plan/plan_view.h"

namespace hexagent {

// May this worker take the call at all? `avoid`: not where it was lost before.
inline bool eligible(const Worker& worker, const Call& call, uint32_t index, bool avoid) {
  return worker.matches(call.labels_required, call.labels_excluded) &&
         !(avoid && call.avoid_worker == index);
}

PrefillOption prefill_option(const PlanView& view, const CallShape& shape, uint32_t worker);
DecodeOption decode_option(const PlanView& view, const CallShape& shape, uint32_t worker);

// Seconds to move this call's KV, behind what is under way on both ends.
double transfer_s(const PlanView& view, uint32_t prefill, uint32_t decode, double bytes);

// How long what others move into the decode worker keeps these bytes back.
double ingress_beside_s(const PlanView& view, uint32_t decode, double bytes);

// Fills a choice with the projected times of a pair.
void project(const PlanView& view, const CallShape& shape, uint32_t prefill,
             const PrefillOption& prefill_part, uint32_t decode, const DecodeOption& decode_part,
             Choice* choice);

// How a joint placement weighs the pieces of a pair. All zero: the call's own finish, in seconds.
struct JointWeights {
  double service = 0.0;   // on top of the prefill's own time
  double transfer = 0.0;  // on top of the transfer time
  double impact = 0.0;    // of the delay caused to the decode batch
  uint32_t power = 1;     // p: the own finish counts as stretch^p, not as seconds
};

// Cost of finishing `finish_s` from now: H S^p / (p S_now^(p - 1)), seconds that grow steeper the
// more they stretch the workflow; their slope is 1 where the stretch is what it is projected to be
// now.
double own_cost_s(const CallShape& shape, double finish_s, uint32_t power);

// Exhaustive search over the pairs, rows pruned by an exact lower bound. Same answer as trying all.
bool choose_joint(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                  Choice* best);

// The decode half of the same search, for a call whose KV is on `prefill`.
bool choose_joint_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                         const JointWeights& weights, Choice* best);

}  // namespace hexagent
