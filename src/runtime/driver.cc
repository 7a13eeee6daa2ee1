// Driver: see driver.h.
#include "runtime/driver.h"

#include "core/base/check.h"

namespace hexagent {

Driver::Driver(Scheduler* core, IntakeRing* intake, StepObserver* observer, uint64_t decisions_max)
    : core_(core), intake_(intake), observer_(observer), decisions_max_(decisions_max) {}

void Driver::step(TimeNs now, const Limits& limits) {
  HEXAGENT_CHECK(now >= now_);
  now_ = now;
  held_back_ = false;
  take_inputs(limits);
  intake_->release();
  if (!finished_) {
    if (observer_ != nullptr) observer_->end_of_step(now);
    core_->advance(now);
    finished_ = intake_->drained();
  }
  // Those who ask must not wait with the inputs: it may be the consumer itself, who would never get
  // to poll.
  if (held_back_) {
    while (Question* question = intake_->steal_question(&stolen_until_)) keep(question);
  }
}

// After the end only questions are left to be found.
void Driver::take_inputs(const Limits& limits) {
  uint64_t taken = 0;
  IntakeRing::Entry entry;
  while (intake_->position() < limits.end && intake_->front(&entry)) {
    if (!entry.is_input) {
      intake_->pop();
      if (entry.question != nullptr) keep(entry.question);
      continue;
    }
    if (taken == limits.inputs_max) return;
    if (core_->decision_count() + limits.decisions_outside >= decisions_max_) {
      held_back_ = true;
      ++held_back_count_;
      return;
    }
    if (observer_ != nullptr) observer_->on_input(now_, entry.input);
    core_->apply(entry.input, now_);
    intake_->pop();
    ++taken;
  }
}

uint32_t Driver::hand_out(hexagent_decision* decisions, uint32_t capacity) {
  return core_->take_decisions(decisions, capacity);
}

uint32_t Driver::hand_out(DecisionRing* ring) {
  uint32_t moved = 0;
  while (core_->decision_count() > 0) {
    uint32_t room = 0;
    hexagent_decision* target = ring->room(&room);
    if (target == nullptr) break;
    const uint32_t taken = core_->take_decisions(target, room);
    ring->publish(taken);
    moved += taken;
  }
  return moved;
}

void Driver::abandon() noexcept {
  IntakeRing::Entry entry;
  while (intake_->front(&entry)) {
    intake_->pop();
    if (!entry.is_input && entry.question != nullptr) keep(entry.question);
  }
  intake_->release();
  answer_questions();
}

void Driver::keep(Question* question) {
  question->next = asked_;
  asked_ = question;
}

void Driver::answer_questions() noexcept {
  while (asked_ != nullptr) {
    Question* question = asked_;
    asked_ = question->next;  // before the answer, on which the question may vanish
    question->answer();
  }
}

}  // namespace hexagent
