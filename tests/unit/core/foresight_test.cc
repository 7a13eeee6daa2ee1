// Foresight through the scheduler: what workflows teach, to which orders, and when nothing is
// learnt. One prefill worker is kept busy; what is sent next shows who is expected to have less
// left.
#include "core/foresight.h"

#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

constexpr uint32_t kShortStage = 5;
constexpr uint32_t kLongStage = 6;

World& open(void** state, const char* policy) { return open_world(state, test_settings(policy)); }

hexagent_call staged(uint64_t workflow, uint64_t call, uint32_t stage) {
  hexagent_call record = test_call(workflow, call);
  record.stage = stage;
  return record;
}

void run_call(World* world, uint64_t workflow, uint64_t call) {
  world->finish(workflow, call, [world] { world->pass(100 * kMs); });
}

// Workflows that begin with the one stage are over with it; those of the other have three calls
// more.
void teach(World* world, uint64_t first_id, uint32_t short_stage, uint32_t long_stage) {
  for (uint64_t id = first_id; id < first_id + 12; ++id) {
    const bool is_long = id % 2 == 0;
    world->begin(id);
    world->submit(staged(id, 1, is_long ? long_stage : short_stage));
    run_call(world, id, 1);
    for (uint64_t call = 2; is_long && call <= 4; ++call) {
      world->submit(staged(id, call, 9));
      run_call(world, id, call);
    }
    world->end(id);
  }
}

// Which of two workflows is sent first once the worker that both wait for is free: the one that
// begins with the long stage arrives first. 0 = none, or both at once.
uint64_t first_sent(World* world, uint64_t busy) {
  world->begin(busy);
  world->submit(test_call(busy, 1, 8000));
  world->begin(busy + 1);
  world->submit(staged(busy + 1, 1, kLongStage));
  world->begin(busy + 2);
  world->submit(staged(busy + 2, 1, kShortStage));
  if (world->stats().calls_waiting != 2) return 0;
  world->report(busy, 1, HEXAGENT_PHASE_PREFILL);
  if (world->count(HEXAGENT_DECISION_PREFILL) == 0) return 0;
  for (const hexagent_decision& decision : world->latest()) {
    if (decision.kind == HEXAGENT_DECISION_PREFILL) return decision.workflow - busy;
  }
  return 0;
}

// Sends one call at a time, so that two of them cannot go side by side.
void keep_apart(World* world) {
  world->configure("window_tokens", "0");
  world->configure("window_overtake", "0");
  world->configure("window_overtake_backlog", "0");
  world->configure("window_patience", "0");
  world->add_workers(1, 1);
}

void an_order_that_looks_ahead_learns_who_has_less_left(void** state) {
  for (const char* policy :
       {"srpt/own-finish/window", "gittins/own-finish/window", "kairos/own-finish/window"}) {
    World& world = open(state, policy);
    keep_apart(&world);
    teach(&world, 100, kShortStage, kLongStage);
    assert_int_equal(first_sent(&world, 200), 2);
  }
}

void it_learns_the_opposite_from_the_opposite(void** state) {
  World& world = open(state, "srpt/own-finish/window");
  keep_apart(&world);
  teach(&world, 100, kLongStage, kShortStage);
  assert_int_equal(first_sent(&world, 200), 1);
}

void with_learning_off_arrivals_decide(void** state) {
  World& world = open(state, "srpt/own-finish/window");
  keep_apart(&world);
  world.configure("learning", "0");
  teach(&world, 100, kShortStage, kLongStage);
  assert_int_equal(first_sent(&world, 200), 1);
}

void other_orders_teach_nothing(void** state) {
  World& world = open(state, "fcfs/own-finish/window");
  keep_apart(&world);
  teach(&world, 100, kShortStage, kLongStage);
  world.configure("policy", "srpt/own-finish/window");
  assert_int_equal(first_sent(&world, 200), 1);
}

void what_was_learnt_survives_another_order_and_waiting_calls_get_it(void** state) {
  World& world = open(state, "srpt/own-finish/window");
  keep_apart(&world);
  teach(&world, 100, kShortStage, kLongStage);
  world.configure("policy", "fcfs/own-finish/window");
  world.begin(200);
  world.submit(test_call(200, 1, 8000));
  world.begin(201);
  world.submit(staged(201, 1, kLongStage));
  world.begin(202);
  world.submit(staged(202, 1, kShortStage));
  assert_int_equal(world.stats().calls_waiting, 2);
  world.configure("policy", "srpt/own-finish/window");
  world.report(200, 1, HEXAGENT_PHASE_PREFILL);
  assert_true(world.only(HEXAGENT_DECISION_PREFILL, 202, 1).kind != 0);
}

void a_workflow_that_failed_teaches_nothing(void** state) {
  World& world = open(state, "srpt/own-finish/window");
  keep_apart(&world);
  for (uint64_t id = 100; id < 112; ++id) {
    world.begin(id);
    world.submit(staged(id, 1, id % 2 == 0 ? kLongStage : kShortStage));
    run_call(&world, id, 1);
    world.submit(staged(id, 2, 9));
    world.cancel(id, 2);
    world.end(id);
  }
  assert_int_equal(first_sent(&world, 200), 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(an_order_that_looks_ahead_learns_who_has_less_left),
      WORLD_TEST(it_learns_the_opposite_from_the_opposite),
      WORLD_TEST(with_learning_off_arrivals_decide),
      WORLD_TEST(other_orders_teach_nothing),
      WORLD_TEST(what_was_learnt_survives_another_order_and_waiting_calls_get_it),
      WORLD_TEST(a_workflow_that_failed_teaches_nothing),
  };
  return cmocka_run_group_tests_name("foresight", tests, nullptr, nullptr);
}
