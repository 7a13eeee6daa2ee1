// Order hexagent: the paper's projected ratio R = ((now - arrival) + delta) / H_w(now), where delta
// is the projected time to the call's own finish on its best feasible placement, queues included
// (notes/algorithms.md 1.2). H knows the revealed DAG only.
#include "core/plan/order.h"

namespace hexagent {
namespace {

class HexagentOrder final : public Order {
 public:
  std::string_view name() const override { return "hexagent"; }
  Projection projection() const override { return Projection::kAlways; }
  bool changes_with_time() const override { return true; }
  Urgency urgency(const OrderInput& input) const override {
    return scaled_stretch(input.workflow, input.delta_s);
  }
};

}  // namespace

const Order& hexagent_order() {
  static const HexagentOrder order;
  return order;
}

}  // namespace hexagent
