// A random but repeatable life of a small cluster, driven through a core and a journal: workflows
// come, calls are revealed, engines answer or fail, workers die and return. One seed, one life.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "crash/random_input.h"
#include "runtime/journal_writer.h"
#include "runtime/name_table.h"
#include "wire/crc32c.h"
#include "wire/snapshot.h"

namespace hexagent::test {

inline constexpr uint32_t kWorkers = 4;     // 1, 2 prefill; 3, 4 decode
inline constexpr uint64_t kWorkflows = 10;  // ids 1 ...
inline constexpr uint64_t kCalls = 8;       // ids 0 ... of each

inline Settings small_settings() {
  Settings settings;
  settings.workflows_max = 32;
  settings.calls_max = 256;
  settings.workers_max = 8;
  settings.names_max = 256;
  settings.groups_max = 16;
  return settings;
}

// Everything that can be asked of a core, as one number.
inline uint64_t digest(const Scheduler& core) {
  uint64_t state = 0xcbf29ce484222325u;
  const auto mix = [&](const void* data, size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (size_t i = 0; i < size; ++i) state = (state ^ bytes[i]) * 0x100000001b3u;
  };
  hexagent_stats stats = {};
  core.stats(&stats);
  mix(&stats, sizeof(stats));
  for (uint32_t worker = 1; worker <= kWorkers; ++worker) {
    hexagent_worker_info info = {};
    static_cast<void>(core.worker_query(worker, &info));
    mix(&info, sizeof(info));
  }
  for (uint64_t workflow = 1; workflow <= kWorkflows; ++workflow) {
    hexagent_workflow_info info = {};
    static_cast<void>(core.workflow_query(workflow, &info));
    mix(&info, sizeof(info));
    for (uint64_t call = 0; call < kCalls; ++call) {
      const int32_t call_state = core.call_state(workflow, call);
      mix(&call_state, sizeof(call_state));
    }
  }
  return state;
}

// Everything that decides what comes next, as one number; no decisions may be waiting. Slower.
inline uint64_t digest_of_all(const Scheduler& core) {
  const std::vector<uint8_t> snapshot = encode_snapshot(core);
  const uint32_t sum = crc32c(0, snapshot.data(), snapshot.size());
  return digest(core) ^ (uint64_t{sum} << 32 | snapshot.size());
}

class Workload {
 public:
  // The writer may be null.
  Workload(uint64_t seed, const Settings& settings, NameTable* names, NameTable* labels)
      : core(settings), draw_{seed * 7919 + 1}, names_(names) {
    gpu_ = intern("H100-80G");
    model_ = intern("llama-3.1-70b");
    labels->intern("eu");
  }

  Scheduler core;
  uint64_t steps = 0;
  uint64_t decisions = 0;  // so far

  // One step of one to five inputs; the first one builds the cluster.
  void step(JournalWriter* writer) {
    writer_ = writer;
    now_ += static_cast<TimeNs>(draw_(20'000'000));
    if (steps == 0) {
      add_cluster();
    } else {
      for (uint64_t i = draw_(5); i > 0; --i) random_input();
    }
    core.advance(now_);
    if (writer_ != nullptr) writer_->end_of_step(now_, core);
    ++steps;
    hexagent_decision decision = {};
    while (core.take_decisions(&decision, 1) == 1) see(decision);
    if (writer_ != nullptr) writer_->at_rest(core);
  }

 private:
  uint32_t intern(const std::string& text) { return static_cast<uint32_t>(names_->intern(text)); }

  void apply(const Input& input) {
    if (writer_ != nullptr) writer_->input(input);
    core.apply(input, now_);
  }

  template <class Record>
  void apply_record(Input input, const Record& record) {
    input.record = &record;
    input.record_size = sizeof(record);
    apply(input);
  }

  void add_cluster() {
    hexagent_profile profile = {};
    profile.struct_size = sizeof(profile);
    profile.gpu = gpu_;
    profile.model = model_;
    profile.tensor_parallel = 1;
    profile.prefill_fixed_s = 0.01;
    profile.prefill_per_token_s = 1e-4;
    profile.decode_fixed_s = 0.01;
    profile.decode_per_sequence_s = 1e-4;
    profile.kv_bytes_per_token = 1000;
    profile.kv_capacity_tokens = 6000;
    apply_record({InputKind::kProfileSet}, profile);
    hexagent_model shape = {};
    shape.struct_size = sizeof(shape);
    shape.model = model_;
    shape.max_context_tokens = 8192;
    apply_record({InputKind::kModelSet}, shape);
    hexagent_link link = {};
    link.struct_size = sizeof(link);
    link.source_domain = intern("rack 1");
    link.target_domain = intern("rack 2");
    link.bytes_per_s = 1e9;
    apply_record({InputKind::kLinkSet}, link);
    for (uint32_t worker = 1; worker <= kWorkers; ++worker) set_worker(worker);
  }

  void set_worker(uint32_t worker) {
    hexagent_worker record = {};
    record.struct_size = sizeof(record);
    record.worker = worker;
    record.incarnation = ++incarnation_[worker];
    record.role = worker <= 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    record.gpu = gpu_;
    record.model = model_;
    record.labels = 1;
    record.binding = worker == 2 ? HEXAGENT_BINDING_PREFILL_END : HEXAGENT_BINDING_PREFILL_START;
    Input input = {InputKind::kWorkerSet};
    input.worker = worker;
    lost_[worker] = false;
    apply_record(input, record);
  }

  void random_input() {
    const uint64_t workflow = 1 + draw_(kWorkflows);
    const uint64_t call = draw_(kCalls);
    switch (draw_(20)) {
      case 0:
      case 1:
      case 2:
        return begin(workflow);
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        return submit(workflow, call);
      case 8:
        return simple(InputKind::kReady, workflow, call);
      case 9:
        return draw_(4) == 0 ? simple(InputKind::kCallCancel, workflow, call) : answer();
      case 10:
        return draw_(2) == 0 ? simple(InputKind::kWorkflowEnd, workflow, 0) : answer();
      case 11:
        return draw_(6) == 0 ? simple(InputKind::kWorkflowCancel, workflow, 0) : answer();
      case 12:
        return draw_(6) == 0 ? toggle_worker() : answer();
      case 13:
        return draw_(6) == 0 ? configure() : draw_(3) == 0 ? resync() : heartbeat();
      default:
        return answer();
    }
  }

  void begin(uint64_t workflow) {
    hexagent_workflow record = {};
    record.workflow = workflow;
    record.user_data = workflow;
    // Now and then a class nobody has named before.
    record.class_name = intern("class " + std::to_string(steps / 20));
    Input input = {InputKind::kWorkflowBegin};
    input.workflow = workflow;
    apply_record(input, record);
  }

  void submit(uint64_t workflow, uint64_t call) {
    uint64_t deps[2] = {draw_(kCalls), draw_(kCalls)};
    hexagent_prefix prefix = {};
    prefix.group = 1 + draw_(4);
    prefix.tokens = 50;
    hexagent_call record = {};
    record.workflow = workflow;
    record.call = call;
    record.user_data = workflow * 100 + call;
    record.model = model_;
    record.prompt_tokens = static_cast<uint32_t>(60 + draw_(900));
    record.max_output_tokens = 200;
    record.flags = draw_(6) == 0 ? HEXAGENT_CALL_HELD : 0;
    record.deps_count = static_cast<uint32_t>(draw_(4) == 0 ? 1 + draw_(2) : 0);
    record.prefixes_count = static_cast<uint32_t>(draw_(2));
    Input input = {InputKind::kSubmit};
    input.workflow = workflow;
    input.call = call;
    input.deps = deps;
    input.deps_count = record.deps_count;
    input.prefixes = &prefix;
    input.prefixes_count = record.prefixes_count;
    apply_record(input, record);
  }

  void simple(InputKind kind, uint64_t workflow, uint64_t call) {
    Input input = {kind};
    input.workflow = workflow;
    input.call = call;
    apply(input);
  }

  void toggle_worker() {
    const auto worker = static_cast<uint32_t>(1 + draw_(kWorkers));
    if (lost_[worker]) return set_worker(worker);
    Input input = {draw_(3) == 0 ? InputKind::kWorkerDrain : InputKind::kWorkerLost};
    input.worker = worker;
    input.incarnation = incarnation_[worker];
    lost_[worker] = true;
    apply(input);
  }

  void heartbeat() {
    const auto worker = static_cast<uint32_t>(1 + draw_(kWorkers));
    hexagent_heartbeat record = {};
    record.worker = worker;
    record.incarnation = incarnation_[worker];
    record.kv_used_tokens = draw_(2000);
    Input input = {InputKind::kHeartbeat};
    input.worker = worker;
    apply_record(input, record);
  }

  // A worker tells of most of what it was sent, and now and then of what it was not.
  void resync() {
    const auto worker = static_cast<uint32_t>(1 + draw_(kWorkers));
    std::vector<uint64_t> held;
    for (const hexagent_decision& decision : open_) {
      const bool here = decision.worker == worker || decision.peer_worker == worker;
      if (here ? draw_(4) == 0 : draw_(16) != 0) continue;
      held.insert(held.end(), {decision.workflow, decision.call, draw_(2) * decision.attempt});
    }
    hexagent_resync record = {};
    record.worker = worker;
    record.incarnation = incarnation_[worker];
    record.decision_sequence = draw_(3) == 0 ? 0 : decisions - draw_(decisions + 1);
    Input input = {InputKind::kWorkerResync};
    input.worker = worker;
    input.deps = held.data();
    input.deps_count = static_cast<uint32_t>(held.size());
    apply_record(input, record);
  }

  void configure() {
    SettingChange change;
    uint32_t field = 0;
    const char* value = draw_(2) == 0 ? "0.05" : "0";
    static_cast<void>(parse_setting("window_s", value, &change, &field));
    apply_record({InputKind::kConfigure}, change);
  }

  void see(const hexagent_decision& decision) {
    decisions = decision.sequence;
    if (decision.kind == HEXAGENT_DECISION_PREFILL || decision.kind == HEXAGENT_DECISION_TRANSFER ||
        decision.kind == HEXAGENT_DECISION_DECODE) {
      open_.push_back(decision);
    }
  }

  // An engine reports on the oldest or any decision; sometimes a failure.
  void answer() {
    if (open_.empty()) return;
    const auto at = static_cast<std::ptrdiff_t>(draw_(2) == 0 ? 0 : draw_(open_.size()));
    const hexagent_decision decision = open_[static_cast<size_t>(at)];
    open_.erase(open_.begin() + at);
    hexagent_report record = {};
    record.workflow = decision.workflow;
    record.call = decision.call;
    record.phase = decision.kind == HEXAGENT_DECISION_PREFILL    ? HEXAGENT_PHASE_PREFILL
                   : decision.kind == HEXAGENT_DECISION_TRANSFER ? HEXAGENT_PHASE_TRANSFER
                                                                 : HEXAGENT_PHASE_DECODE;
    record.outcome = draw_(12) == 0 ? HEXAGENT_OUTCOME_FAILED : HEXAGENT_OUTCOME_DONE;
    record.attempt = decision.attempt;
    record.end_ns = now_;
    if (record.phase == HEXAGENT_PHASE_DECODE) record.tokens = static_cast<uint32_t>(1 + draw_(99));
    Input input = {InputKind::kReport};
    input.workflow = decision.workflow;
    input.call = decision.call;
    apply_record(input, record);
  }

  Draw draw_;
  NameTable* names_;
  JournalWriter* writer_ = nullptr;
  TimeNs now_ = 1;
  uint32_t gpu_ = 0;
  uint32_t model_ = 0;
  uint32_t incarnation_[kWorkers + 1] = {};
  bool lost_[kWorkers + 1] = {};
  std::deque<hexagent_decision> open_;
};

// A workload with the tables and the writer it needs. Not to be moved.
struct JournalledRun {
  NameTable names;
  NameTable labels{64};
  Workload workload;
  JournalWriter writer;

  JournalledRun(uint64_t seed, JournalFolder* folder, const JournalOptions& options,
                const Settings& settings = small_settings())
      : names(static_cast<uint32_t>(settings.names_max)),
        workload(seed, settings, &names, &labels),
        writer(folder, settings, &names, &labels, options) {}

  hexagent_status start() { return writer.start({}, workload.core); }
};

}  // namespace hexagent::test
