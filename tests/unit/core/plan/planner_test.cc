// When calls are sent: at ready or through dispatch windows, past calls that do not fit, in which
// order, and when a plan is due by time alone.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

// A window of 1 ms round trip, no tokens in advance, no overtaking: one prefill at a time.
Settings one_at_a_time(const char* policy) {
  Settings settings = test_settings(policy);
  settings.window_tokens = 0;
  settings.window_overtake = 0;
  settings.window_overtake_backlog = 0;
  settings.window_patience = 0;
  settings.window_patience_backlog = 0;
  settings.learning = 0;
  return settings;
}

// Workflows 1 ... `count` with one call each, revealed one millisecond apart.
void reveal(World* world, uint64_t count) {
  for (uint64_t workflow = 1; workflow <= count; ++workflow) {
    world->begin(workflow);
    world->submit(workflow, 1);
    world->pass(kMs);
  }
}

void at_ready_sends_all_that_fits_at_once(void** state) {
  World& world = open_world(state, one_at_a_time("fcfs/own-finish/at_ready"));
  world.add_workers(1, 1);
  reveal(&world, 6);
  assert_int_equal(world.worker(1).prefill_outstanding, 6);
  assert_int_equal(world.stats().calls_waiting, 0);
  assert_int_equal(world.scheduler().next_timer(), 1000 * kMs + 3600 * kSecond);  // idle expiry
}

void a_window_keeps_calls_until_the_worker_runs_dry(void** state) {
  World& world = open_world(state, one_at_a_time("fcfs/own-finish/window"));
  world.add_workers(1, 1);
  const TimeNs sent = world.now();
  reveal(&world, 3);
  assert_int_equal(world.worker(1).prefill_outstanding, 1);
  assert_int_equal(world.stats().calls_waiting, 2);
  // The prefill began half a round trip after it was sent and takes 110 ms; the window opens a
  // round trip before its end.
  const TimeNs opening = sent + kMs / 2 + 110 * kMs - kMs;
  assert_in_range(world.scheduler().next_timer(), opening, opening + 2);
  world.pass(opening - 1 - world.now());
  assert_int_equal(world.worker(1).prefill_outstanding, 1);
  world.pass(3);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 2, 1).worker, 1);
  assert_int_equal(world.worker(1).prefill_outstanding, 2);
}

void the_window_is_wider_by_the_configured_work(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.window_s = 0.2;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  reveal(&world, 4);
  // 110 ms, and 210 ms for two, are within 201 ms less the time that passed; 310 ms are not.
  assert_int_equal(world.worker(1).prefill_outstanding, 2);
}

void small_calls_are_sent_together_up_to_the_token_window(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.window_tokens = 1024;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  world.begin(1);
  for (uint64_t call = 1; call <= 5; ++call) world.submit(test_call(1, call, 300));
  assert_int_equal(world.worker(1).prefill_outstanding, 3);  // 900 tokens; a fourth would be 1200
}

void a_short_call_goes_beside_a_long_one(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.window_overtake = 0.1;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  world.begin(1);
  world.submit(test_call(1, 1, 4000));
  world.submit(test_call(1, 2, 401));
  world.submit(test_call(1, 3, 399));
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_READY);
  assert_int_equal(world.state(1, 3), HEXAGENT_STATE_DISPATCHED);
}

void a_short_call_goes_in_turn_where_the_backlog_is_long(void** state) {
  Settings settings = one_at_a_time("workflow-fcfs/own-finish/window");
  settings.window_overtake = 0.1;
  settings.window_overtake_backlog = 0.5;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  world.begin(1);
  world.begin(2);
  world.submit(test_call(2, 1, 4000));  // 410 ms
  world.submit(test_call(1, 1, 100));   // 430 ms with it
  world.submit(test_call(2, 2, 5000));  // waits: 940 ms
  world.submit(test_call(1, 2, 100));
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.state(2, 2), HEXAGENT_STATE_READY);
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_READY);
}

void no_short_call_slips_in_before_a_long_one_that_waits(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.window_overtake = 0.1;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  world.begin(1);
  world.submit(test_call(1, 1, 500));
  world.submit(test_call(1, 2, 5000));  // waits for the worker to run dry
  world.submit(test_call(1, 3, 100));   // short beside what waits, not beside what was sent
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_READY);
  assert_int_equal(world.state(1, 3), HEXAGENT_STATE_READY);
  world.pass(60 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_DISPATCHED);
}

void a_window_widens_with_the_time_a_call_has_waited(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.window_overtake = 0.1;
  settings.window_patience = 0.5;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  reveal(&world, 2);  // the first takes 110 ms, the second waits
  world.pass(58 * kMs);
  world.begin(3);
  world.submit(3, 1);  // lets it plan: 50 ms of work left, 29 ms of patience and 1 ms round trip
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_READY);
  world.pass(20 * kMs);
  world.begin(4);
  world.submit(4, 1);  // 30 ms left, 39 ms of patience
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.state(3, 1), HEXAGENT_STATE_READY);
}

void patience_does_not_count_what_the_backlog_makes_all_wait(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.window_overtake = 0.1;
  settings.window_patience = 0.5;
  settings.window_patience_backlog = 0.1;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  reveal(&world, 2);
  world.pass(78 * kMs);
  world.begin(3);
  world.submit(3, 1);  // 30 ms left, 39 ms of patience, less half of a tenth of 250 ms
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_READY);
  world.pass(8 * kMs);
  world.begin(4);
  world.submit(4, 1);  // 22 ms left, 43 ms of patience less half of a tenth of 350 ms
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_DISPATCHED);
}

void the_more_urgent_call_goes_first_when_a_window_opens(void** state) {
  World& world = open_world(state, one_at_a_time("default"));
  world.add_workers(1, 1);
  reveal(&world, 1);
  world.begin(2);
  world.submit(test_call(2, 1, 4000));  // 410 ms and a second alone
  world.begin(3);
  world.submit(test_call(3, 1, 200));  // 30 ms and a second: the same wait stretches it more
  world.pass(50 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.state(3, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_READY);
}

// One prefill worker; the decode workers are a busy one with a label and an idle one. When the
// prefill worker's window opens, workflow 2 has waited longest and workflow 3 wants the label.
// Alone both take 2.1 s; behind what decodes there the call of workflow 3 takes 6.1.
World& two_of_which_one_will_be_late(void** state, const Settings& settings) {
  World& world = open_world(state, settings);
  hexagent_profile profile = test_profile();
  profile.decode_per_sequence_s = 0.01;
  world.set_profile(profile);
  world.add_workers(0, 1);
  for (uint32_t id : {1u, 12u}) {
    hexagent_worker labelled =
        test_worker(id, id == 1 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE);
    labelled.labels = 1;
    world.set_worker(labelled);
  }
  hexagent_call late = test_call(1, 1);
  late.labels_required = 1;
  world.begin(1);
  for (late.call = 1; late.call <= 4; ++late.call) {
    world.submit(late);
    world.bring_to(1, late.call, HEXAGENT_STATE_DECODING);
  }
  world.submit(1, 9);  // takes the prefill worker
  world.begin(2);
  world.submit(2, 1);
  world.pass(50 * kMs);
  world.begin(3);
  late.workflow = 3;
  world.submit(late);
  world.pass(58 * kMs);
  world.report(1, 9, HEXAGENT_PHASE_PREFILL);
  return world;
}

void in_short_queues_a_call_that_will_be_late_goes_first(void** state) {
  World& world = two_of_which_one_will_be_late(state, one_at_a_time("default"));
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_READY);
  assert_int_equal(world.worker(1).prefill_outstanding, 1);
}

void in_long_queues_nothing_is_projected(void** state) {
  Settings waiting = one_at_a_time("default");
  waiting.projection_waiting = 1.5;  // and two wait
  Settings batch = one_at_a_time("default");
  batch.projection_batch = 5.0 / (2 * 256) - 1e-6;  // 5 of 512 places are taken
  for (const Settings& settings : {waiting, batch}) {
    World& world = two_of_which_one_will_be_late(state, settings);
    assert_int_equal(world.state(2, 1), HEXAGENT_STATE_DISPATCHED);
  }
}

// A call that could have its prompt from three workers: the first is free in 110 ms, the second in
// 520, the third would have to begin anew.
void wait_for_the_first_of_three(World* world) {
  world->add_workers(3, 1);
  world->begin(1);
  world->submit(test_call(1, 1, 1000));
  world->submit(test_call(1, 2, 5100));
  hexagent_prefix first = {};
  first.group = 7;
  first.tokens = 5000;
  first.worker = 1;
  first.cached_tokens = 5000;
  hexagent_prefix second = first;
  second.worker = 2;
  world->submit(test_call(1, 3, 5100), {}, {first, second});
  world->pass(kMs);
  world->begin(2);
  world->submit(test_call(2, 1, 5100), {}, {first, second});  // a plan that asks whether to wait on
}

void in_long_queues_a_call_waits_on_for_what_it_chose(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.projection_waiting = 0;  // any queue is long
  World& world = open_world(state, settings);
  wait_for_the_first_of_three(&world);
  world.pass(100 * kMs);
  assert_int_equal(world.state(1, 3), HEXAGENT_STATE_READY);
  world.pass(10 * kMs);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 3).worker, 1);
}

void a_call_that_waits_goes_to_a_better_worker_that_comes_free(void** state) {
  Settings settings = one_at_a_time("fcfs/own-finish/window");
  settings.projection_waiting = 0;
  World& world = open_world(state, settings);
  wait_for_the_first_of_three(&world);
  world.pass(10 * kMs);
  world.cancel(1, 2);  // what kept the second worker busy
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 3).worker, 2);
}

void at_ready_a_call_that_does_not_fit_is_passed(void** state) {
  World& world = open_world(state, one_at_a_time("fcfs/own-finish/at_ready"));
  world.add_workers(1, 1);
  world.heartbeat(1, 14000);  // 2000 tokens left
  world.begin(1);
  world.submit(test_call(1, 1, 3000));
  world.submit(test_call(1, 2, 500));
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_DISPATCHED);
}

// Sixteen that do not fit end a plan: KV is short then, and the first in line is to have it.
void at_ready_not_more_than_sixteen_misfits_are_passed(void** state) {
  World& world = open_world(state, one_at_a_time("fcfs/own-finish/at_ready"));
  world.add_workers(1, 1);
  world.heartbeat(1, 14000);
  world.begin(1);
  for (uint64_t call = 1; call <= 16; ++call) world.submit(test_call(1, call, 3000));
  world.pass(1);
  world.submit(test_call(1, 17, 500));
  assert_int_equal(world.state(1, 17), HEXAGENT_STATE_READY);
  world.cancel(1, 1);
  assert_int_equal(world.state(1, 17), HEXAGENT_STATE_DISPATCHED);
}

void a_plan_waits_for_the_replan_delay(void** state) {
  Settings settings = one_at_a_time(kAtOnce);
  settings.replan_delay_s = 0.05;
  World& world = open_world(state, settings);
  world.add_workers(1, 1);
  world.pass(kSecond);
  world.pass(kSecond);
  world.begin(1);
  world.submit(1, 1);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  world.pass(10 * kMs);
  world.submit(1, 2);
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_READY);
  assert_int_equal(world.scheduler().next_timer(), world.now() + 40 * kMs);
  world.pass(40 * kMs);
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_DISPATCHED);
}

// A long call of a workflow that has lost time, and a short one of a fresh workflow. The same wait
// stretches the short one more, so it overtakes.
World& two_that_age_unlike(void** state) {
  World& world = open_world(state, one_at_a_time("stretch/own-finish/at_ready"));
  world.add_workers(1, 1);
  world.begin(1);
  world.submit(1, 1);
  world.pass(3 * kSecond);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  world.submit(test_call(1, 2, 4000), {1});
  world.begin(2);
  world.submit(test_call(2, 1, 200));
  return world;
}

void a_queue_whose_order_has_aged_gets_new_keys(void** state) {
  World& world = two_that_age_unlike(state);
  world.pass(5 * kSecond);
  world.begin(3);
  world.submit(3, 1);
  const hexagent_decision long_one = world.only(HEXAGENT_DECISION_REPRIORITISE, 1, 2);
  const hexagent_decision short_one = world.only(HEXAGENT_DECISION_REPRIORITISE, 2, 1);
  assert_int_equal(long_one.worker, 1);
  assert_int_equal(long_one.attempt, 1);
  assert_true(short_one.order_key < long_one.order_key);
  assert_int_equal(world.only(HEXAGENT_DECISION_REPRIORITISE, 3, 1).kind, 0);  // sent just now
  world.pass(kMs);
  world.begin(4);
  world.submit(4, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_REPRIORITISE), 0);  // in order by now
}

void an_order_that_does_not_age_never_reprioritises(void** state) {
  World& world = open_world(state, one_at_a_time(kAtOnce));
  world.add_workers(1, 1);
  uint32_t told = 0;
  for (uint64_t workflow = 1; workflow <= 4; ++workflow) {
    world.begin(workflow);
    world.submit(test_call(workflow, 1, workflow == 1 ? 4000 : 200));
    told += world.count(HEXAGENT_DECISION_REPRIORITISE);
    world.pass(kSecond);
  }
  assert_int_equal(told, 0);
}

void a_started_call_keeps_its_place(void** state) {
  World& world = two_that_age_unlike(state);
  world.report(1, 2, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED);
  world.pass(5 * kSecond);
  world.begin(3);
  world.submit(3, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_REPRIORITISE), 0);
}

// ---- models and labels beside each other ----

// A worker of another model, whose calls would go at once.
void add_other_model(World* world) {
  world->set_profile(test_profile(kOtherModel));
  hexagent_worker other = test_worker(5, HEXAGENT_ROLE_BOTH);
  other.model = kOtherModel;
  world->set_worker(other);
}

int32_t state_of_other_model_behind(World* world, uint64_t waiting) {
  world->add_workers(1, 1);
  add_other_model(world);
  world->begin(1);
  world->submit(1, 100);  // takes the only worker of its model
  for (uint64_t call = 1; call <= waiting; ++call) world->submit(test_call(1, call));
  world->lose(1);
  world->pass(kMs);
  world->begin(2);
  hexagent_call call = test_call(2, 1);
  call.model = kOtherModel;
  world->submit(call);
  return world->state(2, 1);
}

void calls_without_a_worker_do_not_hold_up_another_model(void** state) {
  for (const char* dispatch : {"at_ready", "window"}) {
    for (const char* order : {"fcfs", "hexagent", "stretch"}) {
      char policy[64];
      std::snprintf(policy, sizeof(policy), "%s/own-finish/%s", order, dispatch);
      World& world = open_world(state, one_at_a_time(policy));
      assert_int_equal(state_of_other_model_behind(&world, 40), HEXAGENT_STATE_DISPATCHED);
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(at_ready_sends_all_that_fits_at_once),
      WORLD_TEST(a_window_keeps_calls_until_the_worker_runs_dry),
      WORLD_TEST(the_window_is_wider_by_the_configured_work),
      WORLD_TEST(small_calls_are_sent_together_up_to_the_token_window),
      WORLD_TEST(a_short_call_goes_beside_a_long_one),
      WORLD_TEST(no_short_call_slips_in_before_a_long_one_that_waits),
      WORLD_TEST(a_short_call_goes_in_turn_where_the_backlog_is_long),
      WORLD_TEST(patience_does_not_count_what_the_backlog_makes_all_wait),
      WORLD_TEST(a_window_widens_with_the_time_a_call_has_waited),
      WORLD_TEST(the_more_urgent_call_goes_first_when_a_window_opens),
      WORLD_TEST(in_short_queues_a_call_that_will_be_late_goes_first),
      WORLD_TEST(in_long_queues_nothing_is_projected),
      WORLD_TEST(in_long_queues_a_call_waits_on_for_what_it_chose),
      WORLD_TEST(a_call_that_waits_goes_to_a_better_worker_that_comes_free),
      WORLD_TEST(at_ready_a_call_that_does_not_fit_is_passed),
      WORLD_TEST(at_ready_not_more_than_sixteen_misfits_are_passed),
      WORLD_TEST(a_plan_waits_for_the_replan_delay),
      WORLD_TEST(a_queue_whose_order_has_aged_gets_new_keys),
      WORLD_TEST(an_order_that_does_not_age_never_reprioritises),
      WORLD_TEST(a_started_call_keeps_its_place),
      WORLD_TEST(calls_without_a_worker_do_not_hold_up_another_model),
  };
  return cmocka_run_group_tests_name("planner", tests, nullptr, nullptr);
}
