// Foresight: see foresight.h.
#include "core/foresight.h"

#include <algorithm>

#include "core/plan/order.h"

namespace hexagent {

void look_ahead(Scheduler::State* state, uint32_t index) {
  if (!state->policy.order->uses_foresight()) return;
  Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  call.ahead = state->remainders.predict(workflow.class_name, call.stage, workflow.calls_done);
  call.ahead_calls_done = workflow.calls_done;
  call.ahead_work_done_s = workflow.work_done_s;
  if (workflow.expected_s == 0.0) {
    const double before_s = std::max(0.0, call.path_s - call.standalone_s);
    workflow.expected_s = before_s + call.ahead.path_s;
  }
}

void learn_remainders(Scheduler::State* state, uint32_t index) {
  if (state->settings.learning == 0.0 || !state->policy.order->uses_foresight()) return;
  const Workflow& workflow = state->workflows.workflow(index);
  state->workflows.for_each_call(index, [&](uint32_t each) {
    const Call& call = state->workflows.call(each);
    if (call.ahead.work_s == 0.0) return;  // ready before the policy looked ahead
    // What is known only now: the true lengths of all that was done since, and when it was over.
    const double work_s = workflow.work_done_s - call.ahead_work_done_s;
    const double path_s = workflow.horizon_s - (call.path_s - call.standalone_s);
    state->remainders.learn(workflow.class_name, call.stage, call.ahead_calls_done,
                            std::max(work_s, call.standalone_s),
                            std::max(path_s, call.standalone_s));
  });
}

}  // namespace hexagent
