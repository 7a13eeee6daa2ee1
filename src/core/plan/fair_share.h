// Fair share: a bound on how far tenants can drift apart while both have calls waiting.
//
// Each tenant has a counter of the service it was sent, in seconds its calls take alone on the
// fastest workers. Among calls that wait for one model in one tier, a tenant that is more than
// `fairness_bound_s` ahead of the least served one yields to it. Whoever goes first by the policy's
// order gains at most one call on that, so for tenants i and j that both wait
// |counter_i - counter_j| <= fairness_bound_s + one call at every moment. A tenant that comes to
// wait anew starts from the least counter of those that wait: it cannot save up, and what two
// tenants are sent while both wait differs by as much from then on. The rule is that of the virtual
// token counter (VTC, arXiv 2401.00588, algorithm 2), with a bound in place of
// strict least-first, so that the policy's order rules within it.
//
// Sent calls are charged what they are expected to take; the end corrects it, so the bound holds up
// to the errors of the calls in flight. A tenant all of whose calls no worker serves at present, or
// wait outside (entrance.h), is not waited for. Tests: tests/unit/core/plan/fair_share_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

class FairShare {
 public:
  explicit FairShare(Scheduler::State* state);

  // Must this waiting call let another tenant go first?
  bool yields(uint32_t call);
  // What became of calls that did not yield.
  void sent();
  void unserved(uint32_t call);
  // Calls have yielded that now might not: the plan has to look again.
  bool look_again() const { return yielded_ && changed_; }

 private:
  Scheduler::State* state_;
  const double bound_s_;  // 0 = off
  bool yielded_ = false;
  bool changed_ = false;
  // The least counter of the calls that were asked about last.
  bool known_ = false;
  uint32_t model_ = 0;
  uint32_t tier_ = 0;
  double least_s_ = 0.0;
};

// Before a call joins the waiting ones: a tenant that had none of its kind starts from the least
// counter there.
void lift_tenant(Scheduler::State* state, uint32_t call);

// A call is sent: its tenant pays for it. Its attempt failed: it is paid back. It has ended: what
// it really took is settled.
void charge_tenant(Scheduler::State* state, uint32_t call);
void refund_tenant(Scheduler::State* state, uint32_t call);
void settle_tenant(Scheduler::State* state, uint32_t call);

}  // namespace hexagent
