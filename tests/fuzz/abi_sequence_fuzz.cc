// Any bytes as a sequence of calls of the C ABI on a small cluster in manual driving, with right
// and wrong arguments. The core audits itself at every step and stops the program when something is
// broken; here it is checked that no call answers what its contract does not know, that decisions
// are numbered without a gap, and that the scheduler still works at the end.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "hexagent/hexagent.h"

namespace {

constexpr size_t kSizeMax = 1024;
constexpr uint32_t kNames = 8;

void check(bool good) {
  if (!good) std::abort();
}

// The bytes of one input; zeros after their end.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  // Mostly one of the first `count` numbers, now and then a wild one.
  uint32_t small(uint32_t count) {
    const uint8_t value = byte();
    if (value < 0xf8) return value % count;
    return static_cast<uint32_t>(byte()) << ((value & 7) * 4);
  }
  uint64_t wild() {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  bool once_in(uint8_t count) { return byte() % count == count - 1; }

 private:
  const uint8_t* data_;
  size_t left_;
};

// A scheduler, its virtual time and the decisions it made.
class Session {
 public:
  Session(const uint8_t* data, size_t size) : bytes_(data, size) {
    hexagent_config* config = hexagent_config_create();
    const char* const limits[][2] = {{"workflows_max", "4"},    {"calls_max", "16"},
                                     {"workers_max", "4"},      {"names_max", "16"},
                                     {"groups_max", "2"},       {"decisions_max", "1024"},
                                     {"intake_bytes", "65536"}, {"workflow_idle_ttl_s", "100"}};
    for (const auto& limit : limits) {
      check(hexagent_config_set(config, limit[0], limit[1], nullptr) == HEXAGENT_OK);
    }
    scheduler_ = hexagent_open(config, HEXAGENT_VERSION, nullptr);
    hexagent_config_free(config);
    check(scheduler_ != nullptr);
    for (uint32_t i = 0; i < kNames; ++i) {
      const char name = static_cast<char>('a' + i);
      check(hexagent_name(scheduler_, &name, 1) == static_cast<int32_t>(i + 1));
    }
    set_profile();
    for (uint32_t id = 1; id <= 3; ++id) set_worker(id, id, 1);
    step(0);
  }
  ~Session() { hexagent_close(scheduler_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void run() {
    while (!bytes_.empty()) one();
    step(1000000000);
    hexagent_stats stats = {};
    stats.struct_size = sizeof(stats);
    check(hexagent_stats_read(scheduler_, &stats) == HEXAGENT_OK);
    check(stats.decisions == sequence_);
  }

 private:
  void one() {
    switch (bytes_.byte() % 16) {
      case 0:
        return set_profile();
      case 1:
        return set_worker(bytes_.small(5), bytes_.small(4), bytes_.small(3));
      case 2:
        return set_link();
      case 3:
        return leave();
      case 4:
        return heartbeat();
      case 5:
        return begin();
      case 6:
      case 7:
        return submit();
      case 8:
      case 9:
        return report();
      case 10:
        return event();
      case 11:
        return ask();
      case 12:
        return configure();
      case 13:
        return name();
      case 14:
        return measure();
      default:
        return step(static_cast<int64_t>(bytes_.byte()) << (bytes_.byte() % 32));
    }
  }

  // What a set-up call or an input may answer.
  void check_input(hexagent_status status) {
    check(status == HEXAGENT_OK || (status <= HEXAGENT_E_ARGUMENT && status > -200) ||
          status == HEXAGENT_E_AGAIN);
  }
  void check_batch(int32_t answer, const hexagent_status* results, uint32_t count) {
    check(answer >= -199 && answer <= static_cast<int32_t>(count));
    for (uint32_t i = 0; i < count; ++i) check_input(results[i]);
  }

  void set_profile() {
    hexagent_profile profile = {};
    profile.struct_size = sizeof(profile);
    profile.gpu = 1 + bytes_.small(2);
    profile.model = 3 + bytes_.small(2);
    profile.tensor_parallel = 1 + bytes_.small(2);
    profile.prefill_fixed_s = 0.01;
    profile.prefill_per_token_s = 1e-4;
    profile.decode_fixed_s = 0.01;
    profile.decode_per_sequence_s = bytes_.byte() * 1e-5;
    profile.kv_capacity_tokens = 64u << (bytes_.byte() % 10);
    profile.kv_bytes_per_token = bytes_.small(100) + 1;
    check_input(hexagent_profile_set(scheduler_, &profile, bytes_.byte(), nullptr));
  }

  void set_worker(uint32_t id, uint32_t role, uint32_t incarnation) {
    struct {
      hexagent_worker worker;
      uint8_t beyond[256 - sizeof(hexagent_worker)];  // what a later header might have there
    } longer = {};
    longer.beyond[0] = bytes_.byte() == 1 ? 1 : 0;
    hexagent_worker& worker = longer.worker;
    worker.struct_size = bytes_.once_in(31) ? bytes_.byte() : uint32_t{sizeof(worker)};
    worker.worker = id;
    worker.role = role;
    worker.incarnation = incarnation;
    worker.gpu = 1 + bytes_.small(2);
    worker.model = 3 + bytes_.small(2);
    worker.tensor_parallel = bytes_.small(3);
    worker.binding = bytes_.small(2);
    worker.engine = bytes_.small(3);
    worker.labels = bytes_.small(4);
    worker.kv_capacity_tokens = bytes_.once_in(5) ? bytes_.wild() : 0;
    worker.flags = bytes_.small(4);
    worker.host_domain = bytes_.small(kNames);
    worker.decode_batch_max = bytes_.small(3);
    worker.dispatch_round_trip_ns = bytes_.once_in(9) ? static_cast<int64_t>(bytes_.wild()) : 0;
    check_input(hexagent_worker_set(scheduler_, &worker, bytes_.byte(), nullptr));
  }

  void set_link() {
    hexagent_link link = {};
    link.struct_size = sizeof(link);
    link.source_domain = bytes_.small(kNames);
    link.target_domain = bytes_.small(kNames);
    link.bytes_per_s = bytes_.byte() * 1e6;
    check_input(hexagent_link_set(scheduler_, &link, 1, nullptr));
    hexagent_model model = {};
    model.struct_size = sizeof(model);
    model.model = 3 + bytes_.small(2);
    model.max_context_tokens = bytes_.small(200);
    check_input(hexagent_model_set(scheduler_, &model, 1, nullptr));
  }

  void leave() {
    const uint32_t worker = bytes_.small(5);
    const uint32_t incarnation = bytes_.small(3);
    check_input(bytes_.once_in(2) ? hexagent_worker_lost(scheduler_, worker, incarnation, 1)
                                  : hexagent_worker_drain(scheduler_, worker, incarnation, 1));
  }

  void heartbeat() {
    hexagent_heartbeat record = {};
    record.worker = bytes_.small(5);
    record.incarnation = bytes_.small(3);
    record.kv_used_tokens = bytes_.once_in(5) ? bytes_.wild() : bytes_.byte();
    record.running_count = bytes_.small(9);
    record.queued_prefill_tokens = bytes_.once_in(5) ? bytes_.wild() : bytes_.byte();
    check_input(hexagent_heartbeat_submit(scheduler_, &record, 1) == 1
                    ? HEXAGENT_OK
                    : hexagent_heartbeat_submit(scheduler_, &record, 1));
  }

  void measure() {
    hexagent_link_sample record = {};
    record.source_worker = bytes_.small(5);
    record.target_worker = bytes_.small(5);
    record.target_incarnation = bytes_.small(3);
    record.bytes = bytes_.once_in(3) ? bytes_.wild() : bytes_.byte() * 1000000u;
    record.duration_ns = bytes_.once_in(3) ? static_cast<int64_t>(bytes_.wild()) : 1000000;
    record.setup_ns = bytes_.once_in(3) ? static_cast<int64_t>(bytes_.wild()) : 0;
    record.queue_ns = bytes_.small(200);
    record.flags = bytes_.small(4);
    const int32_t answer = hexagent_link_measured(scheduler_, &record, 1);
    check_input(answer == 1 ? HEXAGENT_OK : answer);
    hexagent_link_info info = {};
    info.struct_size = sizeof(info);
    const hexagent_status status =
        hexagent_link_query(scheduler_, bytes_.small(5), bytes_.small(5), &info);
    check(status == HEXAGENT_E_UNKNOWN_WORKER || (status == HEXAGENT_OK && info.bytes_per_s > 0.0));
  }

  void begin() {
    hexagent_workflow record = {};
    record.workflow = bytes_.small(6);
    record.arrival_ns = bytes_.once_in(4) ? static_cast<int64_t>(bytes_.wild()) : 0;
    record.deadline_ns = bytes_.once_in(4) ? static_cast<int64_t>(bytes_.wild()) : 0;
    record.slo_scale_milli = bytes_.once_in(4) ? bytes_.small(5000) : 0;
    record.class_name = bytes_.small(kNames);
    record.tier = bytes_.small(3);
    record.reserved[3] = bytes_.once_in(64) ? 1 : 0;
    hexagent_status result = HEXAGENT_OK;
    check_batch(hexagent_workflow_begin(scheduler_, &record, 1, &result), &result, 1);
  }

  hexagent_call call() {
    hexagent_call record = {};
    record.workflow = bytes_.small(6);
    record.call = bytes_.small(6);
    record.model = 3 + bytes_.small(2);
    record.stage = bytes_.small(kNames);
    record.prompt_tokens = bytes_.small(200);
    record.max_output_tokens = bytes_.small(100);
    record.output_tokens_p50 = bytes_.once_in(4) ? bytes_.byte() : 0;
    record.deps_offset = bytes_.small(2);
    record.deps_count = bytes_.small(3);
    record.prefixes_offset = bytes_.small(2);
    record.prefixes_count = bytes_.small(3);
    record.labels_required = bytes_.once_in(4) ? bytes_.small(4) : 0;
    record.labels_excluded = bytes_.once_in(4) ? bytes_.small(4) : 0;
    record.flags = bytes_.small(4);
    return record;
  }

  void submit() {
    const uint64_t deps[3] = {bytes_.small(6), bytes_.small(6), bytes_.small(6)};
    hexagent_prefix prefixes[3] = {};
    for (hexagent_prefix& prefix : prefixes) {
      prefix.group = bytes_.small(3);
      prefix.workflow = bytes_.small(3);
      prefix.call = bytes_.small(6);
      prefix.tokens = bytes_.small(200);
      prefix.worker = bytes_.small(4);
      prefix.cached_tokens = bytes_.small(200);
    }
    const hexagent_call records[2] = {call(), call()};
    const uint32_t count = bytes_.byte() % 3;
    hexagent_status results[2] = {};
    check_batch(hexagent_submit(scheduler_, records, count, deps, 3, prefixes, 3, results), results,
                count);
  }

  void report() {
    hexagent_report record = {};
    record.workflow = last_.workflow;
    record.call = last_.call;
    record.phase = last_.kind == HEXAGENT_DECISION_PREFILL ? 1u : bytes_.small(4);
    record.outcome = bytes_.once_in(3) ? bytes_.small(8) : uint32_t{HEXAGENT_OUTCOME_DONE};
    if (bytes_.once_in(4)) {
      record.workflow = bytes_.small(6);
      record.call = bytes_.small(6);
      record.worker = bytes_.small(5);
      record.incarnation = bytes_.small(3);
      record.attempt = bytes_.small(3);
      record.start_ns = static_cast<int64_t>(bytes_.wild());
      record.end_ns = now_ - bytes_.byte();
    }
    record.tokens = bytes_.small(200);
    record.cached_tokens = bytes_.small(200);
    record.flags = bytes_.small(4);
    record.bytes = record.flags > 1 ? bytes_.wild() : 0;
    hexagent_status result = HEXAGENT_OK;
    check_batch(hexagent_complete(scheduler_, &record, 1, &result), &result, 1);
  }

  void event() {
    const uint64_t workflow = bytes_.small(6);
    const uint64_t call = bytes_.small(6);
    switch (bytes_.byte() % 6) {
      case 4:
        return resync();
      case 5:
        return static_cast<void>(hexagent_call_state(scheduler_, workflow, call));
      case 0:
        return check_input(hexagent_ready(scheduler_, workflow, call, 1));
      case 1:
        return check_input(hexagent_call_cancel(scheduler_, workflow, call, 1));
      case 2:
        return check_input(hexagent_workflow_cancel(scheduler_, workflow, 1));
      default:
        return check_input(hexagent_workflow_end(scheduler_, workflow, 1));
    }
  }

  // A worker's list, some of it true.
  void resync() {
    hexagent_resync record = {};
    record.worker = bytes_.small(5);
    record.incarnation = bytes_.small(3);
    record.decision_sequence = bytes_.once_in(3) ? bytes_.small(200) : 0;
    hexagent_held_call held[3] = {};
    for (hexagent_held_call& one : held) {
      one.workflow = bytes_.small(6);
      one.call = bytes_.small(6);
      one.attempt = bytes_.small(3);
    }
    if (bytes_.once_in(2)) held[0].workflow = last_.workflow, held[0].call = last_.call;
    const uint32_t count = bytes_.byte() % 4;
    check_input(hexagent_worker_resync(scheduler_, &record, held, count, nullptr));
  }

  void ask() {
    const hexagent_call record = call();
    hexagent_placement placements[4];
    hexagent_prefix prefixes[3] = {};
    prefixes[0].call = bytes_.small(6);
    prefixes[0].tokens = bytes_.small(200);
    check(hexagent_placement_query(scheduler_, &record, prefixes, 3, placements, 4) <= 4);
    hexagent_workflow workflow = {};
    workflow.workflow = record.workflow;
    hexagent_forecast forecast = {};
    forecast.struct_size = sizeof(forecast);
    const uint64_t deps[3] = {bytes_.small(6), bytes_.small(6), bytes_.small(6)};
    check(hexagent_what_if(scheduler_, &workflow, &record, 1, deps, 3, prefixes, 3, &forecast) <=
          0);
    char text[512];
    uint32_t needed = 0;
    const hexagent_status status =
        hexagent_explain(scheduler_, record.workflow, record.call, text, sizeof(text), &needed);
    check((status == HEXAGENT_OK) == (needed > 0 && needed <= sizeof(text)));
    hexagent_workflow_info workflow_info = {};
    workflow_info.struct_size = bytes_.once_in(4) ? bytes_.byte() : uint32_t{sizeof(workflow_info)};
    if (workflow_info.struct_size <= sizeof(workflow_info)) {
      check(hexagent_workflow_query(scheduler_, record.workflow, &workflow_info) <= 0);
    }
    hexagent_worker_info worker_info = {};
    worker_info.struct_size = sizeof(worker_info);
    check(hexagent_worker_query(scheduler_, bytes_.small(5), &worker_info) <= 0);
    check(hexagent_metrics_write(scheduler_, text, sizeof(text), &needed) == HEXAGENT_E_BUFFER);
    check(hexagent_next_timer(scheduler_) >= 0);
  }

  void configure() {
    const char* const keys[] = {"policy", "retry_max", "window_s", "price_work", "calls_max"};
    const char* const values[] = {"hexagent", "fcfs", "llf", "atlas", "0", "1", "2.5", ""};
    const hexagent_status status =
        hexagent_configure(scheduler_, keys[bytes_.byte() % 5], values[bytes_.byte() % 8], nullptr);
    check(status <= 0 && status != HEXAGENT_E_POISONED);
  }

  void name() {
    char text[4] = {static_cast<char>(bytes_.byte()), static_cast<char>(bytes_.byte()), 'x', 'y'};
    const int32_t id = hexagent_name(scheduler_, text, bytes_.small(5) % 5);
    check(id > 0 || id == HEXAGENT_E_NAME || id == HEXAGENT_E_FULL);
    const int32_t bit = hexagent_label(scheduler_, text, 2);
    check(bit < 64 && (bit >= 0 || bit == HEXAGENT_E_NAME || bit == HEXAGENT_E_FULL));
  }

  void step(int64_t later_ns) {
    const int32_t waiting = hexagent_step(scheduler_, now_ += later_ns);
    check(waiting >= 0 || waiting == HEXAGENT_E_AGAIN);
    for (;;) {
      hexagent_decision decisions[16];
      const int32_t count = hexagent_poll(scheduler_, decisions, 16);
      check(count >= 0);
      for (int32_t i = 0; i < count; ++i) {
        check(decisions[i].sequence == ++sequence_);
        if (decisions[i].kind >= HEXAGENT_DECISION_PREFILL &&
            decisions[i].kind <= HEXAGENT_DECISION_DECODE) {
          last_ = decisions[i];
        }
      }
      if (count == 0) return;
    }
  }

  Bytes bytes_;
  hexagent_scheduler* scheduler_ = nullptr;
  int64_t now_ = 0;
  uint64_t sequence_ = 0;
  hexagent_decision last_ = {};  // the last dispatch; reports are mostly about it
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kSizeMax) return -1;
  Session(data, size).run();
  return 0;
}
