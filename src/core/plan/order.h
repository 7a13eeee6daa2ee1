// Order: which waiting call goes first. One subclass a file; a larger key is more urgent, ties go
// to the earlier workflow, then to the lower call id. Tests: tests/unit/core/plan/order_test.cc.
#pragma once

#include <string_view>

#include "core/plan/urgency.h"
#include "core/settings.h"
#include "core/workflow/workflow.h"

namespace hexagent {

struct OrderInput {
  const Call& call;
  const Workflow& workflow;
  const Settings& settings;
  TimeNs now;
  double delta_s;  // time to the call's own finish: projected, or alone where plans do not project
};

// When plans project the finish of every call they look at, queues included: a greedy over a
// simulated state (notes 1.2).
enum class Projection {
  kNone,
  kShortQueues,  // while the cluster keeps up (settings projection_waiting and projection_batch)
  kAlways
};

class Order {
 public:
  virtual ~Order() = default;
  virtual std::string_view name() const = 0;
  // Valid until something happens to the call or its workflow.
  virtual Urgency urgency(const OrderInput& input) const = 0;
  double key(const OrderInput& input) const { return urgency(input).at(input.now); }
  // The key looks at delta_s: Urgency::lead_s grows with it, by a second for each second at most,
  // and nothing else depends on it. With kAlways it grows by just that.
  virtual Projection projection() const { return Projection::kNone; }
  // The key needs Call::ahead: what is ahead of a call is predicted when it becomes ready.
  virtual bool uses_foresight() const { return false; }
  // Two calls can swap places by the mere passing of time.
  virtual bool changes_with_time() const { return false; }
};

// How urgent a stretch is under the workflow's own target (DESIGN section 5, Deadlines): S / S*,
// which stops rising once the deadline is lost. Without a deadline S* = 1.
Urgency scaled_stretch(const Workflow& workflow, double remaining_s);

const Order& fcfs_order();
const Order& workflow_fcfs_order();
const Order& llf_order();
const Order& atlas_order();
const Order& hexagent_order();
const Order& stretch_order();
const Order& srpt_order();
const Order& gittins_order();
const Order& kairos_order();
const Order& hexgen_flow_order();

}  // namespace hexagent
