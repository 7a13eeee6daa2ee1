// Tiers: who goes first, how long the others can be kept waiting, and what engines are told.
#include "core/plan/tier.h"

#include <algorithm>

#include "core/lifecycle_parts.h"
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

constexpr const char* kFcfs = "fcfs/own-finish/window";

void begin(World* world, uint64_t id, uint32_t tier) {
  hexagent_workflow workflow = {};
  workflow.workflow = id;
  workflow.tier = tier;
  world->begin(workflow);
}

// One prefill worker that does one call of 1000 tokens a turn of 110 ms; everything else takes no
// time. Before each turn interactive workflows arrive until `backlog` calls wait: more than the
// worker can do, for ever.
class Overload {
 public:
  Overload(World* world, uint64_t backlog) : world_(world), backlog_(backlog) {
    world->add_workers(1, 1);
  }

  void turn() {
    while (world_->stats().calls_waiting < backlog_) {
      begin(world_, next_, HEXAGENT_TIER_INTERACTIVE);
      world_->submit(next_, 1);
      note();
      ++next_;
    }
    world_->pass(110 * kMs);
    note();
    if (sent_.empty()) return;
    const uint64_t done = sent_.front();
    sent_.erase(sent_.begin());
    world_->finish(done, 1, [this] { note(); });
    world_->end(done);
  }

  // Time from now until the call of this workflow is sent; `turns_max` turns at most, then 0.
  TimeNs until_sent(uint64_t workflow, int turns_max) {
    const TimeNs start = world_->now();
    for (int i = 0; i < turns_max; ++i) {
      turn();
      if (std::find(all_.begin(), all_.end(), workflow) != all_.end()) return world_->now() - start;
    }
    return 0;
  }

 private:
  void note() {
    for (const hexagent_decision& decision : world_->latest()) {
      if (decision.kind != HEXAGENT_DECISION_PREFILL) continue;
      sent_.push_back(decision.workflow);
      all_.push_back(decision.workflow);
    }
  }

  World* world_;
  uint64_t backlog_;
  uint64_t next_ = 1000;
  std::vector<uint64_t> sent_;
  std::vector<uint64_t> all_;
};

Settings settings_of(const char* policy, double starvation_s) {
  Settings settings = test_settings(policy);
  settings.starvation_s = starvation_s;
  return settings;
}

TimeNs wait_under_overload(void** state, const char* policy, double starvation_s, uint32_t tier) {
  World& world = open_world(state, settings_of(policy, starvation_s));
  Overload overload(&world, 8);
  for (int i = 0; i < 20; ++i) overload.turn();
  begin(&world, 1, tier);
  world.submit(1, 1);
  return overload.until_sent(1, 200);
}

// The bound: `starvation_s`, then the calls that were ready before it (none are left), then the
// turn under way.
void no_call_waits_longer_than_the_starvation_bound(void** state) {
  for (const char* policy : {kFcfs, "default"}) {
    for (uint32_t tier : {HEXAGENT_TIER_STANDARD, HEXAGENT_TIER_BATCH}) {
      const TimeNs waited = wait_under_overload(state, policy, 5.0, tier);
      assert_true(waited > 5 * kSecond);
      assert_true(waited <= 5 * kSecond + 3 * 110 * kMs);
    }
  }
}

void until_then_the_tier_is_strict(void** state) {
  assert_int_equal(wait_under_overload(state, kFcfs, 1e6, HEXAGENT_TIER_BATCH), 0);
  assert_int_equal(wait_under_overload(state, "default", 1e6, HEXAGENT_TIER_STANDARD), 0);
}

void a_bound_of_nothing_leaves_the_order_alone(void** state) {
  const TimeNs waited = wait_under_overload(state, kFcfs, 0.0, HEXAGENT_TIER_BATCH);
  assert_true(waited > 0 && waited <= 10 * 110 * kMs);  // behind the eight that came before
}

// All decisions of a run in which every workflow has this tier; keys and priorities left out.
std::vector<hexagent_decision> run(uint32_t tier) {
  World world;
  world.add_workers(2, 2);
  std::vector<hexagent_decision> decisions;
  for (uint64_t id = 1; id <= 20; ++id) {
    begin(&world, id, tier);
    world.submit(test_call(id, 1, 200 + 100 * static_cast<uint32_t>(id % 7)));
    for (hexagent_decision decision : world.latest()) {
      decision.order_key = 0;
      decision.priority = 0;
      decisions.push_back(decision);
    }
    world.pass(30 * kMs);
  }
  return decisions;
}

bool same(const std::vector<hexagent_decision>& a, const std::vector<hexagent_decision>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(hexagent_decision)) == 0;
}

void one_tier_alone_changes_no_decision(void**) {
  assert_true(same(run(HEXAGENT_TIER_INTERACTIVE), run(HEXAGENT_TIER_STANDARD)));
  assert_true(same(run(HEXAGENT_TIER_INTERACTIVE), run(HEXAGENT_TIER_BATCH)));
}

void an_order_key_of_a_tier_is_below_all_of_the_next(void**) {
  const double keys[] = {-1e300, -4e9, -1.0, 0.0, 1.0, 4e9, 1e300};
  for (uint32_t tier = 0; tier + 1 < kTierCount; ++tier) {
    for (double least : keys) {
      for (double most : keys) {
        assert_true(to_order_key(least, tier) < to_order_key(most, tier + 1));
      }
    }
  }
  assert_int_equal(to_order_key(1.5, 0), -1500000);
}

bool ascends(uint32_t engine, bool lower_first) {
  Worker worker;
  worker.spec.engine = engine;
  int64_t last = lower_first ? INT64_MIN : INT64_MAX;
  for (uint32_t tier = 0; tier < kTierCount; ++tier) {
    for (double key : {2000.0, 3.0, 1.0, 0.5, -100.0}) {  // most urgent first
      const int64_t priority = engine_priority(worker, to_order_key(key, tier), true);
      if (lower_first ? priority <= last : priority >= last) return false;
      last = priority;
    }
  }
  return true;
}

void priorities_keep_tiers_and_keys_apart_in_either_polarity(void**) {
  assert_true(ascends(HEXAGENT_ENGINE_OTHER, true));
  assert_true(ascends(HEXAGENT_ENGINE_VLLM, true));
  assert_true(ascends(HEXAGENT_ENGINE_SGLANG, false));
}

void extreme_keys_stay_within_the_engines_range(void**) {
  for (uint32_t engine : {HEXAGENT_ENGINE_VLLM, HEXAGENT_ENGINE_SGLANG}) {
    Worker worker;
    worker.spec.engine = engine;
    const int64_t sign = engine == HEXAGENT_ENGINE_SGLANG ? -1 : 1;
    int64_t last = INT64_MIN;
    for (uint32_t tier = 0; tier < kTierCount; ++tier) {
      for (double key : {1e300, -1e300}) {
        const int64_t priority = sign * engine_priority(worker, to_order_key(key, tier), true);
        assert_true(priority > last);
        last = priority;
      }
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(no_call_waits_longer_than_the_starvation_bound),
      WORLD_TEST(until_then_the_tier_is_strict),
      WORLD_TEST(a_bound_of_nothing_leaves_the_order_alone),
      cmocka_unit_test(one_tier_alone_changes_no_decision),
      cmocka_unit_test(an_order_key_of_a_tier_is_below_all_of_the_next),
      cmocka_unit_test(priorities_keep_tiers_and_keys_apart_in_either_polarity),
      cmocka_unit_test(extreme_keys_stay_within_the_engines_range),
  };
  return cmocka_run_group_tests_name("tier", tests, nullptr, nullptr);
}
