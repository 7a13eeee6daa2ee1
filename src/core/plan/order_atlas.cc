// Order atlas: Autellix's least-attained critical path (notes/algorithms.md section 2). A call's
// attained service is the longest observed path of service to its parents, one scalar a workflow
// (the published implementation's choice); eight levels, FCFS inside a level. Engines do not
// preempt a started call here, so the paper's demotion of running calls has no counterpart.
#include "core/plan/order.h"

namespace hexagent {
namespace {

constexpr int kLevels = 8;
constexpr double kFirstQuantum_s = 0.5;  // each level is twice as wide as the one before

class AtlasOrder final : public Order {
 public:
  std::string_view name() const override { return "atlas"; }
  Urgency urgency(const OrderInput& input) const override {
    int level = 0;
    for (double limit = kFirstQuantum_s; level < kLevels - 1; limit *= 2.0, ++level) {
      if (input.workflow.attained_s < limit) break;
    }
    // A level weighs more than any waiting time a monotonic clock can show (30 years).
    return Urgency::constant(-1e9 * level - to_s(input.call.times.ready));
  }
};

}  // namespace

const Order& atlas_order() {
  static const AtlasOrder order;
  return order;
}

}  // namespace hexagent
