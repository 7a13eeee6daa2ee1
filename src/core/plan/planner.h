// Planner: turns waiting calls into dispatches, with the order, placement and dispatch mode of the
// policy in force. It runs after the inputs of a moment, if any of them can have changed a plan.
//
// at_ready  every waiting call is placed and sent at once, in order; only lack of KV keeps it back.
// window    calls wait here. The plan goes through them in order on a simulated cluster state: a
//           call whose worker's dispatch window is open is sent, any other is booked where it would
//           go, so that less urgent calls see it. Nothing but the dispatches outlives the plan.
//           Where the order projects, that order is found as calls are booked (greedy.h).
//
// A worker's window is open while what it was sent lasts no longer than a round trip, or fits one
// iteration's token budget of small calls that share its fixed cost (DESIGN section 6, lead 6).
// Tests: tests/unit/core/plan/planner_test.cc, tests/sim.
#pragma once

#include "core/state.h"

namespace hexagent {

void plan(Scheduler::State* state);

// Seconds of prefill work per prefill worker, sent or waiting; placements price service by it.
double mean_backlog_s(const Scheduler::State& state);

}  // namespace hexagent
