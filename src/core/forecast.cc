// Forecast: see forecast.h.
#include "core/forecast.h"

#include <algorithm>
#include <vector>

#include "core/plan/placement.h"
#include "core/plan/placement_cost.h"
#include "core/plan/planner.h"
#include "core/workflow/horizon.h"

namespace hexagent {
namespace {

// Speeds of workers are compared on a prompt of this length; the ratio hardly depends on it.
constexpr uint32_t kTypicalTokens = 2048;

// Time the pool takes for work that is counted in seconds of its fastest worker, all workers the
// call may use together.
double time_for_s(const State& state, const CallShape& shape, double work_s) {
  if (work_s <= 0.0) return 0.0;
  const PrefillShape typical = prefill_shape(kTypicalTokens, 0);
  const double reference_s = prefill_marginal_s(shape.pool->prefill_reference, typical);
  double speed = 0.0;
  for (uint32_t index : shape.pool->prefill) {
    const Worker& worker = state.workers[index];
    if (!eligible(worker, *shape.call, index, false)) continue;
    const double own_s = prefill_marginal_s(worker.prefill_engine, typical);
    speed += own_s > 0.0 ? reference_s / own_s : 1.0;
  }
  return speed > 0.0 ? work_s / speed : 0.0;
}

struct Ends {
  double busy_s = 0.0;   // with what is on the cluster
  double alone_s = 0.0;  // by itself
  double tokens = 0.0;   // prompt and output
};

hexagent_status forecast_one(State* state, const hexagent_workflow& workflow,
                             const hexagent_call& record, const hexagent_prefix* prefixes,
                             const Ends& start, Ends* end) {
  const Call call = probe_of(state, record, prefixes, workflow.class_name);
  if (!forecast_call(state, call, workflow.tier, start.busy_s, &end->busy_s)) {
    return HEXAGENT_E_NO_WORKER;
  }
  end->alone_s = start.alone_s + forecast_alone_s(*state, call);
  end->tokens = call.prompt_tokens + call.output_mean;
  return HEXAGENT_OK;
}

// What the hints say is still to come beyond the calls given: as long as those, token for token.
void add_rest(const hexagent_workflow& workflow, Ends* end) {
  const auto tokens = static_cast<double>(workflow.remaining_tokens_p50);
  if (end->tokens <= 0.0 || tokens <= end->tokens) return;
  const double rest_s = end->alone_s * (tokens / end->tokens - 1.0);
  end->alone_s += rest_s;
  end->busy_s += rest_s;
}

}  // namespace

Call probe_of(State* state, const hexagent_call& record, const hexagent_prefix* prefixes,
              uint32_t class_name) {
  Call call;
  call.id = record.call;
  call.model = record.model;
  call.stage = record.stage;
  call.prompt_tokens = record.prompt_tokens;
  call.max_output_tokens = record.max_output_tokens;
  call.labels_required = record.labels_required;
  call.labels_excluded = record.labels_excluded;
  for (uint32_t i = 0; i < record.prefixes_count; ++i) {
    const hexagent_prefix& prefix = prefixes[record.prefixes_offset + i];
    const bool own = prefix.workflow == 0 || prefix.workflow == record.workflow;
    const uint32_t node =
        prefix.group != 0
            ? state->contents.find_group(prefix.group)
            : state->contents.find(own ? record.workflow : prefix.workflow, prefix.call);
    if (prefix.group == 0 && own) {
      call.own_prefix_tokens =
          std::max(call.own_prefix_tokens, std::min(prefix.tokens, record.prompt_tokens - 1));
    }
    if (node == kNoIndex || call.source_count == kSourcesMax) continue;
    call.sources[call.source_count++] = state->contents.source(node, prefix.tokens);
  }
  const double quantile = state->settings.kv_reserve_quantile;
  const LengthEstimate estimate =
      record.output_tokens_p50 != 0
          ? estimate_from_hints(record.output_tokens_p50, record.output_tokens_p90,
                                record.max_output_tokens, quantile)
          : state->lengths.predict(class_name, record.stage, record.max_output_tokens, quantile);
  call.output_mean = std::max(1.0, estimate.mean);
  call.output_reserve = std::max(1u, estimate.quantile);
  return call;
}

void begin_forecast(State* state) {
  state->view.begin(state->now);
  state->view.backlog_s = mean_backlog_s(*state);
}

bool forecast_call(State* state, const Call& call, uint32_t tier, double start_s, double* end_s) {
  const ModelPool* pool = state->workers.pool(call.model);
  if (pool == nullptr || pool->prefill.empty() || pool->decode.empty()) return false;
  const CallShape shape = state->shape_of(call);
  Choice choice;
  if (!state->policy.placement->choose(state->view, shape, &choice)) return false;
  state->view.book(shape, choice);
  const double queue_s = time_for_s(*state, shape, state->queued.ahead_s(call.model, tier));
  *end_s = std::max(start_s, queue_s + choice.wait_s) + (choice.finish_s - choice.wait_s);
  return true;
}

double forecast_alone_s(const State& state, const Call& call) {
  return standalone_s(state.workers, state.workers.pool(call.model), call.prompt_tokens,
                      call.own_prefix_tokens, call.output_mean);
}

hexagent_status Scheduler::what_if(const hexagent_workflow& workflow, const hexagent_call* calls,
                                   uint32_t count, const uint64_t* deps,
                                   const hexagent_prefix* prefixes,
                                   hexagent_forecast* forecast) const {
  State* state = state_.get();
  const QuestionForecast question(state);
  std::vector<Ends> ends(count);
  Ends last;
  for (uint32_t i = 0; i < count; ++i) {
    Ends start;
    for (uint32_t d = 0; d < calls[i].deps_count; ++d) {
      uint32_t dep = 0;
      while (dep < i && calls[dep].call != deps[calls[i].deps_offset + d]) ++dep;
      if (dep == i) return HEXAGENT_E_UNKNOWN_DEPENDENCY;
      start.busy_s = std::max(start.busy_s, ends[dep].busy_s);
      start.alone_s = std::max(start.alone_s, ends[dep].alone_s);
    }
    const hexagent_status status =
        forecast_one(state, workflow, calls[i], prefixes, start, &ends[i]);
    if (status != HEXAGENT_OK) return status;
    last.busy_s = std::max(last.busy_s, ends[i].busy_s);
    last.alone_s = std::max(last.alone_s, ends[i].alone_s);
    last.tokens += ends[i].tokens;
  }
  add_rest(workflow, &last);
  const TimeNs arrival = workflow.arrival_ns != 0 ? workflow.arrival_ns : state->now;
  const double allowed = workflow.deadline_ns != 0 ? to_s(workflow.deadline_ns)
                         : workflow.slo_scale_milli != 0
                             ? last.alone_s * workflow.slo_scale_milli * 1e-3
                             : 0.0;
  forecast->projected_end_ns = state->now + to_ns(last.busy_s);
  forecast->horizon_ns = to_ns(last.alone_s);
  forecast->earliest_deadline_ns = forecast->projected_end_ns - arrival;
  forecast->meets_deadline =
      allowed == 0.0 || forecast->earliest_deadline_ns <= to_ns(allowed) ? 1 : 0;
  return HEXAGENT_OK;
}

}  // namespace hexagent
