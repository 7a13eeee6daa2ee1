// What the cluster tells of itself, and configuration while running: heartbeats as foreign load,
// draining, restarts, labels, live keys.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

World& pair(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(1, 1);
  world.begin(1);
  return world;
}

void a_heartbeat_leaves_the_difference_to_our_promises_as_foreign(void** state) {
  World& world = pair(state);
  world.submit(1, 1);
  assert_int_equal(world.worker(11).kv_reserved_tokens, 1104);
  assert_int_equal(world.heartbeat(11, 5104), HEXAGENT_OK);
  assert_int_equal(world.worker(11).kv_foreign_tokens, 4000);
  assert_int_equal(world.heartbeat(11, 600), HEXAGENT_OK);  // ours are not there yet
  assert_int_equal(world.worker(11).kv_foreign_tokens, 0);
  assert_int_equal(world.heartbeat(11, 1'000'000), HEXAGENT_OK);  // more than it has
  assert_int_equal(world.worker(11).kv_foreign_tokens, 16000 - 1104);
  assert_int_equal(world.worker(11).kv_reserved_tokens, 1104);
}

void foreign_load_keeps_calls_waiting_until_it_falls(void** state) {
  World& world = pair(state);
  world.heartbeat(11, 15000);  // 1000 left, 1104 needed
  world.submit(1, 1);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);
  world.heartbeat(11, 14896);  // exactly enough
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.worker(11).kv_reserved_tokens + world.worker(11).kv_foreign_tokens, 16000);
}

void heartbeats_of_the_wrong_worker_or_incarnation_change_nothing(void** state) {
  World& world = pair(state);
  assert_int_equal(world.heartbeat(99, 5000), HEXAGENT_E_UNKNOWN_WORKER);
  assert_int_equal(world.field(), HEXAGENT_FIELD_WORKER);
  assert_int_equal(world.heartbeat(11, 5000, 7), HEXAGENT_E_STALE);
  assert_int_equal(world.field(), HEXAGENT_FIELD_INCARNATION);
  assert_int_equal(world.worker(11).kv_foreign_tokens, 0);
  world.lose(11);
  assert_int_equal(world.heartbeat(11, 5000), HEXAGENT_E_STALE);
}

void what_runs_on_a_draining_worker_finishes_there(void** state) {
  World& world = open_world(state, test_settings(kAtOnce));
  world.add_workers(2, 2);
  world.begin(1);
  world.submit(1, 1);
  const hexagent_decision first = world.only(HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_int_equal(world.drain(first.worker), HEXAGENT_OK);
  assert_int_equal(world.drain(first.peer_worker), HEXAGENT_OK);
  assert_int_equal(world.worker(first.worker).state, 2);
  for (uint64_t call : {2u, 3u}) {
    world.submit(1, call);
    const hexagent_decision sent = world.only(HEXAGENT_DECISION_PREFILL, 1, call);
    assert_int_equal(sent.worker, 3 - first.worker);
    assert_int_equal(sent.peer_worker, 23 - first.peer_worker);
  }
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DONE);
  assert_int_equal(world.stats().calls_retried, 0);
}

void a_drained_worker_serves_again_when_it_is_set_again(void** state) {
  World& world = pair(state);
  world.drain(1);
  assert_int_equal(world.submit(1, 1), HEXAGENT_E_NO_WORKER);
  assert_int_equal(world.set_worker(test_worker(1, HEXAGENT_ROLE_PREFILL)), HEXAGENT_OK);
  assert_int_equal(world.worker(1).state, 1);
  assert_int_equal(world.submit(1, 1), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
}

void both_workers_of_a_call_have_its_labels(void** state) {
  World& world = pair(state);
  hexagent_worker labelled = test_worker(2, HEXAGENT_ROLE_PREFILL);
  labelled.labels = 1;
  world.set_worker(labelled);
  hexagent_call call = test_call(1, 1);
  call.labels_required = 1;
  assert_int_equal(world.submit(call), HEXAGENT_E_NO_WORKER);  // no decode worker has it
  assert_int_equal(world.field(), HEXAGENT_FIELD_LABELS);
  hexagent_worker decode = test_worker(12, HEXAGENT_ROLE_DECODE);
  decode.labels = 3;
  world.set_worker(decode);
  assert_int_equal(world.submit(call), HEXAGENT_OK);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).worker, 2);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).peer_worker, 12);
  call.call = 2;
  call.labels_required = 0;
  call.labels_excluded = 1;
  assert_int_equal(world.submit(call), HEXAGENT_OK);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 2).worker, 1);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 2).peer_worker, 11);
}

void models_do_not_share_workers(void** state) {
  World& world = pair(state);
  world.set_profile(test_profile(kOtherModel));
  hexagent_call call = test_call(1, 1);
  call.model = kOtherModel;
  assert_int_equal(world.submit(call), HEXAGENT_E_NO_WORKER);
  assert_int_equal(world.field(), HEXAGENT_FIELD_MODEL);
  hexagent_worker other = test_worker(5, HEXAGENT_ROLE_BOTH);
  other.model = kOtherModel;
  world.set_worker(other);
  assert_int_equal(world.submit(call), HEXAGENT_OK);
  assert_int_equal(world.only(HEXAGENT_DECISION_LOCAL, 1, 1).worker, 5);
}

void a_new_policy_rules_the_calls_that_wait(void** state) {
  World& world = pair(state);
  world.heartbeat(1, 16000);
  world.submit(test_call(1, 1));
  world.pass(kMs);
  world.begin(2);
  world.submit(test_call(2, 1, 200));
  assert_int_equal(world.stats().calls_waiting, 2);
  // First come first served now; two prefills at once do not fit.
  assert_int_equal(world.configure("policy", "fcfs/own-finish/window"), HEXAGENT_OK);
  assert_int_equal(world.count(HEXAGENT_DECISION_ACCEPTED), 1);
  world.heartbeat(1, 14992);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.state(2, 1), HEXAGENT_STATE_READY);
}

void retries_are_counted_against_the_live_limit(void** state) {
  World& world = pair(state);
  world.submit(1, 1);
  assert_int_equal(world.configure("retry_max", "0"), HEXAGENT_OK);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_FAILED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_FAILED);
}

void a_change_out_of_bounds_is_refused_and_changes_nothing(void** state) {
  World& world = pair(state);
  SettingChange change;
  uint32_t field = 0;
  assert_int_equal(parse_setting("retry_max", "1", &change, &field), HEXAGENT_OK);
  change.number = 1e6;  // as from a damaged journal
  Input input{InputKind::kConfigure};
  input.record = &change;
  assert_int_equal(world.take(input), HEXAGENT_E_RANGE);
  assert_int_equal(world.field(), HEXAGENT_FIELD_VALUE);
  world.submit(1, 1);
  for (int failure = 0; failure < 3; ++failure) {
    world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_FAILED);
  }
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_FAILED);  // after two retries, the default
}

// Where both phases are on one worker the output's KV is reserved with the prompt's, late binding
// or not.
void a_worker_of_both_roles_takes_no_call_whose_output_does_not_fit(void** state) {
  World& world = open_world(state, test_settings(kAtOnce));
  hexagent_worker worker = test_worker(1, HEXAGENT_ROLE_BOTH);
  worker.binding = HEXAGENT_BINDING_PREFILL_END;
  worker.kv_capacity_tokens = 1600;
  world.set_worker(worker);
  world.begin(1);
  world.submit(test_call(1, 1, 400));
  assert_int_equal(world.submit(test_call(1, 2, 1040)), HEXAGENT_OK);  // 512 and 1152 tokens
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_READY);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  assert_int_equal(world.state(1, 2), HEXAGENT_STATE_DISPATCHED);
}

void a_frozen_model_does_not_learn(void** state) {
  for (const char* learning : {"1", "0"}) {
    World& world = open_world(state);
    world.add_workers(1, 1);
    world.configure("learning", learning);
    world.begin(1);
    for (uint64_t call = 1; call <= 3; ++call) {
      world.submit(1, call);
      world.report(1, call, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED);
      world.pass(220 * kMs);  // twice as long as the profile says
      world.bring_to(1, call, HEXAGENT_STATE_DONE);
    }
    assert_true((world.worker(1).prefill_factor > 1.05) == (learning[0] == '1'));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_heartbeat_leaves_the_difference_to_our_promises_as_foreign),
      WORLD_TEST(foreign_load_keeps_calls_waiting_until_it_falls),
      WORLD_TEST(heartbeats_of_the_wrong_worker_or_incarnation_change_nothing),
      WORLD_TEST(what_runs_on_a_draining_worker_finishes_there),
      WORLD_TEST(a_drained_worker_serves_again_when_it_is_set_again),
      WORLD_TEST(both_workers_of_a_call_have_its_labels),
      WORLD_TEST(models_do_not_share_workers),
      WORLD_TEST(a_new_policy_rules_the_calls_that_wait),
      WORLD_TEST(retries_are_counted_against_the_live_limit),
      WORLD_TEST(a_change_out_of_bounds_is_refused_and_changes_nothing),
      WORLD_TEST(a_worker_of_both_roles_takes_no_call_whose_output_does_not_fit),
      WORLD_TEST(a_frozen_model_does_not_learn),
  };
  return cmocka_run_group_tests_name("scheduler cluster", tests, nullptr, nullptr);
}
