// Transfers that endpoints of ours move: how urgent they are, and what stays reserved after one
// that did not succeed. Where a worker has no endpoint nothing here applies. What a call in
// transfer means for loads and ledgers is in lifecycle.h.
// Tests: tests/unit/core/scheduler_transfer_test.cc.
#pragma once

#include "core/lifecycle.h"

namespace hexagent {

inline bool has_endpoint(const Worker& worker) {
  return (worker.spec.flags & HEXAGENT_WORKER_ENDPOINT) != 0;
}

// A decision about a transfer gets how urgent it is, and the call remembers what was told.
void tell_urgency(State* state, Call* call, hexagent_decision* decision);

// The transfer joins those under way whose urgency is watched, or leaves them; both may find it
// there, or not, already.
void watch_transfer(State* state, uint32_t call);
void unwatch_transfer(State* state, uint32_t call);

// Tells the sources of transfers under way whose risk has changed by more than a step.
void reprioritise_transfers(State* state);

// The transfer under way of this call is over without DONE: what its two ends have reserved is kept
// until they have quiesced. The call holds nothing on the target after it.
void hold_until_quiesced(State* state, uint32_t call);

// Blocks that a call gives up on its prefill worker. True: a transfer keeps them.
bool keep_for_transfer(State* state, const Call& call);

// A report QUIESCED.
void apply_quiesced(State* state, const Input& input, const hexagent_report& report);

// Holds end by time, and with their worker.
TimeNs next_hold_end(const State& state);
void end_overdue_holds(State* state);
void drop_holds(State* state, uint32_t worker);

}  // namespace hexagent
