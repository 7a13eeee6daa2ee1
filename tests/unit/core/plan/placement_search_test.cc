// The joint search against trying every pair, on random states: the same cost to the last bit, with
// whatever is pruned on the way. And what is said without a search against what one would say.
#include "draw.h"
#include "plan_world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

enum class Network { kAlike, kUnlike, kCapped };

void load_randomly(Draw* draw, Worker* worker) {
  for (uint64_t calls = (*draw)(4); calls > 0; --calls) {
    const auto tokens = static_cast<uint32_t>(1 + (*draw)(6000));
    worker->load.prefill.add(worker->prefill_engine, prefill_shape(tokens, 0), 0);
    worker->load.egress.bytes += 1e5 * tokens;
    worker->load.egress.flows += 1.0;
  }
  for (uint64_t calls = (*draw)(20); calls > 0; --calls) {
    const auto tokens = static_cast<double>(1 + (*draw)(6000));
    const bool promised = (*draw)(3) == 0;
    (promised ? worker->load.decode.promised_sequences : worker->load.decode.sequences) += 1.0;
    (promised ? worker->load.decode.promised_context : worker->load.decode.context) += tokens;
    worker->load.decode.weight += 0.01 * static_cast<double>((*draw)(100));
    if (!promised) continue;
    worker->load.ingress.bytes += 1e5 * tokens;
    worker->load.ingress.flows += 1.0;
  }
  worker->load.kv_free_tokens = static_cast<int64_t>((*draw)(10)) * 1600;
}

void add_randomly(Draw* draw, Network network, uint32_t role, PlanWorld* world) {
  const uint32_t gpu = (*draw)(2) == 0 ? PlanWorld::kSlowGpu : PlanWorld::kFastGpu;
  hexagent_worker record = world->record(world->workers.size() + 1, role, gpu);
  if ((*draw)(4) == 0) record.flags = HEXAGENT_WORKER_DELTA_TRANSFER;
  if ((*draw)(3) == 0) record.binding = HEXAGENT_BINDING_PREFILL_END;
  if ((*draw)(6) == 0) record.labels = 1;
  if (network == Network::kUnlike) {
    record.egress_bytes_per_s = 1e9 * static_cast<double>(1 + (*draw)(50));
    record.ingress_bytes_per_s = 1e9 * static_cast<double>(1 + (*draw)(50));
    record.link_latency_ns = static_cast<uint32_t>(1 + (*draw)(100'000));
    record.dispatch_round_trip_ns = static_cast<int64_t>(1 + (*draw)(20'000'000));
  }
  if (network == Network::kCapped) record.rack_domain = static_cast<uint32_t>(10 + (*draw)(3));
  const bool early = record.binding == HEXAGENT_BINDING_PREFILL_START;
  if ((*draw)(3) == 0 && early) record.flags |= HEXAGENT_WORKER_LAYERWISE;
  const uint32_t index = world->add(record);
  load_randomly(draw, &world->workers[index]);
  world->hits[index] = (*draw)(2) == 0 ? 0 : static_cast<uint32_t>((*draw)(4000));
}

void build(Draw* draw, Network network, PlanWorld* world) {
  for (uint64_t count = 1 + (*draw)(5); count > 0; --count) {
    add_randomly(draw, network, HEXAGENT_ROLE_PREFILL, world);
  }
  for (uint64_t count = 1 + (*draw)(5); count > 0; --count) {
    add_randomly(draw, network, HEXAGENT_ROLE_DECODE, world);
  }
  for (uint64_t count = (*draw)(2); count > 0; --count) {
    add_randomly(draw, network, HEXAGENT_ROLE_BOTH, world);
  }
  hexagent_model model = {};
  model.model = PlanWorld::kModel;
  model.layers = static_cast<uint32_t>((*draw)(3) * 4);  // 0: nobody told
  uint32_t field = 0;
  world->workers.set_model(model, &field);
  if (network == Network::kCapped) {
    hexagent_link link = {};
    link.source_domain = 10;
    link.target_domain = 11;
    link.bytes_per_s = 1e8;
    world->links.set(link);
  }
  // One statement per draw: compilers differ in the order in which they evaluate arguments.
  const auto prompt_tokens = static_cast<uint32_t>(1 + (*draw)(5000));
  const auto output_tokens = static_cast<uint32_t>(1 + (*draw)(800));
  world->shape_call(prompt_tokens, output_tokens);
  world->shape.weight = 0.1 + 0.01 * static_cast<double>((*draw)(100));
  world->shape.elapsed_s = 0.01 * static_cast<double>((*draw)(1000));
  world->shape.horizon_s = 1.0 + 0.01 * static_cast<double>((*draw)(1000));
  world->shape.stretch_now = std::max(1.0, world->shape.elapsed_s / world->shape.horizon_s);
  if ((*draw)(4) == 0) world->call.labels_excluded = 1;
  if ((*draw)(4) == 0) {
    world->call.avoid_worker = static_cast<uint32_t>((*draw)(world->workers.size()));
  }
  world->settings.cache_aware = (*draw)(4) == 0 ? 0.0 : 1.0;
}

// The documented cost of a pair (placement_joint.h), by the pieces.
double cost_of(const PlanWorld& world, const JointWeights& weights, uint32_t prefill,
               uint32_t decode) {
  const PrefillOption source = prefill_option(world.view, world.shape, prefill);
  const DecodeOption target = decode_option(world.view, world.shape, decode);
  const double move = transfer_s(world.view, prefill, decode, target.bytes, source.overlap);
  const double finish =
      source.wait_s + source.service_s + move + (target.wait_s + target.service_s);
  const double work = prefill_work_s(world.view, world.shape, source.cached);
  return weights.work * work + weights.transfer * move + weights.impact * target.impact_s +
         own_cost_s(world.shape, finish, weights.power);
}

bool fits(const PlanWorld& world, uint32_t prefill, uint32_t decode) {
  const bool late =
      prefill != decode && world.workers[prefill].spec.binding == HEXAGENT_BINDING_PREFILL_END;
  return prefill_option(world.view, world.shape, prefill).fits &&
         (late || decode_option(world.view, world.shape, decode).fits);
}

// Least cost over all pairs; pairs that fit before others, and those without the worker to avoid
// before both. Negative: there is no pair.
double least_cost(const PlanWorld& world, const JointWeights& weights, bool* fitting) {
  for (const int stage : {0, 1, 2}) {
    double least = -1.0;
    for (uint32_t prefill : world.shape.pool->prefill) {
      for (uint32_t decode : world.shape.pool->decode) {
        const bool avoid = stage == 0;
        if (!eligible(world.workers[prefill], world.call, prefill, avoid)) continue;
        if (!eligible(world.workers[decode], world.call, decode, avoid)) continue;
        if (stage < 2 && !fits(world, prefill, decode)) continue;
        const double cost = cost_of(world, weights, prefill, decode);
        if (least < 0.0 || cost < least) least = cost;
      }
    }
    *fitting = stage < 2;
    if (least >= 0.0) return least;
  }
  return -1.0;
}

// Rounds in which the search was not as good as trying all; the first is told.
int worse_rounds(Network network, const JointWeights& weights) {
  int worse = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Draw draw{seed * 7919};
    PlanWorld world;
    build(&draw, network, &world);
    world.view.begin(0);
    bool fitting = false;
    const double least = least_cost(world, weights, &fitting);
    Choice choice;
    const bool found = choose_joint(world.view, world.shape, weights, &choice);
    const bool right =
        found ? near(choice.cost_s, least) && choice.fits == fitting &&
                    near(cost_of(world, weights, choice.prefill, choice.decode), choice.cost_s)
              : least < 0.0;
    if (right) continue;
    if (++worse == 1) {
      print_error("seed %d: cost %g, all pairs tried %g\n", static_cast<int>(seed),
                  found ? choice.cost_s : -1.0, least);
    }
  }
  return worse;
}

constexpr JointWeights kImpact = {0.8, 0.6, 0.5, 12};

void own_finish_equals_trying_all_pairs_on_networks_alike(void**) {
  assert_int_equal(worse_rounds(Network::kAlike, JointWeights{}), 0);
}
void own_finish_equals_trying_all_pairs_on_networks_unlike(void**) {
  assert_int_equal(worse_rounds(Network::kUnlike, JointWeights{}), 0);
}
void own_finish_equals_trying_all_pairs_under_caps(void**) {
  assert_int_equal(worse_rounds(Network::kCapped, JointWeights{}), 0);
}
void impact_equals_trying_all_pairs_on_networks_alike(void**) {
  assert_int_equal(worse_rounds(Network::kAlike, kImpact), 0);
}
void impact_equals_trying_all_pairs_on_networks_unlike(void**) {
  assert_int_equal(worse_rounds(Network::kUnlike, kImpact), 0);
}
void impact_equals_trying_all_pairs_under_caps(void**) {
  assert_int_equal(worse_rounds(Network::kCapped, kImpact), 0);
}

void a_misfit_is_told_without_a_search(void**) {
  int misfits = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Draw draw{seed * 7919};
    PlanWorld world;
    build(&draw, Network::kAlike, &world);
    world.view.begin(0);
    Choice choice;
    const bool misfit = choose_joint(world.view, world.shape, kImpact, &choice) && !choice.fits;
    const bool surely = surely_misfits_joint(world.view, world.shape);
    assert_true(misfit || !surely);
    // Labels, and workers whose decode worker is bound late, are left to the search.
    const bool plain = world.call.labels_excluded == 0 &&
                       !world.view.columns(*world.shape.pool).prefill.any_late();
    if (plain) assert_int_equal(surely, misfit);
    misfits += surely ? 1 : 0;
  }
  assert_in_range(misfits, 50, 2900);
}

// By the rule of keeps_joint(), pair by pair.
bool waits(const PlanWorld& world, const std::vector<uint32_t>& open, const Choice& kept) {
  if (world.call.avoid_worker != kNoWorker) return false;
  if (!prefill_option(world.view, world.shape, kept.prefill).fits) return false;
  if (!decode_option(world.view, world.shape, kept.decode).fits) return false;
  const double kept_cost = cost_of(world, kImpact, kept.prefill, kept.decode);
  for (const uint32_t index : open) {
    const Worker& worker = world.workers[index];
    const bool come_free = worker.freed_at >= world.call.kept_at;
    if (!come_free || !eligible(worker, world.call, index, false)) continue;
    if (index == kept.prefill || worker.can_decode()) return false;
    const bool fits = prefill_option(world.view, world.shape, index).fits;
    if (fits && cost_of(world, kImpact, index, kept.decode) < kept_cost) return false;
  }
  return true;
}

void a_call_waits_on_while_nothing_come_free_is_better(void**) {
  int waiting = 0;
  int turning = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Draw draw{seed * 7919};
    PlanWorld world;
    build(&draw, Network::kAlike, &world);
    world.view.begin(0);
    const ModelPool& pool = *world.shape.pool;
    world.call.kept_at = 5;
    std::vector<uint32_t> open;
    for (uint32_t index : pool.prefill) {
      world.workers[index].freed_at = static_cast<TimeNs>(draw(10));
      if (draw(2) == 0) open.push_back(index);
    }
    Choice kept;
    kept.prefill = pool.prefill[draw(pool.prefill.size())];
    kept.decode = pool.decode[draw(pool.decode.size())];
    const Choice before = kept;
    const bool expected = waits(world, open, before);
    assert_int_equal(keeps_joint(world.view, world.shape, kImpact, open, &kept), expected);
    (expected ? waiting : turning) += 1;
    if (!expected) continue;
    assert_int_equal(kept.prefill, before.prefill);
    assert_int_equal(kept.decode, before.decode);
    assert_true(kept.fits);
    assert_true(near(kept.cost_s, cost_of(world, kImpact, kept.prefill, kept.decode)));
  }
  assert_in_range(waiting, 300, 2700);
  assert_in_range(turning, 300, 2700);
}

void nobody_waits_for_a_worker_that_is_gone(void**) {
  PlanWorld world;
  const uint32_t prefill = world.add_prefill();
  const uint32_t decode = world.add_decode();
  Choice kept;
  kept.prefill = prefill;
  kept.decode = decode;
  assert_true(keeps_joint(world.view, world.shape, kImpact, {}, &kept));
  kept.prefill = decode;
  assert_false(keeps_joint(world.view, world.shape, kImpact, {}, &kept));
  kept.prefill = prefill;
  kept.decode = prefill;
  assert_false(keeps_joint(world.view, world.shape, kImpact, {}, &kept));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(own_finish_equals_trying_all_pairs_on_networks_alike),
      cmocka_unit_test(own_finish_equals_trying_all_pairs_on_networks_unlike),
      cmocka_unit_test(own_finish_equals_trying_all_pairs_under_caps),
      cmocka_unit_test(impact_equals_trying_all_pairs_on_networks_alike),
      cmocka_unit_test(impact_equals_trying_all_pairs_on_networks_unlike),
      cmocka_unit_test(impact_equals_trying_all_pairs_under_caps),
      cmocka_unit_test(a_misfit_is_told_without_a_search),
      cmocka_unit_test(a_call_waits_on_while_nothing_come_free_is_better),
      cmocka_unit_test(nobody_waits_for_a_worker_that_is_gone),
  };
  return cmocka_run_group_tests_name("placement search", tests, nullptr, nullptr);
}
