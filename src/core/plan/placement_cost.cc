// The pieces of a placement's cost: see placement_cost.h.
#include "core/plan/placement_cost.h"

#include <algorithm>

#include "core/base/exact_math.h"

namespace hexagent {
namespace {

// Cost that no real pair reaches; keeps comparisons free of special cases.
constexpr double kNoCost = 1e300;

// A pair without KV space waits for releases. Sequences end one after another over about the decode
// time of one of them, so missing space appears in proportion.
double kv_wait_s(const Worker& worker, const WorkerLoad& load, int64_t need, double typical_s) {
  if (load.kv_free_tokens >= need) return 0.0;
  const double missing = static_cast<double>(need - load.kv_free_tokens);
  const double capacity = static_cast<double>(worker.kv_capacity_tokens);
  return typical_s * std::max(1.0, missing / capacity * 2.0);
}

}  // namespace

PrefillOption prefill_option(const PlanView& view, const CallShape& shape, uint32_t index) {
  const Worker& worker = view.workers()[index];
  const WorkerLoad& load = view.load(index);
  PrefillOption option;
  option.cached = shape.cached(index);
  // Cost-blind policies plan as if nothing were cached; what they get is then cheaper than planned.
  const uint32_t priced = view.settings().cache_aware != 0.0 ? option.cached : 0;
  const PrefillShape work = prefill_shape(shape.prompt_tokens, priced);
  const int64_t need = worker.block_aligned(shape.prompt_tokens);
  option.fits = load.kv_free_tokens >= need;
  option.service_s = prefill_alone_s(worker.prefill_engine, work);
  option.wait_s = load.prefill.wait_s(worker.prefill_engine, work, view.now()) +
                  0.5 * to_s(worker.spec.dispatch_round_trip_ns) +
                  kv_wait_s(worker, load, need, option.service_s);
  return option;
}

DecodeOption decode_option(const PlanView& view, const CallShape& shape, uint32_t index) {
  const Worker& worker = view.workers()[index];
  const WorkerLoad& load = view.load(index);
  DecodeOption option;
  const bool delta = (worker.spec.flags & HEXAGENT_WORKER_DELTA_TRANSFER) != 0;
  option.cached = delta ? shape.cached(index) : 0;
  const uint32_t priced = view.settings().cache_aware != 0.0 ? option.cached : 0;
  option.bytes = worker.kv_bytes_per_token * (shape.prompt_tokens - priced);
  const int64_t need = worker.block_aligned(shape.reserve_tokens);
  option.fits =
      load.kv_free_tokens >= need &&
      load.decode.sequences + load.decode.promised_sequences < 4.0 * worker.decode_engine.batch_max;
  option.service_s =
      load.decode.own_s(worker.decode_engine, shape.prompt_tokens, shape.output_tokens);
  option.impact_s = load.decode.impact_s(worker.decode_engine, shape.prompt_tokens,
                                         shape.output_tokens, shape.weight);
  option.wait_s = 0.5 * to_s(worker.spec.dispatch_round_trip_ns) +
                  kv_wait_s(worker, load, need, option.service_s);
  return option;
}

double ingress_beside_s(const PlanView& view, uint32_t decode, double bytes) {
  const LinkLoad& ingress = view.load(decode).ingress;
  return std::min(ingress.bytes, ingress.flows * bytes) /
         view.workers()[decode].spec.ingress_bytes_per_s;
}

double transfer_s(const PlanView& view, uint32_t prefill, uint32_t decode, double bytes) {
  if (prefill == decode) return 0.0;
  const Worker& source = view.workers()[prefill];
  const Worker& target = view.workers()[decode];
  const LinkPath path = view.links().path(source.spec, target.spec);
  const LinkLoad& egress = view.load(prefill).egress;
  // Flows share an end fairly: until ours is through, each other one moves at most as much as ours.
  const double beside =
      std::max(std::min(egress.bytes, egress.flows * bytes) / source.spec.egress_bytes_per_s,
               ingress_beside_s(view, decode, bytes));
  return path.latency_s + bytes / path.bytes_per_s + beside;
}

void project(const PlanView& view, const CallShape& shape, uint32_t prefill,
             const PrefillOption& prefill_part, uint32_t decode, const DecodeOption& decode_part,
             Choice* choice) {
  static_cast<void>(shape);
  choice->prefill = prefill;
  choice->decode = decode;
  choice->prefill_cached = prefill_part.cached;
  choice->decode_cached = prefill == decode ? 0 : decode_part.cached;
  choice->wait_s = prefill_part.wait_s;
  choice->prefill_end_s = prefill_part.wait_s + prefill_part.service_s;
  choice->transfer_end_s =
      choice->prefill_end_s + transfer_s(view, prefill, decode, decode_part.bytes);
  choice->finish_s = choice->transfer_end_s + decode_part.wait_s + decode_part.service_s;
  const bool late = view.workers()[prefill].spec.binding == HEXAGENT_BINDING_PREFILL_END;
  choice->fits = prefill_part.fits && (late || decode_part.fits);
}

double own_cost_s(const CallShape& shape, double finish_s, uint32_t power) {
  if (power < 2 || shape.horizon_s <= 0.0) return finish_s;
  const double span_s = shape.horizon_s * shape.stretch_now;
  return span_s / power * whole_power((shape.elapsed_s + finish_s) / span_s, power);
}

namespace {

// One search over (prefill, decode) pairs.
//
// A worker that is beaten in every respect by another of its side is left out first: it cannot be
// in the best pair unless the transfer between just those two is special, which is why nothing is
// left out where domains have caps, and no worker that could do both phases in one place. What
// remains is tried pair by pair, and a row ends once its time alone costs more than the best pair,
// since prices are never negative.
class Search {
 public:
  Search(const PlanView& view, const CallShape& shape, const JointWeights& weights, bool must_fit,
         bool avoid)
      : view_(view), shape_(shape), weights_(weights), must_fit_(must_fit), avoid_(avoid) {}

  bool run(Choice* best) {
    collect_decodes();
    collect_prefills();
    for (const PrefillRow& row : view_.prefill_rows()) try_prefill(row, best);
    return found_;
  }

 private:
  // Keeps `row` among the unbeaten ones unless one of them beats it; drops those that it beats.
  template <class Row, class Beats>
  static void keep_unbeaten(std::vector<Row>* rows, const Row& row, Beats&& beats) {
    for (const Row& known : *rows) {
      if (beats(known, row)) return;
    }
    std::erase_if(*rows, [&](const Row& known) { return beats(row, known); });
    rows->push_back(row);
  }

  // Does a transfer into `a` take no longer than into `b`, wherever it comes from?
  bool takes_kv_as_fast(uint32_t a, uint32_t b) const {
    const hexagent_worker& one = view_.workers()[a].spec;
    const hexagent_worker& other = view_.workers()[b].spec;
    return one.ingress_bytes_per_s >= other.ingress_bytes_per_s &&
           one.link_latency_ns <= other.link_latency_ns && !view_.workers()[b].can_prefill();
  }

  // The same out of them; and may `a` bind its decode worker as late?
  bool gives_kv_as_fast(uint32_t a, uint32_t b) const {
    const hexagent_worker& one = view_.workers()[a].spec;
    const hexagent_worker& other = view_.workers()[b].spec;
    const LinkLoad& egress = view_.load(a).egress;
    const LinkLoad& other_egress = view_.load(b).egress;
    return egress.bytes <= other_egress.bytes && egress.flows <= other_egress.flows &&
           one.egress_bytes_per_s >= other.egress_bytes_per_s &&
           one.link_latency_ns <= other.link_latency_ns &&
           (one.binding == HEXAGENT_BINDING_PREFILL_END || other.binding == one.binding) &&
           !view_.workers()[b].can_decode();
  }

  void collect_decodes() {
    std::vector<DecodeRow>& rows = view_.decode_rows();
    rows.clear();
    const bool caps = view_.links().has_caps();
    for (uint32_t index : shape_.pool->decode) {
      const Worker& worker = view_.workers()[index];
      if (!eligible(worker, *shape_.call, index, avoid_)) continue;
      DecodeRow row{index, 0.0, decode_option(view_, shape_, index)};
      row.finish_s = row.option.wait_s + row.option.service_s;
      row.beside_s = ingress_beside_s(view_, index, row.option.bytes);
      // Rows come by worker number, so of two equal ones the first stays.
      keep_unbeaten(&rows, row, [&](const DecodeRow& a, const DecodeRow& b) {
        return !caps && a.finish_s <= b.finish_s && a.option.impact_s <= b.option.impact_s &&
               a.option.bytes <= b.option.bytes && a.beside_s <= b.beside_s &&
               (a.option.fits || !b.option.fits) && takes_kv_as_fast(a.worker, b.worker);
      });
    }
  }

  void collect_prefills() {
    std::vector<PrefillRow>& rows = view_.prefill_rows();
    rows.clear();
    const bool caps = view_.links().has_caps();
    for (uint32_t index : shape_.pool->prefill) {
      if (!eligible(view_.workers()[index], *shape_.call, index, avoid_)) continue;
      PrefillRow row{index, 0.0, prefill_option(view_, shape_, index)};
      if (must_fit_ && !row.option.fits) continue;
      row.end_s = row.option.wait_s + row.option.service_s;
      keep_unbeaten(&rows, row, [&](const PrefillRow& a, const PrefillRow& b) {
        return !caps && a.end_s <= b.end_s && a.option.service_s <= b.option.service_s &&
               gives_kv_as_fast(a.worker, b.worker);
      });
    }
  }

  void try_prefill(const PrefillRow& source, Choice* best) {
    const bool late = view_.workers()[source.worker].spec.binding == HEXAGENT_BINDING_PREFILL_END;
    const double price = weights_.service * source.option.service_s;
    for (const DecodeRow& row : view_.decode_rows()) {
      if (price + own_cost_s(shape_, source.end_s + row.finish_s, weights_.power) >= best_cost_) {
        continue;
      }
      if (must_fit_ && !late && !row.option.fits) continue;
      const double move = transfer_s(view_, source.worker, row.worker, row.option.bytes);
      const double cost = price + weights_.transfer * move + weights_.impact * row.option.impact_s +
                          own_cost_s(shape_, source.end_s + move + row.finish_s, weights_.power);
      if (cost >= best_cost_) continue;
      best_cost_ = cost;
      found_ = true;
      project(view_, shape_, source.worker, source.option, row.worker, row.option, best);
      best->cost_s = cost;
    }
  }

  const PlanView& view_;
  const CallShape& shape_;
  const JointWeights& weights_;
  bool must_fit_;
  bool avoid_;
  bool found_ = false;
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
    project(view, shape, prefill, PrefillOption{true, 0, 0.0, 0.0}, index, option, best);
    best->cost_s = cost;
    found = true;
  }
  return found;
}

}  // namespace hexagent
