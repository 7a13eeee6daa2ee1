// StepObserver: sees every input with its time just before the core does, and what the core made of
// it before anybody else. This is the journal's place, and the only one: who records what it is
// told here can replay every decision.
//
// Questions are not inputs and are not told. Called by the thread that steps, with no lock held. An
// exception from on_input() or end_of_step() poisons the handle, like any other in the middle of a
// step. All times are the core's.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "core/input.h"

namespace hexagent {

class StepObserver {
 public:
  virtual ~StepObserver() = default;

  // `input` is about to be applied at `now`; its pointers are good during the call.
  virtual void on_input(TimeNs now, const Input& input) = 0;

  // All inputs of this step were applied, timers have fired, the core has planned; its decisions
  // wait in it. Called for every step but those of on_idle().
  virtual void end_of_step(TimeNs now) = 0;

  // A step that took no input and for which the core had nothing to do. A replay that lacks it
  // comes to the same state.
  virtual void on_idle(TimeNs) {}

  // Decisions are about to be shown. What is durable on return is so before it is acknowledged.
  virtual void before_show() {}

  // Decisions were shown, and none waits in the core now.
  virtual void at_rest() {}

  // The status to show an ACCEPTED with, after before_show().
  virtual hexagent_status acknowledgement(uint64_t) const { return HEXAGENT_OK; }

  // When a step is wanted though the core has nothing to do.
  virtual TimeNs next_timer() const { return kNever; }

  // No step will come any more: the last one is over, or one has failed half-way. Perhaps twice.
  virtual void on_end() noexcept {}
};

}  // namespace hexagent
