// Order: what several orders share. See order.h.
#include "core/plan/order.h"

#include <algorithm>

namespace hexagent {

double scaled_stretch(const Workflow& workflow, TimeNs now, double remaining_s) {
  // A horizon below a millisecond is no horizon: such a workflow is simply urgent by its waiting.
  const double horizon = std::max(workflow.horizon_s, 1e-3);
  const double elapsed = to_s(now - workflow.arrival);
  const double stretch = (elapsed + remaining_s) / horizon;
  double allowed_s = 0.0;
  if (workflow.deadline != 0) {
    allowed_s = to_s(workflow.deadline - workflow.arrival);
  } else if (workflow.slo_scale_milli != 0) {
    allowed_s = horizon * workflow.slo_scale_milli * 1e-3;
  } else {
    return stretch;
  }
  const double share = stretch / std::max(allowed_s / horizon, 1e-6);
  // Lost: it is finished, but behind everyone who can still be helped (share between 1/2 and 1).
  return share <= 1.0 ? share : 0.5;
}

}  // namespace hexagent
