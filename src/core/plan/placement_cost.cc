// The pieces of a placement's cost: see placement_cost.h.
#include "core/plan/placement_cost.h"

#include <algorithm>

namespace hexagent {
namespace {

// A pair without KV space waits for releases. Sequences end one after another over about the decode
// time of one of them, so missing space appears in proportion.
template <typename Outlook>
double kv_wait_s(const Outlook& worker, int64_t need, double typical_s) {
  if (worker.kv_free_tokens >= need) return 0.0;
  const double missing = static_cast<double>(need - worker.kv_free_tokens);
  return typical_s * std::max(1.0, missing / worker.kv_capacity_tokens * 2.0);
}

// Cost-blind policies plan as if nothing were cached; what they get is then cheaper than planned.
PrefillShape priced_prefill(const PlanView& view, const CallShape& shape, uint32_t cached) {
  return prefill_shape(shape.prompt_tokens, view.settings().cache_aware != 0.0 ? cached : 0);
}

}  // namespace

double prefill_work_s(const PlanView& view, const CallShape& shape, uint32_t cached) {
  return prefill_marginal_s(shape.pool->prefill_reference, priced_prefill(view, shape, cached));
}

PrefillOption prefill_option(const PlanView& view, const CallShape& shape, uint32_t index) {
  const PrefillOutlook& worker = view.prefill_outlook(index);
  PrefillOption option;
  option.cached = shape.cached(index);
  const PrefillShape work = priced_prefill(view, shape, option.cached);
  const int64_t need = worker.rounding(shape.prompt_tokens);
  option.fits = worker.kv_free_tokens >= need;
  option.service_s = prefill_alone_s(worker.engine, work);
  option.wait_s = view.load(index).prefill.wait_s(worker.engine, work, worker.prospect) +
                  worker.half_round_trip_s + kv_wait_s(worker, need, option.service_s);
  if (worker.layerwise) option.overlap = overlap_of(*shape.pool, option.service_s);
  return option;
}

DecodeOption decode_option(const PlanView& view, const CallShape& shape, uint32_t index) {
  const DecodeOutlook& worker = view.decode_outlook(index);
  DecodeOption option;
  option.cached = worker.delta_transfer ? shape.cached(index) : 0;
  const uint32_t priced = view.settings().cache_aware != 0.0 ? option.cached : 0;
  option.bytes = worker.kv_bytes_per_token * (shape.prompt_tokens - priced);
  const int64_t need = worker.rounding(shape.reserve_tokens);
  const DecodeLoad& load = worker.load;
  option.fits = worker.kv_free_tokens >= need && worker.has_place;
  option.service_s = load.own_s(worker.engine, shape.prompt_tokens, shape.output_tokens);
  option.impact_s =
      load.impact_s(worker.engine, shape.prompt_tokens, shape.output_tokens, shape.weight);
  option.wait_s = worker.half_round_trip_s + kv_wait_s(worker, need, option.service_s);
  return option;
}

double transfer_s(const PlanView& view, uint32_t prefill, uint32_t decode, double bytes,
                  const Overlap& overlap) {
  if (prefill == decode) return 0.0;
  const Worker& source = view.workers()[prefill];
  const Worker& target = view.workers()[decode];
  const LinkPath path = view.links().path(source.spec, target.spec);
  const LinkLoad& egress = view.load(prefill).egress;
  const LinkLoad& ingress = view.load(decode).ingress;
  // Flows share an end fairly: until ours is through, each other one moves at most as much as ours.
  const double beside =
      std::max(std::min(egress.bytes, egress.flows * bytes) / path.egress_bytes_per_s,
               std::min(ingress.bytes, ingress.flows * bytes) / path.ingress_bytes_per_s);
  // The wait as it was measured has what we know of in it, and what we do not.
  const double whole_s = path.latency_s + bytes / path.bytes_per_s + std::max(beside, path.queue_s);
  if (overlap.last_share == 1.0) return whole_s;
  return path.latency_s + visible_s(whole_s - path.latency_s, overlap);
}

void project(const PlanView& view, uint32_t prefill, const PrefillOption& prefill_part,
             uint32_t decode, const DecodeOption& decode_part, Choice* choice) {
  choice->prefill = prefill;
  choice->decode = decode;
  choice->prefill_cached = prefill_part.cached;
  choice->decode_cached = prefill == decode ? 0 : decode_part.cached;
  choice->wait_s = prefill_part.wait_s;
  choice->prefill_end_s = prefill_part.wait_s + prefill_part.service_s;
  choice->transfer_end_s =
      choice->prefill_end_s +
      transfer_s(view, prefill, decode, decode_part.bytes, prefill_part.overlap);
  choice->finish_s = choice->transfer_end_s + decode_part.wait_s + decode_part.service_s;
  // Where both phases are on one worker there is one reservation, made at once.
  const bool late =
      prefill != decode && view.workers()[prefill].spec.binding == HEXAGENT_BINDING_PREFILL_END;
  choice->fits = prefill_part.fits && (late || decode_part.fits);
}

}  // namespace hexagent
