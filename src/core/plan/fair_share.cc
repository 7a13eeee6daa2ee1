// Fair share: see fair_share.h.
#include "core/plan/fair_share.h"

#include <algorithm>
#include <limits>

#include "core/plan/entrance.h"

namespace hexagent {
namespace {

constexpr double kNobody = std::numeric_limits<double>::infinity();

struct Least {
  double service_s = kNobody;  // over the tenants that wait
  bool has_tenant = false;     // the one asked about is among them
};

Least least_service(const State& state, uint32_t model, uint32_t tier, uint32_t tenant) {
  Least least;
  for (uint32_t index : state.waiting.calls()) {
    const Call& call = state.workflows.call(index);
    if (call.model != model || call.unserved) continue;
    const Workflow& workflow = state.workflows.workflow_of(call);
    if (workflow.tier != tier || !workflow.inside) continue;
    least.service_s = std::min(least.service_s, state.tenants[workflow.tenant].service_s);
    least.has_tenant = least.has_tenant || workflow.tenant == tenant;
  }
  return least;
}

}  // namespace

FairShare::FairShare(State* state) : state_(state), bound_s_(state->settings.fairness_bound_s) {}

bool FairShare::yields(uint32_t index) {
  if (bound_s_ == 0.0) return false;
  const Call& call = state_->workflows.call(index);
  const Workflow& workflow = state_->workflows.workflow_of(call);
  if (!known_ || model_ != call.model || tier_ != workflow.tier) {
    known_ = true;
    model_ = call.model;
    tier_ = workflow.tier;
    least_s_ = least_service(*state_, model_, tier_, workflow.tenant).service_s;
  }
  if (state_->tenants[workflow.tenant].service_s <= least_s_ + bound_s_) return false;
  yielded_ = true;
  return true;
}

void FairShare::sent() {
  known_ = false;
  changed_ = true;
}

void FairShare::unserved(uint32_t index) {
  note_stuck(state_, index);
  Call& call = state_->workflows.call(index);
  if (bound_s_ == 0.0 || call.unserved) return;
  call.unserved = true;
  known_ = false;
  changed_ = true;
}

void lift_tenant(State* state, uint32_t index) {
  if (state->settings.fairness_bound_s == 0.0) return;
  Call& call = state->workflows.call(index);
  call.unserved = false;
  const Workflow& workflow = state->workflows.workflow_of(call);
  const Least least = least_service(*state, call.model, workflow.tier, workflow.tenant);
  if (least.has_tenant || least.service_s == kNobody) return;
  Tenant& tenant = state->tenants[workflow.tenant];
  tenant.service_s = std::max(tenant.service_s, least.service_s);
}

void charge_tenant(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  call.charged_s = call.standalone_s;
  call.unserved = false;
  state->tenants[state->workflows.workflow_of(call).tenant].service_s += call.charged_s;
}

void refund_tenant(State* state, uint32_t index) {
  const Call& call = state->workflows.call(index);
  state->tenants[state->workflows.workflow_of(call).tenant].service_s -= call.charged_s;
}

void settle_tenant(State* state, uint32_t index) {
  const Call& call = state->workflows.call(index);
  state->tenants[state->workflows.workflow_of(call).tenant].service_s +=
      call.standalone_s - call.charged_s;
}

}  // namespace hexagent
