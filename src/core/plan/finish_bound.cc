// FinishBound: see finish_bound.h. Each part is an upper bound of what placement_cost.cc computes.
#include "core/plan/finish_bound.h"

#include <algorithm>

namespace hexagent {
namespace {

// The parts are added up in another order than in a placement; this covers the rounding.
constexpr double kBoundSlack = 1.0 + 1e-9;
constexpr double kBoundSlackS = 1e-9;

// Tokens of the longest call that surely has space: it takes whole blocks.
double tokens_max(int64_t kv_free_tokens, const BlockRounding& rounding) {
  return static_cast<double>(kv_free_tokens - static_cast<int64_t>(rounding.block_tokens) + 1);
}

}  // namespace

FinishBound FinishBound::of(const PlanView& view, uint32_t prefill, uint32_t decode) {
  FinishBound bound;
  bound.add_prefill(view, prefill);
  bound.add_decode(view, decode);
  bound.add_transfer(view);
  bound.wait_s = bound.wait_s * kBoundSlack + kBoundSlackS;
  bound.per_prompt *= kBoundSlack;
  bound.per_pair *= kBoundSlack;
  bound.per_output *= kBoundSlack;
  bound.per_context *= kBoundSlack;
  return bound;
}

// A call begins when all that was sent before it is done, if not earlier, and takes one iteration
// more than its tokens fill.
void FinishBound::add_prefill(const PlanView& view, uint32_t index) {
  prefill = index;
  const PrefillOutlook& worker = view.prefill_outlook(index);
  const PrefillEngine& engine = worker.engine;
  const TimeModel& model = engine.model;
  const double small_s = model.small_fixed + model.small_per_token * model.small_below;
  const double fixed_s = std::max(model.prefill_fixed, small_s);
  prompt_tokens_max = tokens_max(worker.kv_free_tokens, worker.rounding);
  wait_s += worker.prospect.drain_s + worker.half_round_trip_s + engine.factor * fixed_s;
  per_prompt += engine.factor * (model.prefill_per_token + fixed_s / engine.chunk_tokens);
  per_pair += engine.factor * 0.5 * model.prefill_per_pair;
}

// In a full batch each sequence counts with less of its context and waits longer for a place by as
// much, so the call's own context costs the same in all.
void FinishBound::add_decode(const PlanView& view, uint32_t index) {
  decode = index;
  const DecodeOutlook& worker = view.decode_outlook(index);
  const DecodeEngine& engine = worker.engine;
  const DecodeLoad& load = worker.load;
  reserve_tokens_max = worker.has_place ? tokens_max(worker.kv_free_tokens, worker.rounding) : -1.0;
  wait_s += worker.half_round_trip_s;
  per_output += load.own_s(engine, 0.0, 1.0);
  per_context += engine.factor * engine.model.decode_per_context_token;
}

void FinishBound::add_transfer(const PlanView& view) {
  if (prefill == decode) return;
  const LinkPath path =
      view.links().path(view.workers()[prefill].spec, view.workers()[decode].spec);
  const LinkLoad& egress = view.load(prefill).egress;
  const LinkLoad& ingress = view.load(decode).ingress;
  const double beside_s =
      std::max(egress.bytes / path.egress_bytes_per_s, ingress.bytes / path.ingress_bytes_per_s);
  wait_s += path.latency_s + std::max(beside_s, path.queue_s);
  per_prompt += view.decode_outlook(decode).kv_bytes_per_token / path.bytes_per_s;
}

FinishBound FinishBound::least(const PlanView& view, const ModelPool& pool,
                               const BoundedShape& typical, const BoundedShape& largest) {
  // Each worker on its own: the transfer does not decide which pair is a good one.
  const auto best_of = [&](const std::vector<uint32_t>& workers, auto add) {
    uint32_t best = workers.front();
    double least_s = std::numeric_limits<double>::infinity();
    bool roomy = false;
    for (uint32_t index : workers) {
      FinishBound part;
      (part.*add)(view, index);
      const bool takes_all = part.fits(largest);
      if (!part.fits(typical) || (roomy && !takes_all)) continue;
      const double finish_s = part.finish_s(typical);
      if (takes_all == roomy && finish_s >= least_s) continue;
      best = index;
      least_s = finish_s;
      roomy = takes_all;
    }
    return best;
  };
  const uint32_t prefill = best_of(pool.prefill, &FinishBound::add_prefill);
  return of(view, prefill, best_of(pool.decode, &FinishBound::add_decode));
}

}  // namespace hexagent
