// Resync: what a worker says it holds, against what the core believes it does. Calls it should hold
// and does not are planned again; those it holds and should not are withdrawn from it.
//
// A list is as old as the decisions that its worker had seen. What was decided about a call later
// may be on its way there, so such a call is left alone: the next list will tell.
#include <algorithm>
#include <vector>

#include "core/lifecycle.h"
#include "core/state.h"

namespace hexagent {
namespace {

constexpr uint32_t kWordsPerHeld = 3;

struct Held {
  uint64_t workflow;
  uint64_t call;
  uint64_t attempt;  // 0 = the present one

  auto operator<=>(const Held&) const = default;
};

std::vector<Held> read_held(const Input& input) {
  std::vector<Held> list;
  list.reserve(input.deps_count / kWordsPerHeld);
  for (uint32_t i = 0; i + kWordsPerHeld <= input.deps_count; i += kWordsPerHeld) {
    list.push_back({input.deps[i], input.deps[i + 1], input.deps[i + 2]});
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

bool is_listed(const std::vector<Held>& list, uint64_t workflow, const Call& call,
               uint32_t worker) {
  const auto has = [&](uint64_t attempt) {
    return std::binary_search(list.begin(), list.end(), Held{workflow, call.id, attempt});
  };
  for (uint32_t before = 1; before <= call.attempts_of_prefill; ++before) {  // of the same prefill
    if (call.prefill_worker == worker && has(call.attempt - before)) return true;
  }
  return has(0) || has(call.attempt);
}

// Must the worker have heard of the call? Of the decode worker that is true from the transfer on;
// before, some engines are told with the prefill and some are not.
bool must_hold(const Call& call, uint32_t worker) {
  if (!is_in_flight(call.state)) return false;
  const bool decodes = call.state >= CallState::kTransferring;
  if (decodes && call.decode_worker == worker) return true;
  return call.prefill_worker == worker && (call.kv_on_prefill || !decodes);
}

// Everything that must be on the worker and could have been on the list and is not, in a fixed
// order.
std::vector<uint32_t> find_missing(const State& state, uint32_t worker, uint64_t seen,
                                   const std::vector<Held>& list) {
  std::vector<uint32_t> missing;
  const auto judge = [&](uint32_t index) {
    const Call& call = state.workflows.call(index);
    if (!must_hold(call, worker) || call.sent_sequence > seen) return;
    const uint64_t workflow = state.workflows.workflow_of(call).id;
    if (!is_listed(list, workflow, call, worker)) missing.push_back(index);
  };
  // Every call in flight is on the decode list of one worker, whatever its state.
  for (uint32_t other = 0; other < state.workers.size(); ++other) {
    for (uint32_t index = state.workers[other].decode_head; index != kNoIndex;) {
      judge(index);
      index = state.workflows.call(index).decode_next;
    }
  }
  std::sort(missing.begin(), missing.end());
  return missing;
}

// May the worker hold it? Also what was decided after its list was made is no reason to withdraw.
bool may_hold(const State& state, const Held& held, uint32_t worker, uint64_t seen) {
  const uint32_t index = state.workflows.find_call(held.workflow, held.call);
  if (index == kNoIndex) return false;
  const Call& call = state.workflows.call(index);
  if (call.sent_sequence > seen) return true;
  if (!is_in_flight(call.state)) return false;
  const bool prefilled_it = call.prefill_worker == worker && held.attempt < call.attempt &&
                            held.attempt >= call.attempt - call.attempts_of_prefill;
  if (held.attempt != 0 && held.attempt != call.attempt && !prefilled_it) return false;
  return call.prefill_worker == worker || call.decode_worker == worker;
}

void withdraw_from(State* state, const Held& held, uint32_t worker) {
  hexagent_decision& decision = state->emit_order(HEXAGENT_DECISION_ABORT);
  decision.workflow = held.workflow;
  decision.call = held.call;
  decision.attempt = static_cast<uint32_t>(held.attempt);
  decision.worker = state->workers[worker].spec.worker;
  decision.incarnation = state->workers[worker].spec.incarnation;
  const uint32_t known = state->workflows.find_call(held.workflow, held.call);
  if (known != kNoIndex) decision.user_data = state->workflows.call(known).user_data;
}

}  // namespace

void apply_worker_resync(State* state, const Input& input) {
  const auto& record = *static_cast<const hexagent_resync*>(input.record);
  const uint32_t worker = state->workers.find(record.worker);
  if (worker == kNoWorker) {
    return state->refuse(input, record.user_data, HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER);
  }
  const Worker& known = state->workers[worker];
  if (record.incarnation != known.spec.incarnation || known.state == WorkerState::kLost) {
    return state->refuse(input, record.user_data, HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION);
  }
  state->accept(input, record.user_data).worker = record.worker;
  const uint64_t seen = record.decision_sequence != 0 ? record.decision_sequence : UINT64_MAX;
  const std::vector<Held> list = read_held(input);
  for (const Held& held : list) {
    if (!may_hold(*state, held, worker, seen)) withdraw_from(state, held, worker);
  }
  for (uint32_t index : find_missing(*state, worker, seen, list)) {
    // An earlier failure may have ended this call's workflow and with it the call.
    if (must_hold(state->workflows.call(index), worker)) attempt_missing(state, index, worker);
  }
}

}  // namespace hexagent
