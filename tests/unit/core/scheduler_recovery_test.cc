// Lost workers, failures and cancellation in every state a call can be in: who is told, what is
// given back, where the call goes next. The common cases as an embedder sees them are in
// tests/abi/recovery_test.c.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

constexpr int32_t kStates[] = {HEXAGENT_STATE_DISPATCHED,    HEXAGENT_STATE_PREFILLING,
                               HEXAGENT_STATE_PREFILLED,     HEXAGENT_STATE_TRANSFERRING,
                               HEXAGENT_STATE_DECODE_QUEUED, HEXAGENT_STATE_DECODING};

struct Sent {
  World* world;
  uint32_t prefill;
  uint32_t decode;
};

// Call 1 of workflow 1 in this state, on a cluster of two prefill and two decode workers. Call 2
// waits for it, call 3 for that.
Sent bring_one_to(void** state, int32_t wanted, uint32_t binding,
                  const Settings& settings = test_settings()) {
  World& world = open_world(state, settings);
  world.add_workers(2, 2, binding);
  world.begin(1);
  world.submit(1, 1);
  const hexagent_decision sent = world.only(HEXAGENT_DECISION_PREFILL, 1, 1);
  world.submit(1, 2, {1});
  world.submit(1, 3, {2});
  if (wanted == HEXAGENT_STATE_PREFILLED) {  // a state that lasts only while no KV is free
    world.heartbeat(11, 16000);
    world.heartbeat(12, 16000);
  }
  world.bring_to(1, 1, wanted);
  return {&world, sent.worker, sent.peer_worker};
}

bool can_be_prefilled(uint32_t binding) { return binding == HEXAGENT_BINDING_PREFILL_END; }

// In which states is a call still on its prefill worker, and in which does the decode engine know
// of it?
bool on_prefill(int32_t state) { return state <= HEXAGENT_STATE_TRANSFERRING; }
bool on_decode(int32_t state) { return state >= HEXAGENT_STATE_TRANSFERRING; }

void expect_cancelled(const Sent& sent, int32_t from) {
  const World& world = *sent.world;
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_CANCELLED);
  assert_int_equal(world.only(HEXAGENT_DECISION_CALL_DONE, 1, 1).status, HEXAGENT_E_CANCELLED);
  assert_int_equal(world.count(HEXAGENT_DECISION_ABORT),
                   (on_prefill(from) ? 1 : 0) + (on_decode(from) ? 1 : 0));
  assert_true(world.is_empty());
}

void cancelling_in_any_state_withdraws_and_gives_everything_back(void** state) {
  for (uint32_t binding : {HEXAGENT_BINDING_PREFILL_START, HEXAGENT_BINDING_PREFILL_END}) {
    for (int32_t from : kStates) {
      if (from == HEXAGENT_STATE_PREFILLED && !can_be_prefilled(binding)) continue;
      const Sent sent = bring_one_to(state, from, binding);
      assert_int_equal(sent.world->state(1, 1), from);
      assert_int_equal(sent.world->cancel(1, 1), HEXAGENT_OK);
      expect_cancelled(sent, from);
      assert_null(sent.world->broken());
    }
  }
}

void cancelling_cascades_through_all_that_waits(void** state) {
  const Sent sent = bring_one_to(state, HEXAGENT_STATE_PREFILLING, HEXAGENT_BINDING_PREFILL_START);
  World& world = *sent.world;
  world.submit(test_call(1, 4), {1, 3});  // a join that hangs on both ways
  world.submit(1, 5);                     // hangs on nothing
  world.cancel(1, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_CALL_DONE), 4);
  for (uint64_t call : {2u, 3u, 4u}) {
    assert_int_equal(world.state(1, call), HEXAGENT_STATE_CANCELLED);
    assert_int_equal(world.only(HEXAGENT_DECISION_CALL_DONE, 1, call).status,
                     HEXAGENT_E_DEAD_DEPENDENCY);
  }
  assert_int_equal(world.state(1, 5), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.submit(test_call(1, 6), {2}), HEXAGENT_E_DEAD_DEPENDENCY);
  assert_int_equal(world.field(), HEXAGENT_FIELD_DEPS);
}

void a_call_of_a_lost_prefill_worker_goes_elsewhere(void** state) {
  for (uint32_t binding : {HEXAGENT_BINDING_PREFILL_START, HEXAGENT_BINDING_PREFILL_END}) {
    for (int32_t from : kStates) {
      if (!on_prefill(from)) continue;
      if (from == HEXAGENT_STATE_PREFILLED && !can_be_prefilled(binding)) continue;
      const Sent sent = bring_one_to(state, from, binding);
      sent.world->lose(sent.prefill);
      sent.world->heartbeat(11, 0);  // its cost is one more plan, also where nothing was full
      assert_int_equal(sent.world->state(1, 1), HEXAGENT_STATE_DISPATCHED);
      sent.world->bring_to(1, 1, HEXAGENT_STATE_PREFILLED);
      assert_int_equal(sent.world->worker(3 - sent.prefill).prefill_outstanding, 0);
      assert_int_equal(sent.world->worker(sent.prefill).kv_reserved_tokens, 0);
      assert_int_equal(sent.world->stats().calls_retried, 1);
      assert_null(sent.world->broken());
    }
  }
}

void what_the_prefill_worker_is_done_with_outlives_it(void** state) {
  for (int32_t from : {HEXAGENT_STATE_DECODE_QUEUED, HEXAGENT_STATE_DECODING}) {
    const Sent sent = bring_one_to(state, from, HEXAGENT_BINDING_PREFILL_START);
    sent.world->lose(sent.prefill);
    assert_int_equal(sent.world->state(1, 1), from);
    assert_int_equal(sent.world->stats().calls_retried, 0);
    assert_int_equal(sent.world->report(1, 1, HEXAGENT_PHASE_DECODE), HEXAGENT_OK);
    assert_int_equal(sent.world->state(1, 1), HEXAGENT_STATE_DONE);
    assert_null(sent.world->broken());
  }
}

void a_call_of_a_lost_decode_worker_is_withdrawn_where_it_still_is(void** state) {
  for (int32_t from : kStates) {
    if (from == HEXAGENT_STATE_PREFILLED) continue;
    const Sent sent = bring_one_to(state, from, HEXAGENT_BINDING_PREFILL_START);
    sent.world->lose(sent.decode);
    // The lost worker needs no ABORT; the prefill worker does while it has the call.
    const hexagent_decision abort = sent.world->only(HEXAGENT_DECISION_ABORT, 1, 1);
    assert_int_equal(abort.worker, on_prefill(from) ? sent.prefill : 0);
    assert_int_equal(abort.attempt, on_prefill(from) ? 1 : 0);
    const hexagent_decision again = sent.world->only(HEXAGENT_DECISION_PREFILL, 1, 1);
    assert_int_equal(again.attempt, 2);
    assert_int_equal(again.peer_worker, 23 - sent.decode);
    assert_null(sent.world->broken());
  }
}

void a_retry_avoids_the_worker_that_failed_while_there_is_another(void** state) {
  const Sent sent = bring_one_to(state, HEXAGENT_STATE_PREFILLING, HEXAGENT_BINDING_PREFILL_START);
  World& world = *sent.world;
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_FAILED);
  assert_int_equal(world.only(HEXAGENT_DECISION_ABORT, 1, 1).worker, sent.prefill);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).worker, 3 - sent.prefill);
  // The other one is lost: better there again than nowhere.
  world.lose(3 - sent.prefill);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).worker, sent.prefill);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).attempt, 3);
}

void a_call_without_a_worker_waits_for_one_to_come_back(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 1);
  world.begin(1);
  world.submit(1, 1);
  world.lose(1);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);
  hexagent_worker back = test_worker(1, HEXAGENT_ROLE_PREFILL);
  back.incarnation = 2;
  world.set_worker(back);
  const hexagent_decision again = world.only(HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_int_equal(again.worker, 1);
  assert_int_equal(again.incarnation, 2);
}

void a_worker_that_restarts_loses_only_its_own_calls(void** state) {
  World& world = open_world(state, test_settings(kAtOnce));
  world.add_workers(2, 2);
  world.begin(1);
  world.submit(1, 1);
  const uint32_t first = world.only(HEXAGENT_DECISION_PREFILL, 1, 1).worker;
  world.submit(1, 2);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 2).worker, 3 - first);
  hexagent_worker restarted = test_worker(first, HEXAGENT_ROLE_PREFILL);
  restarted.incarnation = 2;
  world.set_worker(restarted);
  assert_int_equal(world.stats().calls_retried, 1);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).attempt, 2);
  assert_int_equal(world.count(HEXAGENT_DECISION_ABORT), 0);
}

// What a lost worker held is gone: a child of its call cannot expect a hit there.
void a_lost_worker_has_forgotten_what_it_held(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 1);
  world.begin(1);
  world.submit(1, 1);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  hexagent_worker restarted = test_worker(1, HEXAGENT_ROLE_PREFILL);
  restarted.incarnation = 2;
  world.set_worker(restarted);
  hexagent_prefix prefix = {};
  prefix.call = 1;
  prefix.tokens = 1000;
  world.submit(test_call(1, 2, 1500), {1}, {prefix});
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 2).cached_tokens, 0);
}

void retries_run_out(void** state) {
  Settings settings = test_settings();
  settings.retry_max = 1;
  const Sent sent =
      bring_one_to(state, HEXAGENT_STATE_DISPATCHED, HEXAGENT_BINDING_PREFILL_START, settings);
  World& world = *sent.world;
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_FAILED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_FAILED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_FAILED);
  assert_int_equal(world.only(HEXAGENT_DECISION_CALL_DONE, 1, 1).status, HEXAGENT_E_CALL_FAILED);
  assert_int_equal(world.only(HEXAGENT_DECISION_CALL_DONE, 1, 2).status,
                   HEXAGENT_E_DEAD_DEPENDENCY);
  assert_int_equal(world.stats().calls_retried, 1);
  assert_int_equal(world.stats().calls_failed, 3);
  assert_true(world.is_empty());
}

void the_answer_to_an_abort_is_taken_without_a_word(void** state) {
  const Sent sent = bring_one_to(state, HEXAGENT_STATE_PREFILLING, HEXAGENT_BINDING_PREFILL_START);
  sent.world->cancel(1, 1);
  hexagent_report aborted = {};
  aborted.workflow = 1;
  aborted.call = 1;
  aborted.phase = HEXAGENT_PHASE_PREFILL;
  aborted.outcome = HEXAGENT_OUTCOME_ABORTED;
  aborted.attempt = 1;
  assert_int_equal(sent.world->report(aborted), HEXAGENT_OK);
  assert_int_equal(sent.world->latest().size(), 0);
}

void a_dropped_call_that_nobody_withdrew_is_planned_again(void** state) {
  const Sent sent = bring_one_to(state, HEXAGENT_STATE_DECODING, HEXAGENT_BINDING_PREFILL_START);
  sent.world->report(1, 1, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_ABORTED);
  assert_int_equal(sent.world->state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(sent.world->stats().calls_retried, 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(cancelling_in_any_state_withdraws_and_gives_everything_back),
      WORLD_TEST(cancelling_cascades_through_all_that_waits),
      WORLD_TEST(a_call_of_a_lost_prefill_worker_goes_elsewhere),
      WORLD_TEST(what_the_prefill_worker_is_done_with_outlives_it),
      WORLD_TEST(a_call_of_a_lost_decode_worker_is_withdrawn_where_it_still_is),
      WORLD_TEST(a_retry_avoids_the_worker_that_failed_while_there_is_another),
      WORLD_TEST(a_call_without_a_worker_waits_for_one_to_come_back),
      WORLD_TEST(a_worker_that_restarts_loses_only_its_own_calls),
      WORLD_TEST(a_lost_worker_has_forgotten_what_it_held),
      WORLD_TEST(retries_run_out),
      WORLD_TEST(the_answer_to_an_abort_is_taken_without_a_word),
      WORLD_TEST(a_dropped_call_that_nobody_withdrew_is_planned_again),
  };
  return cmocka_run_group_tests_name("scheduler recovery", tests, nullptr, nullptr);
}
