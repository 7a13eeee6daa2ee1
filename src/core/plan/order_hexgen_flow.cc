// Order hexgen-flow: urgency against a budget per call, a share of what is left of the workflow's
// own time (HexGen-Flow, arXiv 2505.05286; its public simulator fixes the formulas).
//
//   budget  = (T - elapsed when ready) * t / (t + expected stages behind it)
//   urgency = t - (budget - time waited since ready), the largest first
//
// T is the deadline, or `hexgen_slo_scale` times the workflow's length as expected at its first
// call: the source takes the mean of a template, here it is learnt by class and stage (as is what
// is behind a call), so that classes need no template. t is the call alone on its fastest workers.
// Decided here: the source adds the slower engine's own t where a call stands in that engine's
// queue; that changes nothing within a queue but a factor on t. A budget that is used up makes the
// call more urgent without limit, as there. The key's slope is one for all, so time alone lets no
// call pass another.
#include <algorithm>

#include "core/plan/order.h"

namespace hexagent {
namespace {

class HexgenFlowOrder final : public Order {
 public:
  std::string_view name() const override { return "hexgen-flow"; }
  bool uses_foresight() const override { return true; }
  Urgency urgency(const OrderInput& input) const override {
    const Workflow& workflow = input.workflow;
    const Call& call = input.call;
    const double allowed_s = workflow.deadline != 0
                                 ? to_s(workflow.deadline - workflow.arrival)
                                 : input.settings.hexgen_slo_scale * workflow.expected_s;
    const double left_s = allowed_s - to_s(call.times.ready - workflow.arrival);
    const double ahead_s = std::max({call.ahead.path_s, call.tail_s, call.standalone_s, 1e-6});
    const double budget_s = left_s * call.standalone_s / ahead_s;
    return Urgency::rising(call.times.ready, call.standalone_s - budget_s, 1.0);
  }
};

}  // namespace

const Order& hexgen_flow_order() {
  static const HexgenFlowOrder order;
  return order;
}

}  // namespace hexagent
