// Foresight: fills in, for orders that look ahead, what a call's workflow still has to do, and
// learns it from workflows that end. Nothing here happens under other orders. Tests:
// tests/unit/core/foresight_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

// A call becomes ready, or waits and the policy has changed: predicts what is ahead of it. What it
// says stays as it is until the call is ready again, so that learning moves no key behind the
// planner's back.
void look_ahead(Scheduler::State* state, uint32_t call);

// A workflow has ended well: its calls teach what was ahead of them.
void learn_remainders(Scheduler::State* state, uint32_t workflow);

}  // namespace hexagent
