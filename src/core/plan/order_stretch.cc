// Order stretch: the default's. Stretch of the workflow if all that is revealed ran alone from now
// on.
//
// It differs from order hexagent in two ways (DESIGN section 6, leads 1 and 2). The risk belongs to
// the workflow: ready siblings share it, so an early sibling cannot outrank what its workflow waits
// for. And it holds no queueing, so it needs no projection, and a plan is one sort.
#include "core/plan/order.h"

namespace hexagent {
namespace {

class StretchOrder final : public Order {
 public:
  std::string_view name() const override { return "stretch"; }
  bool changes_with_time() const override { return true; }
  Urgency urgency(const OrderInput& input) const override {
    const double remaining_s =
        input.settings.sibling_risk != 0.0 ? input.workflow.remaining_s : input.call.tail_s;
    return scaled_stretch(input.workflow, remaining_s);
  }
};

}  // namespace

const Order& stretch_order() {
  static const StretchOrder order;
  return order;
}

}  // namespace hexagent
