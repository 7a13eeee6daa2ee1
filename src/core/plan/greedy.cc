// Greedy: see greedy.h.
#include "core/plan/greedy.h"

#include <algorithm>
#include <limits>

#include "core/plan/order.h"
#include "core/plan/placement_cost.h"
#include "core/plan/tier.h"
#include "core/plan/urgent_first.h"

namespace hexagent {
namespace {

// A placement adds up a finish in another order than a bound does; this covers the rounding.
constexpr double kSlack = 1.0 + 1e-9;

}  // namespace

Greedy::Greedy(Scheduler::State* state, FairShare* fair, bool put_off)
    : state_(state),
      bounds_(put_off && state->policy.placement->takes_earliest_finish()),
      scored_(state->scored) {
  scored_.clear();
  Choice pair;  // of the last call that was placed: as good a guess as any for the next
  for (uint32_t index : state->waiting.calls()) {
    Scored entry;
    if (bounds_ && bound(index, pair, &entry)) {
      scored_.push_back(entry);
    } else if (!score(index, &entry)) {
      fair->unserved(index);
    } else {
      pair = entry.choice;
      if (entry.choice.fits) scored_.push_back(entry);
    }
  }
}

bool Greedy::next(Scored* taken) {
  const MoreUrgent more_urgent{state_};
  while (!scored_.empty()) {
    size_t first = 0;
    for (size_t i = 1; i < scored_.size(); ++i) {
      if (more_urgent(scored_[i].rank, scored_[first].rank)) first = i;
    }
    Scored& entry = scored_[first];
    const bool exact = entry.exact;
    if (!exact) score(entry.rank.call, &entry);
    if (exact || !entry.choice.fits) {
      *taken = entry;
      scored_[first] = scored_.back();
      scored_.pop_back();
    }
    if (exact) return true;
  }
  return false;
}

void Greedy::applied(const Choice& choice) {
  const auto is_one = [&](uint32_t worker) {
    return worker == choice.prefill || worker == choice.decode;
  };
  for (size_t i = 0; i < scored_.size();) {
    Scored& entry = scored_[i];
    const bool touched = is_one(entry.choice.prefill) || is_one(entry.choice.decode);
    if (bounds_) entry.exact = false;
    if (touched && !(bounds_ && bound(entry.rank.call, entry.choice, &entry))) {
      score(entry.rank.call, &entry);
      if (!entry.choice.fits) {
        entry = scored_.back();
        scored_.pop_back();
        continue;
      }
    }
    ++i;
  }
}

// The placement's own choice; false when no worker serves the call.
bool Greedy::score(uint32_t index, Scored* entry) {
  const Call& call = state_->workflows.call(index);
  entry->choice = Choice{};
  entry->exact = true;
  if (!state_->policy.placement->choose(state_->view, state_->shape_of(call), &entry->choice)) {
    return false;
  }
  entry->rank = {state_->order_key(call, entry->choice.finish_s), index, tier_now(*state_, call)};
  return true;
}

// A score by this pair, no lower than the call's own; false where the pair could not be the call's.
bool Greedy::bound(uint32_t index, const Choice& pair, Scored* entry) {
  const Call& call = state_->workflows.call(index);
  const auto serves = [&](uint32_t worker) {
    const Worker& candidate = state_->workers[worker];
    return candidate.is_serving() && candidate.spec.model == call.model &&
           eligible(candidate, call, worker, true);
  };
  if (pair.prefill == kNoWorker || !serves(pair.prefill) || !serves(pair.decode)) return false;
  // Where cached prompts cost as much as others the pair's finish is that of a cold one.
  const bool cold = state_->settings.cache_aware == 0.0;
  const CallShape shape = cold ? state_->cold_shape_of(call) : state_->shape_of(call);
  Choice choice;
  project(state_->view, pair.prefill, prefill_option(state_->view, shape, pair.prefill),
          pair.decode, decode_option(state_->view, shape, pair.decode), &choice);
  if (!choice.fits) return false;
  *entry = {
      {bound_key(call, choice.finish_s * kSlack), index, tier_now(*state_, call)}, choice, false};
  return true;
}

double Greedy::bound_key(const Call& call, double finish_s) const {
  Urgency urgency = state_->policy.order->urgency(
      {call, state_->workflows.workflow_of(call), state_->settings, state_->now, finish_s});
  if (urgency.limit == std::numeric_limits<float>::infinity()) return urgency.at(state_->now);
  // Behind its limit a key falls, so an earlier finish may be the more urgent one.
  urgency.limit = std::numeric_limits<float>::infinity();
  return std::max(Urgency::kLost, urgency.at(state_->now));
}

}  // namespace hexagent
