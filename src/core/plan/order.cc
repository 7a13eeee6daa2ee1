// Order: what several orders share. See order.h.
#include "core/plan/order.h"

#include <algorithm>

namespace hexagent {

Urgency scaled_stretch(const Workflow& workflow, double remaining_s) {
  // A horizon below a millisecond is no horizon: such a workflow is simply urgent by its waiting.
  const double horizon = std::max(workflow.horizon_s, 1e-3);
  if (workflow.deadline == 0 && workflow.slo_scale_milli == 0) {
    return Urgency::rising(workflow.arrival, remaining_s, horizon);
  }
  const double allowed_s = workflow.deadline != 0 ? to_s(workflow.deadline - workflow.arrival)
                                                  : horizon * workflow.slo_scale_milli * 1e-3;
  // S / S* = (elapsed + remaining) / allowed; a share above 1 means that the deadline is lost.
  Urgency urgency =
      Urgency::rising(workflow.arrival, remaining_s, std::max(allowed_s, 1e-6 * horizon));
  urgency.limit = 1.0F;
  return urgency;
}

}  // namespace hexagent
