// The life of a call, phase by phase, with the decode worker bound at the start or at the end of
// the prefill: states, decisions and what is promised on both workers. What an embedder sees of the
// common case is in tests/abi/reports_test.c.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

// 1000 prompt tokens are 63 blocks of 16; with 100 of output 69.
constexpr uint64_t kPromptKv = 1008;
constexpr uint64_t kWholeKv = 1104;

World& one_pair(void** state, uint32_t binding) {
  World& world = open_world(state);
  world.add_workers(1, 1, binding);
  world.begin(1);
  world.submit(1, 1);
  return world;
}

void early_binding_promises_both_workers_at_dispatch(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  const hexagent_decision prefill = world.only(HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_int_equal(prefill.worker, 1);
  assert_int_equal(prefill.peer_worker, 11);
  assert_int_equal(prefill.incarnation, 1);
  assert_int_equal(prefill.attempt, 1);
  assert_int_equal(prefill.tokens, 1000);
  assert_int_equal(prefill.user_data, 1001);
  // Half of the round trip of 1 ms, then 10 ms + 1000 * 0.1 ms.
  assert_int_equal(prefill.expected_start_ns, world.now() + kMs / 2);
  assert_int_equal(prefill.expected_end_ns, world.now() + kMs / 2 + 110 * kMs);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.worker(1).kv_reserved_tokens, kPromptKv);
  assert_int_equal(world.worker(11).kv_reserved_tokens, kWholeKv);
}

void early_binding_transfers_as_soon_as_the_prefill_is_done(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_PREFILLING);
  world.pass(110 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  const hexagent_decision transfer = world.only(HEXAGENT_DECISION_TRANSFER, 1, 1);
  assert_int_equal(transfer.worker, 1);
  assert_int_equal(transfer.peer_worker, 11);
  assert_int_equal(transfer.tokens, 1000);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_TRANSFERRING);
  assert_int_equal(world.worker(1).prefill_outstanding, 0);
  assert_int_equal(world.worker(1).kv_reserved_tokens, kPromptKv);  // until it is moved
}

// 1000 tokens of 1000 bytes, then a hundred iterations of 10 ms: from when they really start.
void what_starts_late_is_expected_to_end_late(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.pass(20 * kSecond);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  const hexagent_decision transfer = world.only(HEXAGENT_DECISION_TRANSFER, 1, 1);
  assert_int_equal(transfer.expected_start_ns, world.now());
  assert_in_range(transfer.expected_end_ns - world.now(), 1, kMs);
  world.pass(20 * kSecond);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  const hexagent_decision decode = world.only(HEXAGENT_DECISION_DECODE, 1, 1);
  assert_int_equal(decode.expected_start_ns, world.now());
  assert_in_range(decode.expected_end_ns - world.now(), kSecond, kSecond + kMs);
}

void the_prefill_workers_kv_is_free_once_it_was_moved(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  const hexagent_decision decode = world.only(HEXAGENT_DECISION_DECODE, 1, 1);
  assert_int_equal(decode.worker, 11);
  assert_int_equal(decode.peer_worker, 1);
  assert_int_equal(decode.tokens, 100);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODE_QUEUED);
  assert_int_equal(world.worker(1).kv_reserved_tokens, 0);
  assert_int_equal(world.worker(11).kv_reserved_tokens, kWholeKv);
}

void the_end_gives_everything_back_and_tells_the_tokens(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.bring_to(1, 1, HEXAGENT_STATE_DECODING);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODING);
  world.report(1, 1, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_DONE, 42);
  const hexagent_decision done = world.only(HEXAGENT_DECISION_CALL_DONE, 1, 1);
  assert_int_equal(done.status, HEXAGENT_OK);
  assert_int_equal(done.tokens, 42);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DONE);
  assert_true(world.is_empty());
}

void late_binding_promises_the_decode_worker_after_the_prefill(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_END);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).peer_worker, 11);  // tentative
  assert_int_equal(world.worker(11).kv_reserved_tokens, 0);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 1).peer_worker, 11);
  assert_int_equal(world.worker(11).kv_reserved_tokens, kWholeKv);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  assert_true(world.is_empty());
}

void late_binding_takes_the_decode_worker_that_has_space_by_then(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 2, HEXAGENT_BINDING_PREFILL_END);
  world.begin(1);
  world.submit(1, 1);
  const uint32_t tentative = world.only(HEXAGENT_DECISION_PREFILL, 1, 1).peer_worker;
  world.heartbeat(tentative, 16000);  // somebody else has filled it
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 1).peer_worker, 23 - tentative);
}

void a_policy_that_binds_for_good_waits_for_its_decode_worker(void** state) {
  World& world = open_world(state, test_settings("hexagent"));
  world.add_workers(1, 2, HEXAGENT_BINDING_PREFILL_END);
  world.begin(1);
  world.submit(1, 1);
  const uint32_t chosen = world.only(HEXAGENT_DECISION_PREFILL, 1, 1).peer_worker;
  world.heartbeat(chosen, 16000);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.count(HEXAGENT_DECISION_TRANSFER), 0);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_PREFILLED);
  world.heartbeat(chosen, 0);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 1).peer_worker, chosen);
}

void a_prefilled_call_keeps_its_kv_until_some_decode_worker_has_space(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_END);
  world.heartbeat(11, 16000);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_PREFILLED);
  assert_int_equal(world.worker(1).kv_reserved_tokens, kPromptKv);
  assert_int_equal(world.worker(11).kv_reserved_tokens, 0);
  // Nobody was told where to move it, so it cannot have been moved.
  assert_int_equal(world.report(1, 1, HEXAGENT_PHASE_TRANSFER), HEXAGENT_E_ORDER);
  assert_int_equal(world.field(), HEXAGENT_FIELD_PHASE);
  assert_int_equal(world.report(1, 1, HEXAGENT_PHASE_DECODE), HEXAGENT_E_ORDER);
  world.heartbeat(11, 0);
  assert_int_equal(world.count(HEXAGENT_DECISION_TRANSFER), 1);
}

void a_decode_report_infers_prefill_and_transfer(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.pass(500 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_STARTED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODING);
  assert_int_equal(world.count(HEXAGENT_DECISION_TRANSFER), 0);  // it has happened already
  assert_int_equal(world.count(HEXAGENT_DECISION_DECODE), 0);
  assert_int_equal(world.worker(1).kv_reserved_tokens, 0);
  world.report(1, 1, HEXAGENT_PHASE_DECODE);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DONE);
  assert_true(world.is_empty());
}

void a_transfer_report_infers_the_prefill_and_is_followed_by_decode(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  assert_int_equal(world.count(HEXAGENT_DECISION_TRANSFER), 0);
  assert_int_equal(world.only(HEXAGENT_DECISION_DECODE, 1, 1).worker, 11);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODE_QUEUED);
  assert_int_equal(world.report(1, 1, HEXAGENT_PHASE_PREFILL), HEXAGENT_E_DUPLICATE);
}

void a_worker_of_both_roles_takes_one_reservation(void** state) {
  World& world = open_world(state);
  world.set_worker(test_worker(5, HEXAGENT_ROLE_BOTH));
  world.begin(1);
  world.submit(1, 1);
  const hexagent_decision local = world.only(HEXAGENT_DECISION_LOCAL, 1, 1);
  assert_int_equal(local.worker, 5);
  assert_int_equal(local.peer_worker, 0);
  assert_int_equal(world.worker(5).kv_reserved_tokens, kWholeKv);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODING);
  assert_int_equal(world.worker(5).kv_reserved_tokens, kWholeKv);
  world.report(1, 1, HEXAGENT_PHASE_DECODE);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DONE);
  assert_true(world.is_empty());
}

hexagent_prefix prefix_of(uint64_t call, uint32_t tokens) {
  hexagent_prefix prefix = {};
  prefix.call = call;
  prefix.tokens = tokens;
  return prefix;
}

void a_child_is_expected_to_hit_what_its_parent_left(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  world.submit(test_call(1, 2, 1500), {1}, {prefix_of(1, 1000)});
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 2).cached_tokens, 1000);
}

void a_reported_miss_corrects_the_belief(void** state) {
  World& world = one_pair(state, HEXAGENT_BINDING_PREFILL_START);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);
  world.submit(test_call(1, 2, 1500), {1}, {prefix_of(1, 1000)});
  hexagent_report miss = {};
  miss.workflow = 1;
  miss.call = 2;
  miss.phase = HEXAGENT_PHASE_PREFILL;
  miss.outcome = HEXAGENT_OUTCOME_DONE;
  miss.flags = HEXAGENT_REPORT_CACHED_TOKENS;
  miss.cached_tokens = 200;
  assert_int_equal(world.report(miss), HEXAGENT_OK);
  assert_int_equal(world.stats().prefix_hit_tokens, 200);
  // Of call 1's text only 200 tokens are believed there; call 2's own text is all there.
  world.submit(test_call(1, 3, 1500), {}, {prefix_of(1, 1000)});
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 3).cached_tokens, 200);
}

void expect_delta_transfer(World* world, uint32_t binding) {
  world->add_workers(1, 0, binding);
  hexagent_worker decode = test_worker(11, HEXAGENT_ROLE_DECODE);
  decode.flags = HEXAGENT_WORKER_DELTA_TRANSFER;
  world->set_worker(decode);
  world->begin(1);
  world->submit(1, 1);
  world->bring_to(1, 1, HEXAGENT_STATE_DONE);
  const uint64_t before = world->stats().transfer_bytes;
  world->submit(test_call(1, 2, 1500), {1}, {prefix_of(1, 1000)});
  world->report(1, 2, HEXAGENT_PHASE_PREFILL);
  const hexagent_decision transfer = world->only(HEXAGENT_DECISION_TRANSFER, 1, 2);
  assert_int_equal(transfer.tokens, 500);
  assert_int_equal(transfer.cached_tokens, 1000);
  world->report(1, 2, HEXAGENT_PHASE_TRANSFER);
  assert_int_equal(world->stats().transfer_bytes - before, 500 * 1000);
}

void a_delta_transfer_moves_what_the_decode_worker_lacks(void** state) {
  expect_delta_transfer(&open_world(state), HEXAGENT_BINDING_PREFILL_START);
  expect_delta_transfer(&open_world(state), HEXAGENT_BINDING_PREFILL_END);
}

// The decode worker bound in the end need not be the one that was thought of at dispatch.
void the_bytes_to_move_are_those_of_the_worker_bound_in_the_end(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 2, HEXAGENT_BINDING_PREFILL_END);
  hexagent_worker delta = test_worker(11, HEXAGENT_ROLE_DECODE);
  delta.flags = HEXAGENT_WORKER_DELTA_TRANSFER;
  world.set_worker(delta);
  world.heartbeat(12, 16000);
  world.begin(1);
  world.submit(1, 1);
  world.bring_to(1, 1, HEXAGENT_STATE_DONE);  // 11 holds the prompt
  world.submit(test_call(1, 2, 1500), {1}, {prefix_of(1, 1000)});
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 2).peer_worker, 11);
  world.heartbeat(12, 0);
  world.heartbeat(11, 16000);
  const uint64_t before = world.stats().transfer_bytes;
  world.report(1, 2, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 2).peer_worker, 12);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 2).tokens, 1500);
  world.report(1, 2, HEXAGENT_PHASE_TRANSFER);
  assert_int_equal(world.stats().transfer_bytes - before, 1500 * 1000);
}

void priorities_come_in_the_engines_own_polarity(void** state) {
  World& world = *static_cast<World*>(*state);
  hexagent_worker prefill = test_worker(1, HEXAGENT_ROLE_PREFILL);
  prefill.engine = HEXAGENT_ENGINE_SGLANG;  // higher is earlier
  world.set_worker(prefill);
  world.add_workers(0, 1);
  world.begin(1);
  world.submit(1, 1);
  const hexagent_decision sent = world.only(HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_true(sent.order_key < 0);  // stretch 1, lower is earlier
  assert_int_equal(sent.priority, -(sent.order_key / 1000));
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  const hexagent_decision decode = world.only(HEXAGENT_DECISION_DECODE, 1, 1);
  assert_int_equal(decode.priority, decode.order_key / 1000);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(early_binding_promises_both_workers_at_dispatch),
      WORLD_TEST(early_binding_transfers_as_soon_as_the_prefill_is_done),
      WORLD_TEST(what_starts_late_is_expected_to_end_late),
      WORLD_TEST(the_prefill_workers_kv_is_free_once_it_was_moved),
      WORLD_TEST(the_end_gives_everything_back_and_tells_the_tokens),
      WORLD_TEST(late_binding_promises_the_decode_worker_after_the_prefill),
      WORLD_TEST(late_binding_takes_the_decode_worker_that_has_space_by_then),
      WORLD_TEST(a_policy_that_binds_for_good_waits_for_its_decode_worker),
      WORLD_TEST(a_prefilled_call_keeps_its_kv_until_some_decode_worker_has_space),
      WORLD_TEST(a_decode_report_infers_prefill_and_transfer),
      WORLD_TEST(a_transfer_report_infers_the_prefill_and_is_followed_by_decode),
      WORLD_TEST(a_worker_of_both_roles_takes_one_reservation),
      WORLD_TEST(a_child_is_expected_to_hit_what_its_parent_left),
      WORLD_TEST(a_reported_miss_corrects_the_belief),
      WORLD_TEST(a_delta_transfer_moves_what_the_decode_worker_lacks),
      WORLD_TEST(the_bytes_to_move_are_those_of_the_worker_bound_in_the_end),
      WORLD_TEST(priorities_come_in_the_engines_own_polarity),
  };
  return cmocka_run_group_tests_name("scheduler lifecycle", tests, nullptr, nullptr);
}
