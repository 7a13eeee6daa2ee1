// What placements share that choose each pool's worker on its own, as routers do: the candidates of
// one pool, what a router counts of them, and the walk over both. Ties go to whoever is first in
// turn, since the routers draw lots among equals. In a greedy plan (greedy.h) a call keeps its pair
// until one of the two is touched, though a score may lean on the whole pool. Tests:
// tests/unit/core/plan/placement_routers_test.cc.
#pragma once

#include <cstdint>

#include "core/plan/placement.h"
#include "core/plan/placement_cost.h"

namespace hexagent {

// The workers of one pool that may take a call.
class PoolSide {
 public:
  enum class Phase { kPrefill, kDecode };

  // `must_fit`: only workers with KV space, and none the call was lost on.
  PoolSide(const PlanView& view, const CallShape& shape, Phase phase, bool must_fit)
      : view_(view), shape_(shape), phase_(phase), must_fit_(must_fit) {}

  const PlanView& view() const { return view_; }
  const CallShape& shape() const { return shape_; }
  const Settings& settings() const { return view_.settings(); }

  // Calls `visit(worker index)` for each, beginning with whoever's turn it is.
  template <class Visit>
  void for_each(Visit&& visit) const {
    const std::vector<uint32_t>& pool = workers();
    for (size_t step = 0; step < pool.size(); ++step) {
      const uint32_t index = pool[(view_.rotation() + step) % pool.size()];
      if (may_take(index)) visit(index);
    }
  }

  // The candidate of the least cost; kNoWorker when there is none.
  template <class Cost>
  uint32_t least(Cost&& cost) const {
    uint32_t best = kNoWorker;
    double least = 0.0;
    for_each([&](uint32_t index) {
      const double own = cost(index);
      if (best != kNoWorker && own >= least) return;
      best = index;
      least = own;
    });
    return best;
  }

  // Calls sent there: prefills not done, or sequences decoding and on their way.
  double calls(uint32_t index) const;
  // Calls whose router has bound them there: of a prefill worker until they end, as their routers
  // see it; of a decode worker the same as calls().
  double calls_bound(uint32_t index) const;
  // Their tokens: uncached ones of the prefills, context of the sequences.
  double tokens(uint32_t index) const;
  // Tokens of the prompt that are not cached there; all of them where costs are blind to caches.
  double uncached(uint32_t index) const;
  // Share of the prompt that is cached there.
  double match(uint32_t index) const;
  // How often the fastest worker would do what this one does once; 1 for all as the routers were
  // published, blind to hardware (setting router_speed).
  double slowness(uint32_t index) const;

 private:
  const std::vector<uint32_t>& workers() const {
    return phase_ == Phase::kPrefill ? shape_.pool->prefill : shape_.pool->decode;
  }
  bool may_take(uint32_t index) const;

  const PlanView& view_;
  const CallShape& shape_;
  const Phase phase_;
  const bool must_fit_;
};

// The walk of placements that choose each pool's worker on its own, prefill first and then decode:
// `pick_prefill(must_fit)` and `pick_decode(must_fit)` give a worker or kNoWorker.
template <class PickPrefill, class PickDecode>
bool choose_by_pool(const PlanView& view, const CallShape& shape, const PickPrefill& pick_prefill,
                    const PickDecode& pick_decode, Choice* best) {
  for (const bool must_fit : {true, false}) {
    const uint32_t prefill = pick_prefill(must_fit);
    if (prefill == kNoWorker) continue;
    const bool late = view.workers()[prefill].spec.binding == HEXAGENT_BINDING_PREFILL_END;
    uint32_t decode = pick_decode(must_fit && !late);
    if (must_fit && decode == prefill && !decode_option(view, shape, decode).fits) {
      decode = pick_decode(true);  // on one worker both phases need room at once
    }
    if (decode == kNoWorker) continue;
    project(view, prefill, prefill_option(view, shape, prefill), decode,
            decode_option(view, shape, decode), best);
    best->cost_s = best->finish_s;
    return true;
  }
  return false;
}

// A placement made of two choices, prefill first. A worker of both roles is two candidates.
class PoolPlacement : public Placement {
 public:
  bool choose(const PlanView& view, const CallShape& shape, Choice* best) const final;
  bool choose_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                     Choice* best) const final;

 private:
  virtual uint32_t pick_prefill(const PoolSide& side) const = 0;
  virtual uint32_t pick_decode(const PoolSide& side) const = 0;
};

}  // namespace hexagent
