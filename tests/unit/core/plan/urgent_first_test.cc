// UrgentFirst against sorting everything: the same calls in the same order, across its scans, with
// equal keys, and while calls leave the list.
#include "core/plan/urgent_first.h"

#include <algorithm>

#include "core/plan/tier.h"
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

struct Draw {
  uint64_t state;
  uint64_t operator()(uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  }
};

// `count` waiting calls of several workflows with few distinct keys and tails, so that ties occur.
// With `tiers` the workflows have different ones, and half of the batch calls have starved.
void fill(Draw* draw, uint32_t count, bool tiers, Scheduler::State* state) {
  state->now = 100 * kSecond;
  for (uint64_t id = 1; id <= 8; ++id) {
    Workflow& workflow = state->workflows.workflow(state->workflows.add_workflow(id));
    workflow.tier = tiers ? static_cast<uint32_t>(id % kTierCount) : 0;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const auto workflow = static_cast<uint32_t>((*draw)(8));
    const uint32_t index = state->workflows.add_call(workflow, i, nullptr, 0);
    Call& call = state->workflows.call(index);
    call.state = CallState::kReady;
    call.tail_s = static_cast<double>((*draw)(3));
    call.times.ready = (*draw)(2) == 0 ? 1 : state->now;
    state->queued.add(1, state->workflows.workflow(workflow).tier, 0.0);
    state->waiting.add(&state->workflows, index,
                       Urgency::constant(static_cast<double>((*draw)(5))));
  }
}

std::vector<uint32_t> sorted(const Scheduler::State& state) {
  std::vector<Ranked> all;
  for (uint32_t slot = 0; slot < state.waiting.size(); ++slot) {
    const uint32_t call = state.waiting.calls()[slot];
    all.push_back({state.waiting.urgencies()[slot].at(state.now), call,
                   tier_now(state, state.workflows.call(call))});
  }
  std::sort(all.begin(), all.end(), MoreUrgent{&state});
  std::vector<uint32_t> order;
  for (const Ranked& entry : all) order.push_back(entry.call);
  return order;
}

// Some of the calls delivered leave the list, as they do when they are sent.
bool delivers_in_order(uint64_t seed, uint32_t count, bool leaving, bool tiers = false) {
  Draw draw{seed};
  Scheduler::State state(test_settings());
  fill(&draw, count, tiers, &state);
  const std::vector<uint32_t> wanted = sorted(state);
  std::vector<uint32_t> delivered;
  std::vector<Ranked> scratch;
  UrgentFirst urgent(state, &scratch);
  for (Ranked ranked = {}; urgent.next(&ranked);) {
    delivered.push_back(ranked.call);
    if (leaving && draw(2) == 0) state.waiting.remove(&state.workflows, ranked.call);
  }
  return delivered == wanted;
}

void it_delivers_what_sorting_would(void**) {
  for (uint32_t count : {0u, 1u, 23u, 24u, 25u, 119u, 120u, 121u, 200u}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      assert_true(delivers_in_order(seed, count, false));
    }
  }
}

void an_earlier_tier_comes_first_whatever_the_key(void**) {
  for (uint32_t count : {5u, 24u, 25u, 120u, 200u}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      assert_true(delivers_in_order(seed, count, false, true));
    }
  }
}

void calls_that_leave_meanwhile_disturb_nothing(void**) {
  for (uint64_t seed = 1; seed <= 50; ++seed) assert_true(delivers_in_order(seed, 200, true));
}

bool ties_go_by_workflow_tail_and_id() {
  Scheduler::State state(test_settings());
  for (uint64_t id : {5u, 3u}) state.workflows.add_workflow(id);
  const auto add = [&](uint32_t workflow, uint64_t id, double tail_s) {
    const uint32_t index = state.workflows.add_call(workflow, id, nullptr, 0);
    state.workflows.call(index).tail_s = tail_s;
    return index;
  };
  const uint32_t later = add(1, 1, 9.0);
  const uint32_t high_id = add(0, 8, 1.0);
  const uint32_t low_id = add(0, 7, 1.0);
  const uint32_t longer = add(0, 9, 2.0);
  const MoreUrgent more{&state};
  const Ranked order[] = {{1.0, longer}, {1.0, low_id}, {1.0, high_id}, {1.0, later}};
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) {
      if (more(order[i], order[j]) != (i < j)) return false;
    }
  }
  return more({1.1, later}, {1.0, longer});
}

void ties_go_to_the_earlier_workflow_the_longer_tail_the_lower_id(void**) {
  assert_true(ties_go_by_workflow_tail_and_id());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_delivers_what_sorting_would),
      cmocka_unit_test(an_earlier_tier_comes_first_whatever_the_key),
      cmocka_unit_test(calls_that_leave_meanwhile_disturb_nothing),
      cmocka_unit_test(ties_go_to_the_earlier_workflow_the_longer_tail_the_lower_id),
  };
  return cmocka_run_group_tests_name("urgent first", tests, nullptr, nullptr);
}
