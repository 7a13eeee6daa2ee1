// hexagent_explain(): why a call went where it went, as one JSON object. The text holds numbers and
// fixed words only, so nothing needs escaping.
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "core/links.h"
#include "core/plan/order.h"
#include "core/plan/placement.h"
#include "core/scheduler.h"
#include "core/state.h"

namespace hexagent {
namespace {

const char* state_name(CallState state) {
  switch (state) {
    case CallState::kFree:
      return "free";
    case CallState::kHeld:
      return "held";
    case CallState::kWaiting:
      return "waiting";
    case CallState::kReady:
      return "ready";
    case CallState::kDispatched:
      return "dispatched";
    case CallState::kPrefilling:
      return "prefilling";
    case CallState::kPrefilled:
      return "prefilled";
    case CallState::kTransferring:
      return "transferring";
    case CallState::kDecodeQueued:
      return "decode_queued";
    case CallState::kDecoding:
      return "decoding";
    case CallState::kDone:
      return "done";
    case CallState::kFailed:
      return "failed";
    case CallState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

// A double as JSON wants it, whatever the host's locale says of decimal points.
struct Number {
  explicit Number(double value) {
    const auto end = std::to_chars(text, text + sizeof(text) - 1, value).ptr;
    *end = '\0';
  }
  char text[40];
};

template <class... Values>
void add(std::string* text, const char* format, Values... values) {
  char piece[320];
  const int size = std::snprintf(piece, sizeof(piece), format, values...);
  if (size > 0) text->append(piece, static_cast<size_t>(size));
}

void add_order(const State& state, const Workflow& workflow, const Call& call, std::string* text) {
  const std::string_view order = state.policy.order->name();
  const double elapsed = to_s(state.now - workflow.arrival);
  add(text, "\"order\":{\"name\":\"%.*s\",\"key\":%s,\"sent_order_key\":%" PRId64 ",",
      static_cast<int>(order.size()), order.data(), Number(call.plan.order_key).text,
      call.sent_order_key);
  add(text, "\"elapsed_s\":%s,\"horizon_s\":%s,\"remaining_s\":%s,\"delta_s\":%s,",
      Number(elapsed).text, Number(workflow.horizon_s).text, Number(workflow.remaining_s).text,
      Number(call.plan.delta_s).text);
  add(text, "\"tier\":%u,\"outside\":%s,", workflow.tier, workflow.inside ? "false" : "true");
  add(text, "\"standalone_s\":%s,\"attained_s\":%s},", Number(call.standalone_s).text,
      Number(workflow.attained_s).text);
}

void add_candidate(const State& state, const Choice& choice, bool first, std::string* text) {
  add(text, "%s{\"prefill_worker\":%u,\"decode_worker\":%u,\"cost_s\":%s,", first ? "" : ",",
      state.workers[choice.prefill].spec.worker, state.workers[choice.decode].spec.worker,
      Number(choice.cost_s).text);
  add(text, "\"wait_s\":%s,\"prefill_end_s\":%s,\"transfer_end_s\":%s,\"finish_s\":%s,",
      Number(choice.wait_s).text, Number(choice.prefill_end_s).text,
      Number(choice.transfer_end_s).text, Number(choice.finish_s).text);
  add(text, "\"prefill_cached\":%u,\"decode_cached\":%u,\"fits\":%s}", choice.prefill_cached,
      choice.decode_cached, choice.fits ? "true" : "false");
}

// The candidates as they would be judged at this moment; for a waiting call, what keeps it back.
void add_candidates(State* state, const Call& call, std::string* text) {
  constexpr int kShown = 3;
  const ModelPool* pool = state->workers.pool(call.model);
  *text += "\"candidates_now\":[";
  if (pool != nullptr) {
    state->view.begin(state->now);
    ModelPool rest = *pool;
    CallShape shape = state->shape_of(call);
    shape.pool = &rest;
    for (int i = 0; i < kShown && !rest.prefill.empty(); ++i) {
      Choice choice;
      if (!state->policy.placement->choose(state->view, shape, &choice)) break;
      add_candidate(*state, choice, i == 0, text);
      std::erase(rest.prefill, choice.prefill);
    }
  }
  *text += "],";
}

uint32_t worker_id(const State& state, uint32_t index) {
  return index == kNoWorker ? 0 : state.workers[index].spec.worker;
}

void add_placement(const State& state, const Call& call, std::string* text) {
  add(text, "\"placement\":{\"name\":\"%.*s\",\"prefill_worker\":%u,\"decode_worker\":%u,",
      static_cast<int>(state.policy.placement->name().size()),
      state.policy.placement->name().data(), worker_id(state, call.prefill_worker),
      worker_id(state, call.decode_worker));
  add(text, "\"cost_s\":%s,\"prefill_cached\":%u,\"decode_cached\":%u},",
      Number(call.plan.cost_s).text, call.plan.prefill_cached, call.plan.decode_cached);
}

// What the transfer between its two workers is reckoned with.
void add_link(const State& state, const Call& call, std::string* text) {
  if (call.prefill_worker == kNoWorker || call.decode_worker == kNoWorker || call.local) return;
  hexagent_link_info link = {};
  fill_link_info(state, call.prefill_worker, call.decode_worker, &link);
  add(text, "\"link\":{\"bytes_per_s\":%s,\"declared_bytes_per_s\":%s,",
      Number(link.bytes_per_s).text, Number(link.declared_bytes_per_s).text);
  add(text, "\"setup_ns\":%" PRId64 ",\"queue_ns\":%" PRId64 ",\"samples\":%u},", link.setup_ns,
      link.queue_ns, link.samples);
}

void add_times(const Call& call, std::string* text) {
  const CallTimes& actual = call.times;
  const CallPlan& plan = call.plan;
  add(text, "\"predicted_ns\":{\"prefill_start\":%" PRId64 ",\"prefill_end\":%" PRId64 ",",
      plan.prefill_start, plan.prefill_end);
  add(text, "\"transfer_end\":%" PRId64 ",\"decode_end\":%" PRId64 "},", plan.transfer_end,
      plan.decode_end);
  add(text, "\"actual_ns\":{\"revealed\":%" PRId64 ",\"ready\":%" PRId64 ",\"dispatched\":%" PRId64,
      actual.revealed, actual.ready, actual.dispatched);
  add(text, ",\"prefill_start\":%" PRId64 ",\"prefill_end\":%" PRId64 ",\"transfer_end\":%" PRId64,
      actual.prefill_start, actual.prefill_end, actual.transfer_end);
  add(text, ",\"decode_start\":%" PRId64 ",\"decode_end\":%" PRId64 "}", actual.decode_start,
      actual.decode_end);
}

void add_shadow(const State& state, const Call& call, std::string* text) {
  const ShadowCall& shadow = call.shadow;
  if (shadow.placed == 0) return;
  add(text, ",\"shadow\":{\"placed_ns\":%" PRId64 ",\"our_prefill_worker\":%u,", shadow.placed,
      worker_id(state, shadow.our_prefill));
  add(text, "\"our_decode_worker\":%u,\"our_finish_s\":%s,\"their_finish_s\":%s,",
      worker_id(state, shadow.our_decode), Number(shadow.ours_s).text,
      Number(shadow.theirs_s).text);
  add(text, "\"regret_s\":%s}", Number(shadow.theirs_s - shadow.ours_s).text);
}

}  // namespace

hexagent_status Scheduler::explain(uint64_t workflow_id, uint64_t call_id,
                                   std::string* text) const {
  State* state = state_.get();
  const uint32_t workflow_index = state->workflows.find(workflow_id);
  if (workflow_index == kNoIndex) return HEXAGENT_E_UNKNOWN_WORKFLOW;
  const uint32_t index = state->workflows.find_call(workflow_id, call_id);
  if (index == kNoIndex) return HEXAGENT_E_UNKNOWN_CALL;
  const Call& call = state->workflows.call(index);
  const Workflow& workflow = state->workflows.workflow(workflow_index);
  text->clear();
  add(text, "{\"workflow\":%" PRIu64 ",\"call\":%" PRIu64 ",\"state\":\"%s\",", workflow_id,
      call_id, state_name(call.state));
  add(text, "\"now_ns\":%" PRId64 ",\"attempt\":%u,\"retries\":%u,", state->now, call.attempt,
      call.retries);
  add(text, "\"prompt_tokens\":%u,\"output_expected\":%s,\"output_reserved\":%u,",
      call.prompt_tokens, Number(call.output_mean).text, call.output_reserve);
  add_order(*state, workflow, call, text);
  add_placement(*state, call, text);
  add_link(*state, call, text);
  add_candidates(state, call, text);
  add_times(call, text);
  add_shadow(*state, call, text);
  *text += "}";
  return HEXAGENT_OK;
}

}  // namespace hexagent
