// Audit: every invariant that ties calls, lists, loads and ledgers together, recomputed from
// scratch. Slow; tests and debug simulations call it after every step (DESIGN section 5,
// conservation).
#include <cmath>
#include <new>

#include "core/lifecycle_parts.h"
#include "core/scheduler.h"
#include "core/state.h"

namespace hexagent {
namespace {

struct Totals {
  uint64_t blocks = 0;
  uint32_t prefills = 0;
  uint32_t decodes = 0;
  double sequences = 0.0;
  double promised = 0.0;
  double flows_in = 0.0;
};

// Does the call's KV still have to come over a link?
bool has_flow(const Call& call) {
  const bool moved = call.state == CallState::kDecodeQueued || call.state == CallState::kDecoding;
  return !call.local && !moved;
}

bool same(double a, double b) { return std::fabs(a - b) < 1e-6; }

const char* audit_worker(const State& state, uint32_t index) {
  const Worker& worker = state.workers[index];
  Totals totals;
  for (uint32_t entry = worker.prefill_head; entry != kNoIndex;) {
    const Call& call = state.workflows.call(entry);
    if (call.prefill_worker != index) return "a call is on another worker's prefill list";
    if (call.state != CallState::kDispatched && call.state != CallState::kPrefilling) {
      return "a call on a prefill list is not being prefilled";
    }
    if (++totals.prefills > state.workflows.call_count()) return "a prefill list runs in a circle";
    entry = call.prefill_next;
  }
  for (uint32_t entry = worker.decode_head; entry != kNoIndex;) {
    const Call& call = state.workflows.call(entry);
    if (call.decode_worker != index) return "a call is on another worker's decode list";
    if (!is_in_flight(call.state)) return "a call on a decode list is not in flight";
    const bool decoding =
        call.state == CallState::kDecodeQueued || call.state == CallState::kDecoding;
    (decoding ? totals.sequences : totals.promised) += 1.0;
    if (++totals.decodes > state.workflows.call_count()) return "a decode list runs in a circle";
    if (has_flow(call)) totals.flows_in += 1.0;
    entry = call.decode_next;
  }
  if (totals.prefills != worker.prefill_count) return "prefill count and list differ";
  if (totals.prefills != worker.load.prefill.count) return "prefill load and list differ";
  if (totals.decodes != worker.decode_count) return "decode count and list differ";
  if (!same(totals.sequences, worker.load.decode.sequences)) return "decode batch and list differ";
  if (!same(totals.promised, worker.load.decode.promised_sequences)) {
    return "promised sequences and list differ";
  }
  if (!same(totals.flows_in, worker.load.ingress.flows)) return "ingress flows and list differ";
  if (worker.state == WorkerState::kLost && totals.prefills + totals.decodes > 0) {
    return "a lost worker still has calls";
  }
  if (worker.kv.reserved_tokens() > worker.kv_capacity_tokens) return "KV is over-committed";
  return nullptr;
}

// Blocks reserved and bytes to send per worker as the calls remember them.
const char* audit_ledgers(const State& state) {
  std::vector<uint64_t> blocks(state.workers.size(), 0);
  std::vector<double> bytes_out(state.workers.size(), 0.0);
  std::vector<uint32_t> bound(state.workers.size(), 0);
  for (uint32_t index = 0; index < state.workers.size(); ++index) {
    for (uint32_t entry = state.workers[index].decode_head; entry != kNoIndex;) {
      const Call& call = state.workflows.call(entry);
      ++bound[call.prefill_worker];
      blocks[call.prefill_worker] += call.prefill_blocks;
      blocks[call.decode_worker] += call.decode_blocks;
      if (has_flow(call)) bytes_out[call.prefill_worker] += call.transfer_bytes;
      if (call.kv_on_prefill != (call.prefill_blocks > 0))
        return "prefill reservation flag is wrong";
      if (call.kv_on_decode != (call.decode_blocks > 0)) return "decode reservation flag is wrong";
      entry = call.decode_next;
    }
  }
  for (const KvHold& hold : state.holds.all()) {
    if (state.workers[hold.worker].state == WorkerState::kLost) return "a lost worker keeps KV";
    blocks[hold.worker] += hold.blocks;
  }
  for (uint32_t index = 0; index < state.workers.size(); ++index) {
    const Worker& worker = state.workers[index];
    if (blocks[index] * worker.spec.block_tokens != worker.kv.reserved_tokens()) {
      return "a reservation was lost or kept too long";
    }
    if (worker.load.kv_free_tokens != static_cast<int64_t>(worker.kv.free_tokens())) {
      return "free KV and its mirror differ";
    }
    if (!same(bytes_out[index], worker.load.egress.bytes)) return "bytes to send and calls differ";
    if (bound[index] != worker.load.calls_bound) return "calls bound to a prefill worker differ";
  }
  return nullptr;
}

const char* audit_waiting(const State& state) {
  if (state.queued.calls() != state.waiting.size()) return "waiting work and waiting calls differ";
  for (uint32_t index : state.waiting.calls()) {
    const Call& call = state.workflows.call(index);
    if (call.state != CallState::kReady) return "a waiting call is not ready";
    if (state.waiting.is_outside(call.waiting_slot) == state.workflows.workflow_of(call).inside) {
      return "a call and its workflow differ in where they wait";
    }
    if (call.deps_pending != 0) return "a ready call waits for a dependency";
    const double key = state.waiting.urgencies()[call.waiting_slot].at(state.now);
    if (key != state.urgency_of(call).at(state.now)) return "an urgency is out of date";
  }
  for (uint32_t index : state.prefilled.calls()) {
    if (state.workflows.call(index).state != CallState::kPrefilled) {
      return "a call waiting for decode space is not prefilled";
    }
  }
  return nullptr;
}

// What the workflows count of their calls, against the lists the calls are on.
const char* audit_workflows(const State& state) {
  uint64_t calls = 0;
  uint64_t ready = 0;
  uint64_t in_flight = 0;
  uint64_t wanted = 0;
  uint32_t seen = 0;
  for (uint32_t index = state.workflows.least_active(); index != kNoIndex;) {
    const Workflow& workflow = state.workflows.workflow(index);
    if (++seen > state.workflows.workflow_count()) return "the workflows' list runs in a circle";
    calls += workflow.calls;
    ready += workflow.calls_ready;
    in_flight += workflow.calls_in_flight;
    if (workflow.at_work != workflow.is_at_work()) return "who is at work is out of date";
    wanted += workflow.at_work ? workflow.wanted_tokens : 0;
    if (workflow.calls_done > workflow.calls) return "a workflow has more calls done than calls";
    if (workflow.ended && workflow.calls_done == workflow.calls) {
      return "a workflow that is over was not forgotten";
    }
    index = workflow.idle_next;
  }
  if (wanted != state.working_set.total()) return "the working set and its workflows differ";
  uint64_t on_workers = 0;  // every call in flight is promised to one decode worker
  for (uint32_t index = 0; index < state.workers.size(); ++index) {
    on_workers += state.workers[index].decode_count;
  }
  const Tenant tenants = state.tenants.total();
  if (tenants.workflows_live != state.workflows.workflow_count()) {
    return "tenants and their workflows differ";
  }
  if (tenants.calls_waiting != state.waiting.size()) return "tenants and waiting calls differ";
  if (calls != state.workflows.call_count()) return "a call belongs to no workflow";
  if (ready != state.waiting.size()) return "ready calls and the waiting list differ";
  if (in_flight != on_workers) return "calls in flight and the workers' lists differ";
  return nullptr;
}

// Transfers under way whose urgency was told are those that are watched.
const char* audit_transfers(const State& state) {
  for (uint32_t index : state.transfers.calls()) {
    const Call& call = state.workflows.call(index);
    if (call.state != CallState::kTransferring) return "a call on the transfers' list moves no KV";
    if (call.sent_risk_milli == 0) return "a transfer is watched whose urgency was not told";
  }
  uint32_t told = 0;
  for (uint32_t index = 0; index < state.workers.size(); ++index) {
    for (uint32_t entry = state.workers[index].decode_head; entry != kNoIndex;) {
      const Call& call = state.workflows.call(entry);
      told += call.sent_risk_milli != 0 ? 1u : 0u;
      entry = call.decode_next;
    }
  }
  return told == state.transfers.size() ? nullptr : "a transfer under way is not watched";
}

const char* audit_all(const State& state) {
  for (uint32_t index = 0; index < state.workers.size(); ++index) {
    if (const char* broken = audit_worker(state, index)) return broken;
  }
  if (const char* broken = audit_ledgers(state)) return broken;
  if (const char* broken = audit_transfers(state)) return broken;
  if (const char* broken = audit_workflows(state)) return broken;
  return audit_waiting(state);
}

}  // namespace

const char* Scheduler::audit() const {
  try {
    return audit_all(*state_);
  } catch (const std::bad_alloc&) {
    return nullptr;  // the only part of a step that allocates; what it looks at is none the worse
  }
}

}  // namespace hexagent
