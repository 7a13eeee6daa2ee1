// Inputs about workflows and calls: checked, then applied whole or refused whole.
#include <algorithm>
#include <vector>

#include "core/admission.h"
#include "core/lifecycle.h"
#include "core/state.h"
#include "core/verdict.h"
#include "core/workflow/horizon.h"

namespace hexagent {
namespace {

// The largest KV caches among the workers a call may use, in tokens of whole blocks; 0 = no worker.
struct Room {
  uint64_t prefill = 0;
  uint64_t decode = 0;
};

uint64_t largest_kv(const State& state, const std::vector<uint32_t>& workers,
                    const hexagent_call& record) {
  uint64_t largest = 0;
  for (uint32_t index : workers) {
    const Worker& worker = state.workers[index];
    if (!worker.matches(record.labels_required, record.labels_excluded)) continue;
    largest = std::max(largest, worker.kv.capacity_tokens());
  }
  return largest;
}

// Can any worker ever take this call?
Verdict check_capacity(const State& state, const hexagent_call& record, Room* room) {
  const ModelPool* pool = state.workers.pool(record.model);
  const uint64_t whole =
      static_cast<uint64_t>(record.prompt_tokens) + std::max(record.max_output_tokens, 1u);
  if (pool != nullptr && pool->max_context_tokens != 0 && whole > pool->max_context_tokens) {
    return {HEXAGENT_E_TOO_LONG, HEXAGENT_FIELD_PROMPT_TOKENS};
  }
  if (pool == nullptr || pool->prefill.empty() || pool->decode.empty()) {
    return {HEXAGENT_E_NO_WORKER, HEXAGENT_FIELD_MODEL};
  }
  room->prefill = largest_kv(state, pool->prefill, record);
  room->decode = largest_kv(state, pool->decode, record);
  if (room->prefill == 0 || room->decode == 0) return {HEXAGENT_E_NO_WORKER, HEXAGENT_FIELD_LABELS};
  if (record.prompt_tokens > room->prefill || whole > room->decode) {
    return {HEXAGENT_E_NEVER_FITS, HEXAGENT_FIELD_PROMPT_TOKENS};
  }
  return {};
}

// Sources of the prefixes. A prefix of a call we do not know any more is content nobody can share.
void resolve_prefixes(State* state, const hexagent_prefix* prefixes, uint32_t count,
                      uint64_t workflow_id, Call* call) {
  for (uint32_t i = 0; i < count; ++i) {
    const hexagent_prefix& prefix = prefixes[i];
    uint32_t node = kNoIndex;
    if (prefix.group != 0) {
      node = state->contents.find_or_add_group(prefix.group);
    } else {
      const bool own = prefix.workflow == 0 || prefix.workflow == workflow_id;
      node = state->contents.find(own ? workflow_id : prefix.workflow, prefix.call);
      if (own) {
        call->own_prefix_tokens =
            std::max(call->own_prefix_tokens, std::min(prefix.tokens, call->prompt_tokens - 1));
      }
    }
    if (node == kNoIndex) continue;
    call->sources[call->source_count++] = state->contents.source(node, prefix.tokens);
    const uint32_t worker = prefix.worker == 0 ? kNoWorker : state->workers.find(prefix.worker);
    if (worker != kNoWorker) {
      state->contents.note(worker, call->sources[call->source_count - 1], prefix.cached_tokens);
    }
  }
}

void predict_output(State* state, const hexagent_call& record, const Workflow& workflow,
                    const Room& room, Call* call) {
  const LengthEstimate estimate =
      record.output_tokens_p50 != 0
          ? estimate_from_hints(record.output_tokens_p50, record.output_tokens_p90,
                                record.max_output_tokens, state->settings.kv_reserve_quantile)
          : state->lengths.predict(workflow.class_name, record.stage, record.max_output_tokens,
                                   state->settings.kv_reserve_quantile);
  call->output_mean = std::max(1.0, estimate.mean);
  // No more is promised than the worker can have, or a call that was let in would never be sent.
  const uint64_t capacity = std::min(room.prefill, room.decode);
  const uint64_t left = capacity > record.prompt_tokens ? capacity - record.prompt_tokens : 1;
  call->output_reserve = static_cast<uint32_t>(std::clamp<uint64_t>(estimate.quantile, 1, left));
}

void inherit_paths(State* state, const Input& input, const Workflow& workflow, Call* call) {
  call->times.deps_end = workflow.arrival;
  for (uint32_t i = 0; i < input.deps_count; ++i) {
    const Call& dep = state->workflows.call(state->workflows.find_call(workflow.id, input.deps[i]));
    call->base_path_s = std::max(call->base_path_s, dep.path_s);
    if (dep.state != CallState::kDone) continue;
    call->settled_path_s = std::max(call->settled_path_s, dep.path_s);
    call->base_attained_s = std::max(call->base_attained_s, dep.attained_s);
    call->times.deps_end = std::max(call->times.deps_end, dep.times.decode_end);
  }
}

}  // namespace

void apply_workflow_begin(State* state, const Input& input) {
  const auto& record = *static_cast<const hexagent_workflow*>(input.record);
  if (state->workflows.find(record.workflow) != kNoIndex) {
    return state->refuse(input, record.user_data, HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_WORKFLOW);
  }
  if (record.arrival_ns > state->now) {
    return state->refuse(input, record.user_data, HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME);
  }
  if (!admit_workflow(state, record)) return;
  const uint32_t index = state->workflows.add_workflow(record.workflow);
  if (index == kNoIndex) {
    return state->refuse(input, record.user_data, HEXAGENT_E_FULL, HEXAGENT_FIELD_CAPACITY);
  }
  Workflow& workflow = state->workflows.workflow(index);
  workflow.user_data = record.user_data;
  workflow.arrival = record.arrival_ns != 0 ? record.arrival_ns : state->now;
  workflow.deadline = record.deadline_ns != 0 ? workflow.arrival + record.deadline_ns : 0;
  workflow.slo_scale_milli = record.slo_scale_milli;
  workflow.class_name = record.class_name;
  workflow.tenant = record.tenant;
  workflow.tier = record.tier;
  state->tiers_in_use = state->tiers_in_use || record.tier != HEXAGENT_TIER_INTERACTIVE;
  ++state->tenants[workflow.tenant].workflows_live;
  state->workflows.touch(index, state->now);
  state->accept(input, record.user_data);
}

void apply_submit(State* state, const Input& input) {
  const auto& record = *static_cast<const hexagent_call*>(input.record);
  const uint32_t workflow_index = state->workflows.find(record.workflow);
  if (workflow_index == kNoIndex) {
    return state->refuse(input, record.user_data, HEXAGENT_E_UNKNOWN_WORKFLOW,
                         HEXAGENT_FIELD_WORKFLOW);
  }
  Workflow& workflow = state->workflows.workflow(workflow_index);
  if (workflow.ended) {
    return state->refuse(input, record.user_data, HEXAGENT_E_ENDED, HEXAGENT_FIELD_WORKFLOW);
  }
  uint32_t field = 0;
  const hexagent_status dag = state->workflows.check_call(workflow_index, record.call, input.deps,
                                                          input.deps_count, &field);
  if (dag != HEXAGENT_OK) return state->refuse(input, record.user_data, dag, field);
  Room room;
  const Verdict fit = check_capacity(*state, record, &room);
  if (fit.status != HEXAGENT_OK) {
    return state->refuse(input, record.user_data, fit.status, fit.field);
  }
  TimeNs forecast_end = 0;
  if (!admit_call(state, input, workflow_index, &forecast_end)) return;
  const uint32_t index =
      state->workflows.add_call(workflow_index, record.call, input.deps, input.deps_count);
  Call& call = state->workflows.call(index);
  call.user_data = record.user_data;
  call.stage = record.stage;
  call.model = record.model;
  call.prompt_tokens = record.prompt_tokens;
  call.max_output_tokens = record.max_output_tokens;
  call.labels_required = record.labels_required;
  call.labels_excluded = record.labels_excluded;
  call.held = (record.flags & HEXAGENT_CALL_HELD) != 0;
  call.times.revealed = state->now;
  call.forecast_end = forecast_end;
  resolve_prefixes(state, input.prefixes, input.prefixes_count, workflow.id, &call);
  call.content = state->contents.add(workflow.id, record.call, call.sources, call.source_count);
  predict_output(state, record, workflow, room, &call);
  inherit_paths(state, input, workflow, &call);
  if ((record.flags & HEXAGENT_CALL_LAST) != 0) workflow.ended = true;
  state->workflows.touch(workflow_index, state->now);
  state->accept(input, record.user_data).call = record.call;
  if (call.held || call.deps_pending > 0) {
    call.state = call.held ? CallState::kHeld : CallState::kWaiting;
    reveal_horizon(state->workers, &state->workflows, index, state->now);
    refresh_urgency(state, workflow_index);
    return;
  }
  make_ready(state, index);
}

void apply_ready(State* state, const Input& input) {
  const uint32_t workflow = state->workflows.find(input.workflow);
  if (workflow == kNoIndex) {
    return state->refuse(input, input.user_data, HEXAGENT_E_UNKNOWN_WORKFLOW,
                         HEXAGENT_FIELD_WORKFLOW);
  }
  const uint32_t index = state->workflows.find_call(input.workflow, input.call);
  if (index == kNoIndex) {
    return state->refuse(input, input.user_data, HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL);
  }
  Call& call = state->workflows.call(index);
  if (call.state == CallState::kFailed || call.state == CallState::kCancelled) {
    return state->refuse(input, input.user_data, HEXAGENT_E_STATE, HEXAGENT_FIELD_CALL);
  }
  state->workflows.touch(workflow, state->now);
  state->accept(input, input.user_data);
  if (call.state != CallState::kHeld) return;  // idempotent
  call.held = false;
  call.state = CallState::kWaiting;
  if (call.deps_pending == 0) make_ready(state, index);
}

void apply_call_cancel(State* state, const Input& input) {
  if (state->workflows.find(input.workflow) == kNoIndex) {
    return state->refuse(input, input.user_data, HEXAGENT_E_UNKNOWN_WORKFLOW,
                         HEXAGENT_FIELD_WORKFLOW);
  }
  const uint32_t index = state->workflows.find_call(input.workflow, input.call);
  if (index == kNoIndex) {
    return state->refuse(input, input.user_data, HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL);
  }
  if (is_final(state->workflows.call(index).state)) {
    return state->refuse(input, input.user_data, HEXAGENT_E_STATE, HEXAGENT_FIELD_CALL);
  }
  state->accept(input, input.user_data);
  end_call(state, index, CallState::kCancelled, HEXAGENT_E_CANCELLED);
}

void apply_workflow_cancel(State* state, const Input& input) {
  const uint32_t index = state->workflows.find(input.workflow);
  if (index == kNoIndex) {
    return state->refuse(input, input.user_data, HEXAGENT_E_UNKNOWN_WORKFLOW,
                         HEXAGENT_FIELD_WORKFLOW);
  }
  state->accept(input, input.user_data);
  drop_workflow(state, index, HEXAGENT_E_CANCELLED);
}

void apply_workflow_end(State* state, const Input& input) {
  const uint32_t index = state->workflows.find(input.workflow);
  if (index == kNoIndex) {
    return state->refuse(input, input.user_data, HEXAGENT_E_UNKNOWN_WORKFLOW,
                         HEXAGENT_FIELD_WORKFLOW);
  }
  state->accept(input, input.user_data);
  state->workflows.workflow(index).ended = true;
  finish_workflow_if_over(state, index, HEXAGENT_OK);
}

}  // namespace hexagent
