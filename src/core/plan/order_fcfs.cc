// Orders fcfs and workflow-fcfs: by the time the call became ready, by the workflow's arrival.
#include "core/plan/order.h"

namespace hexagent {
namespace {

class FcfsOrder final : public Order {
 public:
  std::string_view name() const override { return "fcfs"; }
  Urgency urgency(const OrderInput& input) const override {
    return Urgency::constant(-to_s(input.call.times.ready));
  }
};

class WorkflowFcfsOrder final : public Order {
 public:
  std::string_view name() const override { return "workflow-fcfs"; }
  Urgency urgency(const OrderInput& input) const override {
    return Urgency::constant(-to_s(input.workflow.arrival));
  }
};

}  // namespace

const Order& fcfs_order() {
  static const FcfsOrder order;
  return order;
}

const Order& workflow_fcfs_order() {
  static const WorkflowFcfsOrder order;
  return order;
}

}  // namespace hexagent
