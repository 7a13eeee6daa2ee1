// State: everything one scheduler knows, and the few primitives all parts share (emit, refuse).
//
// Data flows one way: inputs_*.cc check an input and call lifecycle.h; lifecycle.h moves calls
// through their states and emits decisions; plan/planner.h turns waiting calls into dispatches,
// again through lifecycle.h; queries.cc, explain.cc and audit.cc only read.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/ring.h"
#include "core/call_list.h"
#include "core/cluster/content_table.h"
#include "core/cluster/kv_holds.h"
#include "core/cluster/link_table.h"
#include "core/cluster/worker_table.h"
#include "core/input.h"
#include "core/model/length_predictor.h"
#include "core/model/recent_mean.h"
#include "core/model/remainder_predictor.h"
#include "core/notice.h"
#include "core/plan/plan_view.h"
#include "core/plan/policy.h"
#include "core/plan/unscored.h"
#include "core/plan/waiting_list.h"
#include "core/plan/waiting_work.h"
#include "core/plan/working_set.h"
#include "core/scheduler.h"
#include "core/settings.h"
#include "core/shadow.h"
#include "core/tenant_table.h"
#include "core/workflow/workflow_table.h"

namespace hexagent {

// A waiting call with its key; small, since a plan looks at all of them. Ties are broken by the
// tables.
struct Ranked {
  double key;
  uint32_t call;
  uint32_t tier = 0;  // lower goes first, whatever the key; see plan/tier.h
};

// A call with the score that it is planned by, or a bound on that; see plan/greedy.h.
struct Scored {
  Ranked rank;
  Choice choice;       // what gave the score; of a bound any pair that fits
  bool exact = false;  // the choice is the placement's own
};

struct Scheduler::State {
  explicit State(const Settings& initial);

  Settings settings;
  PolicyPieces policy;
  WorkflowTable workflows;
  WorkerTable workers;
  ContentTable contents;
  LinkTable links;
  LengthPredictor lengths;
  RemainderPredictor remainders;  // for orders that look ahead
  RecentMean horizons_s;          // of workflows that ended
  RecentMean stretches;           // of those that ended without a failure
  TenantTable tenants;
  PlanView view;

  WaitingList waiting;  // ready, not dispatched
  CallList prefilled;   // KV on a prefill worker, no decode worker with space yet
  CallList transfers;   // under way, their urgency is told; in no order that matters (transfers.h)
  KvHolds holds;        // KV of transfers that ended without success
  WaitingWork queued;   // the prefills of those that wait
  WorkingSet working_set;
  bool plan_needed = false;
  bool tiers_in_use = false;  // a workflow of another tier than the first has begun
  TimeNs plan_at = kNever;    // a dispatch window opens by time alone
  TimeNs now = 0;
  TimeNs planned_at = -1;  // last plan; replan_delay_s counts from it

  Ring<hexagent_decision> decisions;
  hexagent_stats counters = {};
  uint64_t next_decision = 1;
  NoticeBoard notices;
  hexagent_decision withheld = {};  // what shadow mode decides and does not say
  ShadowTotals shadow;

  // Scratch of submit and plan, sized at open.
  std::vector<uint32_t> hits;     // tokens by worker index
  std::vector<uint32_t> no_hits;  // zeros
  std::vector<uint32_t> call_scratch;
  std::vector<Ranked> ranked;
  std::vector<uint32_t> open_workers;    // prefill workers whose windows are open
  double urgent_guess = Urgency::kLost;  // of UrgentFirst
  std::vector<Scored> scored;            // of Greedy, as is the next
  Unscored unscored;

  // Appends a decision of this kind; the caller fills in the rest.
  hexagent_decision& emit(uint32_t kind);
  hexagent_decision& emit_call(uint32_t kind, const Call& call);
  // Tells engines what to do: withheld in shadow mode.
  hexagent_decision& emit_order(uint32_t kind);
  hexagent_decision& emit_order(uint32_t kind, const Call& call);
  hexagent_decision& accept(const Input& input, uint64_t user_data);
  void refuse(const Input& input, uint64_t user_data, hexagent_status status, uint32_t field);

  // What a placement must know of a call; fills `hits`, which the shape points to.
  CallShape shape_of(const Call& call);
  // The same as if no worker held any of its prompt; spares the look-up where that costs the same.
  CallShape cold_shape_of(const Call& call) const;
  void look_up_hits(CallShape* shape);  // makes it whole
  double order_key(const Call& call, double delta_s) const;
  // Of a call that waits; where an order wants a projection it gets the time the call takes alone.
  Urgency urgency_of(const Call& call) const;
};

// What the core's own files call it.
using State = Scheduler::State;

// inputs_cluster.cc
void apply_profile(State* state, const Input& input);
void apply_model(State* state, const Input& input);
void apply_worker(State* state, const Input& input);
void apply_worker_drain(State* state, const Input& input);
void apply_worker_lost(State* state, const Input& input);
void apply_heartbeat(State* state, const Input& input);
void apply_configure(State* state, const Input& input);

// inputs_link.cc
void apply_link(State* state, const Input& input);
void apply_link_measured(State* state, const Input& input);

// inputs_resync.cc
void apply_worker_resync(State* state, const Input& input);

// inputs_workflow.cc
void apply_workflow_begin(State* state, const Input& input);
void apply_submit(State* state, const Input& input);
void apply_ready(State* state, const Input& input);
void apply_call_cancel(State* state, const Input& input);
void apply_workflow_cancel(State* state, const Input& input);
void apply_workflow_end(State* state, const Input& input);

// inputs_report.cc
void apply_report(State* state, const Input& input);

}  // namespace hexagent
