// UrgentFirst against sorting everything that is not outside: the same calls in the same order,
// across its scans, with equal keys, while calls leave the list, and whatever the guess.
#include "core/plan/urgent_first.h"

#include <algorithm>

#include "core/plan/tier.h"
#include "draw.h"
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

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
    const auto key = static_cast<double>((*draw)(5));
    const bool outside = (*draw)(4) == 0;
    state->waiting.add(&state->workflows, index, Urgency::constant(key), outside);
  }
}

std::vector<uint32_t> sorted(const Scheduler::State& state) {
  std::vector<Ranked> all;
  for (uint32_t slot = 0; slot < state.waiting.size(); ++slot) {
    if (state.waiting.is_outside(slot)) continue;
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
  double guess = static_cast<double>(draw(7)) - 0.5;  // keys are 0 to 4
  UrgentFirst urgent(state, &scratch, &guess);
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

// Plan after plan with rising keys: some calls leave, some come, and each plan takes the guess of
// the one before.
bool plans_deliver_in_order(uint64_t seed) {
  Draw draw{seed};
  Settings settings = test_settings();
  settings.calls_max = 2048;
  Scheduler::State state(settings);
  fill(&draw, 0, false, &state);
  double guess = Urgency::kLost;
  std::vector<Ranked> scratch;
  uint32_t guessed = 0;
  for (uint64_t id = 0, plan = 0; plan < 40; ++plan) {
    state.now += static_cast<TimeNs>(draw(200)) * kSecond / 100;
    for (uint64_t more = draw(40); more != 0; --more) {
      const uint32_t index =
          state.workflows.add_call(static_cast<uint32_t>(draw(8)), id++, nullptr, 0);
      Call& call = state.workflows.call(index);
      call.state = CallState::kReady;
      const double span_s = 1.0 + static_cast<double>(draw(60));
      Urgency urgency = Urgency::rising(state.now, span_s, span_s);  // from 1 on
      if (draw(8) == 0) urgency.limit = 2.0F;
      state.waiting.add(&state.workflows, index, urgency, draw(8) == 0);
    }
    const std::vector<uint32_t> wanted = sorted(state);
    if (guess > Urgency::kLost) ++guessed;
    UrgentFirst urgent(state, &scratch, &guess);
    Ranked ranked = {};
    for (size_t i = 0; i < std::min<size_t>(wanted.size(), 50); ++i) {
      if (!urgent.next(&ranked) || ranked.call != wanted[i]) return false;
      if (i < 20 && draw(2) == 0) state.waiting.remove(&state.workflows, ranked.call);
    }
  }
  return guessed > 10;  // else it was no test of guesses
}

void a_guess_of_the_plan_before_changes_nothing(void**) {
  for (uint64_t seed = 1; seed <= 30; ++seed) assert_true(plans_deliver_in_order(seed));
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
      cmocka_unit_test(a_guess_of_the_plan_before_changes_nothing),
      cmocka_unit_test(ties_go_to_the_earlier_workflow_the_longer_tail_the_lower_id),
  };
  return cmocka_run_group_tests_name("urgent first", tests, nullptr, nullptr);
}
