// Placement llm-d: the highest weighted sum of scores, each from 0 to 1 (llm-d router v0.8 to
// v0.10, scorers prefix-cache, queue and kv-cache-utilization with the max-score picker), once for
// the prefill pool and once for the decode pool.
//
//   prefix  share of the prompt that is cached there
//   queue   1 for the shortest queue of the pool, 0 for the longest, linear between
//   KV      share of the KV cache that is free
//
// Weights are `llmd_prefix_weight`, `llmd_queue_weight` and `llmd_kv_weight`; 3, 2 and 2 are the
// scheduler's own defaults, its sample for prefill and decode has 2, 1 and 0. Decided here: a queue
// is the calls sent and not done, not what an engine's metrics said a moment ago; decode comes
// after prefill, which changes nothing, since no score looks at the other pool. Prompts always go
// through both pools (the sample skips prefill where fewer than 16 tokens are not cached).
#include <algorithm>

#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

class LlmdPlacement final : public PoolPlacement {
 public:
  std::string_view name() const override { return "llm-d"; }

 private:
  uint32_t pick_prefill(const PoolSide& side) const override { return pick(side); }
  uint32_t pick_decode(const PoolSide& side) const override { return pick(side); }

  static uint32_t pick(const PoolSide& side) {
    const Settings& settings = side.settings();
    double shortest = -1.0;
    double longest = 0.0;
    side.for_each([&](uint32_t index) {
      const double queue = side.slowness(index) * side.calls(index);
      shortest = shortest < 0.0 ? queue : std::min(shortest, queue);
      longest = std::max(longest, queue);
    });
    return side.least([&](uint32_t index) {
      const double queue = side.slowness(index) * side.calls(index);
      const double queue_score =
          longest > shortest ? (longest - queue) / (longest - shortest) : 1.0;
      const double kv_score = static_cast<double>(side.view().load(index).kv_free_tokens) /
                              static_cast<double>(side.view().workers()[index].kv_capacity_tokens);
      return -(settings.llmd_prefix_weight * side.match(index) +
               settings.llmd_queue_weight * queue_score + settings.llmd_kv_weight * kv_score);
    });
  }
};

}  // namespace

const Placement& llmd_placement() {
  static const LlmdPlacement placement;
  return placement;
}

}  // namespace hexagent
