// Fair share: how far tenants drift apart while both wait, whatever the order prefers.
#include "core/plan/fair_share.h"

#include <algorithm>
#include <cmath>

#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test program

constexpr uint32_t kTenants = 3;  // names 1 to 3
constexpr uint32_t kPrompt[kTenants + 1] = {0, 3000, 1000, 200};

double alone_s(const World& world, uint32_t tenant) {
  const hexagent_call call = test_call(9999, 1, kPrompt[tenant]);
  hexagent_workflow workflow = {};
  workflow.workflow = 9999;
  hexagent_forecast forecast = {};
  world.scheduler().what_if(workflow, &call, 1, nullptr, nullptr, &forecast);
  return to_s(forecast.horizon_ns);
}

// One prefill worker that finishes one call a turn. Tenants keep `backlog` calls waiting each, as
// long as they are said to; every workflow has one call.
class Fleet {
 public:
  Fleet(World* world, uint32_t backlog) : world_(world), backlog_(backlog) {
    world->add_workers(1, 1);
  }

  void turn(uint32_t tenants) {
    for (uint32_t tenant = 1; tenant <= tenants; ++tenant) {
      while (waiting_[tenant] < backlog_) reveal(tenant);
    }
    world_->pass(50 * kMs);
    note();
    if (sent_.empty()) return;
    const uint64_t done = sent_.front();
    sent_.erase(sent_.begin());
    world_->finish(done, 1, [this] { note(); });
    world_->end(done);
    note();
  }

  // The worker has lost what it was sent of one tenant, and says so; it is sent again.
  void lose(uint32_t tenant) {
    std::vector<uint64_t> held;
    for (size_t i = 0; i < sent_.size();) {
      const uint64_t workflow = sent_[i];
      if (owners_[workflow - 1] != tenant) {
        held.insert(held.end(), {workflow, 1, 0});
        ++i;
        continue;
      }
      ++lost_;
      ++waiting_[tenant];
      service_s_[tenant] -= alone_s(*world_, tenant);
      counter_s_[tenant] -= alone_s(*world_, tenant);
      sent_.erase(sent_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    world_->resync(1, 0, held);
    note();
  }

  void reveal(uint32_t tenant) {
    hexagent_workflow workflow = {};
    workflow.workflow = ++last_;
    workflow.tenant = tenant;
    owners_.push_back(tenant);
    if (waiting_[tenant] == 0) lift(tenant);
    ++waiting_[tenant];
    world_->begin(workflow);
    world_->submit(test_call(last_, 1, kPrompt[tenant]));
    note();
  }

  // The largest lead of one waiting tenant over another so far, seconds of service sent while both
  // waited.
  double lead_s() const { return lead_s_; }
  void forget_lead() {
    lead_s_ = 0.0;
    std::fill(std::begin(service_s_), std::end(service_s_), 0.0);
    std::fill(std::begin(counter_s_), std::end(counter_s_), 0.0);
  }
  double service_s(uint32_t tenant) const { return service_s_[tenant]; }
  uint32_t lost() const { return lost_; }

 private:
  void note() {
    for (const hexagent_decision& decision : world_->latest()) {
      if (decision.kind != HEXAGENT_DECISION_PREFILL) continue;
      const uint32_t tenant = owners_[decision.workflow - 1];
      service_s_[tenant] += alone_s(*world_, tenant);
      counter_s_[tenant] += alone_s(*world_, tenant);
      --waiting_[tenant];
      sent_.push_back(decision.workflow);
      measure();
    }
  }
  void measure() {
    for (uint32_t i = 1; i <= kTenants; ++i) {
      for (uint32_t j = 1; j <= kTenants; ++j) {
        if (waiting_[i] == 0 || waiting_[j] == 0) continue;
        lead_s_ = std::max(lead_s_, counter_s_[i] - counter_s_[j]);
      }
    }
  }
  // Whoever comes to wait anew starts from the least of those who do.
  void lift(uint32_t tenant) {
    double least_s = 1e300;
    for (uint32_t i = 1; i <= kTenants; ++i) {
      if (waiting_[i] > 0) least_s = std::min(least_s, counter_s_[i]);
    }
    if (least_s < 1e300) counter_s_[tenant] = std::max(counter_s_[tenant], least_s);
  }

  World* world_;
  uint32_t backlog_;
  uint64_t last_ = 0;
  uint32_t lost_ = 0;
  std::vector<uint32_t> owners_;
  std::vector<uint64_t> sent_;
  uint32_t waiting_[kTenants + 1] = {};
  double service_s_[kTenants + 1] = {};
  double counter_s_[kTenants + 1] = {};  // the same, lifted
  double lead_s_ = 0.0;
};

World& open(void** state, const char* policy, double bound_s) {
  Settings settings = test_settings(policy);
  settings.workflows_max = 64;
  settings.fairness_bound_s = bound_s;
  settings.working_set_max = 0.0;  // nobody outside: that is for entrance_test.cc
  return open_world(state, settings);
}

// Both wait for all of the run, so the bound must hold at every moment of it.
void tenants_that_wait_stay_within_the_bound_and_one_call(void** state) {
  for (const char* policy : {"default", "fcfs/own-finish/window", "hexagent", "atlas"}) {
    for (double bound_s : {0.5, 3.0}) {
      World& world = open(state, policy, bound_s);
      Fleet fleet(&world, 6);
      for (int i = 0; i < 150; ++i) fleet.turn(kTenants);
      assert_true(fleet.service_s(1) > 20.0);
      assert_true(fleet.lead_s() <= bound_s + alone_s(world, 1) + 1e-6);
    }
  }
}

void without_a_bound_the_order_lets_them_drift_apart(void** state) {
  World& world = open(state, "default", 0.0);
  Fleet fleet(&world, 6);
  for (int i = 0; i < 150; ++i) fleet.turn(kTenants);
  assert_true(fleet.lead_s() > 3.0 + 2 * alone_s(world, 1));
}

void a_tenant_that_was_away_has_saved_up_nothing(void** state) {
  World& world = open(state, "default", 0.5);
  Fleet fleet(&world, 6);
  for (int i = 0; i < 100; ++i) fleet.turn(1);  // the first alone
  fleet.forget_lead();
  for (int i = 0; i < 100; ++i) fleet.turn(2);
  assert_true(fleet.service_s(1) > 10.0);
  assert_true(fleet.lead_s() <= 0.5 + alone_s(world, 1) + 1e-6);
}

// Else whoever's calls get lost would wait for others to catch up with service it never had.
void what_a_worker_has_lost_is_not_charged_twice(void** state) {
  World& world = open(state, "default", 0.5);
  Fleet fleet(&world, 6);
  for (int i = 0; i < 150; ++i) {
    fleet.turn(kTenants);
    fleet.lose(1);
  }
  assert_true(fleet.lost() > 20);
  assert_true(fleet.lead_s() <= 0.5 + alone_s(world, 1) + 1e-6);
}

void a_tenant_alone_never_yields(void** state) {
  World& world = open(state, "default", 0.001);
  world.add_workers(1, 1);
  for (uint64_t id = 1; id <= 2; ++id) {
    world.begin(id);
    world.submit(test_call(id, 1, 100));
    assert_int_equal(world.count(HEXAGENT_DECISION_PREFILL), 1);
  }
}

// The other tenant's call needs a label nobody has by then; the first must not wait for it.
void a_call_that_no_worker_serves_is_not_waited_for(void** state) {
  World& world = open(state, "default", 0.001);
  world.add_workers(1, 1);
  hexagent_worker labelled = test_worker(2, HEXAGENT_ROLE_PREFILL);
  labelled.labels = 1;
  world.set_worker(labelled);
  labelled = test_worker(12, HEXAGENT_ROLE_DECODE);
  labelled.labels = 1;
  world.set_worker(labelled);
  hexagent_workflow workflow = {};
  workflow.workflow = 50;
  workflow.tenant = 2;
  world.begin(workflow);
  hexagent_call held = test_call(50, 1);
  held.labels_required = 1;
  held.flags = HEXAGENT_CALL_HELD;
  world.submit(held);
  world.lose(2);
  world.lose(12);
  world.ready(50, 1);
  assert_int_equal(world.state(50, 1), HEXAGENT_STATE_READY);
  workflow.tenant = 1;
  for (uint64_t id = 1; id <= 3; ++id) {
    workflow.workflow = id;
    world.begin(workflow);
    world.submit(test_call(id, 1, 100));
    assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, id, 1).kind, HEXAGENT_DECISION_PREFILL);
  }
}

void a_bound_set_while_running_starts_from_nothing(void** state) {
  World& world = open(state, "default", 0.0);
  Fleet fleet(&world, 6);
  for (int i = 0; i < 60; ++i) fleet.turn(kTenants);
  world.configure("fairness_bound_s", "0.5");
  fleet.forget_lead();
  for (int i = 0; i < 100; ++i) fleet.turn(kTenants);
  assert_true(fleet.lead_s() <= 0.5 + alone_s(world, 1) + 1e-6);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(tenants_that_wait_stay_within_the_bound_and_one_call),
      WORLD_TEST(without_a_bound_the_order_lets_them_drift_apart),
      WORLD_TEST(a_tenant_that_was_away_has_saved_up_nothing),
      WORLD_TEST(what_a_worker_has_lost_is_not_charged_twice),
      WORLD_TEST(a_tenant_alone_never_yields),
      WORLD_TEST(a_call_that_no_worker_serves_is_not_waited_for),
      WORLD_TEST(a_bound_set_while_running_starts_from_nothing),
  };
  return cmocka_run_group_tests_name("fair share", tests, nullptr, nullptr);
}
