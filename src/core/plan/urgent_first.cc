// UrgentFirst: see urgent_first.h.
#include "core/plan/urgent_first.h"

#include <algorithm>
#include <cstddef>

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
  last_scan_ = true;
  const std::vector<uint32_t>& calls = state_.waiting.calls();
  const std::vector<Urgency>& urgencies = state_.waiting.urgencies();
  const bool mixed = state_.queued.is_mixed();  // of one tier they need not be looked up
  double floor = Urgency::kLost;                // keys below it cannot be kept
  for (size_t slot = 0; slot < calls.size(); ++slot) {
    const Urgency& urgency = urgencies[slot];
    if (floor > Urgency::kLost && urgency.surely_below(floor, state_.now)) continue;
    const double key = urgency.at(state_.now);
    const uint32_t tier = mixed ? tier_now(state_, state_.workflows.call(calls[slot])) : 0;
    const Ranked ranked = {key, calls[slot], tier};
    if (any_delivered_ && !more_urgent_(delivered_, ranked)) continue;
    kept_->push_back(ranked);
    if (kept_->size() < 2 * wanted_) continue;
    keep_wanted();
    if (!mixed) floor = kept_->back().key;
  }
  if (kept_->size() > wanted_) keep_wanted();
  std::sort(kept_->begin(), kept_->end(), more_urgent_);
}

// Drops all but the most urgent; the least urgent of these comes to lie last.
void UrgentFirst::keep_wanted() {
  const auto last = kept_->begin() + static_cast<std::ptrdiff_t>(wanted_) - 1;
  std::nth_element(kept_->begin(), last, kept_->end(), more_urgent_);
  kept_->resize(wanted_);
  last_scan_ = false;
}

}  // namespace hexagent
