// What a clairvoyant scheduler is told (EXPERIMENTS section 6): the whole DAG of a workflow with
// true lengths when it arrives, through the same public ABI as everything else. Which of two rules
// orders its calls, and how far single workflows are moved in that order, is here too.
// Tests: tests/unit/sim/bounds/bounds_test.cc
#pragma once

#include <cstdint>
#include <map>

#include "sim/engine/sim_time.h"
#include "sim/workload/stream.h"

namespace hexagent::sim {

struct Clairvoyance {
  enum class Order : uint8_t {
    kFinalStretch,  // largest stretch of the whole workflow if it ran alone from now on
    kDeadline,      // earliest deadline, `deadline_horizons` true horizons after arrival
  };
  Order order = Order::kFinalStretch;
  double deadline_horizons = 2.0;
  // Perturbations of the order: how much more urgent than the rule says; 1 where there is no entry.
  std::map<uint64_t, double> body_urgency;      // by body_key(): known when a workflow arrives
  std::map<uint64_t, double> instance_urgency;  // by index in the stream: hindsight

  static uint64_t body_key(uint32_t trace, uint32_t body) {
    return static_cast<uint64_t>(trace) << 32 | body;
  }
  double urgency(const WorkflowInstance& instance) const {
    const auto body = body_urgency.find(body_key(instance.trace, instance.body));
    const auto own = instance_urgency.find(instance.index);
    return (body != body_urgency.end() ? body->second : 1.0) *
           (own != instance_urgency.end() ? own->second : 1.0);
  }
};

// The library orders by arrival and has no order of deadlines given by hand, so a deadline is told
// as an arrival this long before it. No deadline may be further off.
inline constexpr double kDeadlineSpanS = 1e6;

// The arrival to tell of a workflow whose true horizon is `horizon_s`, on a clock that runs
// clock_lead() ahead.
inline TimeNs told_arrival(const Clairvoyance& clairvoyance, const WorkflowInstance& instance,
                           double horizon_s) {
  const double allowed_s =
      clairvoyance.deadline_horizons * horizon_s / clairvoyance.urgency(instance);
  return instance.arrival + to_ns(allowed_s < kDeadlineSpanS ? allowed_s : kDeadlineSpanS);
}
inline TimeNs clock_lead() { return to_ns(kDeadlineSpanS); }

// Urgency under kFinalStretch, told as an SLO scale so large that hardly a deadline is ever lost
// (the library takes at most a thousand horizons). The same for all unless the order is perturbed.
inline uint32_t told_scale_milli(double urgency) {
  constexpr double kScaleMilli = 2e5;
  constexpr double kLeast = 2e4;
  constexpr double kMost = 1e6;
  const double scale = kScaleMilli / urgency;
  return static_cast<uint32_t>(scale < kLeast ? kLeast : scale > kMost ? kMost : scale);
}

}  // namespace hexagent::sim
