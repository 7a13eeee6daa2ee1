// Shadow mode: see shadow.h.
#include "core/shadow.h"

#include <algorithm>
#include <cmath>

#include "core/forecast.h"
#include "core/lifecycle.h"
#include "core/lifecycle_parts.h"
#include "core/plan/placement.h"
#include "core/plan/placement_cost.h"
#include "core/shadow_placing.h"

namespace hexagent {
namespace {

constexpr double kSmallest = 1e-3;
constexpr double kWidth = 1.189207115002721;  // 2^(1/4)

// The pair as the placement's own pieces judge it.
Choice choice_of(const State& state, const CallShape& shape, uint32_t prefill, uint32_t decode) {
  Choice choice;
  project(state.view, prefill, prefill_option(state.view, shape, prefill), decode,
          decode_option(state.view, shape, decode), &choice);
  return choice;
}

// The decode worker of a call sent to `prefill`, as long as the router has not told it.
uint32_t likely_decode(State* state, const CallShape& shape, uint32_t prefill) {
  if (state->workers[prefill].can_decode()) return prefill;
  Choice choice;
  if (state->policy.placement->choose_decode(state->view, shape, prefill, &choice)) {
    return choice.decode;
  }
  return shape.pool->decode.empty() ? kNoWorker : shape.pool->decode.front();
}

void count_placed(State* state, const Call& call, bool agreed) {
  ShadowTotals& totals = state->shadow;
  const double regret_s = call.shadow.theirs_s - call.shadow.ours_s;
  ++totals.placed;
  if (agreed) ++totals.agreed;
  totals.ours_s += call.shadow.ours_s;
  totals.theirs_s += call.shadow.theirs_s;
  totals.regret_max_s = std::max(totals.regret_max_s, regret_s);
  totals.regrets.add(regret_s);
}

hexagent_status place(State* state, uint32_t index, uint32_t prefill) {
  Call& call = state->workflows.call(index);
  const ModelPool* pool = state->workers.pool(call.model);
  if (pool == nullptr || !state->workers[prefill].can_prefill()) return HEXAGENT_E_STALE;
  begin_forecast(state);
  const CallShape shape = state->shape_of(call);
  Choice ours;
  const bool served = state->policy.placement->choose(state->view, shape, &ours);
  const uint32_t told = call.shadow.told_decode;
  const uint32_t decode = told != kNoWorker ? told : likely_decode(state, shape, prefill);
  if (decode == kNoWorker) return HEXAGENT_E_NO_WORKER;
  Choice theirs = choice_of(*state, shape, prefill, decode);
  theirs.fits = true;  // it is there, whatever the ledger thinks of it
  if (served) {
    call.shadow.our_prefill = ours.prefill;
    call.shadow.our_decode = ours.decode;
    call.shadow.ours_s = ours.finish_s;
    call.shadow.theirs_s = theirs.finish_s;
    call.shadow.placed = state->now;
    count_placed(state, call, ours.prefill == prefill && ours.decode == decode);
  }
  dispatch(state, index, theirs, state->order_key(call, theirs.finish_s));
  return HEXAGENT_OK;
}

// The router decodes elsewhere than was supposed.
hexagent_status move_decode(State* state, uint32_t index, uint32_t decode) {
  Call& call = state->workflows.call(index);
  if (call.decode_worker == decode) return HEXAGENT_OK;
  if (call.local || call.state > CallState::kTransferring) return HEXAGENT_E_STALE;
  detach_decode(state, index);
  call.decode_worker = decode;
  resize_transfer(state, index);
  attach_decode(state, index, true);
  return HEXAGENT_OK;
}

}  // namespace

void RegretHistogram::add(double regret_s) {
  ++total_;
  if (!(regret_s > kSmallest)) {
    ++none_;
    return;
  }
  int bucket = 0;
  for (double bound = kSmallest * kWidth; bound < regret_s && bucket < kBuckets - 1;) {
    bound *= kWidth;
    ++bucket;
  }
  ++counts_[bucket];
}

double RegretHistogram::quantile_s(double share) const {
  const double wanted = share * static_cast<double>(total_);
  auto seen = static_cast<double>(none_);
  if (total_ == 0 || seen >= wanted) return 0.0;
  double bound = kSmallest;
  for (uint64_t count : counts_) {
    bound *= kWidth;
    seen += static_cast<double>(count);
    if (seen >= wanted) break;
  }
  return bound;
}

hexagent_status shadow_placement(State* state, uint32_t index, const hexagent_report& report) {
  Call& call = state->workflows.call(index);
  const bool placing = report.outcome == HEXAGENT_OUTCOME_PLACED;
  if (is_final(call.state)) return placing ? HEXAGENT_E_DUPLICATE : HEXAGENT_OK;
  if (report.worker == 0) return placing ? HEXAGENT_E_UNKNOWN_WORKER : HEXAGENT_OK;
  const uint32_t worker = state->workers.find(report.worker);
  if (worker == kNoWorker) return HEXAGENT_E_UNKNOWN_WORKER;
  if (state->workers[worker].state == WorkerState::kLost) return HEXAGENT_E_STALE;
  if (report.phase == HEXAGENT_PHASE_PREFILL) {
    if (call.state == CallState::kReady) return place(state, index, worker);
    if (!placing) return HEXAGENT_OK;
    return is_in_flight(call.state) ? HEXAGENT_E_DUPLICATE : HEXAGENT_E_STATE;
  }
  const bool source = report.phase == HEXAGENT_PHASE_TRANSFER && worker == call.prefill_worker;
  if (source || !state->workers[worker].can_decode()) {
    return placing ? HEXAGENT_E_STALE : HEXAGENT_OK;
  }
  if (is_in_flight(call.state)) return move_decode(state, index, worker);
  if (placing) call.shadow.told_decode = worker;
  return HEXAGENT_OK;
}

void shadow_finished(State* state, const Call& call, TimeNs end) {
  if (call.shadow.placed == 0) return;
  ShadowTotals& totals = state->shadow;
  const double took_s = to_s(end - call.shadow.placed);
  ++totals.finished;
  totals.finished_theirs_s += call.shadow.theirs_s;
  totals.realised_s += took_s;
  totals.error_s += std::fabs(took_s - call.shadow.theirs_s);
}

hexagent_status Scheduler::shadow_query(hexagent_shadow_info* info) const {
  if (!is_shadow(*state_)) return HEXAGENT_E_STATE;
  const ShadowTotals& totals = state_->shadow;
  info->calls_placed = totals.placed;
  info->calls_agreed = totals.agreed;
  info->calls_finished = totals.finished;
  info->ours_predicted_s = totals.ours_s;
  info->theirs_predicted_s = totals.theirs_s;
  info->finished_predicted_s = totals.finished_theirs_s;
  info->finished_realised_s = totals.realised_s;
  info->finished_error_s = totals.error_s;
  info->regret_p50_s = totals.regrets.quantile_s(0.5);
  info->regret_p90_s = totals.regrets.quantile_s(0.9);
  info->regret_p99_s = totals.regrets.quantile_s(0.99);
  info->regret_max_s = totals.regret_max_s;
  return HEXAGENT_OK;
}

}  // namespace hexagent
