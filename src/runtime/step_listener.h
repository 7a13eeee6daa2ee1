// StepListener: hears that a step is over, or that it broke the core. What an operator is to be
// told is told from here: outside the core, by the thread that steps, with no lock held.
#pragma once

#include <cstdint>

#include "core/base/time.h"

namespace hexagent {

class StepListener {
 public:
  virtual ~StepListener() = default;

  // A step at `now` is over; its decisions are not handed out yet. `held_back`: so many steps so
  // far left inputs queued because too many decisions wait.
  virtual void after_step(TimeNs now, uint64_t held_back) noexcept = 0;

  // The step failed and the core can no longer be trusted. `what` failed and where; `file` null and
  // `line` 0 if that is not known.
  virtual void on_failure(TimeNs now, const char* what, const char* file, int line) noexcept = 0;
};

}  // namespace hexagent
