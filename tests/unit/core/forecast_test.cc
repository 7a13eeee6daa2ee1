// Forecasts: what would become of a workflow that was admitted now.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test program

World& world_of(void** state) { return *static_cast<World*>(*state); }

hexagent_workflow wish(int64_t deadline_ns = 0) {
  hexagent_workflow workflow = {};
  workflow.workflow = 99;
  workflow.deadline_ns = deadline_ns;
  return workflow;
}

// One call of 1000 tokens: 0.11 s of prefill, 1 s of decode.
hexagent_forecast ask(const World& world, const hexagent_workflow& workflow) {
  const hexagent_call call = test_call(99, 1);
  hexagent_forecast forecast = {};
  world.scheduler().what_if(workflow, &call, 1, nullptr, nullptr, &forecast);
  return forecast;
}

// Calls of 1000 tokens, each a workflow of its own; all but the first few wait in the library.
void load(World* world, uint64_t workflows, uint32_t tier = HEXAGENT_TIER_INTERACTIVE) {
  for (uint64_t id = 1; id <= workflows; ++id) {
    hexagent_workflow workflow = {};
    workflow.workflow = id;
    workflow.tier = tier;
    world->begin(workflow);
    world->submit(id, 1);
  }
}

void work_that_waits_in_the_library_comes_before_a_new_call(void** state) {
  World& world = world_of(state);
  world.add_workers(1, 1);
  const int64_t idle_ns = ask(world, wish()).earliest_deadline_ns;
  load(&world, 20);
  assert_true(world.stats().calls_waiting > 10);
  const int64_t loaded_ns = ask(world, wish()).earliest_deadline_ns;
  // Twenty prefills of 0.1 to 0.11 s go first.
  assert_true(loaded_ns - idle_ns > 1900 * kMs);
  assert_true(loaded_ns - idle_ns < 2400 * kMs);
}

void work_of_a_later_tier_is_not_waited_for(void** state) {
  World& world = world_of(state);
  world.add_workers(1, 1);
  load(&world, 20, HEXAGENT_TIER_BATCH);
  const int64_t first_ns = ask(world, wish()).earliest_deadline_ns;
  hexagent_workflow batch = wish();
  batch.tier = HEXAGENT_TIER_BATCH;
  assert_true(ask(world, batch).earliest_deadline_ns > first_ns + 1500 * kMs);
}

void more_workers_share_what_waits(void** state) {
  World& world = world_of(state);
  world.add_workers(1, 1);
  load(&world, 20);
  const int64_t one_ns = ask(world, wish()).earliest_deadline_ns;
  World& wider = open_world(state);
  wider.add_workers(4, 1);
  load(&wider, 20);
  assert_true(ask(wider, wish()).earliest_deadline_ns < one_ns - 1000 * kMs);
}

void the_earliest_deadline_would_be_met_and_a_shorter_one_not(void** state) {
  World& world = world_of(state);
  world.add_workers(1, 1);
  load(&world, 20);
  const int64_t earliest = ask(world, wish()).earliest_deadline_ns;
  assert_int_equal(ask(world, wish(earliest)).meets_deadline, 1);
  assert_int_equal(ask(world, wish(earliest - 1)).meets_deadline, 0);
  assert_int_equal(ask(world, wish(earliest - 1)).earliest_deadline_ns, earliest);
}

// The queue of two seconds is gone by the time the first call has ended.
void a_dependent_call_does_not_wait_for_the_queue_again(void** state) {
  World& world = world_of(state);
  world.add_workers(1, 1);
  load(&world, 20);
  const hexagent_call calls[] = {test_call(99, 1), test_call(99, 2)};
  hexagent_call chain[] = {calls[0], calls[1]};
  chain[1].deps_count = 1;
  const uint64_t deps[] = {1};
  hexagent_forecast one = {};
  hexagent_forecast two = {};
  const hexagent_workflow workflow = wish();
  assert_int_equal(world.scheduler().what_if(workflow, calls, 1, nullptr, nullptr, &one), 0);
  assert_int_equal(world.scheduler().what_if(workflow, chain, 2, deps, nullptr, &two), 0);
  const int64_t longer_ns = two.projected_end_ns - one.projected_end_ns;
  assert_true(longer_ns > 1100 * kMs && longer_ns < 1300 * kMs);
}

void hints_of_more_work_lengthen_a_forecast(void** state) {
  World& world = world_of(state);
  world.add_workers(1, 1);
  const hexagent_forecast plain = ask(world, wish());
  hexagent_workflow hinted = wish();
  hinted.remaining_tokens_p50 = 3 * 1100;  // the call given has 1100
  const hexagent_forecast longer = ask(world, hinted);
  assert_int_equal((longer.horizon_ns + 500) / 1000, (3 * plain.horizon_ns + 500) / 1000);
  assert_true(longer.earliest_deadline_ns > 2 * plain.earliest_deadline_ns);
}

void asking_changes_nothing(void** state) {
  World& world = world_of(state);
  world.add_workers(2, 2);
  load(&world, 20);
  const hexagent_stats before = world.stats();
  const hexagent_forecast first = ask(world, wish());
  const hexagent_forecast second = ask(world, wish());
  const hexagent_stats after = world.stats();
  assert_memory_equal(&first, &second, sizeof(first));
  assert_memory_equal(&before, &after, sizeof(before));
  assert_null(world.scheduler().audit());
}

// Not even where the next call goes when workers take turns.
void asking_takes_no_turn(void** state) {
  uint32_t first_worker = 0;
  for (uint32_t questions : {0u, 1u, 2u}) {
    World& world = open_world(state, test_settings("fcfs/round-robin/at_ready"));
    world.add_workers(3, 3);
    for (uint32_t i = 0; i < questions; ++i) ask(world, wish());
    world.begin(1);
    world.submit(1, 1);
    const uint32_t worker = world.only(HEXAGENT_DECISION_PREFILL, 1, 1).worker;
    assert_int_not_equal(worker, 0);
    if (questions == 0) first_worker = worker;
    assert_int_equal(worker, first_worker);
  }
}

// A call that is then admitted, with everything going as the model says, ends when it was told.
void what_was_forecast_is_what_the_plan_expects(void** state) {
  World& world = open_world(state, test_settings(kAtOnce));
  world.add_workers(1, 1);
  load(&world, 3);
  const int64_t told = ask(world, wish()).projected_end_ns;
  world.begin(wish());
  world.submit(99, 1);
  const hexagent_decision sent = world.only(HEXAGENT_DECISION_PREFILL, 99, 1);
  assert_int_equal(sent.kind, HEXAGENT_DECISION_PREFILL);
  const int64_t behind = told - sent.expected_end_ns;  // transfer, and decode in a batch of four
  assert_true(behind >= 1000 * kMs && behind < 1010 * kMs);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(work_that_waits_in_the_library_comes_before_a_new_call),
      WORLD_TEST(work_of_a_later_tier_is_not_waited_for),
      WORLD_TEST(more_workers_share_what_waits),
      WORLD_TEST(the_earliest_deadline_would_be_met_and_a_shorter_one_not),
      WORLD_TEST(a_dependent_call_does_not_wait_for_the_queue_again),
      WORLD_TEST(hints_of_more_work_lengthen_a_forecast),
      WORLD_TEST(asking_changes_nothing),
      WORLD_TEST(asking_takes_no_turn),
      WORLD_TEST(what_was_forecast_is_what_the_plan_expects),
  };
  return cmocka_run_group_tests_name("forecast", tests, nullptr, nullptr);
}
