// Round robin, least loaded and speed scaled, and the pieces of a cost: values worked out by hand.
// The joint search is in placement_search_test.cc.
#include "plan_world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

PlanWorld& world_of(void** state) { return *static_cast<PlanWorld*>(*state); }

const Placement* const kAll[] = {
    &round_robin_placement(), &least_loaded_placement(), &speed_scaled_placement(),
    &own_finish_placement(),  &impact_placement(),       &mooncake_placement(),
    &lmetric_placement(),     &dynamo_placement(),       &llmd_placement(),
    &sglang_placement(),      &hexgen_flow_placement(),  &pull_placement()};

// ---- round robin ----

void round_robin_takes_the_workers_in_turn(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t first = world.add_prefill();
  const uint32_t second = world.add_prefill(PlanWorld::kFastGpu);
  const uint32_t decode = world.add_decode();
  for (uint32_t turn = 0; turn < 4; ++turn) {
    const Choice choice = world.choose(round_robin_placement());
    assert_int_equal(choice.prefill, turn % 2 == 0 ? first : second);
    assert_int_equal(choice.decode, decode);
    world.view.book(world.shape, choice);
  }
}

void round_robin_skips_workers_that_may_not_take_the_call(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();  // without the label
  const uint32_t avoided = world.add_prefill();
  const uint32_t full = world.add_prefill();
  const uint32_t right = world.add_prefill();
  const uint32_t decode = world.add_decode();
  for (uint32_t index : {avoided, full, right, decode}) world.workers[index].spec.labels = 1;
  world.call.labels_required = 1;
  world.call.avoid_worker = avoided;
  world.workers[full].load.kv_free_tokens = 900;
  for (int turn = 0; turn < 4; ++turn) {
    const Choice choice = world.choose(round_robin_placement());
    assert_int_equal(choice.prefill, right);
    assert_true(choice.fits);
    world.view.book(world.shape, choice);
  }
}

void round_robin_goes_where_it_was_lost_rather_than_nowhere(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t only = world.add_prefill();
  world.add_decode();
  world.call.avoid_worker = only;
  assert_int_equal(world.choose(round_robin_placement()).prefill, only);
}

// ---- least loaded, speed scaled ----

void least_loaded_is_blind_to_speed(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t slow = world.add_prefill(PlanWorld::kSlowGpu);
  const uint32_t fast = world.add_prefill(PlanWorld::kFastGpu);
  world.add_decode();
  world.load_prefill(slow, 2000);  // 210 ms
  world.load_prefill(fast, 3000);  // 165 ms in two iterations of chunks
  assert_int_equal(world.choose(least_loaded_placement()).prefill, slow);
  assert_int_equal(world.choose(speed_scaled_placement()).prefill, fast);
}

void least_loaded_counts_context_tokens_of_the_batch(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  const uint32_t many_short = world.add_decode();
  const uint32_t one_long = world.add_decode();
  world.workers[many_short].load.decode.sequences = 100;
  world.workers[many_short].load.decode.context = 1000;
  world.workers[one_long].load.decode.promised_sequences = 1;
  world.workers[one_long].load.decode.promised_context = 1001;
  assert_int_equal(world.choose(least_loaded_placement()).decode, many_short);
  // By time: 10 ms and 0.1 ms a sequence, the long one is alone.
  assert_int_equal(world.choose(speed_scaled_placement()).decode, one_long);
}

void what_does_not_fit_comes_last(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t idle = world.add_prefill();
  const uint32_t busy = world.add_prefill();
  world.add_decode();
  world.load_prefill(busy, 5000);
  world.workers[idle].load.kv_free_tokens = 999;
  for (const Placement* placement : kAll) {
    assert_int_equal(world.choose(*placement).prefill, busy);
    assert_true(world.choose(*placement).fits);
  }
  world.workers[busy].load.kv_free_tokens = 999;
  world.view.changed(busy);
  for (const Placement* placement : kAll) {
    assert_true(world.choose(*placement).prefill != kNoWorker);
    assert_false(world.choose(*placement).fits);
  }
}

void without_an_eligible_worker_there_is_no_choice(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  world.add_decode();
  world.call.labels_required = 1;
  for (const Placement* placement : kAll) {
    Choice choice;
    assert_false(placement->choose(world.view, world.shape, &choice));
    assert_false(placement->choose_decode(world.view, world.shape, 0, &choice));
  }
}

void the_decode_half_takes_only_workers_with_space(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t prefill = world.add_prefill();
  const uint32_t full = world.add_decode(PlanWorld::kFastGpu);
  const uint32_t free = world.add_decode();
  world.workers[full].load.kv_free_tokens = 1103;  // 1104 are needed
  for (const Placement* placement : kAll) {
    Choice choice;
    assert_true(placement->choose_decode(world.view, world.shape, prefill, &choice));
    assert_int_equal(choice.decode, free);
  }
}

// ---- the pieces of a cost ----

void a_pair_is_projected_phase_by_phase(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  world.add_decode();
  const Choice choice = world.choose(own_finish_placement());
  const double half_trip = 0.0005;
  assert_true(near(choice.wait_s, half_trip));
  assert_true(near(choice.prefill_end_s, half_trip + 0.11));
  const double move = 20e-6 + 1e8 / 45e9;  // 1000 tokens of 100 kB
  assert_true(near(choice.transfer_end_s, half_trip + 0.11 + move));
  assert_true(near(choice.finish_s, half_trip + 0.11 + move + half_trip + 100 * 0.0101));
  assert_true(choice.cost_s == choice.finish_s);
}

void cached_tokens_make_the_prefill_shorter_unless_costs_are_blind(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t prefill = world.add_prefill();
  world.hits[prefill] = 900;
  assert_true(near(prefill_option(world.view, world.shape, prefill).service_s, 0.01 + 0.01));
  world.hits[prefill] = 5000;  // of a prompt of 1000, at least one token is always computed
  assert_int_equal(prefill_option(world.view, world.shape, prefill).cached, 999);
  world.settings.cache_aware = 0;
  assert_true(near(prefill_option(world.view, world.shape, prefill).service_s, 0.11));
}

void flows_share_an_interface_fairly(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t prefill = world.add_prefill();
  const uint32_t decode = world.add_decode();
  const double alone = transfer_s(world.view, prefill, decode, 9e9, {});
  assert_true(near(alone, 20e-6 + 0.2));
  world.workers[prefill].load.egress = {1e12, 2.0};  // two long ones: each moves as much as ours
  assert_true(near(transfer_s(world.view, prefill, decode, 9e9, {}), alone + 0.4));
  world.workers[decode].load.ingress = {4.5e9, 1.0};  // a short one, hidden behind those
  assert_true(near(transfer_s(world.view, prefill, decode, 9e9, {}), alone + 0.4));
  world.workers[prefill].load.egress = {};
  assert_true(near(transfer_s(world.view, prefill, decode, 9e9, {}), alone + 0.1));
  assert_true(transfer_s(world.view, prefill, prefill, 9e9, {}) == 0.0);  // in one place
}

void a_cap_between_domains_slows_the_transfer(void** state) {
  PlanWorld& world = world_of(state);
  hexagent_worker near_by = world.record(1, HEXAGENT_ROLE_PREFILL);
  near_by.zone_domain = 10;
  const uint32_t prefill = world.add(near_by);
  hexagent_worker far_away = world.record(2, HEXAGENT_ROLE_DECODE);
  far_away.zone_domain = 11;
  const uint32_t far_decode = world.add(far_away);
  hexagent_worker same_zone = world.record(3, HEXAGENT_ROLE_DECODE);
  same_zone.zone_domain = 10;
  const uint32_t near_decode = world.add(same_zone);
  assert_int_equal(world.choose(own_finish_placement()).decode, far_decode);  // both alike
  hexagent_link link = {};
  link.source_domain = 11;
  link.target_domain = 10;
  link.bytes_per_s = 1e8;
  link.latency_ns = 5'000'000;
  assert_true(world.links.set(link));
  assert_true(near(transfer_s(world.view, prefill, far_decode, 1e8, {}), 0.005 + 1.0));
  assert_int_equal(world.choose(own_finish_placement()).decode, near_decode);
}

// The prefill of 1000 tokens takes 0.11 s on a slow worker, 0.1 s of it before the last of 11
// layers is computed.
struct LayersWorld {
  explicit LayersWorld(PlanWorld* world) {
    hexagent_model model = {};
    model.model = PlanWorld::kModel;
    model.layers = 11;
    uint32_t field = 0;
    world->workers.set_model(model, &field);
    hexagent_worker record = world->record(1, HEXAGENT_ROLE_PREFILL);
    record.flags = HEXAGENT_WORKER_LAYERWISE;
    prefill = world->add(record);
    decode = world->add_decode();
    overlap = prefill_option(world->view, world->shape, prefill).overlap;
  }
  uint32_t prefill;
  uint32_t decode;
  Overlap overlap;
};

void a_slow_transfer_shows_less_the_prefill_but_for_a_layer(void** state) {
  PlanWorld& world = world_of(state);
  const LayersWorld layers(&world);
  assert_true(near(layers.overlap.hidden_s, 0.1));
  const double shown = transfer_s(world.view, layers.prefill, layers.decode, 9e9, layers.overlap);
  assert_true(near(shown, 20e-6 + 0.2 - 0.1));
}

void a_fast_transfer_shows_its_last_layer(void** state) {
  PlanWorld& world = world_of(state);
  const LayersWorld layers(&world);
  const double shown = transfer_s(world.view, layers.prefill, layers.decode, 4.5e8, layers.overlap);
  assert_true(near(shown, 20e-6 + 0.01 / 11.0));
  world.workers[layers.prefill].load.egress = {1e12, 10.0};  // in line with those beside it
  const double beside =
      transfer_s(world.view, layers.prefill, layers.decode, 4.5e8, layers.overlap);
  assert_true(near(beside, 20e-6 + 0.11 / 11.0));
}

void what_is_cached_hides_nothing_of_a_transfer(void** state) {
  PlanWorld& world = world_of(state);
  const LayersWorld layers(&world);
  world.hits[layers.prefill] = 900;
  const Overlap overlap = prefill_option(world.view, world.shape, layers.prefill).overlap;
  assert_true(near(overlap.hidden_s, 0.02 * 10.0 / 11.0));
}

void after_the_prefill_the_whole_transfer_shows(void** state) {
  PlanWorld& world = world_of(state);
  const LayersWorld layers(&world);
  const DecodeOption target = decode_option(world.view, world.shape, layers.decode);
  Choice choice;
  project(world.view, layers.prefill, kPrefillDone, layers.decode, target, &choice);
  assert_true(near(choice.transfer_end_s, 20e-6 + 1e8 / 45e9));
}

void layers_that_nobody_told_are_32(void** state) {
  PlanWorld& world = world_of(state);
  hexagent_worker record = world.record(1, HEXAGENT_ROLE_PREFILL);
  record.flags = HEXAGENT_WORKER_LAYERWISE;
  const uint32_t prefill = world.add(record);
  const Overlap overlap = prefill_option(world.view, world.shape, prefill).overlap;
  assert_true(near(overlap.last_share, 1.0 / 32.0));
}

// On a slow link the worker that computes longer hides more: the end is what counts.
void a_choice_counts_what_is_hidden(void** state) {
  PlanWorld& world = world_of(state);
  const LayersWorld layers(&world);
  hexagent_worker plain = world.record(3, HEXAGENT_ROLE_PREFILL, PlanWorld::kFastGpu);
  for (const auto& [bytes_per_s, wanted] : {std::pair{45e9, 2u}, {1e9, 0u}}) {
    plain.egress_bytes_per_s = bytes_per_s;  // 0.055 s and 0.1 s against 0.11 s and nearly nothing
    assert_int_equal(world.add(plain), 2);
    world.view.begin(0);
    assert_int_equal(world.choose(own_finish_placement()).prefill, wanted);
  }
}

void own_cost_is_seconds_where_the_stretch_is_as_projected(void** state) {
  CallShape shape = world_of(state).shape;
  assert_true(own_cost_s(shape, 3.0, 12) == 3.0);  // no horizon known
  shape.horizon_s = 10.0;
  shape.elapsed_s = 12.0;
  shape.stretch_now = 1.6;
  assert_true(own_cost_s(shape, 3.0, 1) == 3.0);
  // Finishing at 4 s gives the projected stretch; the slope there is 1, and steeper behind it.
  const double step = 1e-6;
  const double slope = (own_cost_s(shape, 4.0 + step, 12) - own_cost_s(shape, 4.0, 12)) / step;
  assert_true(std::fabs(slope - 1.0) < 1e-4);
  const double later = (own_cost_s(shape, 8.0 + step, 12) - own_cost_s(shape, 8.0, 12)) / step;
  assert_true(std::fabs(later - std::pow(2.0 / 1.6, 11)) < 1e-3);
}

void impact_prices_work_by_the_utilisation(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t hit = world.add_prefill();
  const uint32_t idle = world.add_prefill();
  world.add_decode();
  world.shape_call(4000, 100);
  world.hits[hit] = 3900;         // 20 ms of work behind 500 ms; elsewhere 420 ms at once
  world.load_prefill(hit, 4800);  // 3 iterations of 10 ms and 480 ms
  world.workers[hit].prefill_engine.batch_tokens = 2048;             // so that it cannot go beside
  assert_int_equal(world.choose(impact_placement()).prefill, idle);  // nobody waits
  world.workers.note_use(0, 1.0);
  world.workers.note_use(9 * kSecondNs, 1.0);  // one of two was busy, less a tenth for before
  assert_int_equal(world.choose(impact_placement()).prefill, hit);
  assert_int_equal(world.choose(own_finish_placement()).prefill, idle);
}

void impact_spares_a_decode_batch_for_calls_that_are_safe(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  const uint32_t fast = world.add_decode(PlanWorld::kFastGpu);
  const uint32_t slow = world.add_decode();
  world.shape_call(1000, 100);
  world.workers[fast].load.decode.sequences = 40;
  world.workers[fast].load.decode.weight = 400.0;  // times 100 tokens, 50 us later each: 2 s
  for (const auto& [risk, wanted] : {std::pair{1.0, slow}, {1.5, fast}, {0.5, slow}}) {
    world.shape.risk = risk;  // the fast one ends 0.3 s earlier
    assert_int_equal(world.choose(impact_placement()).decode, wanted);
  }
}

void a_decode_worker_is_promised_few_calls_beyond_its_batch(void** state) {
  PlanWorld& world = world_of(state);
  world.add_prefill();
  const uint32_t decode = world.add_decode();
  world.workers[decode].decode_engine.batch_max = 100.0;
  world.workers[decode].load.decode.sequences = 80.0;
  for (const auto& [promised, fits] : {std::pair{33.0, true}, {35.0, false}}) {
    world.workers[decode].load.decode.promised_sequences = promised;  // 100, a tenth, and four
    world.view.begin(0);
    assert_int_equal(world.choose(impact_placement()).fits, fits);
    assert_int_equal(world.choose(own_finish_placement()).fits, fits);
    assert_int_equal(surely_misfits_joint(world.view, world.shape), !fits);
  }
  world.settings.decode_places = 2.0;
  world.view.begin(0);
  assert_true(world.choose(impact_placement()).fits);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      PLAN_TEST(round_robin_takes_the_workers_in_turn),
      PLAN_TEST(round_robin_skips_workers_that_may_not_take_the_call),
      PLAN_TEST(round_robin_goes_where_it_was_lost_rather_than_nowhere),
      PLAN_TEST(least_loaded_is_blind_to_speed),
      PLAN_TEST(least_loaded_counts_context_tokens_of_the_batch),
      PLAN_TEST(what_does_not_fit_comes_last),
      PLAN_TEST(without_an_eligible_worker_there_is_no_choice),
      PLAN_TEST(the_decode_half_takes_only_workers_with_space),
      PLAN_TEST(a_pair_is_projected_phase_by_phase),
      PLAN_TEST(cached_tokens_make_the_prefill_shorter_unless_costs_are_blind),
      PLAN_TEST(flows_share_an_interface_fairly),
      PLAN_TEST(a_cap_between_domains_slows_the_transfer),
      PLAN_TEST(a_slow_transfer_shows_less_the_prefill_but_for_a_layer),
      PLAN_TEST(a_fast_transfer_shows_its_last_layer),
      PLAN_TEST(what_is_cached_hides_nothing_of_a_transfer),
      PLAN_TEST(after_the_prefill_the_whole_transfer_shows),
      PLAN_TEST(layers_that_nobody_told_are_32),
      PLAN_TEST(a_choice_counts_what_is_hidden),
      PLAN_TEST(own_cost_is_seconds_where_the_stretch_is_as_projected),
      PLAN_TEST(impact_prices_work_by_the_utilisation),
      PLAN_TEST(impact_spares_a_decode_batch_for_calls_that_are_safe),
      PLAN_TEST(a_decode_worker_is_promised_few_calls_beyond_its_batch),
  };
  return cmocka_run_group_tests_name("placement", tests, nullptr, nullptr);
}
