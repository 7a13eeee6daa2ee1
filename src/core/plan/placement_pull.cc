// Placement pull: prefill workers take calls from one queue when they have nothing left to do
// (Dynamo's prefill queue of versions 0.1 to 0.4; with order fcfs and dispatch window the preset
// pulled-queue). Whoever runs dry first is the one that pulls; speed counts by that alone, and what
// the worker holds of the prompt not at all. The decode worker is chosen before, as there: least
// context.
//
// Decided here: a worker pulls as soon as its dispatch window is open, so that a round trip does
// not leave it idle; that is earlier than when its queue is empty, by that round trip.
#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

class PullPlacement final : public PoolPlacement {
 public:
  std::string_view name() const override { return "pull"; }

 private:
  uint32_t pick_prefill(const PoolSide& side) const override {
    const PlanView& view = side.view();
    return side.least([&](uint32_t index) {
      return view.load(index).prefill.drain_s(view.workers()[index].prefill_engine, view.now());
    });
  }

  uint32_t pick_decode(const PoolSide& side) const override {
    return side.least([&](uint32_t index) { return side.slowness(index) * side.tokens(index); });
  }
};

}  // namespace

const Placement& pull_placement() {
  static const PullPlacement placement;
  return placement;
}

}  // namespace hexagent
