// C ABI: questions about placements, forecasts, workflows and workers. None of them changes
// anything. All go by ask(): the core is looked into only by the thread that steps it.
#include <algorithm>
#include <string>

#include "capi/guard.h"
#include "capi/shape.h"
#include "capi/text_answer.h"
#include "core/base/sized_struct.h"

namespace hexagent {
namespace {

int32_t query_placement(const hexagent_scheduler& scheduler, const hexagent_call* call,
                        const CallArrays& arrays, hexagent_placement* placements,
                        uint32_t capacity) {
  if (call == nullptr || !arrays.valid()) return HEXAGENT_E_ARGUMENT;
  if (placements == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
  hexagent_call record = *call;
  record.deps_offset = record.deps_count = 0;
  const Flaw flaw = check_call(scheduler, record, arrays);
  if (flaw.status != HEXAGENT_OK) return flaw.status;
  const hexagent_prefix* own = nullptr;
  if (record.prefixes_count > 0) own = arrays.prefixes + record.prefixes_offset;
  record.prefixes_offset = 0;
  const int32_t count = scheduler.core.placement_query(record, own, placements,
                                                       std::min<uint32_t>(capacity, INT32_MAX));
  for (int32_t i = 0; i < count; ++i) {
    hexagent_placement& placement = placements[i];
    for (int64_t* time : {&placement.prefill_start_ns, &placement.prefill_end_ns,
                          &placement.transfer_end_ns, &placement.decode_end_ns}) {
      *time = scheduler.driver.to_caller(*time);
    }
  }
  return count;
}

hexagent_status forecast(const hexagent_scheduler& scheduler, const hexagent_workflow* workflow,
                         const hexagent_call* calls, uint32_t count, const CallArrays& arrays,
                         hexagent_forecast* to_caller) {
  if (workflow == nullptr || (calls == nullptr && count > 0)) return HEXAGENT_E_ARGUMENT;
  if (count > HEXAGENT_BATCH_MAX || !arrays.valid()) return HEXAGENT_E_ARGUMENT;
  const hexagent_status size = check_size(to_caller);
  if (size != HEXAGENT_OK) return size;
  const Flaw flaw = check_workflow(scheduler, *workflow);
  if (flaw.status != HEXAGENT_OK) return flaw.status;
  for (uint32_t i = 0; i < count; ++i) {
    if (calls[i].workflow != workflow->workflow) return HEXAGENT_E_ARGUMENT;
    const Flaw call = check_call(scheduler, calls[i], arrays);
    if (call.status != HEXAGENT_OK) return call.status;
  }
  hexagent_workflow record = *workflow;
  record.arrival_ns = scheduler.driver.to_core(record.arrival_ns);
  hexagent_forecast answer = {};
  const hexagent_status status =
      scheduler.core.what_if(record, calls, count, arrays.deps, arrays.prefixes, &answer);
  answer.projected_end_ns = scheduler.driver.to_caller(answer.projected_end_ns);
  if (status == HEXAGENT_OK) write_sized(answer, to_caller);
  return status;
}

// Questions that answer one sized struct; `ask` fills it.
template <class Info, class Ask>
hexagent_status answer_sized(Info* to_caller, Ask&& ask) {
  hexagent_status status = check_size(to_caller);
  if (status != HEXAGENT_OK) return status;
  Info info = {};
  status = ask(&info);
  if (status == HEXAGENT_OK) write_sized(info, to_caller);
  return status;
}

}  // namespace
}  // namespace hexagent

extern "C" {

int32_t hexagent_call_state(hexagent_scheduler* scheduler, uint64_t workflow,
                            uint64_t call) noexcept {
  return hexagent::ask(
      scheduler, [&](hexagent_scheduler& self) { return self.core.call_state(workflow, call); });
}

int32_t hexagent_placement_query(hexagent_scheduler* scheduler, const hexagent_call* call,
                                 const hexagent_prefix* prefixes, uint32_t prefixes_count,
                                 hexagent_placement* placements, uint32_t capacity) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) {
    const hexagent::CallArrays arrays = {nullptr, 0, prefixes, prefixes_count};
    return hexagent::query_placement(self, call, arrays, placements, capacity);
  });
}

hexagent_status hexagent_what_if(hexagent_scheduler* scheduler, const hexagent_workflow* workflow,
                                 const hexagent_call* calls, uint32_t count, const uint64_t* deps,
                                 uint32_t deps_count, const hexagent_prefix* prefixes,
                                 uint32_t prefixes_count, hexagent_forecast* forecast) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) {
    const hexagent::CallArrays arrays = {deps, deps_count, prefixes, prefixes_count};
    return hexagent::forecast(self, workflow, calls, count, arrays, forecast);
  });
}

hexagent_status hexagent_explain(hexagent_scheduler* scheduler, uint64_t workflow, uint64_t call,
                                 char* buffer, uint32_t capacity, uint32_t* needed) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) -> hexagent_status {
    if (buffer == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
    std::string text;
    const hexagent_status status = self.core.explain(workflow, call, &text);
    if (status != HEXAGENT_OK) return status;
    hexagent::TextWriter writer(buffer, capacity);
    writer << std::string_view(text);
    return hexagent::finish_text(writer, needed);
  });
}

hexagent_status hexagent_workflow_query(hexagent_scheduler* scheduler, uint64_t workflow,
                                        hexagent_workflow_info* info) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::answer_sized(info, [&](hexagent_workflow_info* answer) {
      const hexagent_status status = self.core.workflow_query(workflow, answer);
      for (int64_t* time : {&answer->arrival_ns, &answer->projected_end_ns, &answer->deadline_ns}) {
        *time = self.driver.to_caller(*time);
      }
      return status;
    });
  });
}

hexagent_status hexagent_worker_query(hexagent_scheduler* scheduler, uint32_t worker,
                                      hexagent_worker_info* info) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::answer_sized(
        info, [&](hexagent_worker_info* answer) { return self.core.worker_query(worker, answer); });
  });
}

hexagent_status hexagent_link_query(hexagent_scheduler* scheduler, uint32_t source_worker,
                                    uint32_t target_worker, hexagent_link_info* info) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::answer_sized(info, [&](hexagent_link_info* answer) {
      return self.core.link_query(source_worker, target_worker, answer);
    });
  });
}

hexagent_status hexagent_shadow_query(hexagent_scheduler* scheduler,
                                      hexagent_shadow_info* info) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::answer_sized(
        info, [&](hexagent_shadow_info* answer) { return self.core.shadow_query(answer); });
  });
}

}  // extern "C"
