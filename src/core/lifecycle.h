// Lifecycle: the transitions of calls and workflows, with all they entail for ledgers, loads,
// contents, horizons and decisions. Every change of Call::state happens in lifecycle.cc, and
// nowhere else.
//
//   held / waiting -> ready -> dispatched -> prefilling -> prefilled -> transferring -> decode
//   queued
//   -> decoding -> done | failed | cancelled;  a failure or a lost worker leads back to ready.
// Tests: tests/unit/core/scheduler_lifecycle_test.cc, tests/model.
#pragma once

#include "core/plan/plan_view.h"
#include "core/state.h"

namespace hexagent {

// What is known of a finished phase. `inferred`: a later phase was reported first, so the decisions
// this one would cause are not sent any more.
struct PhaseReport {
  TimeNs start = 0;  // 0 = not known
  TimeNs end = 0;
  uint32_t tokens = 0;         // decode: output; 0 = not known
  uint32_t cached_tokens = 0;  // prefill
  uint64_t bytes = 0;          // transfer; 0 = not known
  bool cached_known = false;
  bool inferred = false;
};

// A revealed call whose dependencies are done and that is not held joins the waiting calls.
void make_ready(State* state, uint32_t call);

// Works out anew how urgent the waiting calls of a workflow are; due whenever anything an order
// looks at has changed: horizon, remainder, attained service.
void refresh_urgency(State* state, uint32_t workflow);

// Sends a waiting call to the workers of a choice that fits; reserves KV, emits PREFILL or LOCAL.
void dispatch(State* state, uint32_t call, const Choice& choice, double order_key);

// Gives a dispatched call that has not started a new place in its engine's queue.
void reprioritise(State* state, uint32_t call, double order_key);
// The same for a transfer under way, at its source.
void reprioritise_transfer(State* state, uint32_t call, double order_key);

// The phases, as reported or inferred. Times are absolute.
void prefill_started(State* state, uint32_t call, TimeNs start);
void prefill_done(State* state, uint32_t call, const PhaseReport& report);
// Binds a prefilled call to a decode worker with space and emits TRANSFER.
void bind_decode(State* state, uint32_t call, const Choice& choice);
// KV of a call whose prefill goes on moves already: of a worker that sends layer by layer.
void layers_started(State* state, uint32_t call, TimeNs start);
void transfer_started(State* state, uint32_t call, TimeNs start);
void transfer_done(State* state, uint32_t call, const PhaseReport& report);
void decode_started(State* state, uint32_t call, TimeNs start);
void decode_progress(State* state, uint32_t call, uint32_t tokens, TimeNs when);
void decode_done(State* state, uint32_t call, const PhaseReport& report);

// An attempt failed (HEXAGENT_E_*): planned again, or failed for good when streaming or out of
// retries. Where a worker was lost under it and the KV is on another one that an endpoint serves,
// only the decode phase is planned again.
void attempt_failed(State* state, uint32_t call, uint32_t on_worker, hexagent_status why);

// The transfer under way has failed: the decode phase is planned again if the source still has the
// KV, else the whole.
void transfer_failed(State* state, uint32_t call);

// The worker does not have an attempt that was sent to it. As a failure; but where nothing was ever
// heard of the attempt, most likely it did not arrive: that uses up no retry and is nothing against
// the worker.
void attempt_missing(State* state, uint32_t call, uint32_t on_worker);

// Ends a call that is not final as failed or cancelled, with all revealed calls that wait for it.
void end_call(State* state, uint32_t call, CallState final_state, hexagent_status why);

// Takes all calls off a worker (lost, restarted) and forgets what it held.
void evacuate(State* state, uint32_t worker);

// Emits WORKFLOW_DONE and forgets the workflow if it has ended and nothing of it is open.
void finish_workflow_if_over(State* state, uint32_t workflow, hexagent_status why);

// Ends a workflow at once: open calls are cancelled first.
void drop_workflow(State* state, uint32_t workflow, hexagent_status why);

}  // namespace hexagent
