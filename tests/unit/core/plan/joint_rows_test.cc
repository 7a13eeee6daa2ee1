// JointRows and PoolColumns against the costs of single workers, on random states: the same to the
// last bit, also after bookings; and what is out of the question has no price.
#include "core/plan/joint_rows.h"

#include "draw.h"
#include "plan_world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

void load_randomly(Draw* draw, Worker* worker) {
  if ((*draw)(2) == 0) {  // another kind of engine
    worker->prefill_engine.chunk_tokens = static_cast<double>(256 << (*draw)(4));
    worker->prefill_engine.model.small_below = 100.0;
    worker->prefill_engine.model.small_fixed = 0.003;
  }
  worker->prefill_engine.factor = 0.5 + draw->up_to(1.0);
  worker->decode_engine.factor = 0.5 + draw->up_to(1.0);
  worker->decode_engine.model.decode_per_context_token = draw->up_to(1e-7);
  worker->decode_engine.batch_max = static_cast<double>(1 + (*draw)(12));
  for (uint64_t calls = (*draw)(4); calls > 0; --calls) {
    const auto tokens = static_cast<uint32_t>(1 + (*draw)(9000));
    worker->load.prefill.add(worker->prefill_engine, prefill_shape(tokens, 0), 0);
  }
  worker->load.ingress.flows = static_cast<double>((*draw)(4));
  worker->load.ingress.bytes = worker->load.ingress.flows * draw->up_to(1e9);
  worker->load.decode.sequences = static_cast<double>((*draw)(20));
  worker->load.decode.context = worker->load.decode.sequences * draw->up_to(5000.0);
  worker->load.decode.promised_sequences = static_cast<double>((*draw)(20));
  worker->load.decode.promised_context = draw->up_to(5000.0);
  worker->load.decode.weight = draw->up_to(3.0);
  worker->load.kv_free_tokens = static_cast<int64_t>((*draw)(12)) * 1600;
}

// More workers than lanes, some with both roles, so that positions and indexes differ.
void build(Draw* draw, PlanWorld* world) {
  const uint32_t roles[] = {HEXAGENT_ROLE_PREFILL, HEXAGENT_ROLE_DECODE, HEXAGENT_ROLE_BOTH};
  for (uint64_t count = 2 + (*draw)(14); count > 0; --count) {
    const uint32_t gpu = (*draw)(2) == 0 ? PlanWorld::kSlowGpu : PlanWorld::kFastGpu;
    hexagent_worker record = world->record(world->workers.size() + 1, roles[(*draw)(3)], gpu);
    if ((*draw)(2) == 0) record.flags = HEXAGENT_WORKER_DELTA_TRANSFER;
    if ((*draw)(8) == 0) record.binding = HEXAGENT_BINDING_PREFILL_END;
    if ((*draw)(6) == 0) record.labels = 1;
    const bool early = record.binding == HEXAGENT_BINDING_PREFILL_START;
    if ((*draw)(4) == 0 && early) record.flags |= HEXAGENT_WORKER_LAYERWISE;
    record.block_tokens = static_cast<uint32_t>(1 + (*draw)(32));
    record.ingress_bytes_per_s = 1e9 + draw->up_to(1e10);
    const uint32_t index = world->add(record);
    world->workers[index].ingress_most_bytes_per_s = record.ingress_bytes_per_s;
    load_randomly(draw, &world->workers[index]);
    world->hits[index] = (*draw)(2) == 0 ? 0 : static_cast<uint32_t>((*draw)(4000));
  }
  world->settings.cache_aware = static_cast<double>((*draw)(2));
  world->view.begin(static_cast<TimeNs>((*draw)(200'000'000)));
}

constexpr JointWeights kWeights = {3.0, 0.7, 0.4, 12};

// Both phases of one search; the state must not change while it is looked at.
struct Searched {
  Searched(const PlanWorld& known, const RowFilter& wanted)
      : world(known),
        filter(wanted),
        pool(world.view.columns(*world.shape.pool)),
        late(pool.prefill.any_late()) {
    rows.prefill.fill(world.view, world.shape, kWeights, pool, filter);
    rows.decode.fill(world.view, world.shape, kWeights, pool, filter, late);
  }

  bool is_wanted(uint32_t index) const {
    return eligible(world.workers[index], world.call, index, filter.avoid);
  }
  bool prefill_is_right(size_t at) const {
    const uint32_t index = world.shape.pool->prefill[at];
    const PrefillOption option = prefill_option(world.view, world.shape, index);
    if (!is_wanted(index) || (filter.must_fit && !option.fits)) {
      return rows.prefill.price_s[at] == kNoPrice && rows.prefill.end_s[at] == kNoTime;
    }
    const double price = kWeights.work * prefill_work_s(world.view, world.shape, option.cached);
    const bool layerwise = pool.prefill.layerwise[at] != 0;
    return rows.prefill.end_s[at] == option.wait_s + option.service_s &&
           rows.prefill.price_s[at] == price &&
           (!layerwise || rows.prefill.alone_s[at] == option.service_s) &&
           rows.prefill.longest_alone_s >= (layerwise ? option.service_s : 0.0);
  }
  bool decode_is_right(size_t at) const {
    const uint32_t index = world.shape.pool->decode[at];
    const DecodeOption option = decode_option(world.view, world.shape, index);
    if (!is_wanted(index) || (filter.must_fit && !late && !option.fits)) {
      return rows.decode.price_s[at] == kNoPrice && rows.decode.finish_s[at] == kNoTime;
    }
    return rows.decode.finish_s[at] == option.wait_s + option.service_s &&
           rows.decode.price_s[at] == kWeights.impact * option.impact_s &&
           rows.decode.bytes[at] == option.bytes &&
           rows.decode.move_s[at] == ingress_s(world.view, index, option.bytes);
  }
  bool all_are_right() const {
    bool right = true;
    for (size_t i = 0; i < world.shape.pool->prefill.size(); ++i) right &= prefill_is_right(i);
    for (size_t i = 0; i < world.shape.pool->decode.size(); ++i) right &= decode_is_right(i);
    for (size_t i = world.shape.pool->prefill.size(); i < rows.prefill.price_s.size(); ++i) {
      right &= rows.prefill.price_s[i] == kNoPrice;
    }
    for (size_t i = world.shape.pool->decode.size(); i < rows.decode.price_s.size(); ++i) {
      right &= rows.decode.price_s[i] == kNoPrice;
    }
    return right;
  }

  const PlanWorld& world;
  RowFilter filter;
  const PoolColumns& pool;
  bool late;
  JointRows rows{16};
};

// Places a call somewhere, so that a worker or two have changed since the columns were made.
void book_randomly(Draw* draw, PlanWorld* world) {
  const ModelPool& pool = *world->shape.pool;
  if (pool.prefill.empty() || pool.decode.empty()) return;
  Choice choice;
  choice.prefill = pool.prefill[(*draw)(pool.prefill.size())];
  choice.decode = pool.decode[(*draw)(pool.decode.size())];
  world->view.book(world->shape, choice);
}

int wrong_searches() {
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    Draw draw{seed * 31};
    PlanWorld world;
    build(&draw, &world);
    for (int call = 0; call < 6; ++call) {
      world.shape_call(static_cast<uint32_t>(1 + draw(call == 0 ? 60 : 12000)),
                       static_cast<uint32_t>(1 + draw(800)));
      world.shape.weight = 0.1 + draw.up_to(1.0);
      world.call.labels_excluded = draw(4) == 0 ? 1 : 0;
      world.call.avoid_worker = static_cast<uint32_t>(draw(world.workers.size()));
      const RowFilter filter = {draw(3) != 0, draw(3) == 0};
      if (!Searched(world, filter).all_are_right()) ++wrong;
      book_randomly(&draw, &world);
    }
  }
  return wrong;
}

void rows_cost_what_single_workers_cost(void** /*state*/) { assert_int_equal(wrong_searches(), 0); }

void bounds_and_the_earliest_end_are_over_all_rows(void** state) {
  PlanWorld& world = *static_cast<PlanWorld*>(*state);
  for (int i = 0; i < 9; ++i) world.load_prefill(world.add_prefill(), 1000);
  const uint32_t best = world.add_prefill(PlanWorld::kFastGpu);
  world.add_decode();
  PrefillRows rows;
  rows.fill(world.view, world.shape, JointWeights{}, world.view.columns(*world.shape.pool), {});
  assert_true(rows.earliest_s() == rows.end_s[best]);
  const double least = rows.bound({0.5, 2.0});
  assert_true(least == 0.5 + 2.0 * rows.end_s[best] && rows.bound_s[best] == least);
  assert_true(rows.bound_s[0] == 0.5 + 2.0 * rows.end_s[0]);
}

void columns_follow_a_pool_that_has_grown(void** state) {
  PlanWorld& world = *static_cast<PlanWorld*>(*state);
  world.add_prefill();
  world.add_decode();
  assert_int_equal(world.view.columns(*world.shape.pool).prefill_workers.size(), 1);
  world.add_prefill();
  assert_int_equal(world.view.columns(*world.shape.pool).prefill_workers.size(), 2);
}

}  // namespace

int main() {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_cost_what_single_workers_cost),
      cmocka_unit_test_setup_teardown(bounds_and_the_earliest_end_are_over_all_rows,
                                      plan_world_setup, plan_world_teardown),
      cmocka_unit_test_setup_teardown(columns_follow_a_pool_that_has_grown, plan_world_setup,
                                      plan_world_teardown),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
