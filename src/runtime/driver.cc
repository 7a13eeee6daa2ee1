// Driver: see driver.h.
#include "runtime/driver.h"

#include <algorithm>
#include <cstring>

#include "core/base/check.h"

namespace hexagent {

Driver::Driver(Scheduler* core, IntakeRing* intake, StepObserver* observer, uint64_t decisions_max)
    : core_(core), intake_(intake), observer_(observer), decisions_max_(decisions_max) {}

void Driver::recover_at(TimeNs last) {
  now_ = recovered_at_ = last;
  rebase_wanted_ = true;
}

void Driver::recover_at(TimeNs last, TimeNs shift) {
  now_ = recovered_at_ = last;
  shift_ = shift;
}

void Driver::rebase(TimeNs now) {
  rebase_wanted_ = false;
  shift_ = std::max<TimeNs>(0, recovered_at_ - now);
}

bool Driver::accepts(TimeNs now) const {
  if (now < 0 || now > kTimeMaxNs) return false;
  if (rebase_wanted_) return true;  // earlier ones are moved behind the recovery
  return now >= now_ - shift_ && now <= kTimeMaxNs - shift_;
}

TimeNs Driver::to_core(TimeNs time) const {
  if (shift_ == 0 || time == 0) return time;
  return std::clamp(time + shift_, recovered_at_, kTimeMaxNs);
}

TimeNs Driver::next_timer() const {
  if (finished_) return kNever;
  TimeNs timer = core_->next_timer();
  if (observer_ != nullptr) timer = std::min(timer, observer_->next_timer());
  return std::max<TimeNs>(0, to_caller(timer));
}

void Driver::step(TimeNs now, const Limits& limits) {
  if (listener_ == nullptr) return take_step(now, limits);
  try {
    take_step(now, limits);
  } catch (const InvariantFailure& failure) {
    listener_->on_failure(now, failure.condition, failure.file, failure.line);
    throw;
  } catch (...) {
    listener_->on_failure(now, "an exception in the middle of a step", nullptr, 0);
    throw;
  }
  listener_->after_step(now, held_back_count_);
}

// The step itself. When it breaks, the observer has ended before the listener hears of it.
void Driver::take_step(TimeNs now, const Limits& limits) {
  if (rebase_wanted_) rebase(now);
  now += shift_;
  HEXAGENT_CHECK(now >= now_);
  now_ = now;
  held_back_ = false;
  try {
    move(now, limits);
  } catch (...) {
    if (observer_ != nullptr) observer_->on_end();
    throw;
  }
  // Those who ask must not wait with the inputs: it may be the consumer itself, who would never get
  // to poll.
  if (held_back_) {
    while (Question* question = intake_->steal_question(&stolen_until_)) keep(question);
  }
}

void Driver::move(TimeNs now, const Limits& limits) {
  const uint64_t taken = take_inputs(limits);
  intake_->release();
  if (finished_) return;
  finished_ = intake_->drained();
  // The last one counts as one that does something: what is recorded ends with the core's clock.
  const bool idle = taken == 0 && !finished_ && !core_->is_due(now);
  core_->advance(now);
  if (observer_ != nullptr && idle) observer_->on_idle(now);
  if (observer_ != nullptr && !idle) observer_->end_of_step(now);
  if (finished_ && observer_ != nullptr) observer_->on_end();
}

// The input as the core is to see it. A report that speaks of a time before the recovery keeps its
// end, at the recovery, and loses its start: an invented duration would teach the models nonsense.
// It measures no link then, either.
void Driver::move_times(Input* input) {
  if (input->kind == InputKind::kReport) {
    std::memcpy(&report_, input->record, sizeof(report_));
    const bool before = report_.start_ns != 0 && report_.start_ns + shift_ < recovered_at_;
    report_.start_ns = before ? 0 : to_core(report_.start_ns);
    report_.end_ns = to_core(report_.end_ns);
    if (report_.start_ns == 0 || report_.start_ns >= report_.end_ns) {
      report_.flags &= ~uint32_t{HEXAGENT_REPORT_MEASURED};
    }
    input->record = &report_;
  } else if (input->kind == InputKind::kWorkflowBegin) {
    std::memcpy(&workflow_, input->record, sizeof(workflow_));
    workflow_.arrival_ns = to_core(workflow_.arrival_ns);
    input->record = &workflow_;
  }
}

// After the end only questions are left to be found.
uint64_t Driver::take_inputs(const Limits& limits) {
  uint64_t taken = 0;
  IntakeRing::Entry entry;
  while (intake_->position() < limits.end && intake_->front(&entry)) {
    if (!entry.is_input) {
      intake_->pop();
      if (entry.question != nullptr) keep(entry.question);
      continue;
    }
    if (taken == limits.inputs_max) return taken;
    if (core_->decision_count() + limits.decisions_outside >= decisions_max_) {
      held_back_ = true;
      ++held_back_count_;
      return taken;
    }
    if (shift_ != 0) move_times(&entry.input);
    if (observer_ != nullptr) observer_->on_input(now_, entry.input);
    core_->apply(entry.input, now_);
    intake_->pop();
    ++taken;
  }
  return taken;
}

// Decisions as the embedder sees them: in its time, and acknowledged only if the journal allows.
void Driver::dress(hexagent_decision* decisions, uint32_t count) const {
  if (observer_ == nullptr && shift_ == 0) return;
  for (uint32_t i = 0; i < count; ++i) {
    hexagent_decision& decision = decisions[i];
    decision.time_ns = to_caller(decision.time_ns);
    decision.expected_start_ns = to_caller(decision.expected_start_ns);
    decision.expected_end_ns = to_caller(decision.expected_end_ns);
    decision.deadline_ns = to_caller(decision.deadline_ns);
    if (decision.kind == HEXAGENT_DECISION_ACCEPTED && observer_ != nullptr) {
      decision.status = observer_->acknowledgement(decision.sequence);
    }
  }
}

uint32_t Driver::hand_out(hexagent_decision* decisions, uint32_t capacity) {
  if (capacity == 0 || core_->decision_count() == 0) return 0;
  if (observer_ != nullptr) observer_->before_show();
  const uint32_t taken = core_->take_decisions(decisions, capacity);
  dress(decisions, taken);
  tell_rest();
  return taken;
}

uint32_t Driver::hand_out(DecisionRing* ring) {
  uint32_t moved = 0;
  while (core_->decision_count() > 0) {
    uint32_t room = 0;
    hexagent_decision* target = ring->room(&room);
    if (target == nullptr) break;
    if (observer_ != nullptr && moved == 0) observer_->before_show();
    const uint32_t taken = core_->take_decisions(target, room);
    dress(target, taken);
    if (extension_ != nullptr) extension_->on_decisions(target, taken);
    ring->publish(taken);
    moved += taken;
  }
  if (moved > 0) tell_rest();
  return moved;
}

void Driver::tell_rest() {
  if (observer_ != nullptr && core_->decision_count() == 0) observer_->at_rest();
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
