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
      fair_(fair),
      bounds_(put_off && state->policy.placement->takes_earliest_finish()),
      mixed_(state->queued.is_mixed()),
      scored_(state->scored),
      unscored_(state->unscored) {
  scored_.clear();
  unscored_.clear();
  if (bounds_) {
    unscored_.begin(*state, mixed_);
    return;
  }
  for (uint32_t call : state->waiting.calls()) look_at(call, Choice{});
}

Greedy::Greedy(Scheduler::State* state, FairShare* fair, Front front)
    : state_(state),
      fair_(fair),
      bounds_(false),
      mixed_(state->queued.is_mixed()),
      scored_(state->scored),
      unscored_(state->unscored) {
  scored_.clear();
  unscored_.clear();
  UrgentFirst urgent(*state, &state->ranked, &state->urgent_guess);
  Ranked entry;
  while (scored_.size() < front.calls && urgent.next(&entry)) look_at(entry.call, Choice{});
}

uint32_t Greedy::tier(const Call& call) const { return mixed_ ? tier_now(*state_, call) : 0; }

// Scores a call, or bounds its score by this pair where it can be the call's.
void Greedy::look_at(uint32_t call, const Choice& pair) {
  Scored entry;
  if (!bound(call, pair, &entry) && !score(call, &entry)) fair_->unserved(call);
  if (entry.choice.fits) scored_.push_back(entry);
}

bool Greedy::next(Scored* taken) {
  for (;;) {
    Scored* first = first_scored();
    const double rank =
        first == nullptr ? Unscored::kNobody : Unscored::rank(first->rank.key, first->rank.tier);
    if (unscored_.first_rank() != Unscored::kNobody && unscored_.first_rank() >= rank) {
      Choice pair;
      const uint32_t call = unscored_.pop(*state_, &pair);
      look_at(call, pair);
      continue;
    }
    if (first == nullptr) return false;
    const bool exact = first->exact;
    if (!exact) score(first->rank.call, first);
    if (exact || !first->choice.fits) {
      *taken = *first;
      *first = scored_.back();
      scored_.pop_back();
    }
    if (exact) return true;
  }
}

Scored* Greedy::first_scored() {
  const MoreUrgent more_urgent{state_};
  Scored* first = nullptr;
  for (Scored& entry : scored_) {
    if (first == nullptr || more_urgent(entry.rank, first->rank)) first = &entry;
  }
  return first;
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
  if (bounds_) unscored_.applied(*state_, choice);
}

// The placement's own choice; false when no worker serves the call.
bool Greedy::score(uint32_t index, Scored* entry) {
  const Call& call = state_->workflows.call(index);
  entry->choice = Choice{};
  entry->exact = true;
  if (!state_->policy.placement->choose(state_->view, state_->shape_of(call), &entry->choice)) {
    return false;
  }
  entry->rank = {state_->order_key(call, entry->choice.finish_s), index, tier(call)};
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
  *entry = {{bound_key(call, choice.finish_s * kSlack), index, tier(call)}, choice, false};
  return true;
}

double Greedy::bound_key(const Call& call, double finish_s) const {
  Urgency urgency = state_->policy.order->urgency(
      {call, state_->workflows.workflow_of(call), state_->settings, state_->now, finish_s});
  const double least = urgency.least();
  // Behind its limit a key falls, so an earlier finish may be the more urgent one.
  urgency.limit = std::numeric_limits<float>::infinity();
  return std::max(least, urgency.at(state_->now));
}

}  // namespace hexagent
