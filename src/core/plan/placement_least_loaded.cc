// Placements least-loaded and speed-scaled: load-balanced dispatch, each pool on its own.
//
// least-loaded counts tokens (prefill: outstanding prompt tokens; decode: context tokens promised)
// and is blind to hardware, as a router for one GPU type is. speed-scaled counts the time those
// tokens take on this worker, the new call's own included (notes/algorithms.md 7.5, L2). Neither
// looks at transfer, cached prefixes or the pair as a whole.
#include "core/plan/placement.h"
#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

class LeastLoadedPlacement final : public Placement {
 public:
  explicit LeastLoadedPlacement(bool scaled) : scaled_(scaled) {}
  std::string_view name() const override { return scaled_ ? "speed-scaled" : "least-loaded"; }

  bool choose(const PlanView& view, const CallShape& shape, Choice* best) const override {
    return choose_by_pool(
        view, shape, [&](bool must_fit) { return least_prefill(view, shape, must_fit); },
        [&](bool must_fit) { return least_decode(view, shape, must_fit); }, best);
  }

  bool choose_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                     Choice* best) const override {
    const uint32_t decode = least_decode(view, shape, true);
    if (decode == kNoWorker) return false;
    project(view, prefill, kPrefillDone, decode, decode_option(view, shape, decode), best);
    return true;
  }

 private:
  double prefill_load(const PlanView& view, const CallShape& shape, uint32_t index) const {
    const Worker& worker = view.workers()[index];
    const PrefillLoad& load = view.load(index).prefill;
    if (!scaled_) return load.tokens;
    const PrefillShape own = prefill_shape(shape.prompt_tokens, 0);
    return load.drain_s(worker.prefill_engine, view.now()) +
           prefill_alone_s(worker.prefill_engine, own);
  }

  double decode_load(const PlanView& view, const CallShape& shape, uint32_t index) const {
    const Worker& worker = view.workers()[index];
    const DecodeLoad& load = view.load(index).decode;
    if (!scaled_) return load.context + load.promised_context;
    return load.own_s(worker.decode_engine, shape.prompt_tokens, shape.output_tokens);
  }

  uint32_t least_prefill(const PlanView& view, const CallShape& shape, bool must_fit) const {
    uint32_t best = kNoWorker;
    double least = 0.0;
    for (uint32_t index : shape.pool->prefill) {
      const Worker& worker = view.workers()[index];
      if (!eligible(worker, *shape.call, index, must_fit)) continue;
      if (must_fit && view.load(index).kv_free_tokens < worker.block_aligned(shape.prompt_tokens)) {
        continue;
      }
      const double load = prefill_load(view, shape, index);
      if (best != kNoWorker && load >= least) continue;
      best = index;
      least = load;
    }
    return best;
  }

  uint32_t least_decode(const PlanView& view, const CallShape& shape, bool must_fit) const {
    uint32_t best = kNoWorker;
    double least = 0.0;
    for (uint32_t index : shape.pool->decode) {
      const Worker& worker = view.workers()[index];
      if (!eligible(worker, *shape.call, index, must_fit)) continue;
      if (must_fit &&
          view.load(index).kv_free_tokens < worker.block_aligned(shape.reserve_tokens)) {
        continue;
      }
      const double load = decode_load(view, shape, index);
      if (best != kNoWorker && load >= least) continue;
      best = index;
      least = load;
    }
    return best;
  }

  bool scaled_;
};

}  // namespace

const Placement& least_loaded_placement() {
  static const LeastLoadedPlacement placement(false);
  return placement;
}

const Placement& speed_scaled_placement() {
  static const LeastLoadedPlacement placement(true);
  return placement;
}

}  // namespace hexagent
