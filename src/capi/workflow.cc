// C ABI: workflows, calls, reports, cancellation. Shape and queue space only; verdicts on meaning
// are decisions.
#include <algorithm>

#include "capi/guard.h"
#include "capi/record_input.h"
#include "capi/shape.h"

namespace hexagent {
namespace {

// Takes a batch: `push_one(record)` for each until the queue is full. What comes after the first
// that found no room is turned away too, so that a call never overtakes one it depends on. Whoever
// steps the core is woken once for all of it.
template <class Record, class PushOne>
int32_t push_batch(hexagent_scheduler* scheduler, const Record* records, uint32_t count,
                   hexagent_status* results, PushOne&& push_one) {
  int32_t queued = 0;
  uint32_t i = 0;
  for (; i < count; ++i) {
    results[i] = push_one(records[i]);
    if (results[i] == HEXAGENT_E_AGAIN) break;
    if (results[i] == HEXAGENT_OK) ++queued;
  }
  if (queued > 0) scheduler->wake();
  if (i < count) {
    std::fill(results + i, results + count, HEXAGENT_E_AGAIN);
    scheduler->intake_rejected.fetch_add(count - i - 1, std::memory_order_relaxed);
  }
  return queued;
}

// guard() for batches: whatever the whole call answers stands in every result as well.
template <class Record, class Body>
int32_t guard_batch(hexagent_scheduler* scheduler, const Record* records, uint32_t count,
                    hexagent_status* results, Body&& body) noexcept {
  const int32_t answer = guard(scheduler, [&](hexagent_scheduler& self) -> int32_t {
    if (count > HEXAGENT_BATCH_MAX) return HEXAGENT_E_ARGUMENT;
    if (count > 0 && (records == nullptr || results == nullptr)) return HEXAGENT_E_ARGUMENT;
    return body(self);
  });
  if (answer < 0 && results != nullptr && count <= HEXAGENT_BATCH_MAX) {
    std::fill_n(results, count, answer);
  }
  return answer;
}

hexagent_status push_workflow(hexagent_scheduler* scheduler, const hexagent_workflow& record) {
  const Flaw flaw = check_workflow(*scheduler, record);
  if (flaw.status != HEXAGENT_OK) return flaw.status;
  Input input = record_input(InputKind::kWorkflowBegin, record, record.user_data);
  input.workflow = record.workflow;
  return scheduler->queue(input);
}

hexagent_status push_call(hexagent_scheduler* scheduler, const hexagent_call& from_caller,
                          const CallArrays& arrays) {
  const Flaw flaw = check_call(*scheduler, from_caller, arrays);
  if (flaw.status != HEXAGENT_OK) return flaw.status;
  // In the queue a call has arrays of its own, so the offsets into the caller's mean nothing there.
  hexagent_call record = from_caller;
  record.deps_offset = 0;
  record.prefixes_offset = 0;
  Input input = record_input(InputKind::kSubmit, record, record.user_data);
  input.workflow = record.workflow;
  input.call = record.call;
  input.deps_count = record.deps_count;
  input.prefixes_count = record.prefixes_count;
  if (record.deps_count > 0) input.deps = arrays.deps + from_caller.deps_offset;
  if (record.prefixes_count > 0) input.prefixes = arrays.prefixes + from_caller.prefixes_offset;
  return scheduler->queue(input);
}

hexagent_status push_report(hexagent_scheduler* scheduler, const hexagent_report& record) {
  const Flaw flaw = check_report(record);
  if (flaw.status != HEXAGENT_OK) return flaw.status;
  Input input = record_input(InputKind::kReport, record, record.user_data);
  input.worker = record.worker;
  input.incarnation = record.incarnation;
  input.workflow = record.workflow;
  input.call = record.call;
  return scheduler->queue(input);
}

hexagent_status push_event(hexagent_scheduler* scheduler, InputKind kind, uint64_t workflow,
                           uint64_t call, uint64_t user_data) {
  return guard(scheduler, [&](hexagent_scheduler& self) -> hexagent_status {
    if (workflow == 0) return HEXAGENT_E_RANGE;
    Input input = {kind};
    input.workflow = workflow;
    input.call = call;
    input.user_data = user_data;
    return self.push(input);
  });
}

}  // namespace
}  // namespace hexagent

extern "C" {

int32_t hexagent_workflow_begin(hexagent_scheduler* scheduler, const hexagent_workflow* workflows,
                                uint32_t count, hexagent_status* results) noexcept {
  return hexagent::guard_batch(scheduler, workflows, count, results, [&](hexagent_scheduler& self) {
    return hexagent::push_batch(
        &self, workflows, count, results,
        [&](const hexagent_workflow& record) { return hexagent::push_workflow(&self, record); });
  });
}

int32_t hexagent_submit(hexagent_scheduler* scheduler, const hexagent_call* calls, uint32_t count,
                        const uint64_t* deps, uint32_t deps_count, const hexagent_prefix* prefixes,
                        uint32_t prefixes_count, hexagent_status* results) noexcept {
  const hexagent::CallArrays arrays = {deps, deps_count, prefixes, prefixes_count};
  return hexagent::guard_batch(
      scheduler, calls, count, results, [&](hexagent_scheduler& self) -> int32_t {
        if (!arrays.valid()) return HEXAGENT_E_ARGUMENT;
        return hexagent::push_batch(&self, calls, count, results, [&](const hexagent_call& record) {
          return hexagent::push_call(&self, record, arrays);
        });
      });
}

hexagent_status hexagent_ready(hexagent_scheduler* scheduler, uint64_t workflow, uint64_t call,
                               uint64_t user_data) noexcept {
  return hexagent::push_event(scheduler, hexagent::InputKind::kReady, workflow, call, user_data);
}

int32_t hexagent_complete(hexagent_scheduler* scheduler, const hexagent_report* reports,
                          uint32_t count, hexagent_status* results) noexcept {
  return hexagent::guard_batch(scheduler, reports, count, results, [&](hexagent_scheduler& self) {
    return hexagent::push_batch(&self, reports, count, results, [&](const hexagent_report& record) {
      return hexagent::push_report(&self, record);
    });
  });
}

hexagent_status hexagent_call_cancel(hexagent_scheduler* scheduler, uint64_t workflow,
                                     uint64_t call, uint64_t user_data) noexcept {
  return hexagent::push_event(scheduler, hexagent::InputKind::kCallCancel, workflow, call,
                              user_data);
}

hexagent_status hexagent_workflow_cancel(hexagent_scheduler* scheduler, uint64_t workflow,
                                         uint64_t user_data) noexcept {
  return hexagent::push_event(scheduler, hexagent::InputKind::kWorkflowCancel, workflow, 0,
                              user_data);
}

hexagent_status hexagent_workflow_end(hexagent_scheduler* scheduler, uint64_t workflow,
                                      uint64_t user_data) noexcept {
  return hexagent::push_event(scheduler, hexagent::InputKind::kWorkflowEnd, workflow, 0, user_data);
}

}  // extern "C"
