// Greedy against scoring every call again at every turn, on random clusters and calls: the same
// calls in the same order, with bounds and without, of one model and tier or of several.
#include "core/plan/greedy.h"

#include <algorithm>
#include <memory>

#include "core/plan/tier.h"
#include "core/plan/urgent_first.h"
#include "draw.h"
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

// What a plan looks at; all workers and calls are made up from the seed.
class Plan {
 public:
  Plan(uint64_t seed, const char* policy) : state_(test_settings(policy)) {
    Draw draw{seed};
    state_.now = 100 * kSecond;
    add_profiles();
    if (draw(4) == 0) models_ = 2;
    if (draw(4) == 0) tiers_ = 3;
    if (draw(2) == 0) binding_ = HEXAGENT_BINDING_PREFILL_END;
    for (uint64_t i = 0, count = 2 + draw(4); i < count; ++i) {
      add_worker(&draw, HEXAGENT_ROLE_PREFILL, kModel);
      add_worker(&draw, HEXAGENT_ROLE_DECODE, kModel);
    }
    for (uint32_t role : {HEXAGENT_ROLE_PREFILL, HEXAGENT_ROLE_DECODE, HEXAGENT_ROLE_DECODE}) {
      if (models_ > 1) add_worker(&draw, role, kOtherModel);
    }
    if (joint() && draw(3) == 0) add_worker(&draw, HEXAGENT_ROLE_BOTH, kModel);
    for (uint64_t id = 1; id <= 8; ++id) {
      Workflow& workflow = state_.workflows.workflow(state_.workflows.add_workflow(id));
      workflow.arrival = static_cast<TimeNs>(draw(100)) * kSecond;
      workflow.horizon_s = 1.0 + static_cast<double>(draw(40));
      workflow.tier = static_cast<uint32_t>(draw(tiers_));
      workflow.deadline = draw(3) == 0 ? workflow.arrival + 60 * kSecond : 0;
    }
    for (uint64_t i = 0; i < 40; ++i) add_call(&draw, i);
    state_.view.begin(state_.now);
  }

  std::vector<uint32_t> taken(bool put_off) {
    FairShare fair(&state_);
    return taken(Greedy(&state_, &fair, put_off));
  }
  std::vector<uint32_t> taken(Greedy::Front front) {
    FairShare fair(&state_);
    return taken(Greedy(&state_, &fair, front));
  }

  // The most urgent with no finish projected.
  std::vector<uint32_t> front(size_t count) {
    std::vector<Ranked> ranked;
    for (uint32_t index : state_.waiting.calls()) {
      const Scored entry = score(index);
      const Call& call = state_.workflows.call(index);
      const double key = state_.order_key(call, call.standalone_s);
      if (entry.choice.fits) ranked.push_back({key, index, tier_now(state_, call)});
    }
    std::sort(ranked.begin(), ranked.end(), MoreUrgent{&state_});
    std::vector<uint32_t> calls;
    for (size_t i = 0; i < count && i < ranked.size(); ++i) calls.push_back(ranked[i].call);
    return calls;
  }

  std::vector<uint32_t> all_scored_again() {
    std::vector<uint32_t> order;
    std::vector<uint32_t> left = state_.waiting.calls();
    const MoreUrgent more_urgent{&state_};
    for (;;) {
      Scored first;
      for (uint32_t index : left) {
        Scored entry = score(index);
        if (!entry.choice.fits) continue;
        const bool leads = !first.choice.fits || more_urgent(entry.rank, first.rank);
        if (leads) first = entry;
      }
      if (!first.choice.fits) return order;
      order.push_back(first.rank.call);
      left.erase(std::find(left.begin(), left.end(), first.rank.call));
      book(first);
    }
  }

 private:
  // The calls in the order in which they are taken, each booked before the next; every second one
  // leaves the list meanwhile, as one that is sent does.
  std::vector<uint32_t> taken(Greedy greedy) {
    std::vector<uint32_t> order;
    Scored next;
    while (greedy.next(&next)) {
      order.push_back(next.rank.call);
      book(next);
      if (order.size() % 2 == 0) leave(next.rank.call);
      greedy.applied(next.choice);
    }
    return order;
  }

  // Placements that choose by pool may find room again for a call that fitted nowhere, if it avoids
  // a worker or one has both roles; then it makes a difference when a call is scored.
  bool joint() const { return state_.policy.placement->takes_earliest_finish(); }

  void add_profiles() {
    for (uint32_t model : {kModel, kOtherModel}) {
      for (uint32_t gpu : {1u, 2u}) add_profile(model, gpu);
    }
  }

  void add_profile(uint32_t model, uint32_t gpu) {
    hexagent_profile profile = test_profile(model);
    profile.gpu = gpu;
    profile.prefill_per_token_s /= gpu;
    profile.decode_per_sequence_s = 1e-4;
    profile.decode_fixed_s /= gpu;
    profile.kv_capacity_tokens = 64000;
    uint32_t field = 0;
    state_.workers.set_profile(profile, &field);
  }

  void add_worker(Draw* draw, uint32_t role, uint32_t model) {
    hexagent_worker record = test_worker(state_.workers.size() + 1, role);
    record.model = model;
    record.gpu = static_cast<uint32_t>(1 + (*draw)(2));
    record.binding = binding_;
    if ((*draw)(5) == 0) record.labels = 1;
    const uint32_t index = state_.workers.set(record, state_.now);
    Worker& worker = state_.workers[index];
    for (uint64_t calls = (*draw)(3); calls > 0; --calls) {
      worker.load.prefill.add(worker.prefill_engine,
                              prefill_shape(static_cast<uint32_t>(2000 + (*draw)(4000)), 0),
                              state_.now);
    }
    worker.load.decode.sequences = static_cast<double>((*draw)(30));
  }

  void add_call(Draw* draw, uint64_t id) {
    const auto workflow = static_cast<uint32_t>((*draw)(8));
    const uint32_t index = state_.workflows.add_call(workflow, id, nullptr, 0);
    Call& call = state_.workflows.call(index);
    call.model = (*draw)(models_) == 0 ? kModel : kOtherModel;
    call.state = CallState::kReady;
    call.times.ready = state_.now;
    call.prompt_tokens = static_cast<uint32_t>(1 + (*draw)(6000));
    call.output_mean = static_cast<double>(1 + (*draw)(500));
    call.output_reserve = static_cast<uint32_t>(500 + (*draw)(500));
    if ((*draw)(6) == 0) call.labels_excluded = 1;
    if (joint() && (*draw)(6) == 0) {
      call.avoid_worker = static_cast<uint32_t>((*draw)(state_.workers.size()));
    }
    state_.waiting.add(&state_.workflows, index, state_.urgency_of(call));
    state_.queued.add(call.model, state_.workflows.workflow_of(call).tier, 0.0);
  }

  Scored score(uint32_t index) {
    Scored entry;
    const Call& call = state_.workflows.call(index);
    state_.policy.placement->choose(state_.view, state_.shape_of(call), &entry.choice);
    entry.rank = {state_.order_key(call, entry.choice.finish_s), index, tier_now(state_, call)};
    return entry;
  }

  void book(const Scored& entry) {
    state_.view.book(state_.shape_of(state_.workflows.call(entry.rank.call)), entry.choice);
  }

  void leave(uint32_t index) {
    const Call& call = state_.workflows.call(index);
    state_.waiting.remove(&state_.workflows, index);
    state_.queued.remove(call.model, state_.workflows.workflow_of(call).tier, 0.0);
  }

  uint64_t models_ = 1;
  uint64_t tiers_ = 1;
  uint32_t binding_ = HEXAGENT_BINDING_PREFILL_START;
  Scheduler::State state_;
};

constexpr int kSeeds = 200;

int alike(const char* policy, bool put_off) {
  int same = 0;
  for (uint64_t seed = 1; seed <= uint64_t{kSeeds}; ++seed) {
    const std::vector<uint32_t> order = std::make_unique<Plan>(seed, policy)->taken(put_off);
    same += order == std::make_unique<Plan>(seed, policy)->all_scored_again() ? 1 : 0;
  }
  return same;
}

void bounds_take_calls_in_the_order_of_scoring_all_again(void** /*state*/) {
  assert_int_equal(alike("hexagent", true), kSeeds);
  assert_int_equal(alike("llf/own-finish/window", true), kSeeds);
}

void placements_that_bounds_do_not_hold_for_are_scored_in_full(void** /*state*/) {
  assert_int_equal(alike("hexagent/speed-scaled/window", true), kSeeds);
}

void touched_calls_alone_need_to_be_scored_again(void** /*state*/) {
  assert_int_equal(alike("hexagent", false), kSeeds);
}

// No more than the front is long there is nobody behind it.
void a_front_of_all_calls_is_taken_in_the_order_of_scoring_all_again(void** /*state*/) {
  for (uint64_t seed = 1; seed <= uint64_t{kSeeds}; ++seed) {
    const std::vector<uint32_t> order =
        std::make_unique<Plan>(seed, "default")->taken(Greedy::Front{100});
    assert_true(order == std::make_unique<Plan>(seed, "default")->all_scored_again());
  }
}

void a_front_is_of_those_who_are_first_without_projection(void** /*state*/) {
  for (uint64_t seed = 1; seed <= uint64_t{kSeeds}; ++seed) {
    for (const char* policy : {"default", "stretch/own-finish/window"}) {
      std::vector<uint32_t> order = std::make_unique<Plan>(seed, policy)->taken(Greedy::Front{1});
      assert_true(order == std::make_unique<Plan>(seed, policy)->front(1));
    }
  }
}

}  // namespace

int main() {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_take_calls_in_the_order_of_scoring_all_again),
      cmocka_unit_test(placements_that_bounds_do_not_hold_for_are_scored_in_full),
      cmocka_unit_test(touched_calls_alone_need_to_be_scored_again),
      cmocka_unit_test(a_front_of_all_calls_is_taken_in_the_order_of_scoring_all_again),
      cmocka_unit_test(a_front_is_of_those_who_are_first_without_projection),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
