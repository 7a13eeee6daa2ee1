// Placements that choose pool by pool: see placement_pools.h.
#include "core/plan/placement_pools.h"

#include <algorithm>

namespace hexagent {

bool PoolSide::may_take(uint32_t index) const {
  if (!eligible(view_.workers()[index], *shape_.call, index, must_fit_)) return false;
  if (!must_fit_) return true;
  return phase_ == Phase::kPrefill ? prefill_option(view_, shape_, index).fits
                                   : decode_option(view_, shape_, index).fits;
}

double PoolSide::calls(uint32_t index) const {
  const WorkerLoad& load = view_.load(index);
  if (phase_ == Phase::kPrefill) return load.prefill.count;
  return load.decode.sequences + load.decode.promised_sequences;
}

double PoolSide::calls_bound(uint32_t index) const {
  return phase_ == Phase::kPrefill ? view_.load(index).calls_bound : calls(index);
}

double PoolSide::tokens(uint32_t index) const {
  const WorkerLoad& load = view_.load(index);
  if (phase_ == Phase::kPrefill) return load.prefill.tokens;
  return load.decode.context + load.decode.promised_context;
}

double PoolSide::uncached(uint32_t index) const {
  const bool blind = view_.settings().cache_aware == 0.0;
  return shape_.prompt_tokens - (blind ? 0 : shape_.cached(index));
}

double PoolSide::match(uint32_t index) const {
  return (shape_.prompt_tokens - uncached(index)) / shape_.prompt_tokens;
}

double PoolSide::slowness(uint32_t index) const {
  if (view_.settings().router_speed == 0.0) return 1.0;
  const Worker& worker = view_.workers()[index];
  if (phase_ == Phase::kPrefill) {
    const PrefillShape whole = prefill_shape(shape_.prompt_tokens, 0);
    return prefill_marginal_s(worker.prefill_engine, whole) /
           prefill_marginal_s(shape_.pool->prefill_reference, whole);
  }
  const auto alone_s = [&](uint32_t each) {
    return DecodeLoad{}.own_s(view_.workers()[each].decode_engine, shape_.prompt_tokens,
                              shape_.output_tokens);
  };
  double fastest_s = alone_s(index);
  for (uint32_t kind : shape_.pool->decode_kinds) fastest_s = std::min(fastest_s, alone_s(kind));
  return alone_s(index) / fastest_s;
}

bool PoolPlacement::choose(const PlanView& view, const CallShape& shape, Choice* best) const {
  using Phase = PoolSide::Phase;
  return choose_by_pool(
      view, shape,
      [&](bool must_fit) { return pick_prefill(PoolSide(view, shape, Phase::kPrefill, must_fit)); },
      [&](bool must_fit) { return pick_decode(PoolSide(view, shape, Phase::kDecode, must_fit)); },
      best);
}

bool PoolPlacement::choose_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                                  Choice* best) const {
  const uint32_t decode = pick_decode(PoolSide(view, shape, PoolSide::Phase::kDecode, true));
  if (decode == kNoWorker) return false;
  project(view, prefill, kPrefillDone, decode, decode_option(view, shape, decode), best);
  return true;
}

}  // namespace hexagent
