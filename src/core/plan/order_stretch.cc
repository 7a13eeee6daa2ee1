// Order stretch: the default's. Stretch of the workflow if all that is revealed ran alone from now
// on, or as long as this call is projected to take if that is longer.
//
// It differs from order hexagent in two ways (DESIGN section 6, leads 1 and 2). The risk belongs to
// the workflow: ready siblings share it, so an early sibling cannot outrank what its workflow waits
// for. And it projects while queues are short alone, where who is in a bad place is worth knowing.
// In long ones each call's own wait is a guess about the order that it is meant to decide, and a
// plan is one sort.
#include <algorithm>

#include "core/plan/order.h"

namespace hexagent {
namespace {

class StretchOrder final : public Order {
 public:
  std::string_view name() const override { return "stretch"; }
  Projection projection() const override { return Projection::kShortQueues; }
  bool changes_with_time() const override { return true; }
  Urgency urgency(const OrderInput& input) const override {
    const double remaining_s =
        input.settings.sibling_risk != 0.0 ? input.workflow.remaining_s : input.call.tail_s;
    return scaled_stretch(input.workflow, std::max(remaining_s, input.delta_s));
  }
};

}  // namespace

const Order& stretch_order() {
  static const StretchOrder order;
  return order;
}

}  // namespace hexagent
