// The pieces of a placement's cost, computed the same way for every policy.
// Tests: tests/unit/core/plan/placement_test.cc.
#pragma once

#include "core/plan/plan_view.h"

namespace hexagent {

struct PrefillOption {
  bool fits = false;
  uint32_t cached = 0;
  double wait_s = 0.0;     // until the call progresses undisturbed
  double service_s = 0.0;  // its own prefill from there on
};

// May this worker take the call at all? `avoid`: not where it was lost before.
inline bool eligible(const Worker& worker, const Call& call, uint32_t index, bool avoid) {
  return worker.matches(call.labels_required, call.labels_excluded) &&
         !(avoid && call.avoid_worker == index);
}

PrefillOption prefill_option(const PlanView& view, const CallShape& shape, uint32_t worker);
DecodeOption decode_option(const PlanView& view, const CallShape& shape, uint32_t worker);

// Seconds to move this call's KV, behind what is under way on both ends.
double transfer_s(const PlanView& view, uint32_t prefill, uint32_t decode, double bytes);

// Fills a choice with the projected times of a pair.
void project(const PlanView& view, const CallShape& shape, uint32_t prefill,
             const PrefillOption& prefill_part, uint32_t decode, const DecodeOption& decode_part,
             Choice* choice);

// How a joint placement weighs the pieces of a pair; 0 for a weight leaves the piece at face value.
struct JointWeights {
  double service = 0.0;   // on top of the prefill's own time
  double transfer = 0.0;  // on top of the transfer time
  double impact = 0.0;    // of the delay caused to the decode batch
};

// Exhaustive search over the pairs, rows pruned by an exact lower bound. Same answer as trying all.
bool choose_joint(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                  Choice* best);

// The decode half of the same search, for a call whose KV is on `prefill`.
bool choose_joint_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                         const JointWeights& weights, Choice* best);

}  // namespace hexagent
