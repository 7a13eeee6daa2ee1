// Driver: the one place that steps the core, whoever drives it: hexagent_step(), the library's own
// thread or an embedder's loop.
//
// A step takes queued inputs in their order, applies them at one time and lets the core fire timers
// and plan. Then its decisions are handed out, then the questions it has met are answered. Nothing
// here waits or reads a clock. All of it belongs to one thread at a time.
//
// After a recovery the core's time goes on where its journal ends, whatever the caller's clock says
// now. The difference is fixed once and kept here: times that come in are moved to the core's clock
// before the journal sees them, times that go out are moved back.
// Tests: tests/unit/runtime/driver_test.cc, tests/abi/*driving_test.c.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "core/scheduler.h"
#include "hexagent/hexagent.h"
#include "runtime/decision_ring.h"
#include "runtime/intake_ring.h"
#include "runtime/loop_extension.h"
#include "runtime/step_listener.h"
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

  // Hears of every step from now on; it outlives the driver. Before the first step.
  void set_listener(StepListener* listener) { listener_ = listener; }

  // Sees what goes into a decision ring from now on; it outlives the driver.
  void set_extension(LoopExtension* extension) { extension_ = extension; }

  // One step at `now` of the caller's clock, which accepts() has let pass. After
  // hexagent_shutdown() and the last queued input the core moves no more, so that the last decision
  // is the last. May throw; then the core is broken, and only abandon() is left.
  void step(TimeNs now, const Limits& limits);

  // Is this a time for the next step: not before the last one, and within what the core can reckon?
  bool accepts(TimeNs now) const;

  // The core was brought to `now` by other means, a replay: no step may lie before it.
  void resume_at(TimeNs now) { now_ = now; }

  // The core was recovered up to `last` of its own clock. `shift` is that clock minus the caller's;
  // without one the next step finds out how far the caller's lies behind.
  void recover_at(TimeNs last);
  void recover_at(TimeNs last, TimeNs shift);

  // The core's clock minus the caller's; not 0 only after a recovery by another clock.
  TimeNs shift() const { return shift_; }

  // From the core's clock to the caller's; 0 and kNever mean what they meant.
  TimeNs to_caller(TimeNs time) const { return time == 0 || time == kNever ? time : time - shift_; }

  // And back. What the caller's clock cannot have meant as after the recovery is taken as that
  // moment.
  TimeNs to_core(TimeNs time) const;

  // Time of the last step, the core's clock.
  TimeNs core_now() const { return now_; }

  // When a step is wanted though no input comes: a timer of the core's or the observer's; kNever
  // after the end. Of the caller's clock.
  TimeNs next_timer() const;

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
  void rebase(TimeNs now);
  void take_step(TimeNs now, const Limits& limits);
  void move(TimeNs now, const Limits& limits);
  uint64_t take_inputs(const Limits& limits);
  void move_times(Input* input);
  void tell_rest();
  void dress(hexagent_decision* decisions, uint32_t count) const;
  void keep(Question* question);

  Scheduler* const core_;
  IntakeRing* const intake_;
  StepObserver* const observer_;
  StepListener* listener_ = nullptr;
  LoopExtension* extension_ = nullptr;
  const uint64_t decisions_max_;
  TimeNs now_ = 0;  // the core's
  TimeNs shift_ = 0;
  TimeNs recovered_at_ = 0;
  bool rebase_wanted_ = false;
  hexagent_report report_ = {};      // with its times moved, see move_times()
  hexagent_workflow workflow_ = {};  // likewise
  bool held_back_ = false;
  bool finished_ = false;
  uint64_t held_back_count_ = 0;
  uint64_t stolen_until_ = 0;  // position in the intake ring, see IntakeRing::steal_question()
  Question* asked_ = nullptr;  // met and not answered yet
};

}  // namespace hexagent
