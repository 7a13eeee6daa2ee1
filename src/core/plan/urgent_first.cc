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

namespace {

// A plan sends some of the first calls and time raises the keys of all, so the last key that the
// next one keeps lies near this one's. As far below it as the last quarter spans costs some calls
// too many, and seldom a second scan.
double guess_after(const std::vector<Ranked>& kept, size_t count) {
  const double last = kept[count - 1].key;
  return last - (kept[count - 1 - count / 4].key - last);
}

// The first calls are far apart and the others crowd behind them, so four times as many seldom span
// more than these did.
double floor_behind(const std::vector<Ranked>& kept) {
  return kept.back().key - 2.0 * (kept.front().key - kept.back().key);
}

}  // namespace

UrgentFirst::UrgentFirst(const Scheduler::State& state, std::vector<Ranked>* scratch, double* guess)
    : state_(state), more_urgent_{&state}, guess_(guess), kept_(scratch) {
  scan(*guess);
  *guess = last_scan_ ? Urgency::kLost : guess_after(*kept_, kFirstScan);
}

bool UrgentFirst::next(Ranked* ranked) {
  if (position_ == kept_->size()) {
    if (last_scan_) return false;
    wanted_ *= kGrowth;
    scan(floor_behind(*kept_));
    if (kept_->empty()) return false;
    // What was delivered may have been sent.
    *guess_ = kept_->size() <= kFirstScan ? Urgency::kLost : guess_after(*kept_, kFirstScan);
  }
  delivered_ = (*kept_)[position_++];
  any_delivered_ = true;
  *ranked = delivered_;
  return true;
}

void UrgentFirst::scan(double floor) {
  if (!keep_above(floor)) keep_above(Urgency::kLost);
  if (kept_->size() > wanted_) keep_wanted();
  std::sort(kept_->begin(), kept_->end(), more_urgent_);
}

// Keeps the wanted calls, and fewer than as many others, of those whose keys are not below `floor`;
// kLost: of all. False: others are wanted, too.
bool UrgentFirst::keep_above(double floor) {
  const WaitingList& waiting = state_.waiting;
  const bool mixed = state_.queued.is_mixed();  // of one tier they need not be looked up
  if (mixed) floor = Urgency::kLost;            // an earlier tier goes first whatever its key
  const double now_s = Urgency::shy_s(state_.now);
  kept_->clear();
  position_ = 0;
  last_scan_ = true;
  bool full = false;  // so many were kept that whoever comes must go before the last of them
  for (uint32_t slot = 0; slot < waiting.size(); ++slot) {
    if (floor > Urgency::kLost) {
      const uint32_t first = slot;
      slot = waiting.skip_below(slot, floor, now_s);
      if (slot != first) last_scan_ = false;
      if (slot == waiting.size()) break;
    }
    if (waiting.is_outside(slot)) continue;
    const uint32_t call = waiting.calls()[slot];
    const double key = waiting.urgencies()[slot].at(state_.now);
    const Ranked ranked = {key, call, mixed ? tier_now(state_, state_.workflows.call(call)) : 0};
    if (any_delivered_ && !more_urgent_(delivered_, ranked)) continue;
    if (full && !more_urgent_(ranked, (*kept_)[wanted_ - 1])) continue;
    kept_->push_back(ranked);
    if (kept_->size() < 2 * wanted_) continue;
    keep_wanted();
    full = true;
    if (!mixed) floor = kept_->back().key;
  }
  return last_scan_ || kept_->size() >= wanted_;
}

// Drops all but the most urgent; the least urgent of these comes to lie last.
void UrgentFirst::keep_wanted() {
  const auto last = kept_->begin() + static_cast<std::ptrdiff_t>(wanted_) - 1;
  std::nth_element(kept_->begin(), last, kept_->end(), more_urgent_);
  kept_->resize(wanted_);
  last_scan_ = false;
}

}  // namespace hexagent
