// Entrance: new workflows wait while those at work want more KV than prefill workers should cache.
#include "core/plan/entrance.h"

#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test program

constexpr uint32_t kLong = 5000;  // tokens; two of them are more than half of a worker's 16,000

void begin(World& world, uint64_t workflow, uint32_t tenant = 0, uint32_t tier = 0) {
  hexagent_workflow record = {};
  record.workflow = workflow;
  record.tenant = tenant;
  record.tier = tier;
  world.begin(record);
}

// Its first call, after some time in which others have grown more urgent.
void arrive(World& world, uint64_t workflow, uint32_t tokens = kLong) {
  world.pass(kMs);
  begin(world, workflow);
  world.submit(test_call(workflow, 1, tokens));
}

// Of a call that was sent: the rest of its way.
void finish(World& world, uint64_t workflow, uint64_t call) {
  world.finish(workflow, call, [] {});
}

// One prefill worker of 16,000 tokens. Workflows 1 and 2 are at work, 3 and those after it wait.
World& busy_world(void** state) {
  World& world = open_world(state);
  world.configure("working_set_max", "0.5");
  world.add_workers(1, 1);
  arrive(world, 1);
  arrive(world, 2);
  return world;
}

bool is_outside(const World& world, uint64_t workflow, uint64_t call = 1) {
  std::string text;
  world.scheduler().explain(workflow, call, &text);
  return text.find("\"outside\":true") != std::string::npos;
}

void new_workflows_wait_while_the_working_set_is_full(void** state) {
  World& world = busy_world(state);
  arrive(world, 3);
  assert_false(is_outside(world, 1));
  assert_false(is_outside(world, 2));
  assert_true(is_outside(world, 3));
  assert_int_equal(world.stats().calls_outside, 1);
  assert_int_equal(world.stats().calls_waiting, 2);  // 2 waits for the worker, 3 outside
  // The worker runs dry and 3 is still not sent to it: 1 and 2 decode.
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  world.report(2, 1, HEXAGENT_PHASE_PREFILL);
  world.pass(kSecond);
  assert_int_equal(world.worker(1).prefill_outstanding, 0);
  assert_int_equal(world.state(3, 1), HEXAGENT_STATE_READY);
}

void one_goes_in_when_another_ends(void** state) {
  World& world = busy_world(state);
  arrive(world, 3);
  finish(world, 1, 1);
  assert_false(is_outside(world, 3));
  assert_int_equal(world.stats().calls_outside, 0);
}

void a_workflow_between_two_calls_holds_up_nobody(void** state) {
  World& world = busy_world(state);
  arrive(world, 3);
  finish(world, 1, 1);  // it has not ended: a tool is at work
  finish(world, 2, 1);
  assert_int_not_equal(world.state(3, 1), HEXAGENT_STATE_READY);  // it was sent
  arrive(world, 4);
  // Those that have begun come back whenever they like.
  world.submit(test_call(1, 2, kLong));
  world.submit(test_call(2, 2, kLong));
  assert_false(is_outside(world, 1, 2));
  assert_false(is_outside(world, 2, 2));
  arrive(world, 5);
  assert_true(is_outside(world, 5));
}

// Its adapter's worker is gone: what waits for it must not keep others outside.
void calls_that_no_worker_serves_hold_up_nobody(void** state) {
  World& world = open_world(state);
  world.configure("working_set_max", "0.5");
  world.add_workers(1, 1);
  for (uint32_t id : {2u, 12u}) {
    hexagent_worker labelled =
        test_worker(id, id == 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE);
    labelled.labels = 1;
    world.set_worker(labelled);
  }
  for (uint64_t workflow = 1; workflow <= 4; ++workflow) {
    begin(world, workflow);
    hexagent_call held = test_call(workflow, 1, kLong);
    held.labels_required = 1;
    held.flags = HEXAGENT_CALL_HELD;
    world.submit(held);
  }
  world.lose(2);
  world.lose(12);
  for (uint64_t workflow = 1; workflow <= 4; ++workflow) world.ready(workflow, 1);
  assert_int_equal(world.stats().calls_outside, 0);
  arrive(world, 5);
  assert_int_not_equal(world.state(5, 1), HEXAGENT_STATE_READY);
  // Back again it takes one, which counts from then on.
  for (uint32_t id : {2u, 12u}) {
    hexagent_worker labelled =
        test_worker(id, id == 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE);
    labelled.incarnation = 2;
    labelled.labels = 1;
    world.set_worker(labelled);
  }
  world.pass(kSecond);
  assert_int_not_equal(world.state(1, 1), HEXAGENT_STATE_READY);
}

void text_that_all_share_is_not_counted(void** state) {
  World& world = busy_world(state);
  hexagent_prefix shared = {};
  shared.group = 77;
  shared.tokens = kLong - 100;
  for (uint64_t workflow = 3; workflow <= 6; ++workflow) {
    begin(world, workflow);
    world.submit(test_call(workflow, 1, kLong), {}, {shared});
    assert_true(is_outside(world, workflow));  // 1 and 2 want 10,000
  }
  finish(world, 1, 1);  // 5,000 and four times 100
  for (uint64_t workflow = 3; workflow <= 6; ++workflow) {
    assert_false(is_outside(world, workflow));
  }
}

void the_most_urgent_goes_in_first(void** state) {
  World& world = busy_world(state);
  arrive(world, 3, 2 * kLong);  // long alone, so that waiting matters less
  arrive(world, 4, kLong);
  world.pass(10 * kSecond);
  finish(world, 1, 1);
  assert_true(is_outside(world, 3));
  assert_false(is_outside(world, 4));
}

void later_tiers_do_not_hold_up_earlier_ones(void** state) {
  World& world = open_world(state);
  world.configure("working_set_max", "0.5");
  world.add_workers(1, 1);
  for (uint64_t workflow = 1; workflow <= 3; ++workflow) {
    begin(world, workflow, 0, HEXAGENT_TIER_BATCH);
    world.submit(test_call(workflow, 1, kLong));
  }
  assert_true(is_outside(world, 3));
  arrive(world, 4);
  assert_false(is_outside(world, 4));
}

void calls_of_one_workflow_go_in_together(void** state) {
  World& world = busy_world(state);
  begin(world, 3);
  world.submit(test_call(3, 1, kLong));
  world.submit(test_call(3, 2, kLong));
  assert_int_equal(world.stats().calls_outside, 2);
  world.cancel_workflow(1);
  assert_int_equal(world.stats().calls_outside, 0);
}

void whoever_gives_up_outside_leaves_no_trace(void** state) {
  World& world = busy_world(state);
  arrive(world, 3);
  world.cancel_workflow(3);
  assert_int_equal(world.stats().calls_outside, 0);
  finish(world, 1, 1);
  finish(world, 2, 1);
  world.end(1);
  world.end(2);
  assert_true(world.is_empty());
  assert_int_equal(world.stats().workflows_live, 0);
}

void without_a_bound_all_go_in(void** state) {
  World& world = busy_world(state);
  arrive(world, 3);
  arrive(world, 4);
  assert_int_equal(world.stats().calls_outside, 2);
  world.configure("working_set_max", "0");
  assert_int_equal(world.stats().calls_outside, 0);
}

void policies_that_send_at_once_keep_nobody_outside(void** state) {
  World& world = busy_world(state);
  arrive(world, 3);
  world.configure("policy", kAtOnce);
  assert_int_equal(world.stats().calls_outside, 0);
  arrive(world, 4);
  assert_false(is_outside(world, 4));
}

void the_tenant_that_was_served_least_goes_in_first(void** state) {
  World& world = open_world(state);
  world.configure("working_set_max", "0.5");
  world.configure("fairness_bound_s", "0.1");
  world.add_workers(1, 1);
  begin(world, 1, 8);
  world.submit(test_call(1, 1, kLong));
  begin(world, 2, 8);
  world.submit(test_call(2, 1, kLong));
  begin(world, 3, 8);  // of the tenant that has been served, and the first to come
  world.submit(test_call(3, 1, kLong));
  world.pass(kMs);
  begin(world, 4, 9);
  world.submit(test_call(4, 1, kLong));
  assert_int_equal(world.stats().calls_outside, 2);
  finish(world, 1, 1);
  assert_true(is_outside(world, 3));
  assert_false(is_outside(world, 4));
}

// Its calls yield to a tenant that was served less, but not to calls that cannot be sent: else
// those at work would never end, and nobody would go in.
void nobody_yields_to_who_waits_outside(void** state) {
  World& world = open_world(state);
  world.configure("working_set_max", "0.5");
  world.configure("fairness_bound_s", "0.01");
  world.add_workers(1, 1);
  for (uint64_t workflow : {1u, 2u}) {
    begin(world, workflow, 8);
    world.submit(test_call(workflow, 1, kLong));
  }
  begin(world, 3, 9);
  world.submit(test_call(3, 1, kLong));
  assert_true(is_outside(world, 3));
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_not_equal(world.state(2, 1), HEXAGENT_STATE_READY);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(new_workflows_wait_while_the_working_set_is_full),
      WORLD_TEST(one_goes_in_when_another_ends),
      WORLD_TEST(a_workflow_between_two_calls_holds_up_nobody),
      WORLD_TEST(calls_that_no_worker_serves_hold_up_nobody),
      WORLD_TEST(text_that_all_share_is_not_counted),
      WORLD_TEST(the_most_urgent_goes_in_first),
      WORLD_TEST(later_tiers_do_not_hold_up_earlier_ones),
      WORLD_TEST(calls_of_one_workflow_go_in_together),
      WORLD_TEST(whoever_gives_up_outside_leaves_no_trace),
      WORLD_TEST(without_a_bound_all_go_in),
      WORLD_TEST(policies_that_send_at_once_keep_nobody_outside),
      WORLD_TEST(the_tenant_that_was_served_least_goes_in_first),
      WORLD_TEST(nobody_yields_to_who_waits_outside),
  };
  return cmocka_run_group_tests_name("entrance", tests, nullptr, nullptr);
}
