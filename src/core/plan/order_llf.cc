// Order llf: workflow least laxity first. The deadline is the caller's, or `llf_scale` horizons
// after arrival (notes/algorithms.md 7.5, O3); laxity = deadline - now - projected time to finish.
#include "core/plan/order.h"

namespace hexagent {
namespace {

class LlfOrder final : public Order {
 public:
  std::string_view name() const override { return "llf"; }
  Projection projection() const override { return Projection::kAlways; }
  Urgency urgency(const OrderInput& input) const override {
    const Workflow& workflow = input.workflow;
    const double allowed_s = workflow.deadline != 0 ? to_s(workflow.deadline - workflow.arrival)
                                                    : input.settings.llf_scale * workflow.horizon_s;
    return Urgency::rising(workflow.arrival, input.delta_s - allowed_s, 1.0);
  }
};

}  // namespace

const Order& llf_order() {
  static const LlfOrder order;
  return order;
}

}  // namespace hexagent
