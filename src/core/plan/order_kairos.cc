// Order kairos: agents by how far their remaining latency is from nothing left to do, and within an
// agent the application that started first (Kairos, arXiv 2508.06948).
//
// The paper measures that by the Wasserstein distance between each agent's distribution of
// remaining latency, learnt on line, and the state in which all is done, projected on a line. To a
// point mass at zero the distance is the mean, so the projection has only its own error to add: the
// key is the mean of the time to the workflow's end, by class and stage (an agent is a stage of a
// class). Decided here: latency is counted without queueing, as the other policies count it; means
// are compared in steps of an eighth of an octave, so that what is learnt between two calls of one
// agent does not put them out of the order of their applications' starts.
#include <algorithm>

#include "core/model/length_predictor.h"
#include "core/plan/order.h"

namespace hexagent {
namespace {

constexpr double kTick_s = 1e-3;  // of the finest step

class KairosOrder final : public Order {
 public:
  std::string_view name() const override { return "kairos"; }
  bool uses_foresight() const override { return true; }
  Urgency urgency(const OrderInput& input) const override {
    const double ticks = std::clamp(input.call.ahead.stage_path_s / kTick_s, 0.0, 0x1p30);
    const uint32_t step = LengthPredictor::bucket_of(static_cast<uint32_t>(ticks));
    // A step weighs more than any time since the start that a monotonic clock can show (30 years).
    return Urgency::constant(-1e9 * step - to_s(input.workflow.arrival));
  }
};

}  // namespace

const Order& kairos_order() {
  static const KairosOrder order;
  return order;
}

}  // namespace hexagent
