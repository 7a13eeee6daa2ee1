// Admission: workflows that are turned away by REJECT before anything is spent on them. Off unless
// a setting asks for it.
//
//   admission = 1         a workflow whose deadline the forecast says cannot be met, judged with
//                         each call that is revealed before the first one was sent;
//   tenant_workflows_max  a workflow of a tenant that has so many live ones,
//   tenant_waiting_max    or so many calls waiting.
//
// What is under way is never turned away: the work done for it would be lost. Tests:
// tests/unit/core/admission_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

// May this workflow begin? Emits REJECT if not.
bool admit_workflow(Scheduler::State* state, const hexagent_workflow& record);

// May this call, checked and not yet added, join its workflow? If not, emits REJECT and ends the
// workflow with all of its calls. `forecast_end` is when it is expected to end; 0 = not asked.
bool admit_call(Scheduler::State* state, const Input& input, uint32_t workflow,
                TimeNs* forecast_end);

}  // namespace hexagent
