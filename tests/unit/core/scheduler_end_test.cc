// How workflows end, by themselves, by their last call, by the clock; and what is told of deadlines
// that will be missed.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

World& small(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(1, 1);
  return world;
}

void the_end_is_told_when_the_last_open_call_is_done(void** state) {
  World& world = small(state);
  const TimeNs arrival = world.now();
  world.begin(1);
  world.submit(1, 1);
  world.pass(2 * kSecond);
  assert_int_equal(world.end(1), HEXAGENT_OK);
  assert_int_equal(world.count(HEXAGENT_DECISION_WORKFLOW_DONE), 0);
  assert_int_equal(world.submit(1, 2), HEXAGENT_E_ENDED);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  const hexagent_decision done = world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 1);
  assert_int_equal(done.status, HEXAGENT_OK);
  assert_int_equal(done.expected_start_ns, arrival);
  assert_int_equal(done.expected_end_ns, world.now());
  // Alone: 110 ms prefill, 20 us and 1 MB over 45 GB/s, 100 iterations of 10 ms.
  const double alone_s = 0.110 + 20e-6 + 1e6 / 45e9 + 1.0;
  assert_int_equal(done.stretch_milli, static_cast<uint32_t>(2.0 / alone_s * 1e3));
  assert_int_equal(world.state(1, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
  assert_int_equal(world.stats().calls_live, 0);
}

void the_last_call_ends_its_workflow_without_a_word(void** state) {
  World& world = small(state);
  world.begin(1);
  hexagent_call last = test_call(1, 1);
  last.flags = HEXAGENT_CALL_LAST;
  world.submit(last);
  assert_int_equal(world.submit(1, 2), HEXAGENT_E_ENDED);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 1).status, HEXAGENT_OK);
}

void a_workflow_without_calls_ends_at_once(void** state) {
  World& world = small(state);
  world.begin(1);
  world.end(1);
  const hexagent_decision done = world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 1);
  assert_int_equal(done.status, HEXAGENT_OK);
  assert_int_equal(done.stretch_milli, 0);
  assert_int_equal(world.begin(1), HEXAGENT_OK);  // the id is free again
}

void a_workflow_with_a_dead_call_ends_with_the_reason(void** state) {
  World& world = small(state);
  world.begin(1);
  world.submit(1, 1);
  world.submit(1, 2);
  world.cancel(1, 1);
  world.bring_to(1, 2, HEXAGENT_STATE_DONE);
  world.end(1);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 1).status, HEXAGENT_E_CALL_FAILED);
  assert_int_equal(world.stats().workflows_cancelled, 1);
  assert_int_equal(world.stats().workflows_done, 0);
}

void cancelling_a_workflow_leaves_the_others_alone(void** state) {
  World& world = open_world(state, test_settings(kAtOnce));
  world.add_workers(1, 1);
  for (uint64_t workflow : {1u, 2u}) {
    world.begin(workflow);
    world.submit(workflow, 1);
  }
  world.bring_to(2, 1, HEXAGENT_STATE_DECODING);
  world.cancel_workflow(1);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 1).status, HEXAGENT_E_CANCELLED);
  assert_int_equal(world.state(1, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_DECODING);
  world.report(2, 1, HEXAGENT_PHASE_DECODE);
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_DONE);
  assert_true(world.is_empty());
}

World& short_lived(void** state) {
  Settings settings = test_settings();
  settings.workflow_idle_ttl_s = 10;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  return world;
}

void workflows_expire_in_the_order_of_their_silence(void** state) {
  World& world = short_lived(state);
  world.begin(1);
  world.begin(2);
  world.pass(5 * kSecond);
  hexagent_call held = test_call(1, 1);
  held.flags = HEXAGENT_CALL_HELD;
  world.submit(held);  // 1 was heard of again
  assert_int_equal(world.scheduler().next_timer(), world.now() + 5 * kSecond);
  world.pass(5 * kSecond - 1);
  assert_int_equal(world.latest().size(), 0);
  world.pass(1);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 2).status, HEXAGENT_E_EXPIRED);
  assert_int_equal(world.count(HEXAGENT_DECISION_WORKFLOW_DONE), 1);
  world.pass(5 * kSecond);
  assert_int_equal(world.only(HEXAGENT_DECISION_CALL_DONE, 1, 1).status, HEXAGENT_E_EXPIRED);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 1).status, HEXAGENT_E_EXPIRED);
  assert_int_equal(world.scheduler().next_timer(), kNever);
}

void a_workflow_with_a_call_in_flight_is_not_idle(void** state) {
  World& world = short_lived(state);
  world.begin(1);
  world.submit(1, 1);
  world.pass(25 * kSecond);  // silent for more than two such times, but its engine works
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  world.pass(10 * kSecond);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 1).status, HEXAGENT_E_EXPIRED);
}

hexagent_workflow with_deadline(TimeNs deadline) {
  hexagent_workflow record = {};
  record.workflow = 1;
  record.user_data = 77;
  record.deadline_ns = deadline;
  return record;
}

void a_deadline_that_cannot_be_met_is_told_once(void** state) {
  World& world = small(state);
  world.begin(with_deadline(kSecond));  // one call alone takes 1.11 s
  world.submit(1, 1);
  const hexagent_decision risk = world.only(HEXAGENT_DECISION_RISK, 1);
  assert_int_equal(risk.user_data, 77);
  assert_int_equal(risk.expected_start_ns, world.now() + kSecond);  // the deadline
  assert_in_range(risk.expected_end_ns, world.now() + 1110 * kMs, world.now() + 1111 * kMs);
  world.submit(1, 2);
  assert_int_equal(world.count(HEXAGENT_DECISION_RISK), 0);
}

void a_deadline_that_can_be_met_is_not_spoken_of(void** state) {
  World& world = small(state);
  world.begin(with_deadline(2 * kSecond));
  world.submit(1, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_RISK), 0);
  // Half of the time is gone, and another such call is revealed.
  world.pass(kSecond);
  world.submit(1, 2);
  assert_int_equal(world.count(HEXAGENT_DECISION_RISK), 1);
}

void an_slo_scale_is_a_deadline_in_horizons(void** state) {
  World& world = small(state);
  hexagent_workflow record = with_deadline(0);
  record.slo_scale_milli = 1500;
  world.begin(record);
  world.submit(1, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_RISK), 0);  // 1 of 1.5 horizons
  world.pass(3 * kSecond);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  world.submit(1, 2, {1});  // will end after 4.11 s; 1.5 horizons of both are 3.33 s
  assert_int_equal(world.count(HEXAGENT_DECISION_RISK), 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(the_end_is_told_when_the_last_open_call_is_done),
      WORLD_TEST(the_last_call_ends_its_workflow_without_a_word),
      WORLD_TEST(a_workflow_without_calls_ends_at_once),
      WORLD_TEST(a_workflow_with_a_dead_call_ends_with_the_reason),
      WORLD_TEST(cancelling_a_workflow_leaves_the_others_alone),
      WORLD_TEST(workflows_expire_in_the_order_of_their_silence),
      WORLD_TEST(a_workflow_with_a_call_in_flight_is_not_idle),
      WORLD_TEST(a_deadline_that_cannot_be_met_is_told_once),
      WORLD_TEST(a_deadline_that_can_be_met_is_not_spoken_of),
      WORLD_TEST(an_slo_scale_is_a_deadline_in_horizons),
  };
  return cmocka_run_group_tests_name("scheduler end", tests, nullptr, nullptr);
}
