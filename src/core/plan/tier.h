// Tiers: interactive work goes before standard, standard before batch, whatever the order says;
// among calls of one tier the order decides. A call that has waited longer than `starvation_s`
// counts as interactive from then on, so no tier waits for ever behind a busier one.
// Tests: tests/unit/core/plan/tier_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

// The tier a call that is ready or dispatched counts as at this moment; lower goes first.
inline uint32_t tier_now(const Scheduler::State& state, const Call& call) {
  const uint32_t tier = state.workflows.workflow_of(call).tier;
  if (tier == HEXAGENT_TIER_INTERACTIVE) return tier;
  const bool starved = to_s(state.now - call.times.ready) > state.settings.starvation_s;
  return starved ? uint32_t{HEXAGENT_TIER_INTERACTIVE} : tier;
}

}  // namespace hexagent
