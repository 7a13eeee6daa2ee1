// Placement impact: the default's. Own finish plus a price on what the call takes from others.
//
// Near saturation every bit of work spent on one call is time someone else waits, so what wastes
// work (a lost prefix, a busy link) must cost more than the call's own delay. Work is counted in
// seconds of the fastest worker, wherever it is done: a slow worker's second is worth less to
// others, and that it takes longer is already in the own finish. Pricing each worker's own seconds
// left slow workers idle (CHESS at load 0.95: Req99 6 % worse, simulated, one tuning seed). The
// price is what a second of work costs others at the utilisation of late, so that an idle cluster
// still gives every call its earliest finish (DESIGN section 6, lead 1; settings_table.inc).
#include "core/plan/placement_joint.h"

namespace hexagent {
namespace {

class ImpactPlacement final : public JointPlacement {
 public:
  std::string_view name() const override { return "impact"; }

 private:
  // The delay of a decode batch counts the less the more the call is at risk itself. Not so the
  // work: CHESS drains became 1 to 7 % longer (simulated, tuning seeds), since its price keeps the
  // backlog short for all.
  JointWeights weights(const PlanView& view, const CallShape& shape) const override {
    const Settings& settings = view.settings();
    const double delay = shape.pool->prefill_use.delay_per_work();
    return {delay * settings.price_work, delay * settings.price_transfer,
            settings.price_decode / (shape.risk * shape.risk),
            static_cast<uint32_t>(settings.impact_power)};
  }
};

}  // namespace

const Placement& impact_placement() {
  static const ImpactPlacement placement;
  return placement;
}

}  // namespace hexagent
