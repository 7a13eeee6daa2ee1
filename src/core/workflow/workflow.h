// Workflow and Call: the plain records of the online-revealed DAG.
//
// Only data; workflow_table.h owns and links them, horizon.h computes the standalone times, and the
// files of the scheduler move calls through their states. "Index" fields address pools; kNoIndex =
// none. Tests: tests/unit/core/workflow.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "core/cluster/content_table.h"
#include "core/model/remainder_predictor.h"
#include "core/shadow.h"
#include "hexagent/hexagent.h"

namespace hexagent {

inline constexpr uint32_t kNoIndex = 0xffffffffu;
inline constexpr uint32_t kSourcesMax = 4;  // prefixes of one call

// Values equal HEXAGENT_STATE_*, so that queries need no translation.
enum class CallState : uint8_t {
  kFree = 0,
  kHeld = HEXAGENT_STATE_HELD,
  kWaiting = HEXAGENT_STATE_WAITING,
  kReady = HEXAGENT_STATE_READY,
  kDispatched = HEXAGENT_STATE_DISPATCHED,
  kPrefilling = HEXAGENT_STATE_PREFILLING,
  kPrefilled = HEXAGENT_STATE_PREFILLED,
  kTransferring = HEXAGENT_STATE_TRANSFERRING,
  kDecodeQueued = HEXAGENT_STATE_DECODE_QUEUED,
  kDecoding = HEXAGENT_STATE_DECODING,
  kDone = HEXAGENT_STATE_DONE,
  kFailed = HEXAGENT_STATE_FAILED,
  kCancelled = HEXAGENT_STATE_CANCELLED,
};

inline bool is_final(CallState state) { return state >= CallState::kDone; }
inline bool is_in_flight(CallState state) {
  return state >= CallState::kDispatched && state <= CallState::kDecoding;
}

// Times of one call, absolute; 0 = not yet. Written once per attempt.
struct CallTimes {
  TimeNs deps_end = 0;  // last end of a dependency; the workflow's arrival for a root
  TimeNs revealed = 0;
  TimeNs ready = 0;
  TimeNs dispatched = 0;
  TimeNs prefill_start = 0;
  TimeNs prefill_end = 0;
  TimeNs transfer_start = 0;
  TimeNs transfer_end = 0;
  TimeNs decode_start = 0;
  TimeNs first_token = 0;
  TimeNs decode_end = 0;
};

// What the planner expected at dispatch; hexagent_explain() sets it against the times above.
struct CallPlan {
  double order_key = 0.0;  // larger was more urgent
  double delta_s = 0.0;    // projected time to finish that the order used
  double cost_s = 0.0;     // of the chosen pair, as the placement counts
  uint32_t prefill_cached = 0;
  uint32_t decode_cached = 0;
  TimeNs prefill_start = 0;
  TimeNs prefill_end = 0;
  TimeNs transfer_start = 0;
  TimeNs transfer_end = 0;
  TimeNs decode_end = 0;
};

struct Call {
  uint64_t id = 0;
  uint64_t user_data = 0;
  uint64_t labels_required = 0;
  uint64_t labels_excluded = 0;
  uint32_t workflow = kNoIndex;
  uint32_t older_of_workflow = kNoIndex;  // list of the workflow's calls
  uint32_t newer_of_workflow = kNoIndex;
  uint32_t first_edge = kNoIndex;  // calls that depend on this one
  uint32_t deps_pending = 0;
  uint32_t stage = 0;
  uint32_t model = 0;  // name id
  uint32_t prompt_tokens = 0;
  uint32_t max_output_tokens = 0;
  CallState state = CallState::kFree;
  bool held = false;
  bool streaming = false;      // a first token left for the user
  bool decode_locked = false;  // decode worker chosen and not to be changed
  bool kv_on_prefill = false;  // reservation held there
  bool kv_on_decode = false;
  bool local = false;     // prefill and decode in one place
  bool unserved = false;  // waiting, and no worker took it in the latest plan (plan/fair_share.h)
  uint32_t attempt = 0;
  uint32_t retries = 0;
  uint32_t attempts_of_prefill = 0;  // before this one, that used the same prefill
  uint32_t sent_risk_milli = 0;      // of its transfer under way, as last told; 0 = it is not

  // Output length: expectation for times, a high quantile for the KV ledger.
  double output_mean = 0.0;
  uint32_t output_reserve = 0;
  uint32_t output_seen = 0;

  // Standalone estimate (workflow/horizon.h), seconds.
  double standalone_s = 0.0;     // this call alone on its best workers
  double tail_s = 0.0;           // and the longest revealed path behind it; 0 when it has ended
  double settled_path_s = 0.0;   // longest path to the end of what was done when it was revealed
  double base_path_s = 0.0;      // and to the end of all of its dependencies
  double path_s = 0.0;           // longest path from arrival to this call's end, tool gaps included
  double prefill_s = 0.0;        // its prefill part
  double base_attained_s = 0.0;  // observed critical path to the end of its dependencies
  double attained_s = 0.0;       // and to its own end (order atlas)

  // What is ahead of it, as predicted when it became ready; for orders that look ahead
  // (foresight.h).
  Remainder ahead;
  double ahead_work_done_s = 0.0;  // by its workflow then
  uint32_t ahead_calls_done = 0;

  // Content (cluster/content_table.h).
  uint32_t content = kNoIndex;
  uint32_t source_count = 0;
  uint32_t own_prefix_tokens = 0;  // shared with calls of the same workflow
  ContentSource sources[kSourcesMax];

  // Where it runs, as worker indexes.
  uint32_t prefill_worker = kNoIndex;
  uint32_t decode_worker = kNoIndex;
  uint32_t avoid_worker = kNoIndex;  // lost under this call
  uint32_t kept_prefill = kNoIndex;  // what it waits for, by the last plan that searched for it
  uint32_t kept_decode = kNoIndex;
  TimeNs kept_at = 0;
  uint32_t prefill_blocks = 0;  // reserved
  uint32_t decode_blocks = 0;
  uint32_t prefill_hit = 0;  // expected, corrected by the report
  uint32_t decode_hit = 0;
  uint32_t prefill_next = kNoIndex;  // list of calls dispatched to the prefill worker
  uint32_t prefill_previous = kNoIndex;
  uint32_t decode_next = kNoIndex;  // list of calls promised to the decode worker
  uint32_t decode_previous = kNoIndex;
  double decode_clock = 0.0;  // iterations the worker's decode clock stood at on start
  double transfer_bytes = 0.0;
  double weight = 0.0;  // in its decode worker's load
  int64_t sent_order_key = 0;
  uint64_t sent_sequence = 0;  // of the last decision that sent or moved it

  uint32_t waiting_slot = kNoIndex;  // place in the planner's list of waiting calls
  double charged_s = 0.0;            // to its tenant
  TimeNs forecast_end = 0;           // as admission judged it; 0 = it did not
  CallTimes times;
  CallPlan plan;
  ShadowCall shadow;
};

struct Workflow {
  uint64_t id = 0;
  uint64_t user_data = 0;
  uint64_t sequence = 0;  // order of arrival; breaks ties
  TimeNs arrival = 0;
  TimeNs deadline = 0;  // absolute, 0 = none
  TimeNs last_activity = 0;
  uint32_t slo_scale_milli = 0;
  uint32_t class_name = 0;
  uint32_t tenant = 0;
  uint32_t tier = 0;
  uint32_t oldest_call = kNoIndex;
  uint32_t newest_call = kNoIndex;
  uint32_t calls = 0;        // revealed
  uint32_t calls_done = 0;   // in a final state
  uint32_t calls_ready = 0;  // ready, not dispatched
  uint32_t calls_in_flight = 0;
  bool ended = false;   // no further call will come
  bool failed = false;  // a call failed or was cancelled
  bool risk_told = false;
  bool sent = false;           // a call of it was dispatched; admission is over
  bool inside = false;         // it was let in (plan/entrance.h)
  bool stuck = false;          // no worker serves a call of it that waits (plan/entrance.h)
  bool at_work = false;        // and has a call ready or in flight: counted in the working set
  uint32_t wanted_tokens = 0;  // KV that its calls want to find: its longest prompt so far
  uint32_t wanted_model = 0;   // of that prompt
  double horizon_s = 0.0;      // standalone completion estimate of the revealed DAG
  double attained_s = 0.0;     // longest observed critical path (order atlas)
  double work_done_s = 0.0;    // of its calls that are done, each alone on its best workers
  double expected_s = 0.0;     // horizon at its end, as predicted at its first call (foresight.h)
  // Longest path through the revealed calls that are not finished, alone; horizon.h keeps it.
  double remaining_s = 0.0;
  uint32_t idle_next = kNoIndex;  // list by last activity, for expiry
  uint32_t idle_previous = kNoIndex;

  bool is_at_work() const { return inside && (calls_in_flight > 0 || (calls_ready > 0 && !stuck)); }
};

}  // namespace hexagent
