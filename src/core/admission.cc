// Admission: see admission.h.
#include "core/admission.h"

#include <algorithm>

#include "core/forecast.h"
#include "core/lifecycle.h"
#include "core/shadow_placing.h"

namespace hexagent {
namespace {

void reject(State* state, uint64_t workflow, uint64_t call, uint64_t user_data,
            hexagent_status status, TimeNs deadline, TimeNs feasible) {
  ++state->counters.rejected;
  hexagent_decision& decision = state->emit(HEXAGENT_DECISION_REJECT);
  decision.workflow = workflow;
  decision.call = call;
  decision.user_data = user_data;
  decision.status = status;
  decision.expected_start_ns = deadline;
  decision.expected_end_ns = feasible;
}

// What the calls a new one depends on leave to wait for and to count on, seconds.
struct Start {
  double busy_s = 0.0;
  double path_s = 0.0;
};

Start start_of(const State& state, const Input& input, uint64_t workflow_id) {
  Start start;
  for (uint32_t i = 0; i < input.deps_count; ++i) {
    const uint32_t index = state.workflows.find_call(workflow_id, input.deps[i]);
    const Call& dep = state.workflows.call(index);
    start.busy_s = std::max(start.busy_s, to_s(dep.forecast_end - state.now));
    start.path_s = std::max(start.path_s, dep.path_s);
  }
  return start;
}

}  // namespace

bool admit_workflow(State* state, const hexagent_workflow& record) {
  const Tenant& tenant = state->tenants[record.tenant];
  const Settings& settings = state->settings;
  const bool many =
      settings.tenant_workflows_max > 0.0 && tenant.workflows_live >= settings.tenant_workflows_max;
  const bool waiting =
      settings.tenant_waiting_max > 0.0 && tenant.calls_waiting >= settings.tenant_waiting_max;
  if ((!many && !waiting) || is_shadow(*state)) return true;
  reject(state, record.workflow, 0, record.user_data, HEXAGENT_E_TENANT_LIMIT, 0, 0);
  return false;
}

bool admit_call(State* state, const Input& input, uint32_t index, TimeNs* forecast_end) {
  *forecast_end = 0;
  if (state->settings.admission == 0.0 || is_shadow(*state)) return true;
  const Workflow& workflow = state->workflows.workflow(index);
  if (workflow.sent || (workflow.deadline == 0 && workflow.slo_scale_milli == 0)) return true;
  const auto& record = *static_cast<const hexagent_call*>(input.record);
  const Call call = probe_of(state, record, input.prefixes, workflow.class_name);
  const Start start = start_of(*state, input, workflow.id);
  begin_forecast(state);
  double end_s = 0.0;
  if (!forecast_call(state, call, workflow.tier, start.busy_s, &end_s)) return true;
  const double horizon_s =
      std::max(workflow.horizon_s, start.path_s + forecast_alone_s(*state, call));
  const TimeNs deadline =
      workflow.deadline != 0
          ? workflow.deadline
          : workflow.arrival + to_ns(horizon_s * workflow.slo_scale_milli * 1e-3);
  *forecast_end = state->now + to_ns(end_s);
  if (*forecast_end <= deadline) return true;
  reject(state, workflow.id, record.call, record.user_data, HEXAGENT_E_DEADLINE, deadline,
         *forecast_end);
  drop_workflow(state, index, HEXAGENT_E_DEADLINE);
  return false;
}

}  // namespace hexagent
