// FinishBound against the projection of placements, on random states: never below it, and KV space
// where the bound says so.
#include "core/plan/finish_bound.h"

#include <algorithm>

#include "draw.h"
#include "plan_world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

void load_randomly(Draw* draw, Worker* worker) {
  if ((*draw)(2) == 0) {  // small prefills by a form of their own, that may be the dearer one
    worker->prefill_engine.model.small_below = draw->up_to(3000.0);
    worker->prefill_engine.model.small_fixed = draw->up_to(0.1);
    worker->prefill_engine.model.small_per_token = draw->up_to(1e-4);
  }
  worker->prefill_engine.model.prefill_per_pair = draw->up_to(1e-8);
  worker->prefill_engine.factor = 0.5 + draw->up_to(1.0);
  worker->decode_engine.model.decode_per_context_token = draw->up_to(1e-7);
  worker->decode_engine.factor = 0.5 + draw->up_to(1.0);
  worker->decode_engine.batch_max = static_cast<double>(1 + (*draw)(12));
  for (uint64_t calls = (*draw)(4); calls > 0; --calls) {
    const auto tokens = static_cast<uint32_t>(1 + (*draw)(9000));
    worker->load.prefill.add(worker->prefill_engine, prefill_shape(tokens, 0), 0);
  }
  for (LinkLoad* link : {&worker->load.ingress, &worker->load.egress}) {
    link->flows = static_cast<double>((*draw)(4));
    link->bytes = link->flows * draw->up_to(1e9);
  }
  worker->load.decode.sequences = static_cast<double>((*draw)(20));
  worker->load.decode.context = worker->load.decode.sequences * draw->up_to(5000.0);
  worker->load.decode.promised_sequences = static_cast<double>((*draw)(20));
  worker->load.decode.promised_context =
      worker->load.decode.promised_sequences * draw->up_to(5000.0);
  worker->load.kv_free_tokens = static_cast<int64_t>((*draw)(20)) * 1600;
}

void build(Draw* draw, PlanWorld* world) {
  const uint32_t roles[] = {HEXAGENT_ROLE_PREFILL, HEXAGENT_ROLE_DECODE, HEXAGENT_ROLE_PREFILL,
                            HEXAGENT_ROLE_DECODE, HEXAGENT_ROLE_BOTH};
  for (uint32_t role : roles) {
    const uint32_t gpu = (*draw)(2) == 0 ? PlanWorld::kSlowGpu : PlanWorld::kFastGpu;
    hexagent_worker record = world->record(world->workers.size() + 1, role, gpu);
    if ((*draw)(2) == 0) record.flags = HEXAGENT_WORKER_DELTA_TRANSFER;
    if ((*draw)(3) == 0) record.binding = HEXAGENT_BINDING_PREFILL_END;
    const bool early = record.binding == HEXAGENT_BINDING_PREFILL_START;
    if ((*draw)(4) == 0 && early) record.flags |= HEXAGENT_WORKER_LAYERWISE;
    record.block_tokens = static_cast<uint32_t>(1 + (*draw)(32));
    record.egress_bytes_per_s = 1e9 + draw->up_to(1e10);
    record.ingress_bytes_per_s = 1e9 + draw->up_to(1e10);
    const uint32_t index = world->add(record);
    load_randomly(draw, &world->workers[index]);
    world->hits[index] = static_cast<uint32_t>((*draw)(4000));
  }
  world->settings.cache_aware = static_cast<double>((*draw)(2));
  world->view.begin(static_cast<TimeNs>((*draw)(200'000'000)));
}

Choice projected(const PlanWorld& world, uint32_t prefill, uint32_t decode) {
  Choice choice;
  project(world.view, prefill, prefill_option(world.view, world.shape, prefill), decode,
          decode_option(world.view, world.shape, decode), &choice);
  return choice;
}

struct Tally {
  int bounds = 0;
  int too_low = 0;
  int without_space = 0;
  int far = 0;  // more than twice the projection of a call without hits
};

void compare(const PlanWorld& world, Tally* tally) {
  const BoundedShape call = {static_cast<double>(world.shape.prompt_tokens),
                             static_cast<double>(world.shape.reserve_tokens),
                             world.shape.output_tokens};
  for (uint32_t prefill : world.shape.pool->prefill) {
    for (uint32_t decode : world.shape.pool->decode) {
      const FinishBound bound = FinishBound::of(world.view, prefill, decode);
      if (!bound.fits(call)) continue;
      const Choice choice = projected(world, prefill, decode);
      ++tally->bounds;
      if (bound.finish_s(call) <= choice.finish_s) ++tally->too_low;
      if (!choice.fits) ++tally->without_space;
      if (bound.finish_s(call) > 2.0 * choice.finish_s) ++tally->far;
    }
  }
}

Tally compare_on_random_states() {
  Tally tally;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Draw draw{seed};
    PlanWorld world;
    build(&draw, &world);
    for (int calls = 0; calls < 5; ++calls) {
      const auto prompt = static_cast<uint32_t>(1 + draw(calls == 0 ? 60 : 20000));
      world.shape_call(prompt, static_cast<uint32_t>(1 + draw(800)));
      compare(world, &tally);
    }
  }
  return tally;
}

void no_call_is_projected_to_end_after_its_bound(void** /*state*/) {
  const Tally tally = compare_on_random_states();
  assert_true(tally.bounds > 10000);
  assert_int_equal(tally.too_low, 0);
  assert_int_equal(tally.without_space, 0);
  assert_true(tally.far < tally.bounds / 10);  // or it would be of no use
}

constexpr BoundedShape kSmall = {1000.0, 1100.0, 100.0};
constexpr BoundedShape kLarge = {8000.0, 8100.0, 100.0};

void the_pair_of_the_least_bound_is_taken(void** state) {
  PlanWorld& world = *static_cast<PlanWorld*>(*state);
  world.add_prefill();
  const uint32_t fast_prefill = world.add_prefill(PlanWorld::kFastGpu);
  const uint32_t fast_decode = world.add_decode(PlanWorld::kFastGpu);
  world.add_decode();
  const FinishBound bound = FinishBound::least(world.view, *world.shape.pool, kSmall, kSmall);
  assert_int_equal(bound.prefill, fast_prefill);
  assert_int_equal(bound.decode, fast_decode);
  assert_true(bound.uses(fast_prefill) && bound.uses(fast_decode));
  assert_false(bound.uses(0));
}

void workers_with_room_for_the_largest_call_go_before_faster_ones(void** state) {
  PlanWorld& world = *static_cast<PlanWorld*>(*state);
  const uint32_t prefill = world.add_prefill();
  world.workers[world.add_prefill(PlanWorld::kFastGpu)].load.kv_free_tokens = 4000;
  world.workers[world.add_decode(PlanWorld::kFastGpu)].load.kv_free_tokens = 4000;
  const uint32_t decode = world.add_decode();
  const FinishBound bound = FinishBound::least(world.view, *world.shape.pool, kSmall, kLarge);
  assert_int_equal(bound.prefill, prefill);
  assert_int_equal(bound.decode, decode);
}

void a_call_beyond_the_space_of_the_pair_has_no_bound(void** state) {
  PlanWorld& world = *static_cast<PlanWorld*>(*state);
  const uint32_t prefill = world.add_prefill();
  const uint32_t decode = world.add_decode();
  world.workers[prefill].load.kv_free_tokens = 8000;  // whole blocks of 16
  const FinishBound bound = FinishBound::of(world.view, prefill, decode);
  assert_true(bound.fits({7985.0, 8100.0, 100.0}));
  assert_false(bound.fits({8001.0, 8100.0, 100.0}));
  assert_false(bound.fits({7985.0, 16001.0, 100.0}));
}

}  // namespace

int main() {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_call_is_projected_to_end_after_its_bound),
      cmocka_unit_test_setup_teardown(the_pair_of_the_least_bound_is_taken, plan_world_setup,
                                      plan_world_teardown),
      cmocka_unit_test_setup_teardown(workers_with_room_for_the_largest_call_go_before_faster_ones,
                                      plan_world_setup, plan_world_teardown),
      cmocka_unit_test_setup_teardown(a_call_beyond_the_space_of_the_pair_has_no_bound,
                                      plan_world_setup, plan_world_teardown),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
