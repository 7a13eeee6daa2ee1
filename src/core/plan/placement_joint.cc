// The joint search: see placement_joint.h.
#include "core/plan/placement_joint.h"

#include <algorithm>

#include "core/base/exact_math.h"
#include "core/plan/placement_cost.h"

namespace hexagent {

double own_cost_s(const CallShape& shape, double finish_s, uint32_t power) {
  if (power < 2 || shape.horizon_s <= 0.0) return finish_s;
  const double span_s = shape.horizon_s * shape.stretch_now;
  return span_s / power * whole_power((shape.elapsed_s + finish_s) / span_s, power);
}

namespace {

// Cost that no real pair reaches; keeps comparisons free of special cases.
constexpr double kNoCost = 1e300;

// Bounds and costs add the same terms in another order; this covers what rounding makes of that.
constexpr double kSlack = 1.0 + 1e-9;

// One search over (prefill, decode) pairs.
//
// Without the transfer a pair's cost needs only one number a worker: when it would be done and what
// that costs others. So each row has a lower bound: itself with the best of the other side and no
// transfer. Rows whose bound is above the cost of one good pair, found first, cannot be in the best
// one and are dropped; few are left, and those are tried pair by pair.
class Search {
 public:
  Search(const PlanView& view, const CallShape& shape, const JointWeights& weights, bool must_fit,
         bool avoid)
      : view_(view), shape_(shape), weights_(weights), must_fit_(must_fit), avoid_(avoid) {}

  bool run(Choice* best) {
    collect_prefills();
    collect_decodes();
    std::vector<PrefillRow>& prefills = view_.prefill_rows();
    std::vector<DecodeRow>& decodes = view_.decode_rows();
    if (prefills.empty() || decodes.empty()) return false;
    drop_hopeless(&prefills, &decodes);
    for (const PrefillRow& row : prefills) try_prefill(row, best);
    return best_cost_ < kNoCost;
  }

 private:
  void collect_prefills() {
    std::vector<PrefillRow>& rows = view_.prefill_rows();
    rows.clear();
    for (uint32_t index : shape_.pool->prefill) {
      const Worker& worker = view_.workers()[index];
      if (!eligible(worker, *shape_.call, index, avoid_)) continue;
      PrefillRow row{index, false, 0.0, 0.0, prefill_option(view_, shape_, index)};
      if (must_fit_ && !row.option.fits) continue;
      row.late = worker.spec.binding == HEXAGENT_BINDING_PREFILL_END;
      row.end_s = row.option.wait_s + row.option.service_s;
      row.price_s = weights_.work * row.option.work_s;
      any_late_ = any_late_ || row.late;
      rows.push_back(row);
    }
  }

  void collect_decodes() {
    std::vector<DecodeRow>& rows = view_.decode_rows();
    rows.clear();
    for (uint32_t index : shape_.pool->decode) {
      if (!eligible(view_.workers()[index], *shape_.call, index, avoid_)) continue;
      DecodeRow row{index, 0.0, 0.0, decode_option(view_, shape_, index)};
      if (must_fit_ && !any_late_ && !row.option.fits) continue;
      row.finish_s = row.option.wait_s + row.option.service_s;
      row.price_s = weights_.impact * row.option.impact_s;
      rows.push_back(row);
    }
  }

  void drop_hopeless(std::vector<PrefillRow>* prefills, std::vector<DecodeRow>* decodes) const {
    const auto sooner = [](const auto& a, const auto& b) { return a.done_s() < b.done_s(); };
    const auto cheaper = [](const auto& a, const auto& b) { return a.price_s < b.price_s; };
    const double end_s = std::min_element(prefills->begin(), prefills->end(), sooner)->done_s();
    const double work_s = std::min_element(prefills->begin(), prefills->end(), cheaper)->price_s;
    const double finish_s = std::min_element(decodes->begin(), decodes->end(), sooner)->done_s();
    const double impact_s = std::min_element(decodes->begin(), decodes->end(), cheaper)->price_s;
    const double bound = good_cost(*prefills, *decodes) * kSlack;
    std::erase_if(*prefills, [&](const PrefillRow& row) {
      return row.price_s + impact_s + own_cost(row.end_s + finish_s) > bound;
    });
    std::erase_if(*decodes, [&](const DecodeRow& row) {
      return row.price_s + work_s + own_cost(end_s + row.finish_s) > bound;
    });
  }

  // Cost of the pair that would be best if prices were seconds and KV needed no transfer.
  double good_cost(const std::vector<PrefillRow>& prefills,
                   const std::vector<DecodeRow>& decodes) const {
    const auto better = [](const auto& a, const auto& b) {
      return a.done_s() + a.price_s < b.done_s() + b.price_s;
    };
    const PrefillRow& prefill = *std::min_element(prefills.begin(), prefills.end(), better);
    const DecodeRow* decode = nullptr;
    for (const DecodeRow& row : decodes) {
      if (!allowed(prefill, row)) continue;
      if (decode == nullptr || better(row, *decode)) decode = &row;
    }
    return decode == nullptr ? kNoCost : cost(prefill, *decode);
  }

  void try_prefill(const PrefillRow& source, Choice* best) {
    for (const DecodeRow& row : view_.decode_rows()) {
      const double least = source.price_s + row.price_s + own_cost(source.end_s + row.finish_s);
      if (least > best_cost_ * kSlack || !allowed(source, row)) continue;
      const double pair_cost = cost(source, row);
      if (pair_cost >= best_cost_) continue;
      best_cost_ = pair_cost;
      project(view_, source.worker, source.option, row.worker, row.option, best);
      best->cost_s = pair_cost;
    }
  }

  bool allowed(const PrefillRow& source, const DecodeRow& row) const {
    return !must_fit_ || source.late || row.option.fits;
  }

  double own_cost(double finish_s) const { return own_cost_s(shape_, finish_s, weights_.power); }

  double cost(const PrefillRow& source, const DecodeRow& row) const {
    const double move = transfer_s(view_, source.worker, row.worker, row.option.bytes);
    return source.price_s + weights_.transfer * move + row.price_s +
           own_cost(source.end_s + move + row.finish_s);
  }

  const PlanView& view_;
  const CallShape& shape_;
  const JointWeights& weights_;
  bool must_fit_;
  bool avoid_;
  bool any_late_ = false;
  double best_cost_ = kNoCost;
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
    project(view, prefill, PrefillOption{true, 0, 0.0, 0.0, 0.0}, index, option, best);
    best->cost_s = cost;
    found = true;
  }
  return found;
}

}  // namespace hexagent
