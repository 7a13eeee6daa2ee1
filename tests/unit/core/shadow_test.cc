// Shadow mode: nothing is sent, calls live where the router put them, and regret adds up.
#include "core/shadow.h"

#include <cmath>

#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

World& open(void** state) {
  Settings settings = test_settings();
  settings.shadow = 1;
  World& world = open_world(state, settings);
  world.add_workers(2, 2);
  return world;
}

hexagent_status place(World* world, uint64_t workflow, uint32_t prefill, uint32_t decode) {
  hexagent_report report = {};
  report.workflow = workflow;
  report.call = 1;
  report.outcome = HEXAGENT_OUTCOME_PLACED;
  if (decode != 0) {
    report.phase = HEXAGENT_PHASE_DECODE;
    report.worker = decode;
    const hexagent_status status = world->report(report);
    if (status != HEXAGENT_OK) return status;
  }
  report.phase = HEXAGENT_PHASE_PREFILL;
  report.worker = prefill;
  return world->report(report);
}

void reveal(World* world, uint64_t workflow) {
  world->begin(workflow);
  world->submit(workflow, 1);
}

void done(World* world, uint64_t workflow, uint32_t phase, uint32_t worker = 0) {
  hexagent_report report = {};
  report.workflow = workflow;
  report.call = 1;
  report.phase = phase;
  report.outcome = HEXAGENT_OUTCOME_DONE;
  report.worker = worker;
  if (phase == HEXAGENT_PHASE_DECODE) report.tokens = 100;
  world->report(report);
}

hexagent_shadow_info totals(const World& world) {
  hexagent_shadow_info info = {};
  world.scheduler().shadow_query(&info);
  return info;
}

uint32_t orders(const World& world) {
  return world.count(HEXAGENT_DECISION_PREFILL) + world.count(HEXAGENT_DECISION_LOCAL) +
         world.count(HEXAGENT_DECISION_TRANSFER) + world.count(HEXAGENT_DECISION_DECODE) +
         world.count(HEXAGENT_DECISION_REPRIORITISE) + world.count(HEXAGENT_DECISION_ABORT);
}

void a_call_is_followed_to_its_end_and_nothing_is_sent(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  assert_int_equal(orders(world), 0);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);
  assert_int_equal(place(&world, 1, 2, 12), HEXAGENT_OK);
  assert_int_equal(orders(world), 0);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.worker(2).prefill_outstanding, 1);
  assert_int_equal(world.worker(12).decode_outstanding, 1);
  for (uint32_t phase = HEXAGENT_PHASE_PREFILL; phase <= HEXAGENT_PHASE_DECODE; ++phase) {
    world.pass(100 * kMs);
    done(&world, 1, phase);
    assert_int_equal(orders(world), 0);
  }
  assert_int_equal(world.count(HEXAGENT_DECISION_CALL_DONE), 1);
  assert_true(world.is_empty());
  world.end(1);
  assert_int_equal(world.stats().workflows_done, 1);
}

void regret_is_what_the_router_gave_away(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  place(&world, 1, 1, 11);  // both workers are equal: nothing to regret
  assert_true(std::fabs(totals(world).theirs_predicted_s - totals(world).ours_predicted_s) < 1e-9);
  reveal(&world, 2);
  place(&world, 2, 1, 11);  // behind the first, though the second worker is idle
  const hexagent_shadow_info info = totals(world);
  assert_int_equal(info.calls_placed, 2);
  const double regret_s = info.theirs_predicted_s - info.ours_predicted_s;
  assert_true(regret_s > 0.02 && regret_s < 0.2);
  assert_true(std::fabs(info.regret_max_s - regret_s) < 1e-9);
  assert_true(info.regret_p99_s >= regret_s && info.regret_p99_s < 1.2 * regret_s);
  assert_true(info.regret_p50_s == 0.0);
}

void agreement_is_counted(void** state) {
  World& world = open(state);
  hexagent_placement ours = {};
  reveal(&world, 1);
  const hexagent_call call = test_call(1, 1);
  assert_int_equal(world.scheduler().placement_query(call, nullptr, &ours, 1), 1);
  place(&world, 1, ours.prefill_worker, ours.decode_worker);
  reveal(&world, 2);
  place(&world, 2, ours.prefill_worker, ours.decode_worker);
  assert_int_equal(totals(world).calls_placed, 2);
  assert_int_equal(totals(world).calls_agreed, 1);
}

void what_was_realised_is_set_against_what_was_predicted(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  place(&world, 1, 1, 11);
  const double predicted_s = totals(world).theirs_predicted_s;
  world.pass(3 * kSecond);
  done(&world, 1, HEXAGENT_PHASE_DECODE);
  const hexagent_shadow_info info = totals(world);
  assert_int_equal(info.calls_finished, 1);
  assert_true(std::fabs(info.finished_realised_s - 3.0) < 1e-9);
  assert_true(std::fabs(info.finished_error_s - (3.0 - predicted_s)) < 1e-9);
}

void the_first_report_that_names_a_worker_places_a_call(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  hexagent_report report = {};
  report.workflow = 1;
  report.call = 1;
  report.phase = HEXAGENT_PHASE_PREFILL;
  report.outcome = HEXAGENT_OUTCOME_STARTED;
  report.worker = 2;
  assert_int_equal(world.report(report), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_PREFILLING);
  assert_int_equal(totals(world).calls_placed, 1);
  done(&world, 1, HEXAGENT_PHASE_PREFILL, 2);
  const uint32_t before = world.worker(11).decode_outstanding != 0 ? 11 : 12;
  const uint32_t other = before == 11 ? 12 : 11;
  done(&world, 1, HEXAGENT_PHASE_TRANSFER, other);  // not where it was supposed to decode
  assert_int_equal(world.worker(other).decode_outstanding, 1);
  assert_int_equal(world.worker(before).decode_outstanding, 0);
  done(&world, 1, HEXAGENT_PHASE_DECODE, other);
  assert_true(world.is_empty());
}

void a_router_may_promise_more_kv_than_there_is(void** state) {
  World& world = open(state);
  for (uint64_t id = 1; id <= 20; ++id) {  // 1000 tokens each, 16000 there are
    reveal(&world, id);
    assert_int_equal(place(&world, id, 1, 11), HEXAGENT_OK);
  }
  assert_int_equal(world.worker(1).kv_reserved_tokens, 16000);
  for (uint64_t id = 1; id <= 20; ++id) {
    for (uint32_t phase = HEXAGENT_PHASE_PREFILL; phase <= HEXAGENT_PHASE_DECODE; ++phase) {
      done(&world, id, phase);
    }
  }
  assert_int_equal(world.stats().calls_done, 20);
  assert_true(world.is_empty());
}

void a_lost_worker_and_a_cancellation_send_no_abort(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  place(&world, 1, 1, 11);
  world.lose(1);
  assert_int_equal(orders(world), 0);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);  // until it is placed again
  assert_int_equal(place(&world, 1, 2, 12), HEXAGENT_OK);
  world.cancel(1, 1);
  assert_int_equal(orders(world), 0);
  assert_true(world.is_empty());
}

// What the worker lacks waits to be placed again, and it is not told of what it should not have. A
// list that is older than the placement says nothing of it.
void a_resync_follows_the_router_and_sends_no_abort(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  const uint64_t before = world.latest().back().sequence;
  place(&world, 1, 2, 12);
  assert_int_equal(world.resync(2, before, {}), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.resync(2, 0, {1, 1, 0, 77, 1, 0}), HEXAGENT_OK);  // 77 is not known
  assert_int_equal(orders(world), 0);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  const uint64_t seen = world.latest().back().sequence;
  assert_int_equal(world.resync(2, seen, {}), HEXAGENT_OK);
  assert_int_equal(orders(world), 0);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);
  assert_true(world.is_empty());
  assert_int_equal(place(&world, 1, 1, 11), HEXAGENT_OK);
  assert_int_equal(world.worker(1).prefill_outstanding, 1);
}

void placements_that_make_no_sense_are_refused(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  assert_int_equal(place(&world, 1, 77, 0), HEXAGENT_E_UNKNOWN_WORKER);
  assert_int_equal(place(&world, 1, 11, 0), HEXAGENT_E_STALE);  // does no prefill
  assert_int_equal(place(&world, 1, 1, 2), HEXAGENT_E_STALE);   // does no decode
  world.lose(2);
  assert_int_equal(place(&world, 1, 2, 0), HEXAGENT_E_STALE);
  assert_int_equal(place(&world, 1, 1, 0), HEXAGENT_OK);
  assert_int_equal(place(&world, 1, 1, 0), HEXAGENT_E_DUPLICATE);
  world.begin(2);
  hexagent_call held = test_call(2, 1);
  held.flags = HEXAGENT_CALL_HELD;
  world.submit(held);
  assert_int_equal(place(&world, 2, 1, 0), HEXAGENT_E_STATE);
}

void outside_shadow_mode_there_is_nothing_to_place_or_ask(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(1, 1);
  reveal(&world, 1);
  assert_int_equal(place(&world, 1, 1, 0), HEXAGENT_E_STATE);
  assert_int_equal(world.field(), HEXAGENT_FIELD_OUTCOME);
  hexagent_shadow_info info = {};
  assert_int_equal(world.scheduler().shadow_query(&info), HEXAGENT_E_STATE);
}

void an_explanation_tells_both_placements(void** state) {
  World& world = open(state);
  reveal(&world, 1);
  place(&world, 1, 2, 12);
  std::string text;
  assert_int_equal(world.scheduler().explain(1, 1, &text), HEXAGENT_OK);
  const bool told = text.find("\"shadow\":{\"placed_ns\":") != std::string::npos &&
                    text.find("\"regret_s\":") != std::string::npos;
  text.clear();
  text.shrink_to_fit();
  assert_true(told);
}

void quantiles_of_regret_are_right_to_a_fifth(void**) {
  RegretHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.add(0.01 * i);  // 0.01 ... 10 s
  for (const double share : {0.5, 0.9, 0.99}) {
    const double exact = 10.0 * share;
    assert_true(histogram.quantile_s(share) >= exact);
    assert_true(histogram.quantile_s(share) < 1.2 * exact);
  }
  RegretHistogram none;
  assert_true(none.quantile_s(0.99) == 0.0);
  none.add(-5.0);
  assert_true(none.quantile_s(0.99) == 0.0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_call_is_followed_to_its_end_and_nothing_is_sent),
      WORLD_TEST(regret_is_what_the_router_gave_away),
      WORLD_TEST(agreement_is_counted),
      WORLD_TEST(what_was_realised_is_set_against_what_was_predicted),
      WORLD_TEST(the_first_report_that_names_a_worker_places_a_call),
      WORLD_TEST(a_router_may_promise_more_kv_than_there_is),
      WORLD_TEST(a_lost_worker_and_a_cancellation_send_no_abort),
      WORLD_TEST(a_resync_follows_the_router_and_sends_no_abort),
      WORLD_TEST(placements_that_make_no_sense_are_refused),
      WORLD_TEST(outside_shadow_mode_there_is_nothing_to_place_or_ask),
      WORLD_TEST(an_explanation_tells_both_placements),
      cmocka_unit_test(quantiles_of_regret_are_right_to_a_fifth),
  };
  return cmocka_run_group_tests_name("shadow", tests, nullptr, nullptr);
}
