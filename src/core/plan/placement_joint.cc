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
constexpr double kCostSlack = 1.0 + 1e-9;

// A line that own_cost_s() never falls below: its tangent, since it is convex.
BoundLine tangent_at(const CallShape& shape, double finish_s, uint32_t power) {
  if (power < 2 || shape.horizon_s <= 0.0) return {};
  const double span_s = shape.horizon_s * shape.stretch_now;
  const double slope = whole_power((shape.elapsed_s + finish_s) / span_s, power - 1);
  // The cost there is slope * (elapsed + finish) / power.
  return {slope * ((shape.elapsed_s + finish_s) / power - finish_s), slope};
}

// Pools list their workers in order.
bool holds(const std::vector<uint32_t>& workers, uint32_t index) {
  return std::binary_search(workers.begin(), workers.end(), index);
}

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
  Search(const PlanView& view, const CallShape& shape, const JointWeights& weights,
         const RowFilter& filter)
      : view_(view),
        shape_(shape),
        weights_(weights),
        filter_(filter),
        pool_(view.columns(*shape.pool)),
        layerwise_(pool_.prefill.any_layerwise()),
        prefills_(view.joint_rows().prefill),
        decodes_(view.joint_rows().decode),
        hopeful_prefills_(view.joint_rows().hopeful_prefill),
        hopeful_decodes_(view.joint_rows().hopeful_decode) {}

  bool run(Choice* best) {
    const bool late = pool_.prefill.any_late();
    prefills_.fill(view_, shape_, weights_, pool_, filter_);
    decodes_.fill(view_, shape_, weights_, pool_, filter_, late);
    if (layerwise_) decodes_.hide(overlap_of(*shape_.pool, prefills_.longest_alone_s));
    const double finish_s = prefills_.earliest_s() + decodes_.earliest_s();
    if (finish_s >= kNoTime) return false;
    close_in(finish_s);
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
  static constexpr size_t kNoRow = ~size_t{0};

  // Narrows the bounds around the best pair, beginning with the earliest finish that there can be.
  void close_in(double finish_s) {
    size_t last_prefill = kNoRow;
    size_t last_decode = kNoRow;
    for (int turn = 0; turn < kTurnsMax; ++turn) {
      const BoundLine line = tangent_at(shape_, finish_s, weights_.power);
      least_prefill_s_ = prefills_.bound(line);
      least_decode_s_ = decodes_.bound(line, weights_.transfer);
      const size_t prefill = first_of(prefills_.bound_s, least_prefill_s_);
      if (prefill == kNoRow) return;
      const PrefillRow source = prefill_row(prefill);
      const size_t decode = least_decode(source);
      if (decode == kNoRow || (prefill == last_prefill && decode == last_decode)) return;
      last_prefill = prefill;
      last_decode = decode;
      const DecodeRow target = decode_row(decode);
      const double move_s = move_between(source, target);
      best_cost_ = std::min(best_cost_, cost(source, target, move_s));
      finish_s = source.end_s + move_s + target.finish_s;
    }
  }

  static size_t first_of(const std::vector<double>& bounds, double bound) {
    const auto at = std::find(bounds.begin(), bounds.end(), bound);
    return at == bounds.end() ? kNoRow : static_cast<size_t>(at - bounds.begin());
  }

  // The one with the least bound of those that may follow this source.
  size_t least_decode(const PrefillRow& source) const {
    if (!filter_.must_fit || !pool_.prefill.any_late()) {
      return first_of(decodes_.bound_s, least_decode_s_);
    }
    size_t least = kNoRow;
    for (size_t at = 0; at < pool_.decode_workers.size(); ++at) {
      if (decodes_.price_s[at] == kNoPrice) continue;
      if (least != kNoRow && decodes_.bound_s[at] >= decodes_.bound_s[least]) continue;
      if (allowed(source, decode_row(at))) least = at;
    }
    return least;
  }

  PrefillRow prefill_row(size_t at) const {
    const bool layerwise = layerwise_ && pool_.prefill.layerwise[at] != 0;
    return {prefills_.end_s[at],
            prefills_.price_s[at],
            prefills_.bound_s[at],
            layerwise ? overlap_of(*shape_.pool, prefills_.alone_s[at]) : Overlap{},
            pool_.prefill_workers[at],
            pool_.prefill.late[at] != 0};
  }
  DecodeRow decode_row(size_t at) const {
    return {decodes_.finish_s[at],
            decodes_.price_s[at],
            decodes_.move_s[at],
            decodes_.bound_s[at],
            decodes_.bytes[at],
            pool_.decode_workers[at],
            shape_.reserve_tokens <= pool_.decode.tokens_max[at]};
  }

  // Few bounds are that low, so most groups are passed over.
  template <typename Visit>
  static void for_each_up_to(const std::vector<double>& bounds, double most, const Visit& visit) {
    constexpr size_t kHalf = kColumnLanes / 2;
    for (size_t at = 0; at < bounds.size(); at += kColumnLanes) {
      const double* const group = &bounds[at];
      double least[kHalf];
      for (size_t i = 0; i < kHalf; ++i) least[i] = std::min(group[i], group[kHalf + i]);
      if (std::min(std::min(least[0], least[1]), std::min(least[2], least[3])) > most) continue;
      for (size_t i = at; i < at + kColumnLanes; ++i) {
        if (bounds[i] <= most) visit(i);
      }
    }
  }

  void drop_hopeless() {
    const double limit_s = best_cost_ * kCostSlack;
    hopeful_prefills_.clear();
    for_each_up_to(prefills_.bound_s, limit_s - least_decode_s_,
                   [&](size_t at) { hopeful_prefills_.push_back(prefill_row(at)); });
    hopeful_decodes_.clear();
    for_each_up_to(decodes_.bound_s, limit_s - least_prefill_s_,
                   [&](size_t at) { hopeful_decodes_.push_back(decode_row(at)); });
    const auto lower = [](const auto& a, const auto& b) { return a.bound_s < b.bound_s; };
    std::sort(hopeful_prefills_.begin(), hopeful_prefills_.end(), lower);
    std::sort(hopeful_decodes_.begin(), hopeful_decodes_.end(), lower);
  }

  void try_rest() {
    for (const PrefillRow& source : hopeful_prefills_) {
      for (const DecodeRow& row : hopeful_decodes_) {
        if (source.bound_s + row.bound_s > best_cost_ * kCostSlack) break;
        if (!allowed(source, row)) continue;
        const double move_s = move_between(source, row);
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
    return !filter_.must_fit || row.fits || (source.late && source.worker != row.worker);
  }

  double move_between(const PrefillRow& source, const DecodeRow& row) const {
    return transfer_s(view_, source.worker, row.worker, row.bytes, source.overlap);
  }

  double cost(const PrefillRow& source, const DecodeRow& row, double move_s) const {
    return source.price_s + weights_.transfer * move_s + row.price_s +
           own_cost_s(shape_, source.end_s + move_s + row.finish_s, weights_.power);
  }

  static constexpr int kTurnsMax = 4;

  const PlanView& view_;
  const CallShape& shape_;
  const JointWeights& weights_;
  const RowFilter filter_;
  const PoolColumns& pool_;
  const bool layerwise_;  // some prefill worker sends its KV that way
  PrefillRows& prefills_;
  DecodeRows& decodes_;
  std::vector<PrefillRow>& hopeful_prefills_;
  std::vector<DecodeRow>& hopeful_decodes_;
  double least_prefill_s_ = 0.0;  // of the bounds
  double least_decode_s_ = 0.0;
  double best_cost_ = kNoCost;
  const PrefillRow* best_prefill_ = nullptr;  // null: the good pair, or none, so far
  const DecodeRow* best_decode_ = nullptr;
};

}  // namespace

bool choose_joint(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                  Choice* best) {
  const bool avoid = shape.call->avoid_worker != kNoWorker;
  if (avoid && Search(view, shape, weights, {true, true}).run(best)) return true;
  if (Search(view, shape, weights, {true, false}).run(best)) return true;
  return Search(view, shape, weights, {false, false}).run(best);
}

// Two searches would say the same: in vain for pairs with space, then for any.
bool surely_misfits_joint(const PlanView& view, const CallShape& shape) {
  if ((shape.call->labels_required | shape.call->labels_excluded) != 0) return false;
  const PoolColumns& pool = view.columns(*shape.pool);
  if (pool.prefill_workers.empty() || pool.decode_workers.empty()) return false;
  const auto none_takes = [](const std::vector<double>& tokens_max, double tokens) {
    bool any = false;
    for (const double most : tokens_max) any |= tokens <= most;
    return !any;
  };
  return none_takes(pool.prefill.tokens_max, shape.prompt_tokens) ||
         (!pool.prefill.any_late() && none_takes(pool.decode.tokens_max, shape.reserve_tokens));
}

// A call that waited in the last plan mostly waits in this one, for the same pair, so few pairs
// tell whether to search again. Another closed worker may have become better than the one kept;
// that is found when it opens.
bool keeps_joint(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                 const std::vector<uint32_t>& open, Choice* kept) {
  const ModelPool& pool = *shape.pool;
  if (shape.call->avoid_worker != kNoWorker || !holds(pool.prefill, kept->prefill) ||
      !holds(pool.decode, kept->decode)) {
    return false;
  }
  const PrefillOption source = prefill_option(view, shape, kept->prefill);
  const DecodeOption target = decode_option(view, shape, kept->decode);
  if (!source.fits || !target.fits) return false;
  const auto cost_s = [&](uint32_t prefill, const PrefillOption& option) {
    const double move_s = transfer_s(view, prefill, kept->decode, target.bytes, option.overlap);
    const double end_s = option.wait_s + option.service_s + move_s + target.wait_s;
    return weights.work * prefill_work_s(view, shape, option.cached) + weights.transfer * move_s +
           weights.impact * target.impact_s +
           own_cost_s(shape, end_s + target.service_s, weights.power);
  };
  const double kept_cost_s = cost_s(kept->prefill, source);
  for (const uint32_t index : open) {
    const Worker& worker = view.workers()[index];
    if (worker.freed_at < shape.call->kept_at || worker.spec.model != pool.model) continue;
    if (!eligible(worker, *shape.call, index, false)) continue;
    if (index == kept->prefill || holds(pool.decode, index)) return false;
    const PrefillOption option = prefill_option(view, shape, index);
    if (option.fits && cost_s(index, option) < kept_cost_s) return false;
  }
  project(view, kept->prefill, source, kept->decode, target, kept);
  kept->cost_s = kept_cost_s;
  return true;
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
    const double move = transfer_s(view, prefill, index, option.bytes, kPrefillDone.overlap);
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
