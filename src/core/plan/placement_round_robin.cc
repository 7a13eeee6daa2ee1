// Placement round-robin: prefill and decode workers in turn, blind to speed, load and cache.
#include "core/plan/placement.h"
#include "core/plan/placement_cost.h"

namespace hexagent {
namespace {

class RoundRobinPlacement final : public Placement {
 public:
  std::string_view name() const override { return "round-robin"; }

  bool choose(const PlanView& view, const CallShape& shape, Choice* best) const override {
    const std::vector<uint32_t>& prefills = shape.pool->prefill;
    const std::vector<uint32_t>& decodes = shape.pool->decode;
    for (const bool must_fit : {true, false}) {
      for (size_t step = 0; step < prefills.size(); ++step) {
        const uint32_t prefill = prefills[(view.rotation() + step) % prefills.size()];
        if (!eligible(view.workers()[prefill], *shape.call, prefill, must_fit)) continue;
        const PrefillOption prefill_part = prefill_option(view, shape, prefill);
        if (must_fit && !prefill_part.fits) continue;
        for (size_t other = 0; other < decodes.size(); ++other) {
          const uint32_t decode = decodes[(view.rotation() + other) % decodes.size()];
          if (!eligible(view.workers()[decode], *shape.call, decode, must_fit)) continue;
          const DecodeOption decode_part = decode_option(view, shape, decode);
          project(view, prefill, prefill_part, decode, decode_part, best);
          best->cost_s = best->finish_s;
          if (best->fits || !must_fit) return true;
        }
      }
    }
    return false;
  }

  bool choose_decode(const PlanView& view, const CallShape& shape, uint32_t prefill,
                     Choice* best) const override {
    const std::vector<uint32_t>& decodes = shape.pool->decode;
    for (size_t step = 0; step < decodes.size(); ++step) {
      const uint32_t decode = decodes[(view.rotation() + step) % decodes.size()];
      if (!eligible(view.workers()[decode], *shape.call, decode, false)) continue;
      const DecodeOption option = decode_option(view, shape, decode);
      if (!option.fits) continue;
      project(view, prefill, kPrefillDone, decode, option, best);
      return true;
    }
    return false;
  }
};

}  // namespace

const Placement& round_robin_placement() {
  static const RoundRobinPlacement placement;
  return placement;
}

}  // namespace hexagent
