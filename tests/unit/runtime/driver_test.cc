// Driver: what an observer is told and when, the limits of a step, the end.
#include "runtime/driver.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::Driver;
using hexagent::Input;
using hexagent::InputKind;
using hexagent::IntakeRing;
using hexagent::Question;
using hexagent::Scheduler;
using hexagent::Settings;
using hexagent::StepObserver;
using hexagent::TimeNs;

// Writes down what it is told: "7@100 |100 " is input 7 at 100, then the end of that step.
class Diary : public StepObserver {
 public:
  explicit Diary(const Scheduler* core) : core_(core) {}

  void on_input(TimeNs now, const Input& input) override {
    text += std::to_string(input.user_data) + "@" + std::to_string(now) + " ";
    decisions_before = core_->decision_count();
  }

  void end_of_step(TimeNs now) override {
    text += "|" + std::to_string(now) + " ";
    decisions_at_end = core_->decision_count();
  }
  void on_idle(TimeNs now) override { text += "~" + std::to_string(now) + " "; }

  std::string text;
  uint32_t decisions_before = 0;  // in the core when the last input was told
  uint32_t decisions_at_end = 0;  // and at the end of the last step

 private:
  const Scheduler* core_;
};

Settings small() {
  Settings settings;
  settings.workflows_max = 16;
  settings.calls_max = 64;
  settings.workers_max = 4;
  settings.groups_max = 4;
  return settings;
}

struct World {
  Scheduler core{small()};
  IntakeRing intake{4096};
  Diary diary{&core};
  Driver driver{&core, &intake, &diary, 4};

  // An input that is answered by one REFUSED.
  void push(uint64_t user_data) {
    Input input = {InputKind::kReady};
    input.workflow = 77;
    input.user_data = user_data;
    intake.try_push(input);
  }

  void step(TimeNs now, uint64_t inputs_max = 100) {
    driver.step(now, {inputs_max, intake.end(), 0});
    driver.answer_questions();
  }

  uint32_t poll() {
    hexagent_decision decisions[16];
    return driver.hand_out(decisions, 16);
  }
};

bool observer_sees_all() {
  World world;
  world.push(7);
  world.push(8);
  world.step(100);
  world.push(9);
  world.step(100);
  world.step(200);
  return world.diary.text == "7@100 8@100 |100 9@100 |100 ~200 ";
}

void the_observer_sees_every_input_and_every_end_of_step(void**) {
  assert_true(observer_sees_all());
}

bool observer_comes_first() {
  World world;
  world.push(7);
  world.step(1);
  return world.diary.decisions_before == 0 && world.diary.decisions_at_end == 1;
}

void the_observer_sees_an_input_before_the_core_and_its_decisions_after(void**) {
  assert_true(observer_comes_first());
}

bool limits_hold() {
  World world;
  for (uint64_t i = 1; i <= 3; ++i) world.push(i);
  const uint64_t end = world.intake.end();
  world.push(4);
  world.step(1, 2);
  if (world.core.decision_count() != 2 || world.driver.held_back()) return false;
  world.driver.step(2, {100, end, 0});  // what came after `end` is left
  if (world.core.decision_count() != 3 || world.driver.held_back()) return false;
  world.driver.step(3, {100, world.intake.end(), 1});  // one more waits elsewhere: four is the most
  if (world.core.decision_count() != 3 || !world.driver.held_back()) return false;
  world.step(4);
  return world.core.decision_count() == 4 && !world.driver.held_back() &&
         world.driver.held_back_count() == 1;
}

void a_step_takes_no_more_than_its_limits(void**) { assert_true(limits_hold()); }

int32_t count_decisions(void* core) noexcept {
  return static_cast<int32_t>(static_cast<Scheduler*>(core)->decision_count());
}

bool questions_come_last() {
  World world;
  Question first(count_decisions, &world.core);
  Question behind(count_decisions, &world.core);
  world.push(1);
  world.intake.try_push(&first);
  for (uint64_t i = 2; i <= 6; ++i) world.push(i);
  world.intake.try_push(&behind);
  world.step(1);
  // Both at the end of the step; the second although inputs before it had to wait.
  return first.wait() == 4 && behind.wait() == 4 && world.driver.held_back() &&
         world.diary.text == "1@1 2@1 3@1 4@1 |1 ";
}

void questions_are_answered_after_the_step_and_told_to_nobody(void**) {
  assert_true(questions_come_last());
}

bool the_end_is_final() {
  World world;
  for (uint64_t i = 1; i <= 5; ++i) world.push(i);
  world.intake.close();
  world.step(1);
  if (world.driver.finished() || world.poll() != 4) return false;
  world.step(2);
  if (!world.driver.finished() || world.poll() != 1) return false;
  const std::string before = world.diary.text;
  Question question(count_decisions, &world.core);
  world.intake.try_push(&question);
  world.step(3);
  return question.wait() == 0 && world.diary.text == before && world.intake.empty();
}

void after_the_last_input_of_a_shutdown_nothing_moves(void**) { assert_true(the_end_is_final()); }

bool abandon_frees_everybody() {
  World world;
  Question question(count_decisions, &world.core);
  for (uint64_t i = 1; i <= 5; ++i) world.push(i);
  world.intake.try_push(&question);
  world.driver.abandon();
  return question.wait() == 0 && world.intake.empty() && world.diary.text.empty();
}

void abandoning_answers_questions_and_drops_inputs(void**) {
  assert_true(abandon_frees_everybody());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_observer_sees_every_input_and_every_end_of_step),
      cmocka_unit_test(the_observer_sees_an_input_before_the_core_and_its_decisions_after),
      cmocka_unit_test(a_step_takes_no_more_than_its_limits),
      cmocka_unit_test(questions_are_answered_after_the_step_and_told_to_nobody),
      cmocka_unit_test(after_the_last_input_of_a_shutdown_nothing_moves),
      cmocka_unit_test(abandoning_answers_questions_and_drops_inputs),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
