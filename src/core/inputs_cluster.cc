// Inputs about the cluster and the configuration: checked, then applied whole or refused whole.
#include <algorithm>

#include "core/foresight.h"
#include "core/lifecycle.h"
#include "core/state.h"

namespace hexagent {
namespace {

template <class Record>
const Record& record_of(const Input& input) {
  return *static_cast<const Record*>(input.record);
}

// The worker a drain or loss speaks of; kNoWorker after a refusal.
uint32_t find_incarnation(State* state, const Input& input, uint32_t id, uint32_t incarnation) {
  const uint32_t index = state->workers.find(id);
  if (index == kNoWorker) {
    state->refuse(input, input.user_data, HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER);
    return kNoWorker;
  }
  const Worker& worker = state->workers[index];
  const bool stale = incarnation != 0 && incarnation != worker.spec.incarnation;
  if (stale || worker.state == WorkerState::kLost) {
    state->refuse(input, input.user_data, HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION);
    return kNoWorker;
  }
  return index;
}

// Before the calls are taken off it.
void note_loss(State* state, NoticeKind kind, uint32_t index) {
  const Worker& worker = state->workers[index];
  const uint32_t calls = worker.prefill_count + worker.decode_count;
  state->notices.put(kind, worker.spec.worker, HEXAGENT_OK, calls);
}

}  // namespace

void apply_profile(State* state, const Input& input) {
  uint32_t field = 0;
  const hexagent_status status =
      state->workers.set_profile(record_of<hexagent_profile>(input), &field);
  if (status != HEXAGENT_OK) return state->refuse(input, input.user_data, status, field);
  state->accept(input, input.user_data);
}

void apply_model(State* state, const Input& input) {
  uint32_t field = 0;
  const hexagent_status status = state->workers.set_model(record_of<hexagent_model>(input), &field);
  if (status != HEXAGENT_OK) return state->refuse(input, input.user_data, status, field);
  state->accept(input, input.user_data);
}

void apply_worker(State* state, const Input& input) {
  const auto& record = record_of<hexagent_worker>(input);
  uint32_t field = 0;
  const hexagent_status status = state->workers.check(record, &field);
  if (status != HEXAGENT_OK) return state->refuse(input, input.user_data, status, field);
  const uint32_t known = state->workers.find(record.worker);
  if (known != kNoWorker && state->workers[known].state != WorkerState::kLost &&
      state->workers[known].spec.incarnation != record.incarnation) {
    note_loss(state, NoticeKind::kWorkerRestarted, known);
    state->workers.set_state(known, WorkerState::kLost);
    evacuate(state, known);
  }
  const uint32_t index = state->workers.set(record, state->now);
  Worker& worker = state->workers[index];
  worker.ingress_most_bytes_per_s = state->links.ingress_most(worker.spec);
  state->contents.set_capacity(index, worker.kv_capacity_tokens);
  state->queued.prepare(record.model);
  state->working_set.prepare(record.model);
  state->view.prepare(record.model);
  state->accept(input, input.user_data).worker = record.worker;
  state->plan_needed = true;
}

void apply_worker_drain(State* state, const Input& input) {
  const uint32_t index = find_incarnation(state, input, input.worker, input.incarnation);
  if (index == kNoWorker) return;
  state->workers.set_state(index, WorkerState::kDraining);
  state->notices.put(NoticeKind::kWorkerDrained, input.worker, HEXAGENT_OK, 0);
  state->accept(input, input.user_data).worker = input.worker;
}

void apply_worker_lost(State* state, const Input& input) {
  const uint32_t index = find_incarnation(state, input, input.worker, input.incarnation);
  if (index == kNoWorker) return;
  state->accept(input, input.user_data).worker = input.worker;
  note_loss(state, NoticeKind::kWorkerLost, index);
  state->workers.set_state(index, WorkerState::kLost);
  evacuate(state, index);
}

void apply_heartbeat(State* state, const Input& input) {
  const auto& record = record_of<hexagent_heartbeat>(input);
  const uint32_t index = state->workers.find(record.worker);
  if (index == kNoWorker) {
    return state->refuse(input, record.user_data, HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER);
  }
  Worker& worker = state->workers[index];
  if (record.incarnation != worker.spec.incarnation || worker.state == WorkerState::kLost) {
    return state->refuse(input, record.user_data, HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION);
  }
  // What the engine holds beyond our promises is somebody else's (DESIGN section 5).
  const uint64_t ours = worker.kv.reserved_tokens();
  const uint64_t used = std::min(record.kv_used_tokens, worker.kv_capacity_tokens);
  worker.kv.set_foreign(used > ours ? used - ours : 0);
  worker.load.kv_free_tokens = static_cast<int64_t>(worker.kv.free_tokens());
  state->plan_needed = true;
}

void apply_configure(State* state, const Input& input) {
  const auto& change = record_of<SettingChange>(input);
  const bool was_fair = state->settings.fairness_bound_s > 0.0;
  const hexagent_status status = apply_setting(change, &state->settings);
  if (status != HEXAGENT_OK) {
    if (change.key < setting_count()) {
      state->notices.put(NoticeKind::kSettingRefused, change.key, status, 0);
    }
    return state->refuse(input, input.user_data, status, HEXAGENT_FIELD_VALUE);
  }
  state->notices.put(NoticeKind::kSettingChanged, change.key, HEXAGENT_OK, 0);
  // Counters that nothing held together mean nothing to each other.
  if (!was_fair && state->settings.fairness_bound_s > 0.0) state->tenants.forget_service();
  find_policy(state->settings.policy, &state->policy);
  for (uint32_t index : state->waiting.calls()) {  // another order, or the same with other terms
    if (state->workflows.call(index).ahead.work_s == 0.0) look_ahead(state, index);
    state->waiting.set_urgency(state->workflows, index,
                               state->urgency_of(state->workflows.call(index)));
  }
  state->accept(input, input.user_data);
  state->plan_needed = true;
}

}  // namespace hexagent
