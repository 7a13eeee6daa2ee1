// Transfers moved by endpoints: see transfers.h.
#include "core/transfers.h"

#include <algorithm>
#include <cmath>

#include "core/base/check.h"
#include "core/lifecycle_parts.h"
#include "core/plan/order.h"
#include "core/plan/tier.h"
#include "core/plan/urgent_first.h"
#include "core/shadow_placing.h"

namespace hexagent {
namespace {

// S / S* of the workflow, as hexagent_decision.risk_milli.
uint32_t risk_milli(const State& state, const Workflow& workflow) {
  const double risk = scaled_stretch(workflow, workflow.remaining_s).at(state.now);
  return static_cast<uint32_t>(std::clamp(risk * 1e3 + 0.5, 1.0, 4e9));
}

// The latest end of the call's transfer with which the deadline is met; 0 = there is none.
TimeNs transfer_deadline(const State& state, const Call& call) {
  const Workflow& workflow = state.workflows.workflow_of(call);
  TimeNs end = workflow.deadline;
  if (end == 0) {
    if (workflow.slo_scale_milli == 0) return 0;
    end = workflow.arrival + to_ns(workflow.horizon_s * workflow.slo_scale_milli * 1e-3);
  }
  const TimeNs decode = call.plan.decode_end - call.plan.transfer_end;
  const TimeNs behind = to_ns(std::max(0.0, call.tail_s - call.standalone_s));
  const TimeNs latest = end > decode ? end - decode : 1;
  return latest > behind ? latest - behind : 1;
}

void free_blocks(State* state, const KvHold& hold) {
  if (hold.blocks == 0) return;
  Worker& worker = state->workers[hold.worker];
  worker.kv.release(hold.blocks);
  worker.load.kv_free_tokens = static_cast<int64_t>(worker.kv.free_tokens());
  state->plan_needed = true;
}

// Gives up waiting for the oldest of them.
void end_oldest(State* state) {
  const KvHold hold = state->holds.remove(0);
  ++state->counters.kv_quiesce_timeouts;
  state->notices.put(NoticeKind::kQuiesceTimeout, state->workers[hold.worker].spec.worker,
                     HEXAGENT_E_TIMEOUT, hold.blocks);
  free_blocks(state, hold);
}

void add_hold(State* state, const Call& call, uint32_t worker, uint32_t blocks, bool source) {
  if (state->holds.full()) end_oldest(state);
  state->holds.add({state->workflows.workflow_of(call).id, call.id, call.attempt, worker, blocks,
                    source, state->now});
}

bool keeps_blocks(const Worker& worker) {
  return has_endpoint(worker) && worker.state != WorkerState::kLost;
}

}  // namespace

void tell_urgency(State* state, Call* call, hexagent_decision* decision) {
  call->sent_risk_milli = risk_milli(*state, state->workflows.workflow_of(*call));
  decision->risk_milli = call->sent_risk_milli;
  decision->deadline_ns = transfer_deadline(*state, *call);
}

void watch_transfer(State* state, uint32_t index) {
  if (state->workflows.call(index).waiting_slot == kNoIndex) {
    state->transfers.add(&state->workflows, index);
  }
}

void unwatch_transfer(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  if (call.sent_risk_milli == 0) return;
  call.sent_risk_milli = 0;
  state->transfers.remove(&state->workflows, index);
}

void reprioritise_transfers(State* state) {
  std::vector<Ranked>& changed = state->ranked;
  changed.clear();
  for (uint32_t index : state->transfers.calls()) {
    const Call& call = state->workflows.call(index);
    const double told = call.sent_risk_milli;
    const double risk = risk_milli(*state, state->workflows.workflow_of(call));
    if (std::fabs(risk - told) <= state->settings.transfer_risk_step * told) continue;
    const double left_s = to_s(std::max<TimeNs>(0, call.plan.decode_end - state->now));
    changed.push_back({state->order_key(call, left_s), index, tier_now(*state, call)});
  }
  std::sort(changed.begin(), changed.end(), MoreUrgent{state});
  for (const Ranked& entry : changed) {
    ++state->counters.transfers_reprioritised;
    reprioritise_transfer(state, entry.call, entry.key);
  }
}

void hold_until_quiesced(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  HEXAGENT_CHECK(call.state == CallState::kTransferring);
  if (is_shadow(*state)) return;
  if (call.kv_on_decode && keeps_blocks(state->workers[call.decode_worker])) {
    add_hold(state, call, call.decode_worker, call.decode_blocks, false);
    call.decode_blocks = 0;
    call.kv_on_decode = false;
  }
  if (call.kv_on_prefill && keeps_blocks(state->workers[call.prefill_worker])) {
    add_hold(state, call, call.prefill_worker, 0, true);
  }
}

bool keep_for_transfer(State* state, const Call& call) {
  if (state->holds.empty()) return false;
  return state->holds.take_over(state->workflows.workflow_of(call).id, call.id, call.prefill_worker,
                                call.prefill_blocks);
}

void apply_quiesced(State* state, const Input& input, const hexagent_report& report) {
  const auto refuse = [&](hexagent_status status, uint32_t field) {
    state->refuse(input, report.user_data, status, field);
  };
  const uint32_t index = state->workers.find(report.worker);
  if (index == kNoWorker) return refuse(HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER);
  if (report.incarnation != 0 && report.incarnation != state->workers[index].spec.incarnation) {
    return refuse(HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION);
  }
  const uint32_t held = state->holds.find(report.workflow, report.call, report.attempt, index);
  if (held != KvHolds::kNone) return free_blocks(state, state->holds.remove(held));
  // Nothing is kept: why not?
  if (state->workflows.find(report.workflow) == kNoIndex) {
    return refuse(HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW);
  }
  const uint32_t known = state->workflows.find_call(report.workflow, report.call);
  if (known == kNoIndex) return refuse(HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL);
  const Call& call = state->workflows.call(known);
  if (report.attempt > call.attempt) return refuse(HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER);
  const bool present = report.attempt == 0 || report.attempt == call.attempt;
  if (present && is_in_flight(call.state) && call.state <= CallState::kTransferring) {
    const bool end = index == call.prefill_worker || index == call.decode_worker;
    return end ? refuse(HEXAGENT_E_ORDER, HEXAGENT_FIELD_PHASE)
               : refuse(HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER);
  }
  refuse(HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_OUTCOME);
}

TimeNs next_hold_end(const State& state) {
  if (state.holds.empty()) return kNever;
  return state.holds[0].since + to_ns(state.settings.quiesce_timeout_s);
}

void end_overdue_holds(State* state) {
  while (next_hold_end(*state) <= state->now) end_oldest(state);
}

void drop_holds(State* state, uint32_t worker) {
  for (uint32_t i = state->holds.size(); i-- > 0;) {
    if (state->holds[i].worker == worker) free_blocks(state, state->holds.remove(i));
  }
}

}  // namespace hexagent
