// Orders srpt and gittins: the workflow with the least left to do first, to the best of what has
// been learnt of its class, stage and progress (model/remainder_predictor.h). The unit is the
// workflow, the work the service its calls take alone on the fastest workers.
//
//   srpt     expected remaining work: what was expected when the call became ready, less what the
//            workflow's calls have got since, at least what is known to be left.
//   gittins  Gittins rank of the learnt distribution of remaining work (Gittins 1979; as a
//            scheduler of agent applications Hermes, arXiv 2506.14851): minimises mean time where
//            only distributions are known. A workflow that is soon over with some chance goes
//            before one of the same mean that is not.
//
// Decided here: ranks are taken when a call becomes ready and stand while it waits, siblings of a
// fan-out share theirs as far as stage and progress are the same; calls already started are not
// preempted. Attained service enters by what is learnt for so many calls done, not by the clock.
#include <algorithm>

#include "core/plan/order.h"

namespace hexagent {
namespace {

class SrptOrder final : public Order {
 public:
  std::string_view name() const override { return "srpt"; }
  bool uses_foresight() const override { return true; }
  Urgency urgency(const OrderInput& input) const override {
    const Call& call = input.call;
    const double done_s = input.workflow.work_done_s - call.ahead_work_done_s;
    const double known_s = std::max(call.standalone_s, input.workflow.remaining_s);
    return Urgency::constant(-std::max(known_s, call.ahead.work_s - done_s));
  }
};

class GittinsOrder final : public Order {
 public:
  std::string_view name() const override { return "gittins"; }
  bool uses_foresight() const override { return true; }
  Urgency urgency(const OrderInput& input) const override {
    return Urgency::constant(-input.call.ahead.rank_s);
  }
};

}  // namespace

const Order& srpt_order() {
  static const SrptOrder order;
  return order;
}

const Order& gittins_order() {
  static const GittinsOrder order;
  return order;
}

}  // namespace hexagent
