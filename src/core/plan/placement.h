// Placement: which (prefill worker, decode worker) pair a call gets. One subclass a file; all of
// them read the same simulated state and the same cost pieces (placement_cost.h). Tests:
// tests/unit/core/plan/placement_test.cc.
#pragma once

#include <string_view>

#include "core/plan/plan_view.h"

namespace hexagent {

class Placement {
 public:
  virtual ~Placement() = default;
  virtual std::string_view name() const = 0;

  // The best pair, pairs with KV space before pairs without. False: no worker serves the call.
  virtual bool choose(const PlanView& view, const CallShape& shape, Choice* best) const = 0;

  // The best decode worker for a call whose prefill is done on `prefill`. False: none has KV space.
  virtual bool choose_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                             Choice* best) const = 0;

  // Would the call still rather wait for the pair in `kept` than go to one of the `open` prefill
  // workers that a prefill has left since it chose? Then `kept` becomes that pair as it is now.
  // Says no where it would take a search to tell.
  virtual bool keeps(const PlanView& view, const CallShape& shape,
                     const std::vector<uint32_t>& open, Choice* kept) const {
    (void)view, (void)shape, (void)open, (void)kept;
    return false;
  }

  // No pair has KV space for the call, but some may serve it. Says no where it would take a search.
  virtual bool surely_misfits(const PlanView& view, const CallShape& shape) const {
    (void)view, (void)shape;
    return false;
  }

  // The decode worker chosen with the prefill is final even where the engine could bind it later.
  virtual bool locks_decode() const { return false; }

  // Of the pairs with KV space it takes the one with the earliest finish, to rounding: so any pair
  // with KV space bounds the finish of its choice.
  virtual bool takes_earliest_finish() const { return false; }
};

const Placement& round_robin_placement();
const Placement& least_loaded_placement();
const Placement& speed_scaled_placement();
const Placement& own_finish_placement();
const Placement& impact_placement();
const Placement& mooncake_placement();
const Placement& lmetric_placement();
const Placement& dynamo_placement();
const Placement& llmd_placement();
const Placement& sglang_placement();
const Placement& hexgen_flow_placement();
const Placement& pull_placement();

}  // namespace hexagent
