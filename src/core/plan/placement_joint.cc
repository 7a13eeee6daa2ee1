// The joint search: see placement_joint.h.
#include "core/plan/placement_joint.h"

#include <algorithm>

#include "core/base/exact_math.h"
#include "core/plan/placement_cost.h"

namespace hexagent {

namespace {

// Cost that no real pair reaches; keeps comparisons free of special cases.
constexpr double kNoCost = 1e300;

// Bounds and costs add the same terms in another order; this covers what rounding makes of that.
constexpr double kSlack = 1.0 + 1e-9;

// A line that own_cost_s() never falls below: its tangent, since it is convex.
struct Tangent {
  double offset = 0.0;
  double slope = 1.0;

  static Tangent at(const CallShape& shape, double finish_s, uint32_t power) {
    if (power < 2 || shape.horizon_s <= 0.0) return {};
    const double span_s = shape.horizon_s * shape.stretch_now;
    const double slope = whole_power((shape.elapsed_s + finish_s) / span_s, power - 1);
    // The cost there is slope * (elapsed + finish) / power.
    return {slope * ((shape.elapsed_s + finish_s) / power - finish_s), slope};
  }
};

// One search over (prefill, decode) pairs.
//
// Everything in a pair's cost but the transfer and the curve of the own finish belongs to one of
// its two workers alone. With a tangent for the curve, and for the transfer what the decode
// worker's own interface makes of it, a pair has a lower bound that is a sum of one number a row.
// The pair of the least bounds is a good one, and a tangent where that one finishes gives a better
// bound and maybe a better pair; two or three turns do. Rows that cannot be in a better pair then
// go, and the few left are tried in the order of their bounds until these pass the best cost. The
// answer is that of trying all; of equal costs the lowest worker indexes win, prefill first.
class Search {
 public:
  Search(const PlanView& view, const CallShape& shape, const JointWeights& weights, bool must_fit,
         bool avoid)
      : view_(view),
        shape_(shape),
        weights_(weights),
        prefills_(view.prefill_rows()),
        decodes_(view.decode_rows()),
        must_fit_(must_fit),
        avoid_(avoid) {}

  bool run(Choice* best) {
    collect_prefills();
    collect_decodes();
    if (prefills_.empty() || decodes_.empty()) return false;
    close_in();
    drop_hopeless();
    try_rest();
    if (best_prefill_ == nullptr) return false;
    const uint32_t prefill = best_prefill_->worker;
    const uint32_t decode = best_decode_->worker;
    project(view_, prefill, prefill_option(view_, shape_, prefill), decode,
            decode_option(view_, shape_, decode), best);
    best->cost_s = best_cost_;
    return true;
  }

 private:
  void collect_prefills() {
    prefills_.clear();
    uint32_t cached = 0;  // of the row before; most are alike
    double price_s = weights_.work * prefill_work_s(view_, shape_, cached);
    for (uint32_t index : shape_.pool->prefill) {
      const Worker& worker = view_.workers()[index];
      if (!eligible(worker, *shape_.call, index, avoid_)) continue;
      const PrefillOption option = prefill_option(view_, shape_, index);
      if (must_fit_ && !option.fits) continue;
      const bool late = view_.prefill_outlook(index).late;
      any_late_ = any_late_ || late;
      if (option.cached != cached) {
        cached = option.cached;
        price_s = weights_.work * prefill_work_s(view_, shape_, cached);
      }
      prefills_.push_back({option.wait_s + option.service_s, price_s, 0.0, index, late});
    }
  }

  void collect_decodes() {
    decodes_.clear();
    for (uint32_t index : shape_.pool->decode) {
      if (!eligible(view_.workers()[index], *shape_.call, index, avoid_)) continue;
      const DecodeOption option = decode_option(view_, shape_, index);
      if (must_fit_ && !any_late_ && !option.fits) continue;
      decodes_.push_back({option.wait_s + option.service_s, weights_.impact * option.impact_s,
                          ingress_s(view_, index, option.bytes), 0.0, option.bytes, index,
                          option.fits});
    }
  }

  // Narrows the bounds around the best pair, beginning with the earliest finish that there can be.
  void close_in() {
    double finish_s = kNoCost;
    for (const DecodeRow& row : decodes_) finish_s = std::min(finish_s, row.finish_s + row.move_s);
    double end_s = kNoCost;
    for (const PrefillRow& row : prefills_) end_s = std::min(end_s, row.end_s);
    finish_s += end_s;
    const PrefillRow* prefill = nullptr;
    const DecodeRow* decode = nullptr;
    for (int turn = 0; turn < kTurnsMax; ++turn) {
      bound_rows(Tangent::at(shape_, finish_s, weights_.power));
      const PrefillRow* source = least(prefills_, [](const PrefillRow&) { return true; });
      const DecodeRow* row =
          least(decodes_, [&](const DecodeRow& each) { return allowed(*source, each); });
      if (row == nullptr || (source == prefill && row == decode)) return;
      prefill = source;
      decode = row;
      const double move_s = transfer_s(view_, source->worker, row->worker, row->bytes);
      best_cost_ = std::min(best_cost_, cost(*source, *row, move_s));
      finish_s = source->end_s + move_s + row->finish_s;
    }
  }

  void bound_rows(const Tangent& tangent) {
    for (PrefillRow& row : prefills_) {
      row.bound_s = row.price_s + tangent.offset + tangent.slope * row.end_s;
    }
    for (DecodeRow& row : decodes_) {
      row.bound_s = row.price_s + weights_.transfer * row.move_s +
                    tangent.slope * (row.finish_s + row.move_s);
    }
  }

  template <typename Row, typename Filter>
  static const Row* least(const std::vector<Row>& rows, const Filter& allowed) {
    const Row* least = nullptr;
    for (const Row& row : rows) {
      if ((least == nullptr || row.bound_s < least->bound_s) && allowed(row)) least = &row;
    }
    return least;
  }

  void drop_hopeless() {
    const auto lower = [](const auto& a, const auto& b) { return a.bound_s < b.bound_s; };
    const double prefill_s = std::min_element(prefills_.begin(), prefills_.end(), lower)->bound_s;
    const double decode_s = std::min_element(decodes_.begin(), decodes_.end(), lower)->bound_s;
    const double limit_s = best_cost_ * kSlack;
    std::erase_if(prefills_, [&](const auto& row) { return row.bound_s + decode_s > limit_s; });
    std::erase_if(decodes_, [&](const auto& row) { return row.bound_s + prefill_s > limit_s; });
    std::sort(prefills_.begin(), prefills_.end(), lower);
    std::sort(decodes_.begin(), decodes_.end(), lower);
  }

  void try_rest() {
    for (const PrefillRow& source : prefills_) {
      for (const DecodeRow& row : decodes_) {
        if (source.bound_s + row.bound_s > best_cost_ * kSlack) break;
        if (!allowed(source, row)) continue;
        const double move_s = transfer_s(view_, source.worker, row.worker, row.bytes);
        const double pair_cost = cost(source, row, move_s);
        if (pair_cost > best_cost_ || (pair_cost == best_cost_ && !wins_tie(source, row))) continue;
        best_cost_ = pair_cost;
        best_prefill_ = &source;
        best_decode_ = &row;
      }
    }
  }

  bool wins_tie(const PrefillRow& source, const DecodeRow& row) const {
    if (best_prefill_ == nullptr) return true;
    if (source.worker != best_prefill_->worker) return source.worker < best_prefill_->worker;
    return row.worker < best_decode_->worker;
  }

  bool allowed(const PrefillRow& source, const DecodeRow& row) const {
    return !must_fit_ || row.fits || (source.late && source.worker != row.worker);
  }

  double cost(const PrefillRow& source, const DecodeRow& row, double move_s) const {
    return source.price_s + weights_.transfer * move_s + row.price_s +
           own_cost_s(shape_, source.end_s + move_s + row.finish_s, weights_.power);
  }

  static constexpr int kTurnsMax = 4;

  const PlanView& view_;
  const CallShape& shape_;
  const JointWeights& weights_;
  std::vector<PrefillRow>& prefills_;
  std::vector<DecodeRow>& decodes_;
  const bool must_fit_;
  const bool avoid_;
  bool any_late_ = false;
  double best_cost_ = kNoCost;
  const PrefillRow* best_prefill_ = nullptr;  // null: the good pair, or none, so far
  const DecodeRow* best_decode_ = nullptr;
};

}  // namespace

bool choose_joint(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                  Choice* best) {
  const bool avoid = shape.call->avoid_worker != kNoWorker;
  if (avoid && Search(view, shape, weights, true, true).run(best)) return true;
  if (Search(view, shape, weights, true, false).run(best)) return true;
  return Search(view, shape, weights, false, false).run(best);
}

bool choose_joint_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                         const JointWeights& weights, Choice* best) {
  double best_cost = kNoCost;
  bool found = false;
  for (uint32_t index : shape.pool->decode) {
    if (!eligible(view.workers()[index], *shape.call, index, false)) continue;
    const DecodeOption option = decode_option(view, shape, index);
    if (!option.fits) continue;
    const double avoided = shape.call->avoid_worker == index ? 1e6 : 0.0;
    const double move = transfer_s(view, prefill, index, option.bytes);
    const double cost = avoided + weights.transfer * move + weights.impact * option.impact_s +
                        own_cost_s(shape, move + option.wait_s + option.service_s, weights.power);
    if (cost >= best_cost) continue;
    best_cost = cost;
    project(view, prefill, kPrefillDone, index, option, best);
    best->cost_s = cost;
    found = true;
  }
  return found;
}

}  // namespace hexagent
