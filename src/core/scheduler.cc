// Scheduler: dispatch of inputs, timers, decisions. See scheduler.h and state.h.
#include "core/scheduler.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/lifecycle.h"
#include "core/lifecycle_parts.h"
#include "core/plan/greedy.h"
#include "core/plan/order.h"
#include "core/plan/planner.h"
#include "core/state.h"
#include "core/transfers.h"

namespace hexagent {

Scheduler::State::State(const Settings& initial)
    : settings(initial),
      workflows(static_cast<uint32_t>(initial.workflows_max),
                static_cast<uint32_t>(initial.calls_max)),
      workers(static_cast<uint32_t>(initial.workers_max)),
      contents(static_cast<uint32_t>(initial.calls_max), static_cast<uint32_t>(initial.groups_max),
               static_cast<uint32_t>(initial.workers_max)),
      links(static_cast<uint32_t>(initial.workers_max)),
      tenants(static_cast<uint32_t>(initial.names_max)),
      view(workers, links, settings),
      prefilled(&Call::waiting_slot),
      transfers(&Call::waiting_slot),
      // No input is taken while decisions_max wait; what one step decides may come on top.
      decisions(static_cast<uint32_t>(initial.decisions_max) + 4096) {
  waiting.reserve(static_cast<uint32_t>(initial.calls_max));
  prefilled.reserve(static_cast<uint32_t>(initial.calls_max));
  transfers.reserve(static_cast<uint32_t>(initial.calls_max));
  hits.resize(static_cast<size_t>(initial.workers_max), 0);
  no_hits.resize(static_cast<size_t>(initial.workers_max), 0);
  call_scratch.reserve(static_cast<size_t>(initial.calls_max));
  open_workers.reserve(static_cast<size_t>(initial.workers_max));
  ranked.reserve(static_cast<size_t>(initial.calls_max));
  scored.reserve(Greedy::kFrontMost);
  const bool known = find_policy(settings.policy, &policy);
  HEXAGENT_CHECK(known);
}

hexagent_decision& Scheduler::State::emit(uint32_t kind) {
  hexagent_decision decision = {};
  decision.sequence = next_decision++;
  decision.journal_position = counters.inputs;
  decision.kind = kind;
  decision.time_ns = now;
  ++counters.decisions;
  decisions.push(decision);
  return decisions.back();
}

hexagent_decision& Scheduler::State::emit_call(uint32_t kind, const Call& call) {
  hexagent_decision& decision = emit(kind);
  decision.workflow = workflows.workflow_of(call).id;
  decision.call = call.id;
  decision.user_data = call.user_data;
  decision.attempt = call.attempt;
  return decision;
}

hexagent_decision& Scheduler::State::emit_order(uint32_t kind) {
  if (settings.shadow == 0.0) return emit(kind);
  withheld.sequence = next_decision;  // whoever has seen what is said next knows of it
  return withheld;
}

hexagent_decision& Scheduler::State::emit_order(uint32_t kind, const Call& call) {
  return settings.shadow == 0.0 ? emit_call(kind, call) : emit_order(kind);
}

hexagent_decision& Scheduler::State::accept(const Input& input, uint64_t user_data) {
  hexagent_decision& decision = emit(HEXAGENT_DECISION_ACCEPTED);
  decision.user_data = user_data;
  decision.workflow = input.workflow;
  decision.call = input.call;
  return decision;
}

void Scheduler::State::refuse(const Input& input, uint64_t user_data, hexagent_status status,
                              uint32_t field) {
  ++counters.refused;
  hexagent_decision& decision = emit(HEXAGENT_DECISION_REFUSED);
  decision.user_data = user_data;
  decision.workflow = input.workflow;
  decision.call = input.call;
  decision.worker = input.worker;
  decision.status = status;
  decision.field = field;
}

CallShape Scheduler::State::shape_of(const Call& call) {
  CallShape shape = cold_shape_of(call);
  look_up_hits(&shape);
  return shape;
}

void Scheduler::State::look_up_hits(CallShape* shape) {
  const Call& call = *shape->call;
  contents.hits(call.sources, call.source_count, workers.size(), hits.data());
  shape->hits = hits.data();
}

CallShape Scheduler::State::cold_shape_of(const Call& call) const {
  CallShape shape;
  shape.call = &call;
  shape.pool = workers.pool(call.model);
  shape.hits = no_hits.data();
  shape.prompt_tokens = call.prompt_tokens;
  shape.output_tokens = call.output_mean;
  shape.reserve_tokens = call.prompt_tokens + call.output_reserve;
  if (call.workflow != kNoIndex) {
    const Workflow& workflow = workflows.workflow_of(call);
    shape.elapsed_s = to_s(now - workflow.arrival);
    shape.horizon_s = std::max(workflow.horizon_s, 1e-3);
    shape.stretch_now = projected_stretch(*this, workflow);
    if (stretches.value() > 0.0) shape.risk = shape.stretch_now / stretches.value();
    shape.weight = delay_weight(*this, call);
  }
  return shape;
}

double Scheduler::State::order_key(const Call& call, double delta_s) const {
  return policy.order->key({call, workflows.workflow_of(call), settings, now, delta_s});
}

Urgency Scheduler::State::urgency_of(const Call& call) const {
  return policy.order->urgency(
      {call, workflows.workflow_of(call), settings, now, call.standalone_s});
}

Scheduler::Scheduler(const Settings& settings) : state_(std::make_unique<State>(settings)) {}

Scheduler::~Scheduler() = default;

void Scheduler::apply(const Input& input, TimeNs now) {
  State* state = state_.get();
  HEXAGENT_CHECK(now >= state->now);
  state->now = now;
  ++state->counters.inputs;
  switch (input.kind) {
    case InputKind::kProfileSet:
      return apply_profile(state, input);
    case InputKind::kModelSet:
      return apply_model(state, input);
    case InputKind::kWorkerSet:
      return apply_worker(state, input);
    case InputKind::kWorkerDrain:
      return apply_worker_drain(state, input);
    case InputKind::kWorkerLost:
      return apply_worker_lost(state, input);
    case InputKind::kHeartbeat:
      return apply_heartbeat(state, input);
    case InputKind::kLinkSet:
      return apply_link(state, input);
    case InputKind::kLinkMeasured:
      return apply_link_measured(state, input);
    case InputKind::kWorkflowBegin:
      return apply_workflow_begin(state, input);
    case InputKind::kSubmit:
      return apply_submit(state, input);
    case InputKind::kReady:
      return apply_ready(state, input);
    case InputKind::kReport:
      return apply_report(state, input);
    case InputKind::kCallCancel:
      return apply_call_cancel(state, input);
    case InputKind::kWorkflowCancel:
      return apply_workflow_cancel(state, input);
    case InputKind::kWorkflowEnd:
      return apply_workflow_end(state, input);
    case InputKind::kConfigure:
      return apply_configure(state, input);
    case InputKind::kWorkerResync:
      return apply_worker_resync(state, input);
  }
}

namespace {

TimeNs idle_expiry(const State& state) {
  const uint32_t oldest = state.workflows.least_active();
  if (oldest == kNoIndex) return kNever;
  return state.workflows.workflow(oldest).last_activity + to_ns(state.settings.workflow_idle_ttl_s);
}

// Ends workflows nobody spoke of for too long. One with calls in flight is not idle: its turn comes
// again after another such time.
void expire_idle(State* state) {
  while (idle_expiry(*state) <= state->now) {
    const uint32_t index = state->workflows.least_active();
    if (state->workflows.workflow(index).calls_in_flight > 0 ||
        state->workflows.workflow(index).calls_ready > 0) {
      state->workflows.touch(index, state->now);
      continue;
    }
    drop_workflow(state, index, HEXAGENT_E_EXPIRED);
  }
}

}  // namespace

void Scheduler::advance(TimeNs now) {
  State* state = state_.get();
  HEXAGENT_CHECK(now >= state->now);
  state->now = now;
  expire_idle(state);
  if (state->plan_at <= now) state->plan_needed = true;
  end_overdue_holds(state);
  const bool news = state->plan_needed;
  if (news) plan(state);
  if (news && !state->transfers.empty()) reprioritise_transfers(state);
#if defined(HEXAGENT_CHECK_ABORTS) && HEXAGENT_CHECK_ABORTS
  HEXAGENT_CHECK(audit() == nullptr);  // conservation, at every step of every debug run
#endif
}

TimeNs Scheduler::next_timer() const {
  return std::min({state_->plan_at, idle_expiry(*state_), next_hold_end(*state_)});
}

bool Scheduler::is_due(TimeNs now) const { return state_->plan_needed || next_timer() <= now; }

uint32_t Scheduler::decision_count() const {
  return static_cast<uint32_t>(state_->decisions.size());
}

uint32_t Scheduler::take_decisions(hexagent_decision* decisions, uint32_t capacity) {
  uint32_t count = 0;
  while (count < capacity && !state_->decisions.empty()) {
    decisions[count++] = state_->decisions.front();
    state_->decisions.pop();
  }
  return count;
}

const Settings& Scheduler::settings() const { return state_->settings; }

NoticeBoard& Scheduler::notices() { return state_->notices; }

const hexagent_decision& Scheduler::decision(uint32_t index) const {
  return state_->decisions.at(index);
}

}  // namespace hexagent
