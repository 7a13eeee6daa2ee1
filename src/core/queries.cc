// Questions to a scheduler. None of them changes what it will decide.
#include <algorithm>

#include "core/plan/order.h"
#include "core/plan/placement.h"
#include "core/plan/placement_cost.h"
#include "core/plan/planner.h"
#include "core/scheduler.h"
#include "core/state.h"
#include "core/workflow/horizon.h"

namespace hexagent {
namespace {

using State = Scheduler::State;

// A call record as a call of its own: what a placement reads, nothing stored.
Call probe_of(State* state, const hexagent_call& record, const hexagent_prefix* prefixes,
              uint32_t class_name) {
  Call call;
  call.id = record.call;
  call.model = record.model;
  call.stage = record.stage;
  call.prompt_tokens = record.prompt_tokens;
  call.max_output_tokens = record.max_output_tokens;
  call.labels_required = record.labels_required;
  call.labels_excluded = record.labels_excluded;
  for (uint32_t i = 0; i < record.prefixes_count; ++i) {
    const hexagent_prefix& prefix = prefixes[record.prefixes_offset + i];
    const bool own = prefix.workflow == 0 || prefix.workflow == record.workflow;
    const uint32_t node =
        prefix.group != 0
            ? state->contents.find_group(prefix.group)
            : state->contents.find(own ? record.workflow : prefix.workflow, prefix.call);
    if (prefix.group == 0 && own) {
      call.own_prefix_tokens =
          std::max(call.own_prefix_tokens, std::min(prefix.tokens, record.prompt_tokens - 1));
    }
    if (node == kNoIndex || call.source_count == kSourcesMax) continue;
    call.sources[call.source_count++] = state->contents.source(node, prefix.tokens);
  }
  const double quantile = state->settings.kv_reserve_quantile;
  const LengthEstimate estimate =
      record.output_tokens_p50 != 0
          ? estimate_from_hints(record.output_tokens_p50, record.output_tokens_p90,
                                record.max_output_tokens, quantile)
          : state->lengths.predict(class_name, record.stage, record.max_output_tokens, quantile);
  call.output_mean = std::max(1.0, estimate.mean);
  call.output_reserve = std::max(1u, estimate.quantile);
  return call;
}

void fill_placement(const State& state, const Choice& choice, hexagent_placement* placement) {
  const TimeNs now = state.now;
  *placement = {};
  placement->prefill_worker = state.workers[choice.prefill].spec.worker;
  placement->decode_worker = state.workers[choice.decode].spec.worker;
  placement->prefill_cached_tokens = choice.prefill_cached;
  placement->decode_cached_tokens = choice.decode_cached;
  placement->prefill_start_ns = now + to_ns(choice.wait_s);
  placement->prefill_end_ns = now + to_ns(choice.prefill_end_s);
  placement->transfer_end_ns = now + to_ns(choice.transfer_end_s);
  placement->decode_end_ns = now + to_ns(choice.finish_s);
  placement->cost_s = choice.cost_s;
  placement->fits_now = choice.fits ? 1 : 0;
}

// Latest end of a workflow's open calls if each of them ran on its best workers from now on.
double remaining_s(const Workflow& workflow) {
  return workflow.calls_done < workflow.calls ? workflow.remaining_s : 0.0;
}

}  // namespace

int32_t Scheduler::call_state(uint64_t workflow, uint64_t call) const {
  if (state_->workflows.find(workflow) == kNoIndex) return HEXAGENT_E_UNKNOWN_WORKFLOW;
  const uint32_t index = state_->workflows.find_call(workflow, call);
  if (index == kNoIndex) return HEXAGENT_E_UNKNOWN_CALL;
  return static_cast<int32_t>(state_->workflows.call(index).state);
}

int32_t Scheduler::placement_query(const hexagent_call& record, const hexagent_prefix* prefixes,
                                   hexagent_placement* placements, uint32_t capacity) const {
  State* state = state_.get();
  const uint32_t workflow = state->workflows.find(record.workflow);
  const uint32_t class_name =
      workflow == kNoIndex ? 0 : state->workflows.workflow(workflow).class_name;
  const Call call = probe_of(state, record, prefixes, class_name);
  const ModelPool* pool = state->workers.pool(record.model);
  if (pool == nullptr || pool->prefill.empty() || pool->decode.empty()) return HEXAGENT_E_NO_WORKER;
  state->view.begin(state->now);
  state->view.backlog_s = mean_backlog_s(*state);
  const CallShape shape = state->shape_of(call);
  // The policy's own choice first, then the others by the same cost, prefill workers in turn left
  // out.
  ModelPool rest = *pool;
  CallShape reduced = shape;
  reduced.pool = &rest;
  uint32_t count = 0;
  while (count < capacity && !rest.prefill.empty()) {
    Choice choice;
    if (!state->policy.placement->choose(state->view, reduced, &choice)) break;
    fill_placement(*state, choice, &placements[count++]);
    std::erase(rest.prefill, choice.prefill);
  }
  return count == 0 && capacity > 0 ? HEXAGENT_E_NO_WORKER : static_cast<int32_t>(count);
}

hexagent_status Scheduler::what_if(const hexagent_workflow& workflow, const hexagent_call* calls,
                                   uint32_t count, const uint64_t* deps,
                                   const hexagent_prefix* prefixes,
                                   hexagent_forecast* forecast) const {
  State* state = state_.get();
  state->view.begin(state->now);
  state->view.backlog_s = mean_backlog_s(*state);
  std::vector<double> busy_end(count, 0.0);   // with today's queues
  std::vector<double> alone_end(count, 0.0);  // by itself
  double busy = 0.0;
  double alone = 0.0;
  for (uint32_t i = 0; i < count; ++i) {
    const Call call = probe_of(state, calls[i], prefixes, workflow.class_name);
    const ModelPool* pool = state->workers.pool(call.model);
    if (pool == nullptr) return HEXAGENT_E_NO_WORKER;
    double busy_start = 0.0;
    double alone_start = 0.0;
    for (uint32_t d = 0; d < calls[i].deps_count; ++d) {
      uint32_t dep = 0;
      while (dep < i && calls[dep].call != deps[calls[i].deps_offset + d]) ++dep;
      if (dep == i) return HEXAGENT_E_UNKNOWN_DEPENDENCY;
      busy_start = std::max(busy_start, busy_end[dep]);
      alone_start = std::max(alone_start, alone_end[dep]);
    }
    const CallShape shape = state->shape_of(call);
    Choice choice;
    if (!state->policy.placement->choose(state->view, shape, &choice)) return HEXAGENT_E_NO_WORKER;
    state->view.book(shape, choice);
    busy_end[i] = busy_start + choice.finish_s;
    alone_end[i] = alone_start + standalone_s(state->workers, pool, call.prompt_tokens,
                                              call.own_prefix_tokens, call.output_mean);
    busy = std::max(busy, busy_end[i]);
    alone = std::max(alone, alone_end[i]);
  }
  const TimeNs arrival = workflow.arrival_ns != 0 ? workflow.arrival_ns : state->now;
  const double allowed = workflow.deadline_ns != 0       ? to_s(workflow.deadline_ns)
                         : workflow.slo_scale_milli != 0 ? alone * workflow.slo_scale_milli * 1e-3
                                                         : 0.0;
  forecast->projected_end_ns = state->now + to_ns(busy);
  forecast->horizon_ns = to_ns(alone);
  forecast->earliest_deadline_ns = forecast->projected_end_ns - arrival;
  forecast->meets_deadline =
      allowed == 0.0 || forecast->earliest_deadline_ns <= to_ns(allowed) ? 1 : 0;
  return HEXAGENT_OK;
}

hexagent_status Scheduler::workflow_query(uint64_t workflow_id,
                                          hexagent_workflow_info* info) const {
  const uint32_t index = state_->workflows.find(workflow_id);
  if (index == kNoIndex) return HEXAGENT_E_UNKNOWN_WORKFLOW;
  const Workflow& workflow = state_->workflows.workflow(index);
  const double remaining = remaining_s(workflow);
  info->calls_revealed = workflow.calls;
  info->calls_done = workflow.calls_done;
  info->calls_ready = workflow.calls_ready;
  info->arrival_ns = workflow.arrival;
  info->horizon_ns = to_ns(workflow.horizon_s);
  info->projected_end_ns = state_->now + to_ns(remaining);
  info->deadline_ns = workflow.deadline;
  info->stretch = workflow.horizon_s > 0.0
                      ? (to_s(state_->now - workflow.arrival) + remaining) / workflow.horizon_s
                      : 0.0;
  return HEXAGENT_OK;
}

hexagent_status Scheduler::worker_query(uint32_t worker_id, hexagent_worker_info* info) const {
  const uint32_t index = state_->workers.find(worker_id);
  if (index == kNoWorker) return HEXAGENT_E_UNKNOWN_WORKER;
  const Worker& worker = state_->workers[index];
  info->state = static_cast<uint32_t>(worker.state);
  info->kv_capacity_tokens = worker.kv_capacity_tokens;
  info->kv_reserved_tokens = worker.kv.reserved_tokens();
  info->kv_foreign_tokens = worker.kv.foreign_tokens();
  info->prefill_outstanding = worker.prefill_count;
  info->decode_outstanding = worker.decode_count;
  info->prefill_wait_ns = to_ns(worker.load.prefill.drain_s(worker.prefill_engine, state_->now));
  info->prefill_factor = worker.prefill_engine.factor;
  info->decode_factor = worker.decode_engine.factor;
  return HEXAGENT_OK;
}

void Scheduler::stats(hexagent_stats* stats) const {
  const uint32_t struct_size = stats->struct_size;
  *stats = state_->counters;
  stats->struct_size = struct_size;
  stats->workers = state_->workers.size();
  stats->workflows_live = state_->workflows.workflow_count();
  stats->calls_live = state_->workflows.call_count();
  stats->calls_waiting = state_->waiting.size();
  stats->bytes_allocated = state_->workflows.memory_bytes() + state_->workers.memory_bytes() +
                           state_->contents.memory_bytes() + state_->decisions.memory_bytes() +
                           state_->lengths.memory_bytes();
}

}  // namespace hexagent
