// The pieces of a placement's cost, computed the same way for every policy.
// Tests: tests/unit/core/plan/placement_test.cc.
#pragma once

#include <algorithm>

#include "core/plan/plan_view.h"

namespace hexagent {

// May this worker take the call at all? `avoid`: not where it was lost before.
inline bool eligible(const Worker& worker, const Call& call, uint32_t index, bool avoid) {
  // Few calls ask for labels; the others need not look at the worker.
  const bool any = (call.labels_required | call.labels_excluded) == 0;
  return (any || worker.matches(call.labels_required, call.labels_excluded)) &&
         !(avoid && call.avoid_worker == index);
}

// Of a call whose KV lies on its prefill worker.
inline constexpr PrefillOption kPrefillDone{true, 0, 0.0, 0.0, {}};

PrefillOption prefill_option(const PlanView& view, const CallShape& shape, uint32_t worker);
DecodeOption decode_option(const PlanView& view, const CallShape& shape, uint32_t worker);

// The prefill work that is left when so many tokens are cached, as the time it takes on the fastest
// kind of worker, among others.
double prefill_work_s(const PlanView& view, const CallShape& shape, uint32_t cached);

// Of a prefill that takes so long on a worker that sends layer by layer: but for one layer, sending
// goes on beside it (notes/algorithms.md 5.7). Waiting for other calls is not counted, though some
// layers are computed meanwhile: how the engine mixes them is not known.
inline Overlap overlap_of(const ModelPool& pool, double service_s) {
  const double last_share = pool.last_layer_share();
  return {service_s * (1.0 - last_share), last_share};
}

// Seconds that this call's KV takes to move once its prefill has ended, behind what is under way on
// both ends.
double transfer_s(const PlanView& view, uint32_t prefill, uint32_t decode, double bytes,
                  const Overlap& overlap);

// The least that transfer_s() can be for this decode worker, whatever the prefill worker, if that
// hides nothing of it.
inline double ingress_s(const PlanView& view, uint32_t decode, double bytes) {
  const DecodeOutlook& target = view.decode_outlook(decode);
  if (target.can_prefill) return 0.0;  // it may be the same worker, and nothing moves
  const LinkLoad& ingress = target.ingress;
  return (bytes + std::min(ingress.bytes, ingress.flows * bytes)) / target.ingress_bytes_per_s;
}

// Fills a choice with the projected times of a pair.
void project(const PlanView& view, uint32_t prefill, const PrefillOption& prefill_part,
             uint32_t decode, const DecodeOption& decode_part, Choice* choice);

}  // namespace hexagent
