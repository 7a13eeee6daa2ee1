// Input: one thing that happened, as the core takes it. The shell copies inputs into its intake
// queue and hands them to Scheduler::apply() in order; the journal records exactly these.
#pragma once

#include <cstdint>

#include "hexagent/hexagent.h"

namespace hexagent {

enum class InputKind : uint32_t {
  kProfileSet = 1,       // record: hexagent_profile
  kModelSet = 2,         // record: hexagent_model
  kWorkerSet = 3,        // record: hexagent_worker
  kWorkerDrain = 4,      // worker, incarnation
  kWorkerLost = 5,       // worker, incarnation
  kHeartbeat = 6,        // record: hexagent_heartbeat
  kLinkSet = 7,          // record: hexagent_link
  kWorkflowBegin = 8,    // record: hexagent_workflow
  kSubmit = 9,           // record: hexagent_call, with its own deps and prefixes
  kReady = 10,           // workflow, call
  kReport = 11,          // record: hexagent_report
  kCallCancel = 12,      // workflow, call
  kWorkflowCancel = 13,  // workflow
  kWorkflowEnd = 14,     // workflow
  kConfigure = 15,       // record: SettingChange (settings.h)
  kWorkerResync = 16,    // record: hexagent_resync; deps: workflow, call, attempt of each call held
  kLinkMeasured = 17     // record: hexagent_link_sample
};

// Records are whole (struct_size already normalised by the shell), pointers are borrowed.
struct Input {
  InputKind kind;
  uint32_t worker = 0;
  uint32_t incarnation = 0;
  uint32_t deps_count = 0;
  uint32_t prefixes_count = 0;
  uint32_t record_size = 0;  // bytes
  uint64_t user_data = 0;
  uint64_t workflow = 0;
  uint64_t call = 0;
  const void* record = nullptr;
  const uint64_t* deps = nullptr;             // deps_count ids
  const hexagent_prefix* prefixes = nullptr;  // prefixes_count
};

}  // namespace hexagent
