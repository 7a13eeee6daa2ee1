// Admission: what is turned away, with what answer, and that nothing of it stays.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test program

World& open(void** state, std::initializer_list<std::pair<const char*, const char*>> settings) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(1, 1);
  for (const auto& [key, value] : settings) world.configure(key, value);
  return world;
}

hexagent_workflow with_deadline(uint64_t id, int64_t deadline_ns) {
  hexagent_workflow workflow = {};
  workflow.workflow = id;
  workflow.user_data = 50 + id;
  workflow.deadline_ns = deadline_ns;
  return workflow;
}

hexagent_workflow of_tenant(uint64_t id, uint32_t tenant) {
  hexagent_workflow workflow = {};
  workflow.workflow = id;
  workflow.user_data = 50 + id;
  workflow.tenant = tenant;
  return workflow;
}

// Calls of 1000 tokens without deadlines; all but the first few wait in the library.
void load(World* world, uint64_t workflows) {
  for (uint64_t id = 1; id <= workflows; ++id) {
    world->begin(id);
    world->submit(id, 1);
  }
}

void a_deadline_that_cannot_be_met_is_rejected_and_leaves_nothing(void** state) {
  World& world = open(state, {{"admission", "1"}});
  load(&world, 10);
  const hexagent_stats before = world.stats();
  assert_int_equal(world.begin(with_deadline(90, 1500 * kMs)), HEXAGENT_OK);
  world.submit(90, 1);
  const hexagent_decision reject = world.only(HEXAGENT_DECISION_REJECT, 90, 1);
  assert_int_equal(reject.kind, HEXAGENT_DECISION_REJECT);
  assert_int_equal(reject.status, HEXAGENT_E_DEADLINE);
  assert_int_equal(reject.user_data, 90001);
  assert_int_equal(reject.expected_start_ns, world.now() + 1500 * kMs);
  assert_true(reject.expected_end_ns > reject.expected_start_ns);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 90).status, HEXAGENT_E_DEADLINE);
  assert_int_equal(world.count(HEXAGENT_DECISION_ACCEPTED), 0);
  assert_int_equal(world.count(HEXAGENT_DECISION_CALL_DONE), 0);
  assert_int_equal(world.state(90, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
  const hexagent_stats after = world.stats();
  assert_int_equal(after.calls_live, before.calls_live);
  assert_int_equal(after.calls_waiting, before.calls_waiting);
  assert_int_equal(after.workflows_live, before.workflows_live);
  assert_int_equal(after.rejected, 1);
  assert_int_equal(world.submit(90, 2), HEXAGENT_E_UNKNOWN_WORKFLOW);
}

void the_deadline_a_reject_names_is_admitted(void** state) {
  World& world = open(state, {{"admission", "1"}});
  load(&world, 10);
  world.begin(with_deadline(90, 1500 * kMs));
  world.submit(90, 1);
  const int64_t feasible =
      world.only(HEXAGENT_DECISION_REJECT, 90, 1).expected_end_ns - world.now();
  world.begin(with_deadline(90, feasible - 1));
  world.submit(90, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 1);
  world.begin(with_deadline(90, feasible));
  assert_int_equal(world.submit(90, 1), HEXAGENT_OK);
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 0);
  assert_int_equal(world.count(HEXAGENT_DECISION_ACCEPTED), 1);
}

void what_if_and_admission_answer_alike(void** state) {
  World& world = open(state, {{"admission", "1"}});
  load(&world, 10);
  const hexagent_workflow workflow = with_deadline(90, 1500 * kMs);
  const hexagent_call call = test_call(90, 1);
  hexagent_forecast forecast = {};
  world.scheduler().what_if(workflow, &call, 1, nullptr, nullptr, &forecast);
  assert_int_equal(forecast.meets_deadline, 0);
  world.begin(workflow);
  world.submit(call);
  assert_int_equal(world.only(HEXAGENT_DECISION_REJECT, 90, 1).expected_end_ns,
                   forecast.projected_end_ns);
}

// The first call of 1.1 s fits into two seconds, the chain of two does not.
void a_chain_is_judged_as_a_whole_while_nothing_of_it_was_sent(void** state) {
  World& world = open(state, {{"admission", "1"}});
  world.begin(with_deadline(90, 2 * kSecond));
  hexagent_call held = test_call(90, 1);
  held.flags = HEXAGENT_CALL_HELD;
  assert_int_equal(world.submit(held), HEXAGENT_OK);
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 0);
  world.submit(90, 2, {1});
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 1);
  assert_int_equal(world.only(HEXAGENT_DECISION_CALL_DONE, 90, 1).status, HEXAGENT_E_DEADLINE);
  assert_int_equal(world.only(HEXAGENT_DECISION_WORKFLOW_DONE, 90).status, HEXAGENT_E_DEADLINE);
}

void what_is_under_way_is_not_turned_away(void** state) {
  World& world = open(state, {{"admission", "1"}});
  world.begin(with_deadline(90, 2 * kSecond));
  world.submit(90, 1);
  assert_int_equal(world.state(90, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.submit(90, 2, {1}), HEXAGENT_OK);
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 0);
}

void an_slo_scale_is_a_deadline_too(void** state) {
  World& world = open(state, {{"admission", "1"}});
  load(&world, 10);
  hexagent_workflow workflow = {};
  workflow.workflow = 90;
  workflow.slo_scale_milli = 1500;  // the queue alone takes about one horizon
  world.begin(workflow);
  world.submit(90, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 1);
  workflow.slo_scale_milli = 3000;
  world.begin(workflow);
  world.submit(90, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 0);
}

void admission_is_off_unless_asked_for(void** state) {
  World& world = open(state, {});
  load(&world, 10);
  world.begin(with_deadline(90, kMs));
  assert_int_equal(world.submit(90, 1), HEXAGENT_OK);
  assert_int_equal(world.stats().rejected, 0);
}

void a_tenant_has_no_more_workflows_than_it_may(void** state) {
  World& world = open(state, {{"tenant_workflows_max", "2"}});
  world.begin(of_tenant(1, 7));
  world.begin(of_tenant(2, 7));
  world.begin(of_tenant(3, 7));
  const hexagent_decision reject = world.only(HEXAGENT_DECISION_REJECT, 3);
  assert_int_equal(reject.status, HEXAGENT_E_TENANT_LIMIT);
  assert_int_equal(reject.user_data, 53);
  assert_int_equal(world.count(HEXAGENT_DECISION_ACCEPTED), 0);
  assert_int_equal(world.stats().workflows_live, 2);
  world.begin(of_tenant(4, 8));
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 0);
  world.end(1);  // room again
  world.begin(of_tenant(3, 7));
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 0);
}

void a_tenant_with_enough_calls_waiting_begins_nothing_more(void** state) {
  World& world = open(state, {{"tenant_waiting_max", "5"}});
  uint64_t begun = 0;
  for (uint64_t id = 1; id <= 20; ++id) {
    world.begin(of_tenant(id, 7));
    if (world.count(HEXAGENT_DECISION_REJECT) > 0) continue;
    world.submit(id, 1);
    ++begun;
  }
  assert_int_equal(world.stats().calls_waiting, 5);
  assert_true(begun >= 5 && begun < 20);
  world.begin(of_tenant(30, 8));
  assert_int_equal(world.count(HEXAGENT_DECISION_REJECT), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_deadline_that_cannot_be_met_is_rejected_and_leaves_nothing),
      WORLD_TEST(the_deadline_a_reject_names_is_admitted),
      WORLD_TEST(what_if_and_admission_answer_alike),
      WORLD_TEST(a_chain_is_judged_as_a_whole_while_nothing_of_it_was_sent),
      WORLD_TEST(what_is_under_way_is_not_turned_away),
      WORLD_TEST(an_slo_scale_is_a_deadline_too),
      WORLD_TEST(admission_is_off_unless_asked_for),
      WORLD_TEST(a_tenant_has_no_more_workflows_than_it_may),
      WORLD_TEST(a_tenant_with_enough_calls_waiting_begins_nothing_more),
  };
  return cmocka_run_group_tests_name("admission", tests, nullptr, nullptr);
}
