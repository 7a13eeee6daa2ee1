// Shadow mode, the part that knows the scheduler's state. See shadow.h.
#pragma once

#include "core/state.h"

namespace hexagent {

inline bool is_shadow(const Scheduler::State& state) { return state.settings.shadow != 0.0; }

// A report names where the router put this call: brings the call there if it was not known before.
// HEXAGENT_OK, or why the report makes no sense; then nothing has changed.
hexagent_status shadow_placement(Scheduler::State* state, uint32_t call,
                                 const hexagent_report& report);

// The call has ended at `end`: what was predicted is set against it.
void shadow_finished(Scheduler::State* state, const Call& call, TimeNs end);

}  // namespace hexagent
