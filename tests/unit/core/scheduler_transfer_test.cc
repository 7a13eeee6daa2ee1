// Transfers that endpoints move: urgency and its changes, failures that keep the prefill, and KV
// that stays reserved until both ends have quiesced.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole core

// Prefill workers 1, 2 and decode workers 11, 12, all with endpoints.
World& endpoints(void** state, const char* policy = "default") {
  World& world = open_world(state, test_settings(policy));
  for (uint32_t id : {1u, 2u, 11u, 12u}) {
    hexagent_worker worker =
        test_worker(id, id < 10 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE);
    worker.flags = HEXAGENT_WORKER_ENDPOINT;
    world.set_worker(worker);
  }
  return world;
}

// Call (1, 1) is in transfer; the decision that began it.
hexagent_decision in_transfer(World* world) {
  world->begin(1);
  world->submit(1, 1);
  world->report(1, 1, HEXAGENT_PHASE_PREFILL);
  return world->only(HEXAGENT_DECISION_TRANSFER, 1, 1);
}

uint64_t reserved(const World& world, uint32_t worker) {
  return world.worker(worker).kv_reserved_tokens;
}

uint32_t failed(World* world) {
  return static_cast<uint32_t>(
      world->report(1, 1, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_FAILED));
}

// ---- urgency ----

void a_transfer_tells_risk_and_no_deadline_where_there_is_none(void** state) {
  World& world = endpoints(state);
  const hexagent_decision transfer = in_transfer(&world);
  assert_int_equal(transfer.kind, HEXAGENT_DECISION_TRANSFER);
  assert_true(transfer.risk_milli >= 1000);
  assert_int_equal(transfer.deadline_ns, 0);
}

void a_transfer_tells_the_latest_end_that_meets_the_deadline(void** state) {
  World& world = endpoints(state);
  hexagent_workflow record = {};
  record.workflow = 1;
  record.deadline_ns = 10 * kSecond;
  world.begin(record);
  world.submit(1, 1);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  const hexagent_decision transfer = world.only(HEXAGENT_DECISION_TRANSFER, 1, 1);
  // 100 tokens at 10 ms each follow the transfer; the plan adds half a round trip.
  assert_true(transfer.deadline_ns < 11 * kSecond - 1000 * kMs);
  assert_true(transfer.deadline_ns > 11 * kSecond - 1100 * kMs);
  assert_true(transfer.risk_milli < 1000);
}

void transfers_without_an_endpoint_tell_nothing_new(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 1);
  const hexagent_decision transfer = in_transfer(&world);
  assert_int_equal(transfer.kind, HEXAGENT_DECISION_TRANSFER);
  assert_int_equal(transfer.risk_milli, 0);
  assert_int_equal(transfer.deadline_ns, 0);
  world.pass(100 * kSecond);
  world.heartbeat(1, 0);
  assert_int_equal(world.count(HEXAGENT_DECISION_REPRIORITISE), 0);
}

void a_risk_that_rises_by_a_quarter_is_told_to_the_source(void** state) {
  World& world = endpoints(state);
  const hexagent_decision transfer = in_transfer(&world);
  world.pass(100 * kMs);
  world.heartbeat(1, 0);  // anything that makes the planner run
  assert_int_equal(world.count(HEXAGENT_DECISION_REPRIORITISE), 0);
  world.pass(kSecond);
  world.heartbeat(1, 0);
  const hexagent_decision told = world.only(HEXAGENT_DECISION_REPRIORITISE, 1, 1);
  assert_int_equal(told.worker, transfer.worker);
  assert_int_equal(told.peer_worker, transfer.peer_worker);
  assert_int_equal(told.attempt, 1);
  assert_true(told.risk_milli > transfer.risk_milli * 5 / 4);
  assert_true(told.order_key < transfer.order_key);
}

void changes_of_risk_are_few_however_long_a_transfer_takes(void** state) {
  World& world = endpoints(state);
  in_transfer(&world);
  uint32_t told = 0;
  for (int i = 0; i < 1000; ++i) {
    world.pass(100 * kMs);
    world.heartbeat(1, 0);
    told += world.count(HEXAGENT_DECISION_REPRIORITISE);
  }
  assert_in_range(told, 5, 25);  // by a quarter each, up to some ninety times the horizon
  assert_int_equal(world.stats().transfers_reprioritised, told);
}

void a_transfer_that_is_over_is_told_nothing_more(void** state) {
  World& world = endpoints(state);
  in_transfer(&world);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  world.pass(100 * kSecond);
  world.heartbeat(1, 0);
  assert_int_equal(world.count(HEXAGENT_DECISION_REPRIORITISE), 0);
}

// ---- failures ----

void a_failed_transfer_goes_to_another_decode_worker_without_a_prefill(void** state) {
  World& world = endpoints(state);
  const hexagent_decision first = in_transfer(&world);
  assert_int_equal(failed(&world), HEXAGENT_OK);
  assert_int_equal(world.only(HEXAGENT_DECISION_ABORT, 1, 1).worker, first.peer_worker);
  assert_int_equal(world.only(HEXAGENT_DECISION_ABORT, 1, 1).attempt, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_PREFILL), 0);
  const hexagent_decision second = world.only(HEXAGENT_DECISION_TRANSFER, 1, 1);
  assert_int_equal(second.worker, first.worker);
  assert_true(second.peer_worker != first.peer_worker && second.peer_worker != 0);
  assert_int_equal(second.attempt, 2);
}

void the_same_decode_worker_has_to_do_where_there_is_no_other(void** state) {
  for (const char* policy :
       {"default", "hexagent", "fcfs", "dynamo", "fcfs/round-robin/at_ready"}) {
    World& world = endpoints(state, policy);
    world.lose(12);
    in_transfer(&world);
    failed(&world);
    assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 1).peer_worker, 11);
  }
}

void retries_of_transfers_end_as_others_do(void** state) {
  World& world = endpoints(state);
  in_transfer(&world);
  failed(&world);
  failed(&world);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 1).attempt, 3);
  failed(&world);
  assert_int_equal(world.only(HEXAGENT_DECISION_CALL_DONE, 1, 1).status, HEXAGENT_E_CALL_FAILED);
  assert_int_equal(world.stats().transfers_failed, 2);
  assert_int_equal(world.stats().calls_retried, 2);
}

void late_reports_of_the_failed_attempt_are_stale(void** state) {
  World& world = endpoints(state);
  in_transfer(&world);
  failed(&world);
  hexagent_report late = {};
  late.workflow = late.call = 1;
  late.phase = HEXAGENT_PHASE_TRANSFER;
  late.outcome = HEXAGENT_OUTCOME_DONE;
  late.attempt = 1;
  assert_int_equal(world.report(late), HEXAGENT_E_STALE);
  late.attempt = 2;
  assert_int_equal(world.report(late), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODE_QUEUED);
}

void a_lost_decode_worker_leaves_the_prefill_where_it_is(void** state) {
  World& world = endpoints(state);
  const hexagent_decision first = in_transfer(&world);
  world.lose(first.peer_worker);
  assert_int_equal(world.count(HEXAGENT_DECISION_PREFILL), 0);
  assert_int_equal(world.count(HEXAGENT_DECISION_ABORT), 0);
  const hexagent_decision second = world.only(HEXAGENT_DECISION_TRANSFER, 1, 1);
  assert_int_equal(second.worker, first.worker);
  assert_int_equal(second.attempt, 2);
}

void a_lost_source_means_prefilling_again(void** state) {
  World& world = endpoints(state);
  const hexagent_decision first = in_transfer(&world);
  world.lose(first.worker);
  const hexagent_decision again = world.only(HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_true(again.worker != first.worker && again.worker != 0);
}

void without_a_decode_worker_left_the_call_waits_from_the_start(void** state) {
  World& world = endpoints(state);
  world.lose(12);
  in_transfer(&world);
  world.lose(11);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);
}

void an_engine_that_binds_late_keeps_its_kv_without_an_endpoint(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 2, HEXAGENT_BINDING_PREFILL_END);
  const hexagent_decision first = in_transfer(&world);
  failed(&world);
  const hexagent_decision second = world.only(HEXAGENT_DECISION_TRANSFER, 1, 1);
  assert_true(second.peer_worker != first.peer_worker && second.peer_worker != 0);
  assert_int_equal(reserved(world, first.peer_worker), 0);
}

void an_engine_bound_at_the_start_prefills_again_without_an_endpoint(void** state) {
  World& world = open_world(state);
  world.add_workers(2, 2);
  in_transfer(&world);
  failed(&world);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).attempt, 2);
}

void a_list_with_the_attempt_of_the_prefill_is_no_loss(void** state) {
  World& world = endpoints(state);
  const uint32_t source = in_transfer(&world).worker;
  failed(&world);
  world.resync(source, 0, {1, 1, 1});
  assert_int_equal(world.count(HEXAGENT_DECISION_ABORT), 0);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_TRANSFERRING);
}

// ---- quiescence ----

void kv_of_a_cancelled_transfer_stays_until_both_ends_have_quiesced(void** state) {
  World& world = endpoints(state);
  const hexagent_decision transfer = in_transfer(&world);
  const uint64_t source = reserved(world, transfer.worker);
  const uint64_t target = reserved(world, transfer.peer_worker);
  world.cancel(1, 1);
  assert_int_equal(reserved(world, transfer.worker), source);
  assert_int_equal(reserved(world, transfer.peer_worker), target);
  assert_int_equal(world.stats().kv_held_tokens, source + target);
  assert_int_equal(world.quiesced(1, 1, transfer.peer_worker, 1), HEXAGENT_OK);
  assert_int_equal(reserved(world, transfer.peer_worker), 0);
  assert_int_equal(reserved(world, transfer.worker), source);
  assert_int_equal(world.quiesced(1, 1, transfer.worker, 1), HEXAGENT_OK);
  assert_true(world.is_empty());
}

void the_end_of_the_workflow_frees_nothing_early(void** state) {
  World& world = endpoints(state);
  const hexagent_decision transfer = in_transfer(&world);
  world.cancel_workflow(1);
  assert_int_equal(world.count(HEXAGENT_DECISION_WORKFLOW_DONE), 1);
  assert_true(reserved(world, transfer.peer_worker) > 0);
  assert_int_equal(world.quiesced(1, 1, transfer.peer_worker, 1), HEXAGENT_OK);
  assert_int_equal(world.quiesced(1, 1, transfer.worker, 1), HEXAGENT_OK);
  assert_true(world.is_empty());
  assert_int_equal(world.quiesced(1, 1, transfer.worker, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
}

void a_failed_target_is_held_while_the_call_goes_on_elsewhere(void** state) {
  World& world = endpoints(state);
  const hexagent_decision first = in_transfer(&world);
  failed(&world);
  assert_true(reserved(world, first.peer_worker) > 0);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  // Done by the second; the first may still be reading.
  assert_true(reserved(world, first.worker) > 0);
  world.quiesced(1, 1, first.worker, 1);
  assert_int_equal(reserved(world, first.worker), 0);
  world.quiesced(1, 1, first.peer_worker, 1);
  assert_int_equal(reserved(world, first.peer_worker), 0);
}

void a_source_that_quiesced_before_the_next_transfer_ends_holds_nothing(void** state) {
  World& world = endpoints(state);
  const hexagent_decision first = in_transfer(&world);
  failed(&world);
  assert_int_equal(world.quiesced(1, 1, first.worker, 1), HEXAGENT_OK);
  assert_true(reserved(world, first.worker) > 0);  // the call's
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  assert_int_equal(reserved(world, first.worker), 0);
}

void two_failed_attempts_both_hold_the_source(void** state) {
  World& world = endpoints(state);
  const hexagent_decision first = in_transfer(&world);
  failed(&world);
  failed(&world);
  world.cancel(1, 1);
  for (uint32_t attempt = 1; attempt <= 3; ++attempt) {
    assert_true(reserved(world, first.worker) > 0);
    assert_int_equal(world.quiesced(1, 1, first.worker, attempt), HEXAGENT_OK);
  }
  assert_int_equal(reserved(world, first.worker), 0);
}

void without_an_endpoint_kv_is_free_at_once(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 1);
  in_transfer(&world);
  world.cancel(1, 1);
  assert_true(world.is_empty());
  assert_int_equal(world.quiesced(1, 1, 11), HEXAGENT_E_DUPLICATE);
}

void a_new_life_of_the_worker_ends_what_it_held(void** state) {
  World& world = endpoints(state);
  const hexagent_decision transfer = in_transfer(&world);
  world.cancel(1, 1);
  hexagent_worker restarted = test_worker(transfer.peer_worker, HEXAGENT_ROLE_DECODE);
  restarted.incarnation = 2;
  restarted.flags = HEXAGENT_WORKER_ENDPOINT;
  world.set_worker(restarted);
  assert_int_equal(reserved(world, transfer.peer_worker), 0);
  assert_true(reserved(world, transfer.worker) > 0);
}

void silence_ends_after_the_time_out_and_is_counted(void** state) {
  World& world = endpoints(state);
  in_transfer(&world);
  world.cancel_workflow(1);
  assert_true(world.scheduler().next_timer() == world.now() + 30 * kSecond);
  world.pass(30 * kSecond - 1);
  assert_int_equal(world.stats().kv_quiesce_timeouts, 0);
  world.pass(1);
  assert_true(world.is_empty());
  assert_int_equal(world.stats().kv_quiesce_timeouts, 2);
}

void a_call_waits_for_kv_that_is_held(void** state) {
  World& world = endpoints(state);
  world.lose(12);
  world.lose(2);
  world.begin(1);
  world.submit(test_call(1, 1, 9000));
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  world.cancel(1, 1);
  world.begin(2);
  world.submit(test_call(2, 1, 9000));
  assert_int_equal(world.count(HEXAGENT_DECISION_PREFILL), 0);
  world.quiesced(1, 1, 1);
  assert_int_equal(world.count(HEXAGENT_DECISION_PREFILL), 0);
  world.quiesced(1, 1, 11);
  assert_int_equal(world.count(HEXAGENT_DECISION_PREFILL), 1);
}

void quiesced_at_a_wrong_moment_is_refused_and_changes_nothing(void** state) {
  World& world = endpoints(state);
  const hexagent_decision transfer = in_transfer(&world);
  const uint32_t target = transfer.peer_worker;
  const uint32_t other = target == 11 ? 12 : 11;
  assert_int_equal(world.quiesced(1, 1, target, 1), HEXAGENT_E_ORDER);
  assert_int_equal(world.quiesced(1, 1, other, 1), HEXAGENT_E_STALE);
  assert_int_equal(world.quiesced(1, 1, target, 2), HEXAGENT_E_STALE);
  assert_int_equal(world.quiesced(1, 1, 77, 1), HEXAGENT_E_UNKNOWN_WORKER);
  assert_int_equal(world.quiesced(9, 1, target, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
  assert_int_equal(world.quiesced(1, 9, target, 1), HEXAGENT_E_UNKNOWN_CALL);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_TRANSFERRING);
  world.cancel(1, 1);
  assert_int_equal(world.quiesced(1, 1, target, 7), HEXAGENT_E_STALE);
  assert_int_equal(world.quiesced(1, 1, target, 1), HEXAGENT_OK);
  assert_int_equal(world.quiesced(1, 1, target, 1), HEXAGENT_E_DUPLICATE);
  assert_true(reserved(world, transfer.worker) > 0);
}

void quiesced_after_done_is_a_duplicate(void** state) {
  World& world = endpoints(state);
  const hexagent_decision transfer = in_transfer(&world);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  assert_int_equal(world.quiesced(1, 1, transfer.worker, 1), HEXAGENT_E_DUPLICATE);
  assert_true(reserved(world, transfer.peer_worker) > 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_transfer_tells_risk_and_no_deadline_where_there_is_none),
      WORLD_TEST(a_transfer_tells_the_latest_end_that_meets_the_deadline),
      WORLD_TEST(transfers_without_an_endpoint_tell_nothing_new),
      WORLD_TEST(a_risk_that_rises_by_a_quarter_is_told_to_the_source),
      WORLD_TEST(changes_of_risk_are_few_however_long_a_transfer_takes),
      WORLD_TEST(a_transfer_that_is_over_is_told_nothing_more),
      WORLD_TEST(a_failed_transfer_goes_to_another_decode_worker_without_a_prefill),
      WORLD_TEST(the_same_decode_worker_has_to_do_where_there_is_no_other),
      WORLD_TEST(retries_of_transfers_end_as_others_do),
      WORLD_TEST(late_reports_of_the_failed_attempt_are_stale),
      WORLD_TEST(a_lost_decode_worker_leaves_the_prefill_where_it_is),
      WORLD_TEST(a_lost_source_means_prefilling_again),
      WORLD_TEST(without_a_decode_worker_left_the_call_waits_from_the_start),
      WORLD_TEST(an_engine_that_binds_late_keeps_its_kv_without_an_endpoint),
      WORLD_TEST(an_engine_bound_at_the_start_prefills_again_without_an_endpoint),
      WORLD_TEST(a_list_with_the_attempt_of_the_prefill_is_no_loss),
      WORLD_TEST(kv_of_a_cancelled_transfer_stays_until_both_ends_have_quiesced),
      WORLD_TEST(the_end_of_the_workflow_frees_nothing_early),
      WORLD_TEST(a_failed_target_is_held_while_the_call_goes_on_elsewhere),
      WORLD_TEST(a_source_that_quiesced_before_the_next_transfer_ends_holds_nothing),
      WORLD_TEST(two_failed_attempts_both_hold_the_source),
      WORLD_TEST(without_an_endpoint_kv_is_free_at_once),
      WORLD_TEST(a_new_life_of_the_worker_ends_what_it_held),
      WORLD_TEST(silence_ends_after_the_time_out_and_is_counted),
      WORLD_TEST(a_call_waits_for_kv_that_is_held),
      WORLD_TEST(quiesced_at_a_wrong_moment_is_refused_and_changes_nothing),
      WORLD_TEST(quiesced_after_done_is_a_duplicate),
  };
  return cmocka_run_group_tests_name("scheduler transfers", tests, nullptr, nullptr);
}
