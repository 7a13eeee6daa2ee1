// Lifecycle, the other endings: failure, retry, cancellation, lost workers, the end of a workflow.
#include <algorithm>

#include "core/base/check.h"
#include "core/foresight.h"
#include "core/lifecycle.h"
#include "core/lifecycle_parts.h"
#include "core/plan/entrance.h"
#include "core/plan/fair_share.h"
#include "core/shadow_placing.h"
#include "core/transfers.h"
#include "core/workflow/horizon.h"

namespace hexagent {
namespace {

void emit_abort(State* state, const Call& call, uint32_t worker, uint32_t lost) {
  if (worker == kNoWorker || worker == lost) return;
  hexagent_decision& decision = state->emit_order(HEXAGENT_DECISION_ABORT, call);
  decision.worker = state->workers[worker].spec.worker;
  decision.incarnation = state->workers[worker].spec.incarnation;
}

// Withdraws a call in flight from every engine that has it, except from `lost`.
void withdraw(State* state, uint32_t index, uint32_t lost) {
  const Call& call = state->workflows.call(index);
  const bool on_prefill = call.state <= CallState::kTransferring;
  const bool on_decode = call.local || call.state >= CallState::kTransferring;
  if (on_prefill) emit_abort(state, call, call.prefill_worker, lost);
  if (on_decode && !(call.local && on_prefill)) {
    emit_abort(state, call, call.decode_worker, lost);
  }
  if (call.state == CallState::kTransferring) hold_until_quiesced(state, index);
  release_all(state, index);
}

void reset_attempt(Call* call) {
  call->prefill_worker = call->decode_worker = kNoWorker;
  call->local = call->decode_locked = false;
  call->prefill_hit = call->decode_hit = 0;
  call->output_seen = 0;
  call->attempts_of_prefill = 0;
  call->shadow = ShadowCall{};
  const CallTimes before = call->times;
  call->times = CallTimes{};
  call->times.deps_end = before.deps_end;
  call->times.revealed = before.revealed;
}

// Back among the waiting calls; `lost` need not be told.
void plan_again(State* state, uint32_t index, uint32_t lost) {
  withdraw(state, index, lost);
  Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  --workflow.calls_in_flight;
  count_work(state, &workflow);
  refund_tenant(state, index);
  reset_attempt(&call);
  make_ready(state, index);
}

// ---- the decode phase alone ----

// Is the KV still where it was prefilled, whatever became of the way from there? Engines with a
// connector of their own keep it for whoever pulls it, if they bind late, and give it up otherwise.
bool source_has_kv(const State& state, const Call& call, bool loss) {
  if (is_shadow(state) || call.local || !call.kv_on_prefill || call.streaming) return false;
  const Worker& source = state.workers[call.prefill_worker];
  if (source.state == WorkerState::kLost) return false;
  return has_endpoint(source) || (!loss && source.spec.binding == HEXAGENT_BINDING_PREFILL_END);
}

// A decode worker for the time until one with space is bound: the present one while it serves, else
// the first that could be.
uint32_t decode_meanwhile(const State& state, const Call& call) {
  const auto serves = [&](uint32_t index) {
    const Worker& worker = state.workers[index];
    return worker.is_serving() && worker.matches(call.labels_required, call.labels_excluded);
  };
  if (serves(call.decode_worker)) return call.decode_worker;
  const ModelPool* pool = state.workers.pool(call.model);
  for (uint32_t index : pool->decode) {
    if (index != call.prefill_worker && serves(index)) return index;
  }
  return kNoWorker;
}

// Back to prefilled: another decode worker is bound to it in the next plan.
void wait_for_decode(State* state, uint32_t index, uint32_t decode) {
  Call& call = state->workflows.call(index);
  detach_decode(state, index);
  if (decode != call.decode_worker) call.decode_hit = 0;
  call.decode_worker = decode;
  resize_transfer(state, index);
  attach_decode(state, index, false);
  call.decode_locked = false;
  if (call.state == CallState::kPrefilled) return;
  call.state = CallState::kPrefilled;
  call.times.transfer_start = 0;
  state->prefilled.add(&state->workflows, index);
}

// Of a call that is prefilled or in transfer, whose retries are not used up. False: no worker could
// decode it, nothing has changed.
bool plan_decode_again(State* state, uint32_t index, uint32_t lost) {
  Call& call = state->workflows.call(index);
  const uint32_t decode = decode_meanwhile(*state, call);
  if (decode == kNoWorker) return false;
  call.avoid_worker = call.decode_worker;
  if (call.state == CallState::kTransferring) {
    emit_abort(state, call, call.decode_worker, lost);
    hold_until_quiesced(state, index);
    unwatch_transfer(state, index);
    ++call.attempt;
    ++call.attempts_of_prefill;
    ++call.retries;
    ++state->counters.calls_retried;
    ++state->counters.transfers_failed;
  }
  wait_for_decode(state, index, decode);
  state->plan_needed = true;
  return true;
}

bool may_retry(const State& state, const Call& call) {
  return !call.streaming && call.retries < static_cast<uint32_t>(state.settings.retry_max);
}

// Is the failure one of the way to the decode worker, and no more than that?
bool only_decode_fails(const State& state, const Call& call, uint32_t on_worker, bool loss) {
  const bool on_its_way =
      call.state == CallState::kTransferring || call.state == CallState::kPrefilled;
  return on_its_way && on_worker == call.decode_worker && source_has_kv(state, call, loss);
}

}  // namespace

void transfer_failed(State* state, uint32_t index) {
  const Call& call = state->workflows.call(index);
  if (call.state == CallState::kTransferring && may_retry(*state, call) &&
      only_decode_fails(*state, call, call.decode_worker, false) &&
      plan_decode_again(state, index, kNoWorker)) {
    return;
  }
  attempt_failed(state, index, call.prefill_worker, HEXAGENT_E_CALL_FAILED);
}

void attempt_failed(State* state, uint32_t index, uint32_t on_worker, hexagent_status why) {
  Call& call = state->workflows.call(index);
  HEXAGENT_CHECK(is_in_flight(call.state));
  const bool again = may_retry(*state, call);
  const uint32_t lost = why == HEXAGENT_E_WORKER_LOST ? on_worker : kNoWorker;
  if (again && lost != kNoWorker && only_decode_fails(*state, call, lost, true) &&
      plan_decode_again(state, index, lost)) {
    return;
  }
  if (!again) {
    call.avoid_worker = lost;
    end_call(state, index, CallState::kFailed, why);
    return;
  }
  ++call.retries;
  ++state->counters.calls_retried;
  call.avoid_worker = on_worker;
  plan_again(state, index, lost);
}

void attempt_missing(State* state, uint32_t index, uint32_t on_worker) {
  if (state->workflows.call(index).state == CallState::kDispatched) {
    return plan_again(state, index, on_worker);
  }
  attempt_failed(state, index, on_worker, HEXAGENT_E_WORKER_LOST);
}

void end_call(State* state, uint32_t first, CallState final_state, hexagent_status why) {
  std::vector<uint32_t>& open = state->call_scratch;  // depth first, without recursion
  const size_t base = open.size();
  open.push_back(first);
  const uint32_t workflow_index = state->workflows.call(first).workflow;
  Workflow& workflow = state->workflows.workflow(workflow_index);
  while (open.size() > base) {
    const uint32_t index = open.back();
    open.pop_back();
    Call& call = state->workflows.call(index);
    if (is_final(call.state)) continue;
    if (is_in_flight(call.state)) {
      withdraw(state, index, why == HEXAGENT_E_WORKER_LOST ? call.avoid_worker : kNoWorker);
      --workflow.calls_in_flight;
      count_work(state, &workflow);
    } else if (call.state == CallState::kReady) {
      leave_waiting(state, index);
    }
    const bool is_first = index == first;
    call.state = is_first ? final_state : CallState::kCancelled;
    ++workflow.calls_done;
    workflow.failed = true;
    ++state->counters.calls_failed;
    state->contents.unpin(call.content);
    hexagent_decision& done = state->emit_call(HEXAGENT_DECISION_CALL_DONE, call);
    done.status = is_first ? why : HEXAGENT_E_DEAD_DEPENDENCY;
    done.tokens = call.output_seen;
    state->workflows.for_each_dependent(index, [&](uint32_t next) { open.push_back(next); });
  }
  refresh_horizon(&state->workflows, workflow_index);
  refresh_urgency(state, workflow_index);
  state->plan_needed = true;
  finish_workflow_if_over(state, workflow_index, why);
}

void evacuate(State* state, uint32_t lost) {
  Worker& worker = state->workers[lost];
  // Each failure takes the call off both lists, so the heads move until the lists are empty.
  while (worker.prefill_head != kNoIndex) {
    attempt_failed(state, worker.prefill_head, lost, HEXAGENT_E_WORKER_LOST);
  }
  while (worker.decode_head != kNoIndex) {
    attempt_failed(state, worker.decode_head, lost, HEXAGENT_E_WORKER_LOST);
  }
  // Prefilled there, KV still pinned: only the KV lists of other workers lead to these calls.
  std::vector<uint32_t> pinned;
  for (uint32_t other = 0; other < state->workers.size(); ++other) {
    for (uint32_t call = state->workers[other].decode_head; call != kNoIndex;) {
      const Call& entry = state->workflows.call(call);
      if (entry.prefill_worker == lost && entry.kv_on_prefill) pinned.push_back(call);
      call = entry.decode_next;
    }
  }
  std::sort(pinned.begin(), pinned.end());
  for (uint32_t index : pinned) {
    // An earlier failure may have ended this call's workflow and with it the call.
    const Call& call = state->workflows.call(index);
    if (!is_in_flight(call.state) || call.prefill_worker != lost) continue;
    attempt_failed(state, index, lost, HEXAGENT_E_WORKER_LOST);
  }
  drop_holds(state, lost);
  state->contents.drop_worker(lost);
}

void finish_workflow_if_over(State* state, uint32_t index, hexagent_status why) {
  Workflow& workflow = state->workflows.workflow(index);
  if (!workflow.ended || workflow.calls_done < workflow.calls) return;
  hexagent_decision& decision = state->emit(HEXAGENT_DECISION_WORKFLOW_DONE);
  decision.workflow = workflow.id;
  decision.user_data = workflow.user_data;
  decision.status =
      workflow.failed ? (why != HEXAGENT_OK ? why : HEXAGENT_E_CALL_FAILED) : HEXAGENT_OK;
  decision.expected_start_ns = workflow.arrival;
  decision.expected_end_ns = state->now;
  if (workflow.horizon_s > 0.0) {
    const double stretch = to_s(state->now - workflow.arrival) / workflow.horizon_s;
    decision.stretch_milli = static_cast<uint32_t>(std::clamp(stretch * 1e3, 0.0, 4e9));
    if (state->settings.learning != 0.0) {
      state->horizons_s.add(workflow.horizon_s);
      if (!workflow.failed) state->stretches.add(1e-3 * decision.stretch_milli);
    }
  }
  if (workflow.failed) {
    ++state->counters.workflows_cancelled;
  } else {
    ++state->counters.workflows_done;
    learn_remainders(state, index);
  }
  --state->tenants[workflow.tenant].workflows_live;
  state->workflows.remove_workflow(index);
}

void drop_workflow(State* state, uint32_t index, hexagent_status why) {
  Workflow& workflow = state->workflows.workflow(index);
  const uint64_t workflow_id = workflow.id;
  std::vector<uint32_t> open;
  state->workflows.for_each_call(index, [&](uint32_t call) {
    if (!is_final(state->workflows.call(call).state)) open.push_back(call);
  });
  std::reverse(open.begin(), open.end());  // oldest first, as they were revealed
  workflow.failed = workflow.failed || why != HEXAGENT_OK;
  workflow.ended = false;  // so that end_call() does not remove it under us
  for (uint32_t call : open) end_call(state, call, CallState::kCancelled, why);
  HEXAGENT_CHECK(state->workflows.find(workflow_id) == index);
  workflow.ended = true;
  finish_workflow_if_over(state, index, why);
}

}  // namespace hexagent
