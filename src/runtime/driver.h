// Driver: the one place that steps the core, whoever drives it: hexagent_step(), the library's own
// thread or an embedder's loop.
//
// A step takes queued inputs in their order, applies them at one time and lets the core fire timers
// and plan. Then its decisions are handed out, then the questions it has met are answered. Nothing
// here waits or reads a clock. All of it belongs to one thread at a time.
// Tests: tests/unit/runtime/driver_test.cc, tests/abi/*driving_test.c.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "core/scheduler.h"
#include "hexagent/hexagent.h"
#include "runtime/decision_ring.h"
#include "runtime/intake_ring.h"
#include "runtime/step_observer.h"

namespace hexagent {

class Driver {
 public:
  // What one step may take.
  struct Limits {
    uint64_t inputs_max;         // how many inputs
    uint64_t end;                // only what lies before this position of the intake ring
    uint64_t decisions_outside;  // waiting to be polled beside those in the core
  };

  // `decisions_max`: so many waiting decisions stop the taking of inputs. `observer` may be null.
  Driver(Scheduler* core, IntakeRing* intake, StepObserver* observer, uint64_t decisions_max);

  // One step at `now`, which is not before an earlier step's. After hexagent_shutdown() and the
  // last queued input the core moves no more, so that the last decision is the last. May throw;
  // then the core is broken, and only abandon() is left.
  void step(TimeNs now, const Limits& limits);

  // The core was brought to `now` by other means, a replay: no step may lie before it.
  void resume_at(TimeNs now) { now_ = now; }

  // Time of the last step.
  TimeNs now() const { return now_; }

  // The last step left inputs queued because too many decisions wait.
  bool held_back() const { return held_back_; }
  uint64_t held_back_count() const { return held_back_count_; }

  // Intake closed, all of it taken: no decision will be added to those that wait.
  bool finished() const { return finished_; }

  // Hands out decisions: to the caller, or as many into the ring as it has room for; returns how
  // many.
  uint32_t hand_out(hexagent_decision* decisions, uint32_t capacity);
  uint32_t hand_out(DecisionRing* ring);

  // Answers the questions met so far. After the step, never in its middle: asking changes no
  // decision, whereas planning early for a question's sake would.
  void answer_questions() noexcept;

  // After a step threw: drops all inputs and answers all questions, whose askers find the handle
  // poisoned.
  void abandon() noexcept;

 private:
  void take_inputs(const Limits& limits);
  void keep(Question* question);

  Scheduler* const core_;
  IntakeRing* const intake_;
  StepObserver* const observer_;
  const uint64_t decisions_max_;
  TimeNs now_ = 0;
  bool held_back_ = false;
  bool finished_ = false;
  uint64_t held_back_count_ = 0;
  uint64_t stolen_until_ = 0;  // position in the intake ring, see IntakeRing::steal_question()
  Question* asked_ = nullptr;  // met and not answered yet
};

}  // namespace hexagent
