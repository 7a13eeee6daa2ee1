// StepObserver: sees every input with its time just before the core does. This is the journal's
// place, and the only one: who records what it is told here can replay every decision.
//
// Questions are not inputs and are not told. Called by the thread that steps, with no lock held. An
// exception from here poisons the handle, like any other in the middle of a step.
#pragma once

#include "core/base/time.h"
#include "core/input.h"

namespace hexagent {

class StepObserver {
 public:
  virtual ~StepObserver() = default;

  // `input` is about to be applied at `now`; its pointers are good during the call.
  virtual void on_input(TimeNs now, const Input& input) = 0;

  // All inputs of this step were applied; the core is about to fire timers and plan at `now`.
  // Called for every step, for one without inputs too. No decision of the step is handed out before
  // this returns, so what it has made durable by then is durable before it is acknowledged.
  virtual void end_of_step(TimeNs now) = 0;
};

}  // namespace hexagent
