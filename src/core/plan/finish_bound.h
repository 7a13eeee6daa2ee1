// FinishBound: when a call would end on one pair of workers at the latest, from a few numbers and
// as if nothing of its prompt were cached there. Where a placement takes the earliest finish, no
// call that fits on the pair is projected to end later than this.
// Tests: tests/unit/core/plan/finish_bound_test.cc.
#pragma once

#include <cstdint>
#include <limits>

#include "core/plan/plan_view.h"

namespace hexagent {

// Of a call; see WaitingShapes.
struct BoundedShape {
  double prompt_tokens = 0.0;
  double reserve_tokens = 0.0;
  double output_tokens = 0.0;
};

struct FinishBound {
  // Of a pair; its loads are those of the view at this moment.
  static FinishBound of(const PlanView& view, uint32_t prefill, uint32_t decode);

  // Of the pair of a pool that is good for a call like `typical`; where it can be, of workers that
  // have KV space for the largest call, too. The pool must have workers of both roles.
  static FinishBound least(const PlanView& view, const ModelPool& pool, const BoundedShape& typical,
                           const BoundedShape& largest);

  bool uses(uint32_t worker) const { return worker == prefill || worker == decode; }

  // False: the pair may have no KV space for the call.
  bool fits(const BoundedShape& call) const {
    return (call.prompt_tokens <= prompt_tokens_max) & (call.reserve_tokens <= reserve_tokens_max);
  }

  // Seconds from now, of a call that fits.
  double finish_s(const BoundedShape& call) const {
    const double prompt = call.prompt_tokens;
    const double output = call.output_tokens;
    return wait_s + prompt * (per_prompt + per_pair * prompt) +
           output * (per_output + per_context * (prompt + 0.5 * output));
  }

  uint32_t prefill = kNoWorker;
  uint32_t decode = kNoWorker;
  double prompt_tokens_max = std::numeric_limits<double>::infinity();
  double reserve_tokens_max = std::numeric_limits<double>::infinity();
  double wait_s = 0.0;
  double per_prompt = 0.0;
  double per_pair = 0.0;  // of prompt tokens squared
  double per_output = 0.0;
  double per_context = 0.0;  // of output tokens times context

 private:
  void add_prefill(const PlanView& view, uint32_t worker);
  void add_decode(const PlanView& view, uint32_t worker);
  void add_transfer(const PlanView& view);
};

}  // namespace hexagent
