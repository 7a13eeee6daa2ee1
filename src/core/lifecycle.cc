// Lifecycle: see lifecycle.h. Phases in order of a call's life; failure and cancellation are in
// lifecycle_end.cc.
#include "core/lifecycle.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/foresight.h"
#include "core/lifecycle_parts.h"
#include "core/plan/entrance.h"
#include "core/plan/fair_share.h"
#include "core/plan/placement.h"
#include "core/plan/tier.h"
#include "core/shadow_placing.h"
#include "core/transfers.h"
#include "core/workflow/horizon.h"

namespace hexagent {
namespace {

// Of a call that is sent to `worker` or on its way there.
hexagent_decision& emit_placed(State* state, uint32_t kind, Call* sent, uint32_t worker,
                               uint32_t peer) {
  const Call& call = *sent;
  hexagent_decision& decision = state->emit_order(kind, call);
  sent->sent_sequence = decision.sequence;
  const Worker& target = state->workers[worker];
  decision.worker = target.spec.worker;
  decision.incarnation = target.spec.incarnation;
  if (peer != kNoWorker) decision.peer_worker = state->workers[peer].spec.worker;
  decision.order_key = call.sent_order_key;
  decision.priority = engine_priority(target, call.sent_order_key, state->tiers_in_use);
  return decision;
}

void emit_transfer(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  hexagent_decision& decision = emit_placed(state, HEXAGENT_DECISION_TRANSFER, &call,
                                            call.prefill_worker, call.decode_worker);
  decision.tokens = call.prompt_tokens - call.decode_hit;
  decision.cached_tokens = call.decode_hit;
  decision.expected_start_ns = state->now;
  decision.expected_end_ns = state->now + (call.plan.transfer_end - call.plan.transfer_start);
  if (is_shadow(*state) || !has_endpoint(state->workers[call.prefill_worker])) return;
  tell_urgency(state, &call, &decision);
  watch_transfer(state, index);
}

void emit_decode(State* state, Call* sent) {
  const Call& call = *sent;
  hexagent_decision& decision =
      emit_placed(state, HEXAGENT_DECISION_DECODE, sent, call.decode_worker, call.prefill_worker);
  decision.tokens = static_cast<uint32_t>(call.output_mean + 0.5);
  decision.cached_tokens = call.decode_hit;
  decision.expected_start_ns = state->now;
  decision.expected_end_ns = state->now + (call.plan.decode_end - call.plan.transfer_end);
}

// The call's sequence joins the decode batch of its worker.
void join_batch(State* state, Call* call, TimeNs when) {
  Worker& worker = state->workers[call->decode_worker];
  DecodeLoad& load = worker.load.decode;
  load.run_clock(worker.decode_engine, when);
  load.promised_sequences -= 1.0;
  load.promised_context -= decode_context(*call);
  load.sequences += 1.0;
  load.context += decode_context(*call);
  call->decode_clock = load.clock_iterations;
}

// A prefill that had the engine to itself calibrates the worker; others are a mix of several calls.
void calibrate_prefill(State* state, Worker* worker, const Call& call, TimeNs start, TimeNs end) {
  if (state->settings.learning == 0.0 || start == 0 || end <= start) return;
  const TimeNs tail = (end - start) / 10;
  const bool alone = worker->last_prefill_end <= start + tail &&
                     (worker->last_prefill_dispatch <= call.times.dispatched ||
                      worker->last_prefill_dispatch >= end - tail);
  if (!alone) return;
  const PrefillShape shape = prefill_shape(call.prompt_tokens, call.prefill_hit);
  PrefillEngine plain = worker->prefill_engine;
  plain.factor = 1.0;
  worker->prefill_calibration.observe(prefill_alone_s(plain, shape), to_s(end - start));
  if (state->settings.calibration != 0.0) {
    worker->prefill_engine.factor = worker->prefill_calibration.factor();
  }
}

void calibrate_decode(State* state, Worker* worker, const Call& call, uint32_t tokens) {
  if (state->settings.learning == 0.0 || tokens < 8) return;  // too short to tell from jitter
  const double predicted = worker->load.decode.clock_iterations - call.decode_clock;
  if (predicted <= 0.0) return;
  worker->decode_calibration.observe(static_cast<double>(tokens), predicted);
  if (state->settings.calibration != 0.0) {
    worker->decode_engine.factor = worker->decode_calibration.factor();
  }
}

// Tells once that a deadline will be missed even if all that is revealed ran alone from now on.
void tell_risk(State* state, Workflow* workflow) {
  if (workflow->risk_told) return;
  const TimeNs allowed = workflow->deadline != 0
                             ? workflow->deadline - workflow->arrival
                             : to_ns(workflow->horizon_s * workflow->slo_scale_milli * 1e-3);
  if (allowed == 0) return;
  const TimeNs projected = state->now + to_ns(workflow->remaining_s);
  if (projected <= workflow->arrival + allowed) return;
  workflow->risk_told = true;
  hexagent_decision& decision = state->emit(HEXAGENT_DECISION_RISK);
  decision.workflow = workflow->id;
  decision.user_data = workflow->user_data;
  decision.expected_start_ns = workflow->arrival + allowed;
  decision.expected_end_ns = projected;
}

}  // namespace

void make_ready(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  call.state = CallState::kReady;
  call.times.ready = state->now;
  // A second attempt keeps the path of the first: what was lost is not part of the work alone.
  if (call.attempt == 0) {
    reveal_horizon(state->workers, &state->workflows, index, state->now);
  }
  look_ahead(state, index);
  join_waiting(state, index);
  refresh_urgency(state, call.workflow);
  state->plan_needed = true;
  tell_risk(state, &workflow);
}

void dispatch(State* state, uint32_t index, const Choice& choice, double order_key) {
  Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  HEXAGENT_CHECK(call.state == CallState::kReady);
  HEXAGENT_CHECK(choice.fits);
  leave_waiting(state, index);
  workflow.sent = true;
  charge_tenant(state, index);
  ++workflow.calls_in_flight;
  workflow.stuck = false;
  count_work(state, &workflow);
  ++call.attempt;
  call.attempts_of_prefill = 0;
  call.state = CallState::kDispatched;
  call.times.dispatched = state->now;
  call.prefill_worker = choice.prefill;
  call.decode_worker = choice.decode;
  call.kept_prefill = kNoIndex;
  call.kept_decode = kNoIndex;
  call.local = choice.prefill == choice.decode;
  call.prefill_hit = choice.prefill_cached;
  call.decode_hit = choice.decode_cached;
  call.sent_order_key = to_order_key(order_key, tier_now(*state, call));
  attach_prefill(state, index);
  const Worker& source = state->workers[choice.prefill];
  // In shadow mode the router has bound it, or it is supposed to have.
  const bool late = source.spec.binding == HEXAGENT_BINDING_PREFILL_END && !is_shadow(*state);
  call.decode_locked = !late || call.local || state->policy.placement->locks_decode();
  attach_decode(state, index, !late && !call.local);
  record_plan(state, &call, choice, order_key);
  state->contents.place(call.content, choice.prefill, call.prompt_tokens, call.prefill_hit);

  hexagent_decision& decision =
      emit_placed(state, call.local ? HEXAGENT_DECISION_LOCAL : HEXAGENT_DECISION_PREFILL, &call,
                  choice.prefill, call.local ? kNoWorker : choice.decode);
  decision.tokens = call.prompt_tokens;
  decision.cached_tokens = call.prefill_hit;
  decision.expected_start_ns = call.plan.prefill_start;
  decision.expected_end_ns = call.plan.prefill_end;
}

void reprioritise(State* state, uint32_t index, double order_key) {
  Call& call = state->workflows.call(index);
  HEXAGENT_CHECK(call.state == CallState::kDispatched);
  call.sent_order_key = to_order_key(order_key, tier_now(*state, call));
  emit_placed(state, HEXAGENT_DECISION_REPRIORITISE, &call, call.prefill_worker, kNoWorker);
}

void reprioritise_transfer(State* state, uint32_t index, double order_key) {
  Call& call = state->workflows.call(index);
  HEXAGENT_CHECK(call.state == CallState::kTransferring);
  call.sent_order_key = to_order_key(order_key, tier_now(*state, call));
  tell_urgency(state, &call,
               &emit_placed(state, HEXAGENT_DECISION_REPRIORITISE, &call, call.prefill_worker,
                            call.decode_worker));
}

void prefill_started(State* state, uint32_t index, TimeNs start) {
  Call& call = state->workflows.call(index);
  if (call.state != CallState::kDispatched) return;
  call.state = CallState::kPrefilling;
  call.times.prefill_start = start;
  Worker& worker = state->workers[call.prefill_worker];
  if (worker.load.prefill.count == 1) worker.load.prefill.reference = start;
}

void prefill_done(State* state, uint32_t index, const PhaseReport& report) {
  Call& call = state->workflows.call(index);
  Worker& worker = state->workers[call.prefill_worker];
  const TimeNs start = report.start != 0 ? report.start : call.times.prefill_start;
  if (report.cached_known) {
    state->counters.prefix_hit_tokens += report.cached_tokens;
    if (report.cached_tokens != call.prefill_hit) {
      state->contents.correct(call.sources, call.source_count, call.prefill_worker,
                              report.cached_tokens);
    }
  } else {
    state->counters.prefix_hit_tokens += call.prefill_hit;
  }
  detach_prefill_load(state, index, report.end);
  if (report.cached_known)
    call.prefill_hit = std::min(report.cached_tokens, call.prompt_tokens - 1);
  calibrate_prefill(state, &worker, call, start, report.end);
  worker.last_prefill_end = report.end;
  state->counters.prompt_tokens += call.prompt_tokens;
  call.times.prefill_start = start != 0 ? start : call.times.dispatched;
  call.times.prefill_end = report.end;
  state->plan_needed = true;
  if (call.local) {
    call.state = CallState::kDecoding;
    call.times.decode_start = report.end;
    join_batch(state, &call, state->now);
    return;
  }
  call.state = CallState::kPrefilled;
  if (!call.kv_on_decode && !is_shadow(*state)) {
    if (!report.inferred) state->prefilled.add(&state->workflows, index);
    return;
  }
  call.state = CallState::kTransferring;
  // Layers may have been on their way for a while.
  if (call.times.transfer_start == 0) call.times.transfer_start = state->now;
  if (!report.inferred) emit_transfer(state, index);
}

void bind_decode(State* state, uint32_t index, const Choice& choice) {
  Call& call = state->workflows.call(index);
  HEXAGENT_CHECK(call.state == CallState::kPrefilled);
  state->prefilled.remove(&state->workflows, index);
  detach_decode(state, index);
  call.decode_worker = choice.decode;
  call.decode_hit = choice.decode_cached;
  resize_transfer(state, index);
  attach_decode(state, index, true);
  call.plan.transfer_start = state->now;
  call.plan.transfer_end = state->now + to_ns(choice.transfer_end_s);
  call.plan.decode_end = state->now + to_ns(choice.finish_s);
  call.state = CallState::kTransferring;
  call.times.transfer_start = state->now;
  emit_transfer(state, index);
}

void transfer_started(State* state, uint32_t index, TimeNs start) {
  Call& call = state->workflows.call(index);
  if (call.state == CallState::kTransferring) call.times.transfer_start = start;
}

void layers_started(State* state, uint32_t index, TimeNs start) {
  prefill_started(state, index, start);
  state->workflows.call(index).times.transfer_start = start;
}

void transfer_done(State* state, uint32_t index, const PhaseReport& report) {
  Call& call = state->workflows.call(index);
  const TimeNs start = report.start != 0 ? report.start : call.times.transfer_start;
  const double bytes = report.bytes != 0 ? static_cast<double>(report.bytes) : call.transfer_bytes;
  state->counters.transfer_bytes += static_cast<uint64_t>(bytes);
  unwatch_transfer(state, index);
  detach_transfer_load(state, index);
  release_prefill_kv(state, index);
  call.times.transfer_start = start;
  call.times.transfer_end = report.end;
  call.state = CallState::kDecodeQueued;
  join_batch(state, &call, state->now);
  state->contents.place(call.content, call.decode_worker, call.prompt_tokens, call.decode_hit);
  state->plan_needed = true;
  if (!report.inferred) emit_decode(state, &call);
}

void decode_started(State* state, uint32_t index, TimeNs start) {
  Call& call = state->workflows.call(index);
  if (call.state != CallState::kDecodeQueued) return;
  call.state = CallState::kDecoding;
  call.times.decode_start = start;
  DecodeLoad& load = state->workers[call.decode_worker].load.decode;
  load.run_clock(state->workers[call.decode_worker].decode_engine, state->now);
  call.decode_clock = load.clock_iterations;
}

void decode_progress(State* state, uint32_t index, uint32_t tokens, TimeNs when) {
  Call& call = state->workflows.call(index);
  call.output_seen = std::max(call.output_seen, tokens);
  if (tokens == 0 || call.streaming) return;
  call.streaming = true;
  call.times.first_token = when;
}

void decode_done(State* state, uint32_t index, const PhaseReport& report) {
  Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  Worker& worker = state->workers[call.decode_worker];
  const uint32_t tokens =
      report.tokens != 0 ? report.tokens : static_cast<uint32_t>(call.output_mean + 0.5);
  worker.load.decode.run_clock(worker.decode_engine, state->now);
  calibrate_decode(state, &worker, call, tokens);
  if (report.tokens != 0 && state->settings.learning != 0.0) {
    state->lengths.learn(workflow.class_name, call.stage, tokens);
  }
  if (report.start != 0) call.times.decode_start = report.start;
  if (call.times.decode_start == 0) call.times.decode_start = call.times.transfer_end;
  call.times.decode_end = report.end;
  call.output_seen = tokens;
  release_all(state, index);
  state->contents.place(call.content, call.decode_worker, call.prompt_tokens + tokens,
                        call.prompt_tokens);
  call.state = CallState::kDone;
  state->contents.unpin(call.content);
  const double service = to_s(call.times.prefill_end - call.times.prefill_start) +
                         to_s(call.times.decode_end - call.times.decode_start);
  call.attained_s = call.base_attained_s + std::max(0.0, service);
  workflow.attained_s = std::max(workflow.attained_s, call.attained_s);
  ++workflow.calls_done;
  --workflow.calls_in_flight;
  count_work(state, &workflow);
  ++state->counters.calls_done;
  finish_horizon(state->workers, &state->workflows, index, tokens, report.end);
  workflow.work_done_s += call.standalone_s;
  settle_tenant(state, index);
  if (is_shadow(*state)) shadow_finished(state, call, report.end);
  refresh_urgency(state, call.workflow);
  hexagent_decision& done = state->emit_call(HEXAGENT_DECISION_CALL_DONE, call);
  done.expected_start_ns = call.times.revealed;
  done.expected_end_ns = report.end;
  done.tokens = tokens;
  state->workflows.for_each_dependent(index, [&](uint32_t dependent) {
    Call& child = state->workflows.call(dependent);
    child.base_attained_s = std::max(child.base_attained_s, call.attained_s);
    HEXAGENT_CHECK(child.deps_pending > 0);
    if (--child.deps_pending == 0 && child.state == CallState::kWaiting) {
      make_ready(state, dependent);
    }
  });
  state->plan_needed = true;
  finish_workflow_if_over(state, call.workflow, HEXAGENT_OK);
}

}  // namespace hexagent
