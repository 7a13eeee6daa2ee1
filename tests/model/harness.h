// Harness: random commands to a scheduler, and the slow, obvious model of the DAG and the ledger
// that its answers are held against; see reference_test.cc.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "core/scheduler.h"
#include "draw.h"
#include "model/transfer_model.h"

namespace hexagent::test {

inline constexpr uint32_t kModelName = 1;
inline constexpr uint32_t kGpuName = 2;
inline constexpr uint32_t kWorkers = 4;  // 1, 2 prefill; 3, 4 decode
inline constexpr int kCommands = 400;

enum class Life { kOpen, kDone, kDead };

struct ModelCall {
  std::set<uint64_t> deps;
  Life life = Life::kOpen;
  bool held = false;
  int told_done = 0;
};

struct ModelWorkflow {
  std::map<uint64_t, ModelCall> calls;
  bool ended = false;
};

class Harness {
 public:
  Harness(uint64_t seed, const char* policy)
      : draw_{seed * 7919 + 1}, moves_(seed % 2 == 0), scheduler_(settings(policy)) {
    add_cluster();
  }

  // The first thing that went wrong, or "".
  std::string run() {
    for (command_ = 0; command_ < kCommands && broken_.empty(); ++command_) {
      random_command();
      settle();
    }
    drain();
    return broken_.empty() ? "" : "command " + std::to_string(command_) + ": " + broken_;
  }

 private:
  static Settings settings(const char* policy) {
    Settings settings;
    settings.workflows_max = 64;
    settings.calls_max = 512;
    settings.workers_max = 8;
    std::strcpy(settings.policy, policy);
    return settings;
  }

  void apply(const Input& input) { scheduler_.apply(input, now_); }

  void add_cluster() {
    hexagent_profile profile = {};
    profile.gpu = kGpuName;
    profile.model = kModelName;
    profile.tensor_parallel = 1;
    profile.prefill_fixed_s = 0.01;
    profile.prefill_per_token_s = 1e-4;
    profile.decode_fixed_s = 0.01;
    profile.decode_per_sequence_s = 1e-4;
    profile.kv_bytes_per_token = 1000;
    profile.kv_capacity_tokens = 4000;  // tight: calls have to wait for space
    Input input{InputKind::kProfileSet};
    input.record = &profile;
    apply(input);
    for (uint32_t worker = 1; worker <= kWorkers; ++worker) set_worker(worker, 1);
    settle();
  }

  void set_worker(uint32_t worker, uint32_t incarnation) {
    hexagent_worker record = {};
    record.worker = worker;
    record.incarnation = incarnation;
    record.role = worker <= 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    record.gpu = kGpuName;
    record.model = kModelName;
    record.binding = worker == 2 ? HEXAGENT_BINDING_PREFILL_END : HEXAGENT_BINDING_PREFILL_START;
    record.flags = moves_.endpoints() ? HEXAGENT_WORKER_ENDPOINT : 0;
    moves_.bring_back(worker);
    Input input{InputKind::kWorkerSet};
    input.record = &record;
    incarnations_[worker] = incarnation;
    lost_.erase(worker);
    apply(input);
  }

  void expect(bool condition, const std::string& what) {
    if (!condition && broken_.empty()) broken_ = what;
  }

  void tell(const std::string& wrong) { expect(wrong.empty(), wrong); }

  // ---- commands ----

  void random_command() {
    now_ += static_cast<int64_t>(draw_(20'000'000));
    const uint64_t workflow = 1 + draw_(8);
    const uint64_t call = draw_(12);
    switch (draw_(18)) {
      case 0:
      case 1:
        return begin(workflow);
      case 2:
      case 3:
      case 4:
      case 5:
        return submit(workflow, call);
      case 6:
        return simple(InputKind::kReady, workflow, call);
      case 7:
        return draw_(4) == 0 ? cancel_call(workflow, call) : answer();
      case 8:
        return draw_(6) == 0 ? cancel_workflow(workflow) : answer();
      case 9:
        return draw_(3) == 0 ? end(workflow) : answer();
      case 10:
        return draw_(5) == 0 ? toggle_worker() : answer();
      case 11:
        return draw_(2) == 0 ? wrong_report() : measure();
      case 12:
        return quiesce();
      default:
        return answer();
    }
  }

  void begin(uint64_t workflow) {
    hexagent_workflow record = {};
    record.workflow = workflow;
    record.user_data = ++token_;
    Input input{InputKind::kWorkflowBegin};
    input.workflow = workflow;
    input.record = &record;
    const bool known = workflows_.count(workflow) != 0;
    wanted_[token_] = known ? HEXAGENT_E_DUPLICATE : HEXAGENT_OK;
    if (!known) workflows_[workflow];
    apply(input);
  }

  hexagent_status verdict(uint64_t workflow, uint64_t call, const std::vector<uint64_t>& deps) {
    const auto owner = workflows_.find(workflow);
    if (owner == workflows_.end()) return HEXAGENT_E_UNKNOWN_WORKFLOW;
    if (owner->second.ended) return HEXAGENT_E_ENDED;
    if (owner->second.calls.count(call) != 0) return HEXAGENT_E_DUPLICATE;
    for (uint64_t dep : deps) {
      if (dep == call) return HEXAGENT_E_CYCLE;
      const auto known = owner->second.calls.find(dep);
      if (known == owner->second.calls.end()) return HEXAGENT_E_UNKNOWN_DEPENDENCY;
      if (known->second.life == Life::kDead) return HEXAGENT_E_DEAD_DEPENDENCY;
    }
    const bool prefill = lost_.count(1) == 0 || lost_.count(2) == 0;
    const bool decode = lost_.count(3) == 0 || lost_.count(4) == 0;
    return prefill && decode ? HEXAGENT_OK : HEXAGENT_E_NO_WORKER;
  }

  void submit(uint64_t workflow, uint64_t call) {
    std::vector<uint64_t> deps;
    for (uint64_t i = draw_(3); i > 0; --i) deps.push_back(draw_(13));
    hexagent_call record = {};
    record.workflow = workflow;
    record.call = call;
    record.user_data = ++token_;
    record.model = kModelName;
    record.prompt_tokens = static_cast<uint32_t>(1 + draw_(900));
    record.max_output_tokens = 200;
    record.flags = draw_(4) == 0 ? HEXAGENT_CALL_HELD : 0;
    Input input{InputKind::kSubmit};
    input.workflow = workflow;
    input.call = call;
    input.record = &record;
    input.deps = deps.data();
    input.deps_count = static_cast<uint32_t>(deps.size());
    const hexagent_status wanted = verdict(workflow, call, deps);
    wanted_[token_] = wanted;
    if (wanted == HEXAGENT_OK) {
      ModelCall& entry = workflows_[workflow].calls[call];
      entry.deps.insert(deps.begin(), deps.end());
      entry.held = record.flags != 0;
    }
    apply(input);
  }

  void simple(InputKind kind, uint64_t workflow, uint64_t call) {
    Input input{kind};
    input.workflow = workflow;
    input.call = call;
    apply(input);
    const auto owner = workflows_.find(workflow);
    if (kind == InputKind::kReady && owner != workflows_.end()) {
      const auto entry = owner->second.calls.find(call);
      if (entry != owner->second.calls.end()) entry->second.held = false;
    }
  }

  void cancel_call(uint64_t workflow, uint64_t call) {
    simple(InputKind::kCallCancel, workflow, call);
  }
  void cancel_workflow(uint64_t workflow) { simple(InputKind::kWorkflowCancel, workflow, 0); }
  void end(uint64_t workflow) {
    const auto owner = workflows_.find(workflow);
    if (owner != workflows_.end()) owner->second.ended = true;
    simple(InputKind::kWorkflowEnd, workflow, 0);
  }

  void toggle_worker() {
    const auto worker = static_cast<uint32_t>(1 + draw_(kWorkers));
    if (lost_.count(worker) != 0) return set_worker(worker, incarnations_[worker] + 1);
    Input input{InputKind::kWorkerLost};
    input.worker = worker;
    input.incarnation = incarnations_[worker];
    lost_.insert(worker);
    moves_.lose(worker);
    apply(input);
  }

  // ---- the engines' side ----

  static uint32_t phase_of(const hexagent_decision& decision) {
    return decision.kind == HEXAGENT_DECISION_PREFILL    ? HEXAGENT_PHASE_PREFILL
           : decision.kind == HEXAGENT_DECISION_TRANSFER ? HEXAGENT_PHASE_TRANSFER
                                                         : HEXAGENT_PHASE_DECODE;
  }

  void report(const hexagent_decision& decision, uint32_t outcome) {
    hexagent_report record = {};
    record.workflow = decision.workflow;
    record.call = decision.call;
    record.phase = phase_of(decision);
    record.outcome = outcome;
    record.attempt = decision.attempt;
    record.tokens =
        record.phase == HEXAGENT_PHASE_DECODE ? 1 + static_cast<uint32_t>(draw_(200)) : 0;
    Input input{InputKind::kReport};
    input.workflow = decision.workflow;
    input.call = decision.call;
    input.record = &record;
    if (decision.kind == HEXAGENT_DECISION_TRANSFER) moves_.report(decision, outcome);
    apply(input);
  }

  // ---- transfers that endpoints move ----

  void report_quiesced(const End& end, bool wanted) {
    hexagent_report record = {};
    record.workflow = end.workflow;
    record.call = end.call;
    record.user_data = ++token_;
    record.phase = HEXAGENT_PHASE_TRANSFER;
    record.outcome = HEXAGENT_OUTCOME_QUIESCED;
    record.attempt = end.attempt;
    record.worker = end.worker;
    Input input{InputKind::kReport};
    input.workflow = end.workflow;
    input.call = end.call;
    input.record = &record;
    refused_ = 0;
    apply(input);
    settle();
    expect((refused_ != record.user_data) == wanted, "QUIESCED was answered wrongly");
  }

  // One end has quiesced; now and then it says so twice, or without reason.
  void quiesce() {
    if (moves_.ends().empty()) return report_quiesced({77, draw_(12), 1, 3}, false);
    const End end = moves_.take_end(static_cast<size_t>(draw_(moves_.ends().size())));
    report_quiesced(end, true);
    if (!moves_.owes(end) && draw_(4) == 0) report_quiesced(end, false);
  }

  void measure() {
    hexagent_link_sample record = {};
    record.source_worker = static_cast<uint32_t>(draw_(6));  // 5 is none
    record.target_worker = static_cast<uint32_t>(draw_(6));
    record.user_data = ++token_;
    record.bytes = 1 + draw_(1'000'000'000);
    record.duration_ns = 1'000'000'000;
    record.queue_ns = static_cast<int64_t>(draw_(1'000'000));
    record.flags = draw_(2) == 0 ? HEXAGENT_SAMPLE_QUEUE : 0;
    if (record.source_worker == 0 && record.target_worker == 0) return;
    Input input{InputKind::kLinkMeasured};
    input.record = &record;
    const auto bad = [&](uint32_t worker, uint32_t first, uint32_t last) {
      if (worker == 0) return HEXAGENT_OK;
      if (worker > kWorkers) return HEXAGENT_E_UNKNOWN_WORKER;
      if (lost_.count(worker) != 0) return HEXAGENT_E_STALE;
      return worker >= first && worker <= last ? HEXAGENT_OK : HEXAGENT_E_STATE;
    };
    hexagent_status wanted = bad(record.source_worker, 1, 2);
    if (wanted == HEXAGENT_OK) wanted = bad(record.target_worker, 3, 4);
    if (wanted != HEXAGENT_OK) wanted_[token_] = wanted;  // else it may still be an outlier
    apply(input);
  }

  // Every token that is held is the KV of one end of a transfer that is over.
  void check_holds() {
    hexagent_stats stats = {};
    scheduler_.stats(&stats);
    expect(stats.kv_quiesce_timeouts == 0, "a hold was given up");
    if (moves_.ends().empty()) expect(stats.kv_held_tokens == 0, "KV is held for no transfer");
    for (const End& end : moves_.ends()) {
      hexagent_worker_info info = {};
      scheduler_.worker_query(end.worker, &info);
      const bool target = end.worker > 2;  // a source may still be the call's, or freed by DONE
      if (target) expect(info.kv_reserved_tokens > 0, "KV was freed before its transfer quiesced");
    }
  }

  // Answers the oldest or a random open decision; now and then twice, or with a failure.
  void answer() {
    if (open_.empty()) return;
    const auto at = static_cast<std::ptrdiff_t>(draw_(2) == 0 ? 0 : draw_(open_.size()));
    const hexagent_decision decision = open_[static_cast<size_t>(at)];
    open_.erase(open_.begin() + at);
    if (draw_(3) == 0) report(decision, HEXAGENT_OUTCOME_STARTED);
    const bool transfer = decision.kind == HEXAGENT_DECISION_TRANSFER;
    const bool fails = draw_(transfer ? 4 : 12) == 0;
    report(decision, fails ? HEXAGENT_OUTCOME_FAILED : HEXAGENT_OUTCOME_DONE);
    if (draw_(6) == 0) report(decision, HEXAGENT_OUTCOME_DONE);
  }

  // A report nobody asked for: it may be refused or, for a call in flight, taken; never disturb
  // others.
  void wrong_report() {
    hexagent_decision decision = {};
    decision.workflow = 1 + draw_(9);
    decision.call = draw_(13);
    decision.kind = HEXAGENT_DECISION_DECODE;
    decision.attempt = 1000;
    report(decision, HEXAGENT_OUTCOME_DONE);
  }

  // ---- checking ----

  void settle() {
    scheduler_.advance(now_);
    const char* audit = scheduler_.audit();
    expect(audit == nullptr, audit == nullptr ? "" : audit);
    hexagent_decision decision = {};
    while (scheduler_.take_decisions(&decision, 1) == 1) check(decision);
    check_holds();
  }

  void check(const hexagent_decision& decision) {
    expect(decision.sequence == ++sequence_, "a gap in the sequence of decisions");
    switch (decision.kind) {
      case HEXAGENT_DECISION_ACCEPTED:
      case HEXAGENT_DECISION_REFUSED:
        return check_verdict(decision);
      case HEXAGENT_DECISION_PREFILL:
        check_dispatch(decision);
        open_.push_back(decision);
        return;
      case HEXAGENT_DECISION_ABORT:
        return moves_.stop(decision.workflow, decision.call, decision.attempt);
      case HEXAGENT_DECISION_TRANSFER:
        tell(moves_.begin(decision));
        [[fallthrough]];
      case HEXAGENT_DECISION_DECODE:
        expect(lost_.count(decision.worker) == 0, "a decision for a lost worker");
        open_.push_back(decision);
        return;
      case HEXAGENT_DECISION_CALL_DONE:
        return check_call_done(decision);
      case HEXAGENT_DECISION_WORKFLOW_DONE:
        expect(workflows_.count(decision.workflow) == 1, "a workflow was told done twice");
        for (const auto& [id, call] : workflows_[decision.workflow].calls) {
          expect(call.told_done == 1, "a workflow ended before its call " + std::to_string(id));
        }
        workflows_.erase(decision.workflow);
        return;
      default:
        return;
    }
  }

  void check_verdict(const hexagent_decision& decision) {
    if (decision.kind == HEXAGENT_DECISION_REFUSED) refused_ = decision.user_data;
    const auto wanted = wanted_.find(decision.user_data);
    if (wanted == wanted_.end()) return;
    expect(decision.status == wanted->second, "verdict " + std::to_string(decision.status) +
                                                  " instead of " + std::to_string(wanted->second));
    wanted_.erase(wanted);
  }

  void check_dispatch(const hexagent_decision& decision) {
    moves_.prefilled_on(decision);
    expect(lost_.count(decision.worker) == 0, "a prefill on a lost worker");
    expect(decision.worker <= 2, "a prefill on a decode worker");
    const auto owner = workflows_.find(decision.workflow);
    expect(owner != workflows_.end(), "a call of no workflow was dispatched");
    if (owner == workflows_.end()) return;
    const ModelCall& call = owner->second.calls[decision.call];
    expect(call.life == Life::kOpen, "a call that ended was dispatched");
    expect(!call.held, "a held call was dispatched");
    for (uint64_t dep : call.deps) {
      expect(owner->second.calls[dep].life == Life::kDone, "a call ran before its parents");
    }
  }

  void check_call_done(const hexagent_decision& decision) {
    const auto owner = workflows_.find(decision.workflow);
    expect(owner != workflows_.end(), "a call of no workflow ended");
    if (owner == workflows_.end()) return;
    ModelCall& call = owner->second.calls[decision.call];
    expect(++call.told_done == 1, "a call ended twice");
    call.life = decision.status == HEXAGENT_OK ? Life::kDone : Life::kDead;
  }

  // Everybody answers, everything ends: then nothing may be left.
  void drain() {
    for (uint32_t worker = 1; worker <= kWorkers; ++worker) {
      if (lost_.count(worker) != 0) set_worker(worker, incarnations_[worker] + 1);
    }
    settle();
    for (int round = 0; round < 3000 && broken_.empty() && !open_.empty(); ++round) {
      now_ += 1'000'000;
      const hexagent_decision decision = open_.front();
      open_.pop_front();
      report(decision, HEXAGENT_OUTCOME_DONE);
      settle();
    }
    std::vector<uint64_t> left;
    for (const auto& [id, workflow] : workflows_) left.push_back(id);
    for (uint64_t id : left) {
      cancel_workflow(id);
      settle();
    }
    while (!moves_.ends().empty() && broken_.empty()) report_quiesced(moves_.take_end(0), true);
    expect(open_.empty() || !broken_.empty(), "work went on for ever");
    expect(workflows_.empty() || !broken_.empty(), "a workflow was never told done");
    for (uint32_t worker = 1; worker <= kWorkers; ++worker) {
      hexagent_worker_info info = {};
      expect(scheduler_.worker_query(worker, &info) == HEXAGENT_OK, "a worker is unknown");
      expect(info.kv_reserved_tokens == 0, "a reservation was never released");
      expect(info.prefill_outstanding + info.decode_outstanding == 0, "a call is still counted");
    }
  }

  Draw draw_;
  TransferModel moves_;
  Scheduler scheduler_;
  int64_t now_ = 1;
  uint64_t token_ = 0;
  uint64_t sequence_ = 0;
  int command_ = 0;
  std::string broken_;
  std::map<uint64_t, ModelWorkflow> workflows_;
  std::map<uint64_t, hexagent_status> wanted_;
  std::map<uint32_t, uint32_t> incarnations_;
  std::set<uint32_t> lost_;
  std::deque<hexagent_decision> open_;
  uint64_t refused_ = 0;  // user_data of the latest refusal
};

}  // namespace hexagent::test
