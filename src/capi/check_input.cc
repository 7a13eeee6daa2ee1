// check_input: see check_input.h.
#include "capi/check_input.h"

#include "capi/shape.h"

namespace hexagent {
namespace {

template <class Record>
const Record& record_of(const Input& input) {
  return *static_cast<const Record*>(input.record);
}

hexagent_status check_call_input(const hexagent_scheduler& scheduler, const Input& input) {
  const CallArrays arrays = {input.deps, input.deps_count, input.prefixes, input.prefixes_count};
  return check_call(scheduler, record_of<hexagent_call>(input), arrays).status;
}

hexagent_status check_resync_input(const Input& input) {
  if (input.deps_count % kWordsPerHeldCall != 0) return HEXAGENT_E_ARGUMENT;
  const uint32_t count = input.deps_count / kWordsPerHeldCall;
  if (count > HEXAGENT_RESYNC_MAX) return HEXAGENT_E_ARGUMENT;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t* words = input.deps + size_t{i} * kWordsPerHeldCall;
    if (words[0] == 0 || words[2] > UINT32_MAX) return HEXAGENT_E_RANGE;
  }
  return check_resync(record_of<hexagent_resync>(input)).status;
}

}  // namespace

hexagent_status check_input(const hexagent_scheduler& scheduler, const Input& input) {
  switch (input.kind) {
    case InputKind::kProfileSet:
      return check_profile(scheduler, record_of<hexagent_profile>(input)).status;
    case InputKind::kModelSet:
      return check_model(scheduler, record_of<hexagent_model>(input)).status;
    case InputKind::kWorkerSet:
      return check_worker(scheduler, record_of<hexagent_worker>(input)).status;
    case InputKind::kHeartbeat:
      return check_heartbeat(record_of<hexagent_heartbeat>(input)).status;
    case InputKind::kLinkSet:
      return check_link(scheduler, record_of<hexagent_link>(input)).status;
    case InputKind::kLinkMeasured:
      return check_link_sample(record_of<hexagent_link_sample>(input)).status;
    case InputKind::kWorkflowBegin:
      return check_workflow(scheduler, record_of<hexagent_workflow>(input)).status;
    case InputKind::kSubmit:
      return check_call_input(scheduler, input);
    case InputKind::kReport:
      return check_report(record_of<hexagent_report>(input)).status;
    case InputKind::kConfigure: {
      const auto& change = record_of<SettingChange>(input);
      const bool live = change.key < setting_count() && setting_info(change.key).live;
      return live ? HEXAGENT_OK : HEXAGENT_E_STATE;
    }
    case InputKind::kWorkerResync:
      return check_resync_input(input);
    case InputKind::kWorkerDrain:
    case InputKind::kWorkerLost:
      return input.worker != 0 ? HEXAGENT_OK : HEXAGENT_E_RANGE;
    case InputKind::kReady:
    case InputKind::kCallCancel:
    case InputKind::kWorkflowCancel:
    case InputKind::kWorkflowEnd:
      return input.workflow != 0 ? HEXAGENT_OK : HEXAGENT_E_RANGE;
  }
  return HEXAGENT_E_RANGE;
}

}  // namespace hexagent
