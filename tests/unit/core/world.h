// What the tests of the scheduler share: a small cluster with round numbers, one clock, and inputs
// that are applied one at a time. After every input the scheduler plans, the decisions are kept
// and everything is audited; world_teardown() fails a test during which an audit did.
//
// Prefill takes 10 ms and 0.1 ms a token, a decode iteration 10 ms; KV blocks hold 16 tokens. The
// functions assert nothing, so that they may own what they like: cmocka leaves by longjmp.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "core/scheduler.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace hexagent {

inline constexpr uint32_t kGpu = 1;  // name ids; the core takes them as numbers
inline constexpr uint32_t kModel = 2;
inline constexpr uint32_t kOtherModel = 3;
inline constexpr TimeNs kMs = 1'000'000;
inline constexpr TimeNs kSecond = 1000 * kMs;

// Where a test wants several calls under way, none kept back by a dispatch window.
inline constexpr const char* kAtOnce = "fcfs/own-finish/at_ready";

inline hexagent_profile test_profile(uint32_t model = kModel) {
  hexagent_profile profile = {};
  profile.gpu = kGpu;
  profile.model = model;
  profile.tensor_parallel = 1;
  profile.prefill_fixed_s = 0.01;
  profile.prefill_per_token_s = 1e-4;
  profile.decode_fixed_s = 0.01;
  profile.kv_bytes_per_token = 1000;
  profile.kv_capacity_tokens = 16000;
  return profile;
}

inline hexagent_worker test_worker(uint32_t id, uint32_t role) {
  hexagent_worker worker = {};
  worker.worker = id;
  worker.incarnation = 1;
  worker.role = role;
  worker.gpu = kGpu;
  worker.model = kModel;
  return worker;
}

inline hexagent_call test_call(uint64_t workflow, uint64_t call, uint32_t prompt_tokens = 1000) {
  hexagent_call record = {};
  record.workflow = workflow;
  record.call = call;
  record.user_data = 1000 * workflow + call;
  record.model = kModel;
  record.prompt_tokens = prompt_tokens;
  record.max_output_tokens = 100;
  record.output_tokens_p50 = 100;  // known exactly: easy to reckon with
  record.output_tokens_p90 = 100;
  return record;
}

inline Settings test_settings(const char* policy = "default") {
  Settings settings;
  settings.workflows_max = 32;
  settings.calls_max = 256;
  settings.workers_max = 16;
  settings.groups_max = 8;
  std::snprintf(settings.policy, sizeof(settings.policy), "%s", policy);
  return settings;
}

class World {
 public:
  explicit World(const Settings& settings = test_settings()) : scheduler_(settings) {
    set_profile(test_profile());
  }

  Scheduler& scheduler() { return scheduler_; }
  const Scheduler& scheduler() const { return scheduler_; }
  TimeNs now() const { return now_; }
  const char* broken() const { return broken_; }

  // ---- time ----
  void pass(TimeNs duration) {
    now_ += duration;
    latest_.clear();
    settle();
  }

  // ---- the cluster ----
  hexagent_status set_profile(const hexagent_profile& profile) {
    return record_input(InputKind::kProfileSet, &profile);
  }
  hexagent_status set_worker(const hexagent_worker& worker) {
    return record_input(InputKind::kWorkerSet, &worker);
  }
  // Prefill workers 1, 2 ... and decode workers 11, 12 ...
  void add_workers(uint32_t prefills, uint32_t decodes,
                   uint32_t binding = HEXAGENT_BINDING_PREFILL_START) {
    for (uint32_t i = 1; i <= prefills; ++i) {
      hexagent_worker worker = test_worker(i, HEXAGENT_ROLE_PREFILL);
      worker.binding = binding;
      set_worker(worker);
    }
    for (uint32_t i = 11; i < 11 + decodes; ++i) {
      set_worker(test_worker(i, HEXAGENT_ROLE_DECODE));
    }
  }
  hexagent_status lose(uint32_t worker, uint32_t incarnation = 1) {
    return worker_input(InputKind::kWorkerLost, worker, incarnation);
  }
  hexagent_status drain(uint32_t worker, uint32_t incarnation = 1) {
    return worker_input(InputKind::kWorkerDrain, worker, incarnation);
  }
  hexagent_status heartbeat(uint32_t worker, uint64_t kv_used_tokens, uint32_t incarnation = 1) {
    hexagent_heartbeat record = {};
    record.worker = worker;
    record.incarnation = incarnation;
    record.kv_used_tokens = kv_used_tokens;
    return record_input(InputKind::kHeartbeat, &record);
  }
  // `held`: workflow, call and attempt (0 = any) of each call that the worker lists.
  hexagent_status resync(uint32_t worker, uint64_t decision_sequence,
                         const std::vector<uint64_t>& held) {
    hexagent_resync record = {};
    record.worker = worker;
    record.incarnation = 1;
    record.decision_sequence = decision_sequence;
    Input input{InputKind::kWorkerResync};
    input.worker = worker;
    input.record = &record;
    input.deps = held.data();
    input.deps_count = static_cast<uint32_t>(held.size());
    return take(input);
  }
  // Without bytes it tells nothing of the rate.
  hexagent_status measure(uint32_t source, uint32_t target, double bytes_per_s) {
    hexagent_link_sample record = {};
    record.source_worker = source;
    record.target_worker = target;
    record.bytes = static_cast<uint64_t>(bytes_per_s);
    record.duration_ns = kSecond;
    return measure(record);
  }
  hexagent_status measure(const hexagent_link_sample& record) {
    return record_input(InputKind::kLinkMeasured, &record);
  }
  hexagent_status configure(const char* key, const char* value) {
    SettingChange change;
    uint32_t field = 0;
    const hexagent_status status = parse_setting(key, value, &change, &field);
    return status != HEXAGENT_OK ? status : record_input(InputKind::kConfigure, &change);
  }

  // ---- workflows ----
  hexagent_status begin(const hexagent_workflow& record) {
    return record_input(InputKind::kWorkflowBegin, &record, record.workflow);
  }
  hexagent_status begin(uint64_t workflow) {
    hexagent_workflow record = {};
    record.workflow = workflow;
    return begin(record);
  }
  hexagent_status submit(const hexagent_call& record, std::initializer_list<uint64_t> deps = {},
                         std::initializer_list<hexagent_prefix> prefixes = {}) {
    Input input{InputKind::kSubmit};
    input.workflow = record.workflow;
    input.call = record.call;
    input.record = &record;
    input.deps = deps.begin();
    input.deps_count = static_cast<uint32_t>(deps.size());
    input.prefixes = prefixes.begin();
    input.prefixes_count = static_cast<uint32_t>(prefixes.size());
    return take(input);
  }
  hexagent_status submit(uint64_t workflow, uint64_t call,
                         std::initializer_list<uint64_t> deps = {}) {
    return submit(test_call(workflow, call), deps);
  }
  hexagent_status ready(uint64_t workflow, uint64_t call) {
    return call_input(InputKind::kReady, workflow, call);
  }
  hexagent_status cancel(uint64_t workflow, uint64_t call) {
    return call_input(InputKind::kCallCancel, workflow, call);
  }
  hexagent_status cancel_workflow(uint64_t workflow) {
    return call_input(InputKind::kWorkflowCancel, workflow, 0);
  }
  hexagent_status end(uint64_t workflow) {
    return call_input(InputKind::kWorkflowEnd, workflow, 0);
  }

  // ---- reports ----
  hexagent_status report(const hexagent_report& record) {
    return record_input(InputKind::kReport, &record, record.workflow, record.call);
  }
  hexagent_status report(uint64_t workflow, uint64_t call, uint32_t phase,
                         uint32_t outcome = HEXAGENT_OUTCOME_DONE, uint32_t tokens = 0) {
    hexagent_report record = {};
    record.workflow = workflow;
    record.call = call;
    record.phase = phase;
    record.outcome = outcome;
    record.tokens = tokens;
    return report(record);
  }
  // One end of a transfer has quiesced.
  hexagent_status quiesced(uint64_t workflow, uint64_t call, uint32_t worker,
                           uint32_t attempt = 0) {
    hexagent_report record = {};
    record.workflow = workflow;
    record.call = call;
    record.phase = HEXAGENT_PHASE_TRANSFER;
    record.outcome = HEXAGENT_OUTCOME_QUIESCED;
    record.worker = worker;
    record.attempt = attempt;
    return report(record);
  }
  // Prefill, transfer and decode of a call done, one after another; `after` is called behind each,
  // while its decisions are the latest.
  template <typename After>
  void finish(uint64_t workflow, uint64_t call, const After& after) {
    for (uint32_t phase = HEXAGENT_PHASE_PREFILL; phase <= HEXAGENT_PHASE_DECODE; ++phase) {
      report(workflow, call, phase);
      after();
    }
  }
  // Brings a call that was just sent to a state, by the reports that lead there.
  void bring_to(uint64_t workflow, uint64_t call, int32_t state) {
    if (state >= HEXAGENT_STATE_PREFILLING) {
      report(workflow, call, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED);
    }
    if (state >= HEXAGENT_STATE_PREFILLED) report(workflow, call, HEXAGENT_PHASE_PREFILL);
    if (state >= HEXAGENT_STATE_DECODE_QUEUED) report(workflow, call, HEXAGENT_PHASE_TRANSFER);
    if (state >= HEXAGENT_STATE_DECODING) {
      report(workflow, call, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_STARTED);
    }
    if (state >= HEXAGENT_STATE_DONE) report(workflow, call, HEXAGENT_PHASE_DECODE);
  }

  // ---- what came of it ----
  // Decisions of the latest input (or passing of time).
  const std::vector<hexagent_decision>& latest() const { return latest_; }
  uint32_t count(uint32_t kind) const {
    uint32_t found = 0;
    for (const hexagent_decision& decision : latest_) found += decision.kind == kind ? 1u : 0u;
    return found;
  }
  // The only one of this kind about this call; one of kind 0 where there is none, or another one.
  hexagent_decision only(uint32_t kind, uint64_t workflow, uint64_t call = 0) const {
    hexagent_decision result = {};
    uint32_t found = 0;
    for (const hexagent_decision& decision : latest_) {
      if (decision.kind != kind || decision.workflow != workflow || decision.call != call) continue;
      result = decision;
      ++found;
    }
    return found == 1 ? result : hexagent_decision{};
  }
  uint32_t field() const { return field_; }  // of the latest refusal
  int32_t state(uint64_t workflow, uint64_t call) const {
    return scheduler_.call_state(workflow, call);
  }
  hexagent_worker_info worker(uint32_t id) const {
    hexagent_worker_info info = {};
    scheduler_.worker_query(id, &info);
    return info;
  }
  hexagent_link_info link(uint32_t source, uint32_t target) const {
    hexagent_link_info info = {};
    scheduler_.link_query(source, target, &info);
    return info;
  }
  hexagent_workflow_info workflow(uint64_t id) const {
    hexagent_workflow_info info = {};
    scheduler_.workflow_query(id, &info);
    return info;
  }
  hexagent_stats stats() const {
    hexagent_stats stats = {};
    scheduler_.stats(&stats);
    return stats;
  }
  // No call of ours is on any of the workers, and none of their KV is promised.
  bool is_empty() const {
    for (uint32_t id = 1; id <= 20; ++id) {
      const hexagent_worker_info info = worker(id);
      if (info.kv_reserved_tokens != 0 || info.prefill_outstanding != 0) return false;
      if (info.decode_outstanding != 0) return false;
    }
    return true;
  }

  // Applies one input and what follows from it; the verdict is returned.
  hexagent_status take(const Input& input) {
    latest_.clear();
    scheduler_.apply(input, now_);
    settle();
    field_ = 0;
    for (const hexagent_decision& decision : latest_) {
      if (decision.kind != HEXAGENT_DECISION_REFUSED) continue;
      field_ = decision.field;
      return decision.status;
    }
    return HEXAGENT_OK;
  }

 private:
  void settle() {
    scheduler_.advance(now_);
    hexagent_decision decision = {};
    while (scheduler_.take_decisions(&decision, 1) == 1) latest_.push_back(decision);
    if (broken_ == nullptr) broken_ = scheduler_.audit();
  }
  hexagent_status record_input(InputKind kind, const void* record, uint64_t workflow = 0,
                               uint64_t call = 0) {
    Input input{kind};
    input.workflow = workflow;
    input.call = call;
    input.record = record;
    return take(input);
  }
  hexagent_status worker_input(InputKind kind, uint32_t worker, uint32_t incarnation) {
    Input input{kind};
    input.worker = worker;
    input.incarnation = incarnation;
    return take(input);
  }
  hexagent_status call_input(InputKind kind, uint64_t workflow, uint64_t call) {
    Input input{kind};
    input.workflow = workflow;
    input.call = call;
    return take(input);
  }

  Scheduler scheduler_;
  TimeNs now_ = 1000 * kMs;
  std::vector<hexagent_decision> latest_;
  uint32_t field_ = 0;
  const char* broken_ = nullptr;
};

// A test's world lives in its cmocka state. The setup opens an empty one; a test that wants other
// settings replaces it.
inline World& open_world(void** state, const Settings& settings = test_settings()) {
  delete static_cast<World*>(*state);
  auto* world = new World(settings);
  *state = world;
  return *world;
}

inline int world_setup(void** state) {
  *state = nullptr;
  open_world(state);
  return 0;
}

inline int world_teardown(void** state) {
  auto* world = static_cast<World*>(*state);
  const char* broken = world->broken();
  if (broken != nullptr) print_error("audit: %s\n", broken);
  delete world;
  return broken == nullptr ? 0 : -1;
}

}  // namespace hexagent

#define WORLD_TEST(function) \
  cmocka_unit_test_setup_teardown(function, hexagent::world_setup, hexagent::world_teardown)
