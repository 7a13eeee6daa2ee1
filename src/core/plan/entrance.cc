// Entrance: see entrance.h.
#include "core/plan/entrance.h"

#include <algorithm>
#include <limits>

#include "core/plan/order.h"
#include "core/plan/tier.h"
#include "core/plan/urgent_first.h"
#include "core/shadow_placing.h"

namespace hexagent {
namespace {

bool is_guarded(const State& state) {
  return state.settings.working_set_max > 0.0 && state.policy.dispatch == Dispatch::kWindow &&
         state.policy.order->projection() != Projection::kAlways && !is_shadow(state);
}

bool has_room(const State& state, uint32_t model, uint32_t tier) {
  const ModelPool* pool = state.workers.pool(model);
  const double space = pool == nullptr ? 0.0 : pool->prefill_kv_tokens;
  const auto wanted = static_cast<double>(state.working_set.tokens(model, tier));
  return wanted <= state.settings.working_set_max * space;
}

uint32_t wanted_tokens(const State& state, const Call& call) {
  uint32_t common = 0;  // with everybody: cached once, whoever begins
  for (uint32_t i = 0; i < call.source_count; ++i) {
    const ContentSource& source = call.sources[i];
    if (state.contents.is_group(source.node)) common = std::max(common, source.tokens);
  }
  return call.prompt_tokens - std::min(common, call.prompt_tokens);
}

void set_work(State* state, Workflow* workflow, bool at_work) {
  if (at_work == workflow->at_work) return;
  workflow->at_work = at_work;
  if (at_work) {
    state->working_set.add(workflow->wanted_model, workflow->tier, workflow->wanted_tokens);
  } else {
    state->working_set.remove(workflow->wanted_model, workflow->tier, workflow->wanted_tokens);
  }
}

void let_in(State* state, uint32_t index) {
  Workflow& workflow = state->workflows.workflow(index);
  workflow.inside = true;
  state->workflows.for_each_call(index, [&](uint32_t each) {
    if (state->workflows.call(each).state != CallState::kReady) return;
    state->waiting.let_in(state->workflows, each);
  });
  count_work(state, &workflow);
}

// Of tenants that are outside the one that was served least, where fairness is asked for.
double least_service_s(const State& state) {
  double least_s = std::numeric_limits<double>::infinity();
  for (uint32_t slot = 0; slot < state.waiting.size(); ++slot) {
    if (!state.waiting.is_outside(slot)) continue;
    const Workflow& workflow =
        state.workflows.workflow_of(state.workflows.call(state.waiting.calls()[slot]));
    least_s = std::min(least_s, state.tenants[workflow.tenant].service_s);
  }
  return least_s;
}

// The workflow that goes in next; kNoIndex when none may.
uint32_t next_in(const State& state, bool guarded) {
  const double bound_s = state.settings.fairness_bound_s;
  const double most_s = guarded && bound_s > 0.0 ? least_service_s(state) + bound_s
                                                 : std::numeric_limits<double>::infinity();
  const MoreUrgent more_urgent{&state};
  Ranked first = {0.0, kNoIndex};
  for (uint32_t slot = 0; slot < state.waiting.size(); ++slot) {
    if (!state.waiting.is_outside(slot)) continue;
    const uint32_t index = state.waiting.calls()[slot];
    const Call& call = state.workflows.call(index);
    const Workflow& workflow = state.workflows.workflow_of(call);
    if (guarded && !has_room(state, call.model, workflow.tier)) continue;
    if (state.tenants[workflow.tenant].service_s > most_s) continue;
    const Ranked ranked = {state.waiting.urgencies()[slot].at(state.now), index,
                           tier_now(state, call)};
    if (first.call == kNoIndex || more_urgent(ranked, first)) first = ranked;
  }
  return first.call == kNoIndex ? kNoIndex : state.workflows.call(first.call).workflow;
}

}  // namespace

void arrive(State* state, uint32_t index) {
  const Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  const uint32_t tokens = wanted_tokens(*state, call);
  if (tokens > workflow.wanted_tokens) {
    set_work(state, &workflow, false);
    workflow.wanted_tokens = tokens;
    workflow.wanted_model = call.model;
  }
  // Others are outside: the next plan lets in whoever is the most urgent.
  if (workflow.inside || state->waiting.outside_count() > 0) return;
  workflow.inside = !is_guarded(*state) || has_room(*state, call.model, workflow.tier);
}

void count_work(State* state, Workflow* workflow) {
  set_work(state, workflow, workflow->is_at_work());
}

void note_stuck(State* state, uint32_t index) {
  Workflow& workflow = state->workflows.workflow_of(state->workflows.call(index));
  workflow.stuck = true;
  count_work(state, &workflow);
}

void open_entrance(State* state) {
  if (state->waiting.outside_count() == 0) return;
  const bool guarded = is_guarded(*state);
  for (;;) {
    const uint32_t workflow = next_in(*state, guarded);
    if (workflow == kNoIndex) return;
    let_in(state, workflow);
  }
}

}  // namespace hexagent
