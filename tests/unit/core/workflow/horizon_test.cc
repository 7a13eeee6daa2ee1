// The standalone horizon: one call alone, paths through what is revealed, and how observed lengths
// and gaps correct them. Prefill 10 ms + 0.1 ms a token, decode 10 ms a token, transfer 20 us and
// 1 us a token: a call of 1000 + 100 tokens takes 110 ms + 1.02 ms + 1 s alone.
#include <cmath>

#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

constexpr double kTransfer_s = 20e-6 + 1e-3;
constexpr double kOne_s = 0.110 + kTransfer_s + 1.0;

World& small(void** state) {
  World& world = open_world(state, test_settings(kAtOnce));
  hexagent_worker prefill = test_worker(1, HEXAGENT_ROLE_PREFILL);
  prefill.egress_bytes_per_s = 1e9;  // 1000 bytes a token
  world.set_worker(prefill);
  world.add_workers(0, 1);
  world.begin(1);
  return world;
}

double horizon_s(const World& world) {
  return 1e-9 * static_cast<double>(world.workflow(1).horizon_ns);
}

double remaining_s(const World& world) {
  return 1e-9 * static_cast<double>(world.workflow(1).projected_end_ns - world.now());
}

bool near(double a, double b) {
  if (std::fabs(a - b) < 1e-6) return true;
  print_error("%.6f s, not %.6f s\n", a, b);
  return false;
}

void finish(World* world, uint64_t call, uint32_t output_tokens) {
  world->report(1, call, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_DONE, output_tokens);
}

void a_call_alone_takes_prefill_transfer_and_decode(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  assert_true(near(horizon_s(world), kOne_s));
  assert_true(near(remaining_s(world), kOne_s));
}

void the_best_workers_count_not_the_first(void** state) {
  World& world = small(state);
  hexagent_profile fast = test_profile();
  fast.tensor_parallel = 2;
  fast.prefill_fixed_s = 0.005;
  fast.prefill_per_token_s = 5e-5;
  fast.decode_fixed_s = 0.004;
  world.set_profile(fast);
  hexagent_worker worker = test_worker(2, HEXAGENT_ROLE_BOTH);
  worker.tensor_parallel = 2;
  worker.egress_bytes_per_s = 1e9;
  world.set_worker(worker);
  world.submit(1, 1);
  assert_true(near(horizon_s(world), 0.055 + kTransfer_s + 0.4));
}

void what_a_call_shares_with_its_workflow_is_cached(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  hexagent_prefix prefix = {};
  prefix.call = 1;
  prefix.tokens = 900;
  world.submit(test_call(1, 2, 3000), {1}, {prefix});
  const double second_s =
      0.010 + 0.210 + 20e-6 + 3e-3 + 1.0;  // 2100 tokens to compute, all to move
  assert_true(near(horizon_s(world), kOne_s + second_s));
}

void a_chain_adds_up_and_a_fan_takes_its_longest(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  world.submit(1, 2, {1});
  assert_true(near(horizon_s(world), 2 * kOne_s));
  world.submit(test_call(1, 3, 3000), {1});  // 200 ms and 2 ms more
  assert_true(near(horizon_s(world), 2 * kOne_s + 0.202));
  world.submit(1, 4, {2, 3});
  assert_true(near(horizon_s(world), 3 * kOne_s + 0.202));
  assert_true(near(remaining_s(world), 3 * kOne_s + 0.202));
}

void true_lengths_replace_expected_ones_in_both_directions(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  world.submit(1, 2, {1});
  world.submit(1, 3, {2});
  finish(&world, 1, 40);  // 600 ms less than expected
  assert_true(near(horizon_s(world), 3 * kOne_s - 0.6));
  assert_true(near(remaining_s(world), 2 * kOne_s));
  hexagent_call longer = test_call(1, 4);
  longer.max_output_tokens = 0;
  world.submit(longer, {2});
  finish(&world, 2, 90);
  finish(&world, 4, 300);  // 2 s more
  assert_true(near(horizon_s(world), 2 * kOne_s - 0.6 - 0.1 + kOne_s + 2.0));
}

void a_join_waits_for_the_longest_of_what_was_observed(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  world.submit(1, 2);
  world.submit(1, 3, {1, 2});
  finish(&world, 1, 30);
  assert_true(near(horizon_s(world), 2 * kOne_s));  // call 2 is still expected to take long
  finish(&world, 2, 50);
  assert_true(near(horizon_s(world), 2 * kOne_s - 0.5));
}

void tool_gaps_count_once_they_are_over(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  hexagent_call held = test_call(1, 2);
  held.flags = HEXAGENT_CALL_HELD;
  world.submit(held, {1});
  finish(&world, 1, 100);
  assert_true(near(horizon_s(world), 2 * kOne_s));
  world.pass(5 * kSecond);
  world.ready(1, 2);
  assert_true(near(horizon_s(world), 2 * kOne_s + 5.0));
}

void a_late_reveal_is_a_gap_too(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  finish(&world, 1, 100);
  world.pass(3 * kSecond);
  world.submit(1, 2, {1});
  assert_true(near(horizon_s(world), 2 * kOne_s + 3.0));
}

void queueing_is_no_part_of_the_horizon(void** state) {
  World& world = small(state);
  world.heartbeat(11, 16000);
  world.submit(1, 1);
  world.submit(1, 2, {1});
  world.pass(30 * kSecond);
  world.heartbeat(11, 0);
  finish(&world, 1, 100);
  assert_true(near(horizon_s(world), 2 * kOne_s));
}

void what_is_cancelled_no_longer_counts(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  world.submit(test_call(1, 2, 9000));
  world.submit(1, 3, {2});
  world.cancel(1, 2);
  assert_true(near(horizon_s(world), kOne_s));
  assert_true(near(remaining_s(world), kOne_s));
}

void nothing_remains_when_all_is_done(void** state) {
  World& world = small(state);
  world.submit(1, 1);
  finish(&world, 1, 100);
  assert_true(near(remaining_s(world), 0.0));
  assert_true(near(horizon_s(world), kOne_s));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_call_alone_takes_prefill_transfer_and_decode),
      WORLD_TEST(the_best_workers_count_not_the_first),
      WORLD_TEST(what_a_call_shares_with_its_workflow_is_cached),
      WORLD_TEST(a_chain_adds_up_and_a_fan_takes_its_longest),
      WORLD_TEST(true_lengths_replace_expected_ones_in_both_directions),
      WORLD_TEST(a_join_waits_for_the_longest_of_what_was_observed),
      WORLD_TEST(tool_gaps_count_once_they_are_over),
      WORLD_TEST(a_late_reveal_is_a_gap_too),
      WORLD_TEST(queueing_is_no_part_of_the_horizon),
      WORLD_TEST(what_is_cancelled_no_longer_counts),
      WORLD_TEST(nothing_remains_when_all_is_done),
  };
  return cmocka_run_group_tests_name("horizon", tests, nullptr, nullptr);
}
