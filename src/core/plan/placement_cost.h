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
inline constexpr PrefillOption kPrefillDone{true, 0, 0.0, 0.0};

PrefillOption prefill_option(const PlanView& view, const CallShape& shape, uint32_t worker);
DecodeOption decode_option(const PlanView& view, const CallShape& shape, uint32_t worker);

// The prefill work that is left when so many tokens are cached, as the time it takes on the fastest
// kind of worker, among others.
double prefill_work_s(const PlanView& view, const CallShape& shape, uint32_t cached);

// Seconds to move this call's KV, behind what is under way on both ends.
double transfer_s(const PlanView& view, uint32_t prefill, uint32_t decode, double bytes);

// The least that transfer_s() can be for this decode worker, whatever the prefill worker.
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
