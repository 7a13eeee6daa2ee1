// Standalone horizon: see horizon.h.
#include "core/workflow/horizon.h"

#include <algorithm>

namespace hexagent {

double standalone_prefill_s(const WorkerTable& workers, const ModelPool* pool,
                            uint32_t prompt_tokens, uint32_t cached_tokens) {
  if (pool == nullptr) return 0.0;
  const uint32_t cached = std::min(cached_tokens, prompt_tokens - 1);
  const PrefillShape shape = prefill_shape(prompt_tokens, cached);
  double prefill = 0.0;
  for (uint32_t index : pool->prefill_kinds) {
    // The profile itself, without what was learned of one worker: H belongs to the hardware.
    const double time = workers[index].prefill_engine.model.prefill_s(shape.tokens, shape.pairs);
    prefill = prefill == 0.0 ? time : std::min(prefill, time);
  }
  return prefill;
}

double standalone_s(const WorkerTable& workers, const ModelPool* pool, uint32_t prompt_tokens,
                    uint32_t cached_tokens, double output_tokens) {
  if (pool == nullptr || pool->prefill.empty() || pool->decode.empty()) return 0.0;
  const double prefill = standalone_prefill_s(workers, pool, prompt_tokens, cached_tokens);
  double decode = 0.0;
  for (uint32_t index : pool->decode_kinds) {
    const double context = prompt_tokens + 0.5 * output_tokens;
    const double time =
        output_tokens * workers[index].decode_engine.model.decode_iteration_s(1.0, context);
    decode = decode == 0.0 ? time : std::min(decode, time);
  }
  const double bytes = workers[pool->prefill.front()].kv_bytes_per_token * prompt_tokens;
  return prefill + pool->link_latency_s + bytes / pool->egress_max_bytes_per_s + decode;
}

namespace {

// Longest path from the end of the dependencies to the end of the revealed work behind this call.
double tail_of(const WorkflowTable& workflows, uint32_t index) {
  double behind = 0.0;
  workflows.for_each_dependent(index, [&](uint32_t dependent) {
    behind = std::max(behind, workflows.call(dependent).tail_s);
  });
  return workflows.call(index).standalone_s + behind;
}

// Longest paths to the calls that wait for a call whose path was corrected, and so on behind them.
// Dependencies are always older than their dependents, so oldest first is an order that works.
void correct_paths(WorkflowTable* workflows, uint32_t workflow) {
  workflows->for_each_call(workflow, [&](uint32_t index) {
    Call& call = workflows->call(index);
    if (call.deps_pending > 0) call.base_path_s = call.settled_path_s;
  });
  workflows->for_each_call_oldest_first(workflow, [&](uint32_t index) {
    Call& call = workflows->call(index);
    if (call.deps_pending > 0) call.path_s = call.base_path_s + call.standalone_s;
    workflows->for_each_dependent(index, [&](uint32_t dependent) {
      Call& child = workflows->call(dependent);
      if (child.deps_pending > 0) child.base_path_s = std::max(child.base_path_s, call.path_s);
    });
  });
}

}  // namespace

void refresh_horizon(WorkflowTable* workflows, uint32_t workflow) {
  Workflow& owner = workflows->workflow(workflow);
  double horizon = 0.0;
  double remaining = 0.0;
  workflows->for_each_call(workflow, [&](uint32_t index) {  // newest first: dependents come first
    Call& call = workflows->call(index);
    call.tail_s = is_final(call.state) ? 0.0 : tail_of(*workflows, index);
    if (call.state == CallState::kCancelled || call.state == CallState::kFailed) return;
    horizon = std::max(horizon, call.path_s);
    remaining = std::max(remaining, call.tail_s);
  });
  owner.horizon_s = horizon;
  owner.remaining_s = remaining;
}

void reveal_horizon(const WorkerTable& workers, WorkflowTable* workflows, uint32_t index,
                    TimeNs end_of_gap) {
  Call& call = workflows->call(index);
  Workflow& owner = workflows->workflow_of(call);
  call.standalone_s = standalone_s(workers, workers.pool(call.model), call.prompt_tokens,
                                   call.own_prefix_tokens, call.output_mean);
  call.prefill_s = standalone_prefill_s(workers, workers.pool(call.model), call.prompt_tokens,
                                        call.own_prefix_tokens);
  // A gap is known once the dependencies are done; until then the path goes on without one.
  const double gap =
      call.deps_pending == 0 ? to_s(std::max<TimeNs>(0, end_of_gap - call.times.deps_end)) : 0.0;
  call.path_s = call.base_path_s + gap + call.standalone_s;
  bool awaited = false;
  workflows->for_each_dependent(index, [&](uint32_t) { awaited = true; });
  if (awaited) correct_paths(workflows, call.workflow);
  // A new call with nothing before or behind it changes nobody else's path or tail.
  if (awaited || call.deps_pending > 0) return refresh_horizon(workflows, call.workflow);
  call.tail_s = call.standalone_s;
  owner.horizon_s = std::max(owner.horizon_s, call.path_s);
  owner.remaining_s = std::max(owner.remaining_s, call.tail_s);
}

void finish_horizon(const WorkerTable& workers, WorkflowTable* workflows, uint32_t index,
                    double output_tokens, TimeNs end) {
  Call& call = workflows->call(index);
  const double before = call.standalone_s;
  const double after = standalone_s(workers, workers.pool(call.model), call.prompt_tokens,
                                    call.own_prefix_tokens, output_tokens);
  if (after > 0.0) {
    call.standalone_s = after;
    call.path_s += after - before;
  }
  bool awaited = false;
  workflows->for_each_dependent(index, [&](uint32_t dependent) {
    Call& child = workflows->call(dependent);
    child.times.deps_end = std::max(child.times.deps_end, end);
    awaited = true;
  });
  if (awaited) correct_paths(workflows, call.workflow);
  refresh_horizon(workflows, call.workflow);
}

}  // namespace hexagent
