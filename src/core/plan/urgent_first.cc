// UrgentFirst: see urgent_first.h.
#include "core/plan/urgent_first.h"

#include <algorithm>

#include "core/plan/tier.h"

namespace hexagent {

bool MoreUrgent::breaks_tie(uint32_t a, uint32_t b) const {
  const Call& first = state->workflows.call(a);
  const Call& second = state->workflows.call(b);
  if (first.workflow != second.workflow) {
    return state->workflows.workflow_of(first).sequence <
           state->workflows.workflow_of(second).sequence;
  }
  if (first.tail_s != second.tail_s) return first.tail_s > second.tail_s;
  return first.id < second.id;
}

UrgentFirst::UrgentFirst(const Scheduler::State& state, std::vector<Ranked>* scratch)
    : state_(state), more_urgent_{&state}, kept_(scratch) {
  scan();
}

bool UrgentFirst::next(Ranked* ranked) {
  if (position_ == kept_->size()) {
    if (last_scan_) return false;
    wanted_ *= kGrowth;
    scan();
    if (kept_->empty()) return false;
  }
  delivered_ = (*kept_)[position_++];
  any_delivered_ = true;
  *ranked = delivered_;
  return true;
}

void UrgentFirst::scan() {
  kept_->clear();
  position_ = 0;
  const std::vector<uint32_t>& calls = state_.waiting.calls();
  const std::vector<Urgency>& urgencies = state_.waiting.urgencies();
  const bool mixed = state_.queued.is_mixed();  // of one tier they need not be looked up
  double floor = Urgency::kLost;                // keys below it cannot be kept
  for (size_t slot = 0; slot < calls.size(); ++slot) {
    const Urgency& urgency = urgencies[slot];
    if (floor > Urgency::kLost && urgency.surely_below(floor, state_.now)) continue;
    const double key = urgency.at(state_.now);
    const uint32_t tier = mixed ? tier_now(state_, state_.workflows.call(calls[slot])) : 0;
    keep({key, calls[slot], tier});
    if (!mixed && kept_->size() == wanted_) floor = kept_->front().key;
  }
  last_scan_ = kept_->size() < wanted_;
  std::sort_heap(kept_->begin(), kept_->end(), more_urgent_);
}

void UrgentFirst::keep(const Ranked& ranked) {
  if (any_delivered_ && !more_urgent_(delivered_, ranked)) return;
  if (kept_->size() == wanted_) {
    if (!more_urgent_(ranked, kept_->front())) return;
    std::pop_heap(kept_->begin(), kept_->end(), more_urgent_);
    kept_->back() = ranked;
  } else {
    kept_->push_back(ranked);
  }
  std::push_heap(kept_->begin(), kept_->end(), more_urgent_);
}

}  // namespace hexagent
