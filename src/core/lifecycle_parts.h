// The bookkeeping that several transitions share: loads, ledgers and lists of one call on its
// workers. attach_* and detach_* are exact inverses; nothing else touches WorkerLoad outside the
// planner's copies.
#pragma once

#include "core/lifecycle.h"

namespace hexagent {

// Tokens a call adds to a decode batch's context on average over its decode.
inline double decode_context(const Call& call) {
  return call.prompt_tokens + 0.5 * call.output_mean;
}

// How much a second of delay matters to a call's workflow: the slope of S^p at its present stretch
// S, S^(p - 1) / H up to a constant. A surrogate of the high quantiles of stretch
// (notes/algorithms.md 5.3). H counts up to `impact_horizon_max` times the mean of late: with a
// finite p the long workflows would else be held up until they are the tail.
double delay_weight(const State& state, const Call& call);

// Stretch of a workflow if what is revealed ran alone from now on; at least 1.
double projected_stretch(const State& state, const Workflow& workflow);

// Order keys travel as integers, lower first; a unit is a millionth of the order's own key. Every
// key of a tier is below every key of the next one.
int64_t to_order_key(double key, uint32_t tier);

// The key in the engine's own polarity and 32 bits (hexagent.h, HEXAGENT_ENGINE_*). Without `tiers`
// all of them are for the first tier.
int32_t engine_priority(const Worker& worker, int64_t order_key, bool tiers);

// Copies what was expected into the call, for decisions and hexagent_explain().
void record_plan(State* state, Call* call, const Choice& choice, double order_key);

// A call joins the waiting calls, or leaves them: the list and what is counted of it. Its
// workflow's urgencies have to be refreshed after.
void join_waiting(State* state, uint32_t call);
void leave_waiting(State* state, uint32_t call);

// Prefill worker: list, load, KV reservation; the transfer's load on its egress.
void attach_prefill(State* state, uint32_t call);
void detach_prefill_load(State* state, uint32_t call, TimeNs end);
void release_prefill_kv(State* state, uint32_t call);

// Decode worker: list, promised load, ingress; KV reservation if `reserve`.
void attach_decode(State* state, uint32_t call, bool reserve);
void detach_decode(State* state, uint32_t call);

// The transfer as it is after decode_hit has changed; between detach_decode and attach_decode.
void resize_transfer(State* state, uint32_t call);
void detach_transfer_load(State* state, uint32_t call);

// Gives back all that a call in any in-flight state holds. The call's state is not changed.
void release_all(State* state, uint32_t call);

}  // namespace hexagent
