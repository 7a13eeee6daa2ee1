// Questions to a scheduler. None of them changes what it will decide.
#include <algorithm>

#include "core/forecast.h"
#include "core/plan/placement.h"
#include "core/scheduler.h"
#include "core/state.h"

namespace hexagent {
namespace {

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

// What the caller says that workers hold, on top of what the library believes.
void add_hints(const hexagent_call& record, const hexagent_prefix* prefixes, State* state) {
  for (uint32_t i = 0; i < record.prefixes_count; ++i) {
    const hexagent_prefix& prefix = prefixes[i];
    const uint32_t worker = prefix.worker == 0 ? kNoWorker : state->workers.find(prefix.worker);
    if (worker == kNoWorker) continue;
    uint32_t& hits = state->hits[worker];
    hits = std::max(hits, std::min(prefix.tokens, prefix.cached_tokens));
  }
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
  const QuestionForecast question(state);
  const CallShape shape = state->shape_of(call);
  add_hints(record, prefixes, state);
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
  stats->calls_outside = state_->waiting.outside_count();
  for (const KvHold& hold : state_->holds.all()) {
    stats->kv_held_tokens += uint64_t{hold.blocks} * state_->workers[hold.worker].spec.block_tokens;
  }
  stats->bytes_allocated = state_->workflows.memory_bytes() + state_->workers.memory_bytes() +
                           state_->contents.memory_bytes() + state_->decisions.memory_bytes() +
                           state_->lengths.memory_bytes() + state_->remainders.memory_bytes() +
                           state_->tenants.memory_bytes() + state_->links.memory_bytes();
}

}  // namespace hexagent
