// Placement lmetric: the least product of prefill tokens and batch size (LMetric, arXiv
// 2603.15202): tokens to compute there, those queued before this call included, times the calls
// decoding there. The product needs no weight between the two, which is its point.
//
// The source routes to workers that do both phases. Decided here for two pools: the tokens are the
// prefill worker's, the batch is the decode worker's, and the product of a pair is least where each
// of them is. A prefill worker's own calls for a batch would double its product with the second
// call, where a real batch has dozens, and hits were lost to any idle worker (tau-bench at load
// 0.85 unstable, simulated). The new call counts in the batch; equal batches are told apart by
// their context.
#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

class LmetricPlacement final : public PoolPlacement {
 public:
  std::string_view name() const override { return "lmetric"; }

 private:
  uint32_t pick_prefill(const PoolSide& side) const override {
    return side.least([&](uint32_t index) {
      return side.slowness(index) * (side.tokens(index) + side.uncached(index));
    });
  }

  uint32_t pick_decode(const PoolSide& side) const override {
    constexpr double kContext = 1e-9;  // of a call: a context is below a billion tokens
    return side.least([&](uint32_t index) {
      return side.slowness(index) * (side.calls(index) + 1.0 + kContext * side.tokens(index));
    });
  }
};

}  // namespace

const Placement& lmetric_placement() {
  static const LmetricPlacement placement;
  return placement;
}

}  // namespace hexagent
