// A random but repeatable life of a small cluster that uses what a core can do: two models, tiers,
// tenants, deadlines, admission, shared prefixes, more contents and groups than there is room for,
// workers that die, drain and come back, idle workflows, policies that change meanwhile; and shadow
// mode, or workers with endpoints, whose transfers fail, quiesce and are measured. Every step is
// kept as it was, so that another core can be taken through it. One seed, one life.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "crash/random_input.h"

namespace hexagent::test {

// An input with what it points to. Not to be moved.
struct KeptInput {
  alignas(16) unsigned char record[128] = {};
  std::vector<uint64_t> deps;
  std::vector<hexagent_prefix> prefixes;
  Input input;

  template <class Record>
  KeptInput(const Input& head, const Record& content, std::vector<uint64_t> calls = {},
            std::vector<hexagent_prefix> texts = {})
      : deps(std::move(calls)), prefixes(std::move(texts)), input(head) {
    static_assert(sizeof(content) <= sizeof(record));
    std::memcpy(record, &content, sizeof(content));
    input.record = record;
    input.record_size = sizeof(content);
    input.deps = deps.data();
    input.deps_count = static_cast<uint32_t>(deps.size());
    input.prefixes = prefixes.data();
    input.prefixes_count = static_cast<uint32_t>(prefixes.size());
  }
  KeptInput(const KeptInput&) = delete;
  KeptInput& operator=(const KeptInput&) = delete;
};

struct KeptStep {
  TimeNs now = 0;
  std::vector<std::unique_ptr<KeptInput>> inputs;
  std::vector<hexagent_decision> decisions;
};

// Takes a core through a step, later than it was; what it decides.
inline std::vector<hexagent_decision> take_step(const KeptStep& step, Scheduler* core,
                                                TimeNs later = 0) {
  for (const auto& input : step.inputs) core->apply(input->input, step.now + later);
  core->advance(step.now + later);
  std::vector<hexagent_decision> decisions(core->decision_count());
  core->take_decisions(decisions.data(), static_cast<uint32_t>(decisions.size()));
  return decisions;
}

inline Settings rich_settings(bool shadow) {
  Settings settings;
  settings.workflows_max = 24;
  settings.calls_max = 96;
  settings.workers_max = 12;
  settings.names_max = 64;
  settings.groups_max = 4;
  settings.workflow_idle_ttl_s = 4;
  settings.starvation_s = 2;
  settings.admission = 1;
  settings.tenant_workflows_max = 8;
  settings.tenant_waiting_max = 12;
  settings.fairness_bound_s = 0.5;
  settings.shadow = shadow ? 1 : 0;
  return settings;
}

class RichLife {
 public:
  RichLife(uint64_t seed, bool shadow, bool endpoints = false)
      : core(rich_settings(shadow)),
        shadow_(shadow),
        endpoints_(endpoints),
        draw_{seed * 104729 + 1} {}

  Scheduler core;
  uint32_t seen[32] = {};  // decisions by kind
  std::deque<KeptStep> steps;

  void step() {
    steps.emplace_back();
    now_ += static_cast<TimeNs>(draw_(60) == 0 ? 2'500'000'000 : draw_(15'000'000));
    steps.back().now = now_;
    if (!begun_) {
      begun_ = true;
      add_cluster();
    } else {
      for (uint64_t i = draw_(5); i > 0; --i) random_input();
    }
    steps.back().decisions = take_step(steps.back(), &core);
    for (const hexagent_decision& decision : steps.back().decisions) see(decision);
  }

 private:
  static constexpr uint32_t kGpus = 1;     // names 1, 2
  static constexpr uint32_t kModels = 3;   // 3, 4
  static constexpr uint32_t kClasses = 5;  // 5 ... 8, and so on
  static constexpr uint32_t kTenants = 9;
  static constexpr uint32_t kDomains = 13;
  static constexpr uint32_t kWorkers = 8;  // of either model: two prefill, one decode, one of both
  static constexpr uint64_t kWorkflows = 20;
  static constexpr uint64_t kCalls = 14;

  template <class Record>
  void add(const Input& head, const Record& record, std::vector<uint64_t> deps = {},
           std::vector<hexagent_prefix> prefixes = {}) {
    steps.back().inputs.push_back(
        std::make_unique<KeptInput>(head, record, std::move(deps), std::move(prefixes)));
  }
  uint32_t small(uint64_t bound) { return static_cast<uint32_t>(draw_(bound)); }

  void add_cluster() {
    for (uint32_t gpu = 0; gpu < 2; ++gpu) {
      for (uint32_t model = 0; model < 2; ++model) {
        hexagent_profile profile = {};
        profile.gpu = kGpus + gpu;
        profile.model = kModels + model;
        profile.tensor_parallel = 1;
        profile.prefill_fixed_s = 0.01;
        profile.prefill_per_token_s = 1e-4 * (1 + gpu);
        profile.prefill_per_pair_s = 1e-9;
        profile.small_below_tokens = 100;
        profile.small_fixed_s = 0.004;
        profile.small_per_token_s = 1.5e-4;
        profile.decode_fixed_s = 0.01;
        profile.decode_per_sequence_s = 1e-4;
        profile.decode_per_context_token_s = 1e-7;
        profile.kv_bytes_per_token = 1000 + model;
        profile.kv_capacity_tokens = 4000;  // tight: calls have to wait for space
        add({InputKind::kProfileSet}, profile);
      }
    }
    hexagent_model shape = {};
    shape.model = kModels;
    shape.max_context_tokens = 4096;
    add({InputKind::kModelSet}, shape);
    for (uint32_t worker = 1; worker <= kWorkers; ++worker) set_worker(worker, true);
  }

  void set_worker(uint32_t worker, bool anew) {
    static constexpr uint32_t kRoles[] = {HEXAGENT_ROLE_PREFILL, HEXAGENT_ROLE_PREFILL,
                                          HEXAGENT_ROLE_DECODE, HEXAGENT_ROLE_BOTH};
    hexagent_worker record = {};
    record.worker = worker;
    if (anew) ++incarnation_[worker];
    record.incarnation = incarnation_[worker];
    record.role = kRoles[worker % 4];
    record.gpu = kGpus + worker % 2;
    record.model = kModels + worker / 5;
    record.engine = worker % 3;
    record.labels = 1 + worker % 2;
    record.binding =
        worker % 4 == 1 ? HEXAGENT_BINDING_PREFILL_END : HEXAGENT_BINDING_PREFILL_START;
    record.egress_bytes_per_s = 1e9 * (1 + small(3));
    record.host_domain = kDomains + worker;
    record.rack_domain = kDomains + 20 + worker % 2;
    record.flags = worker % 2 == 0 ? HEXAGENT_WORKER_DELTA_TRANSFER : 0;
    if (endpoints_ && worker % 4 != 2) record.flags |= HEXAGENT_WORKER_ENDPOINT;
    gone_[worker] = false;
    Input input = {InputKind::kWorkerSet};
    input.worker = worker;
    add(input, record);
  }

  void random_input() {
    if (endpoints_ && draw_(4) == 0) return draw_(2) == 0 ? quiesce() : measure();
    // Mostly about workflows that there are.
    const uint64_t any = 1 + draw_(kWorkflows);
    const uint64_t workflow =
        live_.empty() || draw_(8) == 0 ? any : live_[static_cast<size_t>(draw_(live_.size()))];
    const uint64_t call = draw_(kCalls);
    switch (draw_(22)) {
      case 0:
      case 1:
      case 2:
        return begin(any);
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
        return submit(workflow, call);
      case 9:
        return simple(draw_(5) == 0 ? InputKind::kCallCancel : InputKind::kReady, workflow, call);
      case 10:
        if (draw_(2) == 0) return answer();
        return simple(draw_(4) == 0 ? InputKind::kWorkflowCancel : InputKind::kWorkflowEnd,
                      workflow, 0);
      case 11:
        return draw_(3) == 0 ? change_worker() : heartbeat();
      case 12:
        return draw_(3) == 0 ? configure() : draw_(2) == 0 ? link() : resync();
      default:
        return shadow_ && draw_(2) == 0 ? place() : answer();
    }
  }

  void begin(uint64_t workflow) {
    hexagent_workflow record = {};
    record.workflow = workflow;
    record.user_data = draw_();
    record.arrival_ns = draw_(2) == 0 ? 0 : now_ - static_cast<TimeNs>(draw_(20'000'000));
    if (record.arrival_ns < 0) record.arrival_ns = 0;
    const uint64_t target = draw_(4);
    if (target == 1) record.deadline_ns = static_cast<TimeNs>(100'000'000 + draw_(3'000'000'000));
    if (target == 2) record.slo_scale_milli = 1500 + small(4000);
    record.class_name = kClasses + small(4);
    record.tenant = draw_(4) == 0 ? 0 : kTenants + small(3);
    record.tier = draw_(3) == 0 ? small(3) : 0;
    add({InputKind::kWorkflowBegin, 0, 0, 0, 0, 0, 0, workflow}, record);
  }

  void submit(uint64_t workflow, uint64_t call) {
    for (int i = 0; i < 4 && core.call_state(workflow, call) > 0; ++i) call = draw_(kCalls);
    hexagent_call record = {};
    record.workflow = workflow;
    record.call = call;
    record.user_data = draw_();
    record.stage = draw_(2) == 0 ? 0 : kDomains + small(4);
    record.model = kModels + (workflow % 3 == 0 ? 1 : 0);
    record.prompt_tokens = 20 + small(1200);
    record.max_output_tokens = draw_(3) == 0 ? 0 : 50 + small(300);
    record.output_tokens_p50 = draw_(3) == 0 ? 1 + small(40) : 0;
    record.output_tokens_p90 = record.output_tokens_p50 != 0 && draw_(2) == 0 ? 50 : 0;
    record.labels_required = draw_(12) == 0 ? 1 : 0;
    record.flags = (draw_(8) == 0 ? HEXAGENT_CALL_HELD : 0) |
                   (draw_(24) == 0 ? uint32_t{HEXAGENT_CALL_LAST} : 0);
    std::vector<uint64_t> deps;
    for (uint64_t i = draw_(6); i > 0; --i) {
      const uint64_t dep = draw_(kCalls);
      const int32_t state = core.call_state(workflow, dep);
      const bool open = state > 0 && state <= HEXAGENT_STATE_DONE && dep != call;
      if (open || draw_(40) == 0) deps.push_back(dep);
    }
    std::vector<hexagent_prefix> prefixes;
    for (uint64_t i = draw_(4); i > 0; --i) prefixes.push_back(prefix(record.prompt_tokens));
    record.deps_count = static_cast<uint32_t>(deps.size());
    record.prefixes_count = static_cast<uint32_t>(prefixes.size());
    add({InputKind::kSubmit, 0, 0, 0, 0, 0, 0, workflow, call}, record, std::move(deps),
        std::move(prefixes));
  }

  hexagent_prefix prefix(uint32_t prompt_tokens) {
    hexagent_prefix prefix = {};
    if (draw_(3) == 0) {
      prefix.group = 1 + draw_(7);
    } else {
      prefix.workflow = draw_(2) == 0 ? 0 : 1 + draw_(kWorkflows);
      prefix.call = draw_(kCalls);
    }
    prefix.tokens = 1 + small(prompt_tokens);
    if (draw_(4) == 0) {
      prefix.worker = 1 + small(kWorkers);
      prefix.cached_tokens = small(prefix.tokens);
    }
    return prefix;
  }

  void simple(InputKind kind, uint64_t workflow, uint64_t call) {
    add({kind, 0, 0, 0, 0, 0, draw_(), workflow, call}, uint64_t{0});
  }

  void change_worker() {
    const uint32_t worker = 1 + small(kWorkers);
    if (gone_[worker] || draw_(6) == 0) return set_worker(worker, gone_[worker] || draw_(3) != 0);
    gone_[worker] = true;
    add({draw_(3) == 0 ? InputKind::kWorkerDrain : InputKind::kWorkerLost, worker,
         incarnation_[worker]},
        uint64_t{0});
  }

  void heartbeat() {
    hexagent_heartbeat record = {};
    record.worker = 1 + small(kWorkers);
    record.incarnation = incarnation_[record.worker];
    record.kv_used_tokens = draw_(3) == 0 ? draw_(6000) : 0;
    add({InputKind::kHeartbeat}, record);
  }

  void link() {
    hexagent_link record = {};
    record.source_domain = kDomains + (draw_(2) == 0 ? 20 + small(2) : 1 + small(kWorkers));
    record.target_domain = kDomains + (draw_(2) == 0 ? 20 + small(2) : 1 + small(kWorkers));
    record.bytes_per_s = 1e8 * (1 + small(9));
    record.latency_ns = small(3) * 10'000;
    add({InputKind::kLinkSet}, record);
  }

  void resync() {
    hexagent_resync record = {};
    record.worker = 1 + small(kWorkers);
    record.incarnation = incarnation_[record.worker];
    record.decision_sequence = draw_(3) == 0 ? 0 : sequence_ - draw_(sequence_ / 2 + 1);
    std::vector<uint64_t> held;
    for (const hexagent_decision& decision : open_) {
      const bool here = decision.worker == record.worker || decision.peer_worker == record.worker;
      if (here ? draw_(8) == 0 : draw_(16) != 0) continue;
      held.insert(held.end(), {decision.workflow, decision.call, draw_(2) * decision.attempt});
    }
    add({InputKind::kWorkerResync, record.worker}, record, std::move(held));
  }

  // An end of a transfer that there was has quiesced: perhaps it is over, perhaps it is not.
  void quiesce() {
    if (moves_.empty()) return;
    const hexagent_decision& move = moves_[static_cast<size_t>(draw_(moves_.size()))];
    hexagent_report record = {};
    record.workflow = move.workflow;
    record.call = move.call;
    record.attempt = draw_(6) == 0 ? 0 : move.attempt;
    record.phase = HEXAGENT_PHASE_TRANSFER;
    record.outcome = HEXAGENT_OUTCOME_QUIESCED;
    record.worker = draw_(2) == 0 ? move.worker : move.peer_worker;
    add({InputKind::kReport, 0, 0, 0, 0, 0, 0, record.workflow, record.call}, record);
    if (draw_(3) == 0) {
      SettingChange change;
      uint32_t field = 0;
      static_cast<void>(
          parse_setting("quiesce_timeout_s", draw_(2) == 0 ? "0.2" : "5", &change, &field));
      add({InputKind::kConfigure}, change);
    }
  }

  void measure() {
    hexagent_link_sample record = {};
    record.source_worker = small(kWorkers + 1);
    record.target_worker = small(kWorkers + 1);
    if (record.source_worker + record.target_worker == 0) return;
    record.bytes = draw_(4) == 0 ? 0 : 100'000'000 * (1 + draw_(30));
    record.duration_ns = record.bytes == 0 ? 0 : 1'000'000'000;
    record.setup_ns = static_cast<int64_t>(draw_(1'000'000));
    record.queue_ns = static_cast<int64_t>(draw_(1'000'000));
    record.flags = small(4);
    add({InputKind::kLinkMeasured}, record);
  }

  void configure() {
    struct Change {
      const char* key;
      const char* value;
    };
    static constexpr Change kChanges[] = {
        {"policy", "default"},
        {"policy", "hexagent"},
        {"policy", "atlas"},
        {"policy", "srpt-scaled"},
        {"policy", "stretch/round-robin/at_ready"},
        {"policy", "stretch/impact/at_ready"},
        {"window_s", "0.05"},
        {"window_s", "0"},
        {"fairness_bound_s", "0"},
        {"fairness_bound_s", "0.3"},
        {"admission", "0"},
        {"admission", "1"},
        {"sibling_risk", "0"},
        {"sibling_risk", "1"},
        {"replan_delay_s", "0.01"},
        {"replan_delay_s", "0"},
        {"calibration", "0"},
        {"calibration", "1"},
        {"retry_max", "1"},
        {"kv_reserve_quantile", "0.7"},
    };
    const Change& wanted = kChanges[draw_(sizeof(kChanges) / sizeof(kChanges[0]))];
    SettingChange change;
    uint32_t field = 0;
    static_cast<void>(parse_setting(wanted.key, wanted.value, &change, &field));
    add({InputKind::kConfigure}, change);
  }

  void see(const hexagent_decision& decision) {
    ++seen[decision.kind];
    sequence_ = decision.sequence;
    switch (decision.kind) {
      case HEXAGENT_DECISION_TRANSFER:
        moves_.push_back(decision);
        if (moves_.size() > 16) moves_.pop_front();
        open_.push_back(decision);
        return;
      case HEXAGENT_DECISION_PREFILL:
      case HEXAGENT_DECISION_LOCAL:
      case HEXAGENT_DECISION_DECODE:
        open_.push_back(decision);
        return;
      case HEXAGENT_DECISION_WORKFLOW_DONE:
        std::erase(live_, decision.workflow);
        return;
      case HEXAGENT_DECISION_ACCEPTED:
        if (decision.workflow != 0 &&
            core.call_state(decision.workflow, 0) != HEXAGENT_E_UNKNOWN_WORKFLOW) {
          std::erase(live_, decision.workflow);
          live_.push_back(decision.workflow);
        }
        if (shadow_ && decision.worker == 0 && decision.workflow != 0) open_.push_back(decision);
        return;
      default:
        return;
    }
  }

  // Shadow mode: the router tells where it sent a call.
  void place() {
    if (open_.empty()) return;
    const hexagent_decision decision = open_[static_cast<size_t>(draw_(open_.size()))];
    hexagent_report record = {};
    record.workflow = decision.workflow;
    record.call = decision.call;
    record.phase = draw_(4) == 0 ? HEXAGENT_PHASE_DECODE : HEXAGENT_PHASE_PREFILL;
    record.outcome = HEXAGENT_OUTCOME_PLACED;
    record.worker = 1 + small(kWorkers);
    add({InputKind::kReport, 0, 0, 0, 0, 0, 0, record.workflow, record.call}, record);
  }

  // An engine reports on the oldest or any call; now and then it skips a phase, or fails.
  void answer() {
    if (open_.empty()) return;
    const auto at = static_cast<std::ptrdiff_t>(draw_(2) == 0 ? 0 : draw_(open_.size()));
    const hexagent_decision decision = open_[static_cast<size_t>(at)];
    if (core.call_state(decision.workflow, decision.call) < 0) {  // over meanwhile
      open_.erase(open_.begin() + at);
      return;
    }
    hexagent_report record = {};
    record.workflow = decision.workflow;
    record.call = decision.call;
    const uint64_t outcome = draw_(20);
    record.outcome = outcome < 3    ? HEXAGENT_OUTCOME_STARTED
                     : outcome == 3 ? HEXAGENT_OUTCOME_PROGRESS
                     : outcome == 4 ? HEXAGENT_OUTCOME_FAILED
                                    : HEXAGENT_OUTCOME_DONE;
    record.phase =
        decision.kind == HEXAGENT_DECISION_PREFILL || decision.kind == HEXAGENT_DECISION_LOCAL
            ? HEXAGENT_PHASE_PREFILL
        : decision.kind == HEXAGENT_DECISION_TRANSFER ? HEXAGENT_PHASE_TRANSFER
                                                      : HEXAGENT_PHASE_DECODE;
    if (endpoints_ && decision.kind == HEXAGENT_DECISION_TRANSFER && draw_(4) == 0) {
      record.outcome = HEXAGENT_OUTCOME_FAILED;
    }
    if (shadow_) record.phase = 1 + small(3);
    if (record.phase < HEXAGENT_PHASE_DECODE && draw_(12) == 0) ++record.phase;
    if (decision.kind == HEXAGENT_DECISION_LOCAL && draw_(2) == 0) {
      record.phase = HEXAGENT_PHASE_DECODE;
    }
    record.attempt = shadow_ ? 0 : decision.attempt;
    record.end_ns = draw_(3) == 0 ? 0 : now_;
    record.start_ns = record.end_ns != 0 && draw_(2) == 0 ? now_ - 1'000'000 : 0;
    if (record.phase == HEXAGENT_PHASE_DECODE) record.tokens = 1 + small(60);
    if (record.phase == HEXAGENT_PHASE_PREFILL && draw_(2) == 0) {
      record.flags = HEXAGENT_REPORT_CACHED_TOKENS;
      record.cached_tokens = small(300);
    }
    const bool over = record.phase == HEXAGENT_PHASE_DECODE || !shadow_;
    if (record.outcome >= HEXAGENT_OUTCOME_DONE && over) {
      const bool local = decision.kind == HEXAGENT_DECISION_LOCAL;
      if (!local || record.phase == HEXAGENT_PHASE_DECODE) open_.erase(open_.begin() + at);
    }
    add({InputKind::kReport, 0, 0, 0, 0, 0, 0, record.workflow, record.call}, record);
  }

  const bool shadow_;
  const bool endpoints_;
  bool begun_ = false;
  Draw draw_;
  TimeNs now_ = 1;
  uint64_t sequence_ = 0;
  uint32_t incarnation_[kWorkers + 1] = {};
  bool gone_[kWorkers + 1] = {};
  std::vector<uint64_t> live_;           // workflows
  std::deque<hexagent_decision> open_;   // nobody has reported on
  std::deque<hexagent_decision> moves_;  // the latest transfers
};

}  // namespace hexagent::test
