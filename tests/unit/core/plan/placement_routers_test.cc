// Placements that choose pool by pool, each rule on a view made by hand: a case in which one worker
// is chosen, and after one change another.
#include "core/plan/placement_pools.h"
#include "plan_world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

PlanWorld& world_of(void** state) { return *static_cast<PlanWorld*>(*state); }

const Placement* const kAll[] = {
    &mooncake_placement(), &lmetric_placement(),     &dynamo_placement(), &llmd_placement(),
    &sglang_placement(),   &hexgen_flow_placement(), &pull_placement()};

// ---- what they share ----

void among_equals_workers_take_turns(void** state) {
  PlanWorld& world = world_of(state);
  for (int i = 0; i < 3; ++i) world.add_prefill();
  for (int i = 0; i < 3; ++i) world.add_decode();
  for (const Placement* placement : kAll) {
    world.view.begin(0);
    bool prefill_used[3] = {};
    bool decode_used[3] = {};
    for (int turn = 0; turn < 3; ++turn) {
      const Choice choice = world.choose(*placement);
      prefill_used[choice.prefill] = true;
      decode_used[choice.decode - 3] = true;
      world.view.book(world.shape, choice);
      world.view.begin(0);  // all are idle again
    }
    for (int i = 0; i < 3; ++i) assert_true(prefill_used[i] && decode_used[i]);
  }
}

void the_same_view_gives_the_same_choice(void** state) {
  PlanWorld& world = world_of(state);
  for (int i = 0; i < 4; ++i) world.add_prefill(i % 2 == 0 ? 1 : PlanWorld::kFastGpu);
  for (int i = 0; i < 4; ++i) world.add_decode(i % 2 == 0 ? 1 : PlanWorld::kFastGpu);
  for (const Placement* placement : kAll) {
    const Choice first = world.choose(*placement);
    const Choice again = world.choose(*placement);
    assert_true(first.prefill == again.prefill && first.decode == again.decode);
  }
}

void a_worker_the_call_was_lost_on_is_the_last_resort(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t lost = world.add_prefill();
  world.add_decode();
  world.call.avoid_worker = lost;
  for (const Placement* placement : kAll) {
    assert_int_equal(world.choose(*placement).prefill, lost);
  }
  const uint32_t other = world.add_prefill();
  world.load_prefill(other, 9000);
  for (const Placement* placement : kAll) {
    assert_int_equal(world.choose(*placement).prefill, other);
  }
}

void a_decode_worker_bound_later_need_not_fit_now(void** state) {
  PlanWorld& world = world_of(state);
  hexagent_worker late = world.record(1, HEXAGENT_ROLE_PREFILL);
  late.binding = HEXAGENT_BINDING_PREFILL_END;
  world.add(late);
  const uint32_t decode = world.add_decode();
  world.workers[decode].load.kv_free_tokens = 0;
  world.view.changed(decode);
  for (const Placement* placement : kAll) {
    assert_true(world.choose(*placement).fits);
    Choice choice;
    assert_false(placement->choose_decode(world.view, world.shape, 0, &choice));
  }
}

void speed_counts_for_routers_that_are_told_to(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t slow = world.add_prefill();
  const uint32_t fast = world.add_prefill(PlanWorld::kFastGpu);
  world.add_decode();
  world.load_prefill(slow, 1000);
  world.load_prefill(fast, 1500);
  assert_int_equal(world.choose(dynamo_placement()).prefill, slow);  // 2000 tokens and 2500
  assert_int_equal(world.choose(lmetric_placement()).prefill, slow);
  world.settings.router_speed = 1;
  assert_int_equal(world.choose(dynamo_placement()).prefill, fast);  // 4000 and 2500
  assert_int_equal(world.choose(lmetric_placement()).prefill, fast);
}

// ---- each rule ----

void dynamo_weighs_the_backlog_against_the_cached_tokens(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t hit = world.add_prefill();
  const uint32_t idle = world.add_prefill();
  world.add_decode();
  world.hits[hit] = 600;
  world.load_prefill(hit, 500);
  assert_int_equal(world.choose(dynamo_placement()).prefill, hit);  // 900 tokens and 1000
  world.load_prefill(hit, 200);
  world.view.changed(hit);
  assert_int_equal(world.choose(dynamo_placement()).prefill, idle);  // 1100 and 1000
  world.settings.dynamo_overlap_credit = 1.5;
  assert_int_equal(world.choose(dynamo_placement()).prefill, hit);  // 700 + 1000 - 900
  world.settings.dynamo_overlap_decay = 1.0;  // 0.7 prompts above the floor: 1.5 / 1.7
  assert_int_equal(world.choose(dynamo_placement()).prefill, idle);
}

void dynamo_decodes_where_the_fewest_blocks_are(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  const uint32_t first = world.add_decode();
  const uint32_t second = world.add_decode();
  world.hits[first] = 900;  // overlap has no credit here
  world.workers[first].load.decode.context = 500;
  world.workers[second].load.decode.promised_context = 400;
  assert_int_equal(world.choose(dynamo_placement()).decode, second);
  world.workers[second].load.decode.promised_context = 600;
  assert_int_equal(world.choose(dynamo_placement()).decode, first);
}

void lmetric_takes_the_least_tokens_and_the_least_batch(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t hit = world.add_prefill();
  const uint32_t idle = world.add_prefill();
  const uint32_t first = world.add_decode();
  const uint32_t second = world.add_decode();
  world.hits[hit] = 600;
  world.load_prefill(hit, 599);
  world.workers[first].load.decode.sequences = 3;
  world.workers[second].load.decode.sequences = 2;
  world.workers[second].load.decode.context = 9000;
  assert_int_equal(world.choose(lmetric_placement()).prefill, hit);
  assert_int_equal(world.choose(lmetric_placement()).decode, second);
  world.load_prefill(hit, 2);
  world.workers[second].load.decode.promised_sequences = 1;  // as many: the context tells
  assert_int_equal(world.choose(lmetric_placement()).prefill, idle);
  assert_int_equal(world.choose(lmetric_placement()).decode, first);
}

void llmd_adds_up_weighted_scores(void** state) {
  PlanWorld& world = world_of(state);
  world.settings.llmd_kv_weight = 0;
  const uint32_t hit = world.add_prefill();
  const uint32_t idle = world.add_prefill();
  world.add_decode();
  world.load_prefill(hit, 100);
  world.hits[hit] = 700;  // 3 * 0.7 against 2 * 1
  assert_int_equal(world.choose(llmd_placement()).prefill, hit);
  world.hits[hit] = 650;  // 3 * 0.65
  assert_int_equal(world.choose(llmd_placement()).prefill, idle);
  world.settings.llmd_prefix_weight = 4;
  assert_int_equal(world.choose(llmd_placement()).prefill, hit);
  const uint32_t busiest = world.add_prefill();
  for (int i = 0; i < 4; ++i) world.load_prefill(busiest, 100);
  world.settings.llmd_prefix_weight = 1;  // 0.65 + 2 * 3 / 4 against 2
  assert_int_equal(world.choose(llmd_placement()).prefill, hit);
}

void llmd_counts_free_kv_in_both_pools(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  const uint32_t hit = world.add_decode();
  const uint32_t empty = world.add_decode();
  world.hits[hit] = 500;
  world.workers[hit].load.kv_free_tokens = 8000;  // 3 * 0.5 + 2 + 2 * 0.5 against 2 + 2
  assert_int_equal(world.choose(llmd_placement()).decode, hit);
  world.workers[hit].load.kv_free_tokens = 2000;
  world.view.changed(hit);
  assert_int_equal(world.choose(llmd_placement()).decode, empty);
}

void sglang_follows_a_match_while_queues_are_in_balance(void** state) {
  PlanWorld& world = world_of(state);
  world.settings.sglang_balance_abs = 4;
  const uint32_t hit = world.add_prefill();
  const uint32_t idle = world.add_prefill();
  world.add_decode();
  world.hits[hit] = 301;
  world.workers[hit].load.calls_bound = 4;
  assert_int_equal(world.choose(sglang_placement()).prefill, hit);
  world.hits[hit] = 300;  // not more than 0.3
  assert_int_equal(world.choose(sglang_placement()).prefill, idle);
  world.hits[hit] = 900;
  world.workers[hit].load.calls_bound = 5;  // out of balance by number ...
  assert_int_equal(world.choose(sglang_placement()).prefill, idle);
  world.workers[hit].load.calls_bound = 15;  // ... but not by ratio
  world.workers[idle].load.calls_bound = 10;
  assert_int_equal(world.choose(sglang_placement()).prefill, hit);
}

void sglang_takes_the_shorter_queue_of_equal_matches(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t first = world.add_prefill();
  const uint32_t second = world.add_prefill();
  const uint32_t none = world.add_prefill();
  world.add_decode();
  world.hits[first] = world.hits[second] = 800;
  world.workers[first].load.calls_bound = 2;
  world.workers[second].load.calls_bound = 1;
  assert_int_equal(world.choose(sglang_placement()).prefill, second);
  world.hits[first] = 801;
  assert_int_equal(world.choose(sglang_placement()).prefill, first);
  world.hits[first] = world.hits[second] = 0;
  assert_int_equal(world.choose(sglang_placement()).prefill, none);
}

void mooncake_takes_the_earliest_first_token(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t hit = world.add_prefill();
  const uint32_t fast = world.add_prefill(PlanWorld::kFastGpu);
  world.add_decode();
  world.hits[hit] = 600;  // 50 ms there, 55 ms on the faster one
  assert_int_equal(world.choose(mooncake_placement()).prefill, hit);
  world.hits[hit] = 500;  // 60 ms
  assert_int_equal(world.choose(mooncake_placement()).prefill, fast);
  world.load_prefill(fast, 8000);
  world.view.changed(fast);
  assert_int_equal(world.choose(mooncake_placement()).prefill, hit);
}

void mooncake_decodes_where_the_time_between_tokens_is_least(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  const uint32_t slow = world.add_decode();
  const uint32_t fast = world.add_decode(PlanWorld::kFastGpu);
  world.workers[fast].load.decode.sequences = 90;  // 5 ms and 91 * 0.05 against 10.1 ms
  assert_int_equal(world.choose(mooncake_placement()).decode, fast);
  world.workers[fast].load.decode.sequences = 110;
  world.view.changed(fast);
  assert_int_equal(world.choose(mooncake_placement()).decode, slow);
}

void hexgen_flow_weighs_speed_against_load(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t slow = world.add_prefill();
  const uint32_t fast = world.add_prefill(PlanWorld::kFastGpu);
  world.add_decode();
  world.load_prefill(slow, 1000);  // 110 ms
  world.load_prefill(fast, 4000);  // 210 ms
  world.settings.hexgen_alpha = 0.0;
  assert_int_equal(world.choose(hexgen_flow_placement()).prefill, slow);
  world.settings.hexgen_alpha = 0.7;  // 0.75 against 1.5 times the mean; load 0.69 and 1.31
  assert_int_equal(world.choose(hexgen_flow_placement()).prefill, fast);
  world.hits[slow] = 800;  // 30 ms there: now it is the fast one
  assert_int_equal(world.choose(hexgen_flow_placement()).prefill, slow);
}

void hexgen_flow_counts_sequences_at_the_decode_workers_speed(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  const uint32_t slow = world.add_decode();
  const uint32_t fast = world.add_decode(PlanWorld::kFastGpu);
  world.settings.hexgen_alpha = 0.0;
  world.workers[slow].load.decode.sequences = 3;
  world.workers[fast].load.decode.sequences = 5;
  assert_int_equal(world.choose(hexgen_flow_placement()).decode, fast);
  world.workers[fast].load.decode.promised_sequences = 2;
  assert_int_equal(world.choose(hexgen_flow_placement()).decode, slow);
}

void pull_is_whoever_runs_dry_first(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t slow = world.add_prefill();
  const uint32_t fast = world.add_prefill(PlanWorld::kFastGpu);
  world.add_decode();
  world.hits[slow] = 999;  // it does not look
  world.load_prefill(slow, 1000);
  world.load_prefill(fast, 1500);
  assert_int_equal(world.choose(pull_placement()).prefill, fast);
  world.load_prefill(fast, 1500);
  assert_int_equal(world.choose(pull_placement()).prefill, slow);
}

void costs_blind_to_caches_make_routers_blind(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t hit = world.add_prefill();
  const uint32_t idle = world.add_prefill();
  world.add_decode();
  world.hits[hit] = 990;
  world.load_prefill(hit, 100);
  world.workers[hit].load.calls_bound = 1;
  const Placement* const routers[] = {&mooncake_placement(), &lmetric_placement(),
                                      &dynamo_placement(), &llmd_placement(), &sglang_placement()};
  for (const Placement* placement : routers) {
    assert_int_equal(world.choose(*placement).prefill, hit);
  }
  world.settings.cache_aware = 0;
  for (const Placement* placement : routers) {
    assert_int_equal(world.choose(*placement).prefill, idle);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      PLAN_TEST(among_equals_workers_take_turns),
      PLAN_TEST(the_same_view_gives_the_same_choice),
      PLAN_TEST(a_worker_the_call_was_lost_on_is_the_last_resort),
      PLAN_TEST(a_decode_worker_bound_later_need_not_fit_now),
      PLAN_TEST(speed_counts_for_routers_that_are_told_to),
      PLAN_TEST(dynamo_weighs_the_backlog_against_the_cached_tokens),
      PLAN_TEST(dynamo_decodes_where_the_fewest_blocks_are),
      PLAN_TEST(lmetric_takes_the_least_tokens_and_the_least_batch),
      PLAN_TEST(llmd_adds_up_weighted_scores),
      PLAN_TEST(llmd_counts_free_kv_in_both_pools),
      PLAN_TEST(sglang_follows_a_match_while_queues_are_in_balance),
      PLAN_TEST(sglang_takes_the_shorter_queue_of_equal_matches),
      PLAN_TEST(mooncake_takes_the_earliest_first_token),
      PLAN_TEST(mooncake_decodes_where_the_time_between_tokens_is_least),
      PLAN_TEST(hexgen_flow_weighs_speed_against_load),
      PLAN_TEST(hexgen_flow_counts_sequences_at_the_decode_workers_speed),
      PLAN_TEST(pull_is_whoever_runs_dry_first),
      PLAN_TEST(costs_blind_to_caches_make_routers_blind),
  };
  return cmocka_run_group_tests_name("placement_routers", tests, nullptr, nullptr);
}
