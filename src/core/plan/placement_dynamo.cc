// Placement dynamo: NVIDIA Dynamo's KV router with prefill and decode pools (v1.2 to v1.5, worker
// selection of lib/kv-router; earlier versions call the credit overlap score weight).
//
//   prefill  least prefill blocks: tokens of prompts sent there and not done, plus this prompt,
//            less the credit for its cached part. No decode blocks: the prefill router does not
//            track them.
//   decode   least active blocks; overlap has no credit there.
//
// The credit (`dynamo_overlap_credit`, 1 by default) may exceed 1 and then counts a hit for more
// than the work it saves. With `dynamo_overlap_decay` it shrinks where the backlog, in prompts like
// this one, is above the least in the pool. Decided here: no temperature (their default is 0);
// blocks are counted in tokens; expected output counts half, as in all decode loads here, where
// theirs counts prompts only unless told to. Their own queue in front of the router is the
// dispatch `window` of any policy here, so the preset sends at once.
#include <algorithm>

#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

class DynamoPlacement final : public PoolPlacement {
 public:
  std::string_view name() const override { return "dynamo"; }

 private:
  uint32_t pick_prefill(const PoolSide& side) const override {
    const Settings& settings = side.settings();
    const double prompt = side.shape().prompt_tokens;
    double floor = -1.0;  // least backlog of the pool
    side.for_each([&](uint32_t index) {
      const double tokens = side.tokens(index);
      if (floor < 0.0 || tokens < floor) floor = tokens;
    });
    return side.least([&](uint32_t index) {
      const double backlog = side.tokens(index);
      const double excess = (backlog - floor) / prompt;
      const double credit =
          settings.dynamo_overlap_credit / (1.0 + settings.dynamo_overlap_decay * excess);
      const double cached = prompt - side.uncached(index);
      return side.slowness(index) * (backlog + prompt - credit * cached);
    });
  }

  uint32_t pick_decode(const PoolSide& side) const override {
    return side.least([&](uint32_t index) {
      return side.slowness(index) * (side.tokens(index) + side.shape().prompt_tokens);
    });
  }
};

}  // namespace

const Placement& dynamo_placement() {
  static const DynamoPlacement placement;
  return placement;
}

}  // namespace hexagent
