// Reports of what happened to dispatched calls: stale, duplicate and impossible ones are refused
// and change nothing; skipped phases are inferred.
#include <algorithm>

#include "core/lifecycle.h"
#include "core/links.h"
#include "core/shadow_placing.h"
#include "core/state.h"
#include "core/transfers.h"
#include "core/verdict.h"

namespace hexagent {
namespace {

// How far a call has come, as phases that are over: 0 none, 1 prefill, 2 transfer, 3 decode.
uint32_t phases_over(const Call& call) {
  switch (call.state) {
    case CallState::kPrefilled:
    case CallState::kTransferring:
      return HEXAGENT_PHASE_PREFILL;
    case CallState::kDecodeQueued:
    case CallState::kDecoding:
      return HEXAGENT_PHASE_TRANSFER;
    default:
      return is_final(call.state) ? HEXAGENT_PHASE_DECODE : 0;
  }
}

Verdict check(const State& state, const hexagent_report& report, const Call& call) {
  if (is_final(call.state)) return {HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_CALL};
  if (!is_in_flight(call.state)) return {HEXAGENT_E_STATE, HEXAGENT_FIELD_CALL};
  if (report.attempt != 0 && report.attempt != call.attempt) {
    return {HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER};
  }
  const bool decode = report.phase == HEXAGENT_PHASE_DECODE;
  // A transfer may be reported by either end.
  const bool target = report.phase == HEXAGENT_PHASE_TRANSFER &&
                      report.worker == state.workers[call.decode_worker].spec.worker;
  const Worker& worker = state.workers[decode || target ? call.decode_worker : call.prefill_worker];
  if (report.worker != 0 && report.worker != worker.spec.worker) {
    return {HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER};
  }
  if (report.incarnation != 0 && report.incarnation != worker.spec.incarnation) {
    return {HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION};
  }
  if (report.end_ns > state.now || report.start_ns > state.now) {
    return {HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME};
  }
  if (report.end_ns != 0 && report.start_ns > report.end_ns) {
    return {HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME};
  }
  // Nothing of an attempt happened before it was sent; what did belongs to an earlier one.
  const TimeNs first = report.start_ns != 0 ? report.start_ns : report.end_ns;
  if (first != 0 && first < call.times.dispatched) {
    return {HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME};
  }
  if (report.phase <= phases_over(call)) return {HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_PHASE};
  if (report.phase == HEXAGENT_PHASE_TRANSFER && call.local) {
    return {HEXAGENT_E_ORDER, HEXAGENT_FIELD_PHASE};
  }
  // A call that no decode worker was bound to cannot have been moved or decoded.
  const bool bound = call.kv_on_decode || call.local || is_shadow(state);
  if (report.phase != HEXAGENT_PHASE_PREFILL && !bound) {
    return {HEXAGENT_E_ORDER, HEXAGENT_FIELD_PHASE};
  }
  if (decode && report.tokens > 0 && call.max_output_tokens > 0 &&
      report.tokens > call.max_output_tokens) {
    return {HEXAGENT_E_RANGE, HEXAGENT_FIELD_TOKENS};
  }
  if ((report.flags & HEXAGENT_REPORT_CACHED_TOKENS) != 0 &&
      report.cached_tokens > call.prompt_tokens) {
    return {HEXAGENT_E_RANGE, HEXAGENT_FIELD_TOKENS};
  }
  return {};
}

// Brings the call to the start of `phase` if earlier phases were never reported.
void infer_before(State* state, uint32_t index, uint32_t phase, TimeNs when) {
  PhaseReport inferred;
  inferred.end = when;
  inferred.inferred = true;
  const Call& call = state->workflows.call(index);
  if (phases_over(call) < HEXAGENT_PHASE_PREFILL && phase > HEXAGENT_PHASE_PREFILL) {
    prefill_done(state, index, inferred);
  }
  if (phases_over(call) < HEXAGENT_PHASE_TRANSFER && phase > HEXAGENT_PHASE_TRANSFER) {
    transfer_done(state, index, inferred);
  }
}

// KV of this call moves while its prefill still goes on: it tells nothing of the prefill's end.
bool is_overlapped(const State& state, uint32_t index, uint32_t phase) {
  if (phase != HEXAGENT_PHASE_TRANSFER) return false;
  const Call& call = state.workflows.call(index);
  return phases_over(call) < HEXAGENT_PHASE_PREFILL &&
         state.workers[call.prefill_worker].sends_layers();
}

void started(State* state, uint32_t index, uint32_t phase, TimeNs when) {
  if (phase == HEXAGENT_PHASE_PREFILL) return prefill_started(state, index, when);
  if (is_overlapped(*state, index, phase)) return layers_started(state, index, when);
  infer_before(state, index, phase, when);
  if (phase == HEXAGENT_PHASE_TRANSFER) return transfer_started(state, index, when);
  decode_started(state, index, when);
}

// The report is good whatever it says of the link.
void measure(State* state, uint32_t index, const hexagent_report& report) {
  const Call& call = state->workflows.call(index);
  LinkSample sample;
  sample.source = state->workers[call.prefill_worker].spec.worker;
  sample.target = state->workers[call.decode_worker].spec.worker;
  sample.bytes_per_s = static_cast<double>(report.bytes) / to_s(report.end_ns - report.start_ns);
  if (sample.bytes_per_s >= kMeasuredLeast && sample.bytes_per_s <= kMeasuredMost) {
    learn_link(state, sample);
  } else {
    ++state->counters.link_outliers;
  }
}

void done(State* state, uint32_t index, const hexagent_report& report, TimeNs when) {
  const bool at_start = report.start_ns != 0 && !is_overlapped(*state, index, report.phase);
  infer_before(state, index, report.phase, at_start ? report.start_ns : when);
  PhaseReport phase;
  phase.start = report.start_ns;
  phase.end = when;
  phase.tokens = report.tokens;
  phase.bytes = report.bytes;
  phase.cached_tokens = report.cached_tokens;
  phase.cached_known = (report.flags & HEXAGENT_REPORT_CACHED_TOKENS) != 0;
  if ((report.flags & HEXAGENT_REPORT_MEASURED) != 0) measure(state, index, report);
  switch (report.phase) {
    case HEXAGENT_PHASE_PREFILL:
      return prefill_done(state, index, phase);
    case HEXAGENT_PHASE_TRANSFER:
      return transfer_done(state, index, phase);
    default:
      return decode_done(state, index, phase);
  }
}

}  // namespace

void apply_report(State* state, const Input& input) {
  const auto& report = *static_cast<const hexagent_report*>(input.record);
  if (report.outcome == HEXAGENT_OUTCOME_QUIESCED) return apply_quiesced(state, input, report);
  const uint32_t workflow = state->workflows.find(report.workflow);
  if (workflow == kNoIndex) {
    return state->refuse(input, report.user_data, HEXAGENT_E_UNKNOWN_WORKFLOW,
                         HEXAGENT_FIELD_WORKFLOW);
  }
  const uint32_t index = state->workflows.find_call(report.workflow, report.call);
  if (index == kNoIndex) {
    return state->refuse(input, report.user_data, HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL);
  }
  const Call& call = state->workflows.call(index);
  // The answer to an ABORT: what it was for has been released when the ABORT was decided.
  if (report.outcome == HEXAGENT_OUTCOME_ABORTED && !is_in_flight(call.state)) return;
  const bool placing = report.outcome == HEXAGENT_OUTCOME_PLACED;
  if (is_shadow(*state)) {
    const hexagent_status status = shadow_placement(state, index, report);
    if (status != HEXAGENT_OK) {
      return state->refuse(input, report.user_data, status, HEXAGENT_FIELD_WORKER);
    }
    if (placing) return state->workflows.touch(workflow, state->now);
  } else if (placing) {
    return state->refuse(input, report.user_data, HEXAGENT_E_STATE, HEXAGENT_FIELD_OUTCOME);
  }
  const Verdict verdict = check(*state, report, call);
  if (verdict.status != HEXAGENT_OK) {
    return state->refuse(input, report.user_data, verdict.status, verdict.field);
  }
  state->workflows.touch(workflow, state->now);
  const TimeNs when = report.end_ns != 0 ? report.end_ns : state->now;
  switch (report.outcome) {
    case HEXAGENT_OUTCOME_STARTED:
      return started(state, index, report.phase, when);
    case HEXAGENT_OUTCOME_PROGRESS:
      if (report.phase != HEXAGENT_PHASE_DECODE) return;
      started(state, index, report.phase, when);
      return decode_progress(state, index, report.tokens, when);
    case HEXAGENT_OUTCOME_DONE:
      return done(state, index, report, when);
    default: {
      if (report.outcome == HEXAGENT_OUTCOME_FAILED && report.phase == HEXAGENT_PHASE_TRANSFER) {
        return transfer_failed(state, index);
      }
      const uint32_t where =
          report.phase == HEXAGENT_PHASE_DECODE ? call.decode_worker : call.prefill_worker;
      return attempt_failed(state, index, where, HEXAGENT_E_CALL_FAILED);
    }
  }
}

}  // namespace hexagent
