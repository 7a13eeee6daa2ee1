// Placement hexgen-flow: workload-balanced dispatch (HexGen-Flow, arXiv 2505.05286): the highest
//   alpha * t_base / t - (1 - alpha) * load / load_base
// with t the call's time on the worker and load the work it has; alpha = `hexgen_alpha`, which the
// source tunes by replaying a recent trace in a simulator (0 to 0.4 in its scripts, with other
// bases; with those here 0.7 was the best of 0.2 to 0.9 on CHESS and tau-bench at load 0.85, two
// tuning seeds, simulated).
//
// The source has one pool; here each pool is scored on its own, prefill by prefill times, decode by
// decode times. Decided here: the bases are the pool's means, so that both terms are near one
// whatever the call; load falls when work is done, where the public simulator only adds to it; t
// knows cached prefixes, as all times of the library do.
#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

struct Estimate {
  double time_s;
  double load_s;
};

Estimate prefill_estimate(const PoolSide& side, uint32_t index) {
  const PlanView& view = side.view();
  return {prefill_option(view, side.shape(), index).service_s,
          view.load(index).prefill.drain_s(view.workers()[index].prefill_engine, view.now())};
}

Estimate decode_estimate(const PoolSide& side, uint32_t index) {
  const CallShape& shape = side.shape();
  const DecodeEngine& engine = side.view().workers()[index].decode_engine;
  const double time_s = DecodeLoad{}.own_s(engine, shape.prompt_tokens, shape.output_tokens);
  // The sequences there taken to be like the one that comes, each alone.
  return {time_s, side.calls(index) * time_s};
}

class HexgenFlowPlacement final : public PoolPlacement {
 public:
  std::string_view name() const override { return "hexgen-flow"; }

 private:
  uint32_t pick_prefill(const PoolSide& side) const override {
    return pick(side, prefill_estimate);
  }
  uint32_t pick_decode(const PoolSide& side) const override { return pick(side, decode_estimate); }

  template <class Estimator>
  static uint32_t pick(const PoolSide& side, Estimator estimate) {
    Estimate base{0.0, 0.0};
    uint32_t count = 0;
    side.for_each([&](uint32_t index) {
      const Estimate own = estimate(side, index);
      base.time_s += own.time_s;
      base.load_s += own.load_s;
      ++count;
    });
    if (count == 0) return kNoWorker;
    base.time_s /= count;
    base.load_s /= count;
    const double alpha = side.settings().hexgen_alpha;
    return side.least([&](uint32_t index) {
      const Estimate own = estimate(side, index);
      const double load = base.load_s > 0.0 ? own.load_s / base.load_s : 0.0;
      return (1.0 - alpha) * load - alpha * base.time_s / own.time_s;
    });
  }
};

}  // namespace

const Placement& hexgen_flow_placement() {
  static const HexgenFlowPlacement placement;
  return placement;
}

}  // namespace hexagent
