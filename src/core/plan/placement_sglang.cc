// Placement sglang: the cache-aware policy of the SGLang router (sglang-router 0.2 and 0.3) for the
// prefill pool, least load for the decode pool.
//
//   1. The pool is out of balance when its longest queue exceeds the shortest by more than
//      `sglang_balance_abs` calls and by more than `sglang_balance_rel` times: the shortest queue.
//   2. Else, if the best match is more than `sglang_match` of the prompt: the worker that has it.
//   3. Else the shortest queue.
//
// The defaults 64, 1.5 and 0.3 are the launcher's. Decided here: the match is what the library
// believes the worker holds, in tokens, not the router's own tree of text; rule 3 took the worker
// with the smallest tree in older versions, which is blind to load where most prompts are new;
// among equal matches the shorter queue wins, where a tree would name any. A queue is, as there,
// all calls bound to the worker until their answers are complete: those prefilled there and
// decoding elsewhere too, for which 64 is meant.
#include <algorithm>

#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

class SglangPlacement final : public PoolPlacement {
 public:
  std::string_view name() const override { return "sglang"; }

 private:
  static double queue_of(const PoolSide& side, uint32_t index) {
    return side.slowness(index) * side.calls_bound(index);
  }
  static uint32_t shortest_queue(const PoolSide& side) {
    return side.least([&](uint32_t index) { return queue_of(side, index); });
  }

  uint32_t pick_prefill(const PoolSide& side) const override {
    const Settings& settings = side.settings();
    double shortest = -1.0;
    double longest = 0.0;
    double best_match = 0.0;
    side.for_each([&](uint32_t index) {
      const double queue = queue_of(side, index);
      shortest = shortest < 0.0 ? queue : std::min(shortest, queue);
      longest = std::max(longest, queue);
      best_match = std::max(best_match, side.match(index));
    });
    const bool balanced = longest - shortest <= settings.sglang_balance_abs ||
                          longest <= settings.sglang_balance_rel * shortest;
    if (!balanced || best_match <= settings.sglang_match) return shortest_queue(side);
    constexpr double kOther = 1e9;  // calls: more than a queue can have
    return side.least([&](uint32_t index) {
      return queue_of(side, index) + (side.match(index) < best_match ? kOther : 0.0);
    });
  }

  uint32_t pick_decode(const PoolSide& side) const override { return shortest_queue(side); }
};

}  // namespace

const Placement& sglang_placement() {
  static const SglangPlacement placement;
  return placement;
}

}  // namespace hexagent
