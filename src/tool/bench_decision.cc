// The decision benchmark: see bench_decision.h.
//
// A driver as small as can be answers every decision at its expected time, so that nearly all the
// time measured is the library's: hexagent_step() and hexagent_poll() after one input each.
// Workflows sleep between calls, as if in a tool, and wake just often enough to keep the wanted
// number of calls waiting.
#include "tool/bench_decision.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "hexagent/hexagent.h"
#include "sim/engine/event_queue.h"
#include "sim/random.h"
#include "sim/workload/trace.h"
#include "tool/allocation_counter.h"
#include "tool/bench_timing.h"

namespace hexagent::tool {
namespace {

using sim::TimeNs;

constexpr const char* kModel = "llama-3.1-70b";
constexpr uint32_t kParallel = 4;

class DecisionBench {
 public:
  explicit DecisionBench(const BenchDecisionConfig& config);
  ~DecisionBench() { hexagent_close(scheduler_); }
  DecisionBench(const DecisionBench&) = delete;
  DecisionBench& operator=(const DecisionBench&) = delete;

  BenchDecisionResult run();

 private:
  struct Walk {  // a workflow on its way through a body
    const sim::TraceWorkflow* body = nullptr;
    uint64_t id = 0;
    uint32_t next_call = 0;
    bool asleep = true;
  };
  struct Pending {
    uint32_t walk = 0;
    hexagent_report report = {};
  };

  uint32_t name(const std::string& text);
  void add_workers();
  void begin(uint32_t walk);
  void wake_one();
  void submit(uint32_t walk);
  void react(const hexagent_decision& decision);
  void report_later(const hexagent_decision& decision, uint32_t phase, uint32_t tokens);
  // One input, then step and poll; returns the nanoseconds of the library.
  uint32_t turn();
  uint64_t waiting() const;

  BenchDecisionConfig config_;
  std::vector<sim::Trace> traces_;
  std::vector<const sim::TraceWorkflow*> bodies_;
  hexagent_scheduler* scheduler_ = nullptr;
  uint32_t model_ = 0;
  sim::Random random_{1};
  sim::EventQueue<Pending> events_;
  std::vector<Walk> walks_;
  std::vector<uint32_t> asleep_;
  std::vector<hexagent_decision> decisions_;
  std::vector<uint32_t> stages_;
  uint64_t next_workflow_ = 1;
  TimeNs now_ = 0;
};

DecisionBench::DecisionBench(const BenchDecisionConfig& config)
    : config_(config), decisions_(4096) {
  config_.warmup = std::min(config.warmup, config.events / 2 + 4 * config.waiting);
  for (const std::string& path : config.traces) traces_.push_back(sim::load_trace(path));
  for (const sim::Trace& trace : traces_) {
    for (const sim::TraceWorkflow& body : trace.workflows) bodies_.push_back(&body);
  }
  if (bodies_.empty()) throw std::invalid_argument("bench decision: the traces hold no workflow");
  hexagent_config* settings = hexagent_config_create();
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  const auto set = [&](const std::string& key, const std::string& value) {
    if (hexagent_config_set(settings, key.c_str(), value.c_str(), &error) == HEXAGENT_OK) return;
    hexagent_config_free(settings);
    throw std::invalid_argument(error.text);
  };
  set("policy", config.policy);
  set("workflows_max", std::to_string(config.workflows * 2));
  set("calls_max", std::to_string(std::max<uint32_t>(config.workflows * 64, 1024)));
  set("workers_max", std::to_string(config.prefill_workers + config.decode_workers));
  set("workflow_idle_ttl_s", "1000000000");
  for (const auto& [key, value] : config.settings) set(key, value);
  scheduler_ = hexagent_open(settings, HEXAGENT_VERSION, &error);
  hexagent_config_free(settings);
  if (scheduler_ == nullptr) throw std::runtime_error(error.text);
  add_workers();
  walks_.resize(config.workflows);
  asleep_.reserve(config.workflows);
  for (uint32_t walk = 0; walk < config.workflows; ++walk) begin(walk);
}

uint32_t DecisionBench::name(const std::string& text) {
  const int32_t id = hexagent_name(scheduler_, text.data(), static_cast<uint32_t>(text.size()));
  check(id, "name");
  return static_cast<uint32_t>(id);
}

void DecisionBench::add_workers() {
  model_ = name(kModel);
  // The mix of hetero-1: 2 A100, 3 H100, 3 H200 of eight.
  const char* mix[] = {"A100-80G", "A100-80G",  "H100-80G",  "H100-80G",
                       "H100-80G", "H200-141G", "H200-141G", "H200-141G"};
  for (const char* gpu : {"A100-80G", "H100-80G", "H200-141G"}) {
    hexagent_profile profile = {};
    profile.struct_size = sizeof(profile);
    check(hexagent_profile_builtin(scheduler_, gpu, kModel, kParallel, &profile), "profile");
    check(hexagent_profile_set(scheduler_, &profile, 0, nullptr), "profile");
  }
  for (uint32_t index = 0; index < config_.prefill_workers + config_.decode_workers; ++index) {
    hexagent_worker worker = {};
    worker.struct_size = sizeof(worker);
    worker.worker = index + 1;
    worker.incarnation = 1;
    worker.role = index < config_.prefill_workers ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    worker.gpu = name(mix[index % 8]);
    worker.model = model_;
    worker.tensor_parallel = kParallel;
    worker.flags = HEXAGENT_WORKER_DELTA_TRANSFER;
    check(hexagent_worker_set(scheduler_, &worker, 0, nullptr), "worker");
  }
  turn();
}

void DecisionBench::begin(uint32_t index) {
  Walk& walk = walks_[index];
  walk.body = bodies_[random_.below(bodies_.size())];
  walk.id = next_workflow_++;
  walk.next_call = 0;
  walk.asleep = true;
  asleep_.push_back(index);
  hexagent_workflow record = {};
  record.workflow = walk.id;
  record.user_data = index;
  record.class_name = name(walk.body->class_name);
  hexagent_status result = HEXAGENT_OK;
  check(hexagent_workflow_begin(scheduler_, &record, 1, &result), "workflow");
  check(result, "workflow");
}

void DecisionBench::submit(uint32_t index) {
  Walk& walk = walks_[index];
  walk.asleep = false;
  const sim::TraceCall& body = walk.body->calls[walk.next_call];
  hexagent_prefix prefix = {};
  prefix.tokens = static_cast<uint32_t>(std::max<int64_t>(0, body.shared_prefix_tokens));
  if (body.prefix_of >= 0 && static_cast<uint32_t>(body.prefix_of) < walk.next_call) {
    prefix.call = static_cast<uint64_t>(body.prefix_of);
  } else if (!body.prefix_group.empty()) {
    prefix.group = sim::hash_text(body.prefix_group);
    prefix.tokens = std::min(prefix.tokens, static_cast<uint32_t>(body.prefix_group_tokens));
  } else {
    prefix.tokens = 0;
  }
  hexagent_call record = {};
  record.workflow = walk.id;
  record.call = walk.next_call;
  record.user_data = index;
  record.stage = name(body.stage);
  record.model = model_;
  record.prompt_tokens = static_cast<uint32_t>(body.prompt_tokens);
  record.prefixes_count = prefix.tokens > 0 ? 1 : 0;
  ++walk.next_call;
  if (walk.next_call == walk.body->calls.size()) record.flags = HEXAGENT_CALL_LAST;
  hexagent_status result = HEXAGENT_OK;
  check(
      hexagent_submit(scheduler_, &record, 1, nullptr, 0, &prefix, record.prefixes_count, &result),
      "submit");
  check(result, "submit");
}

uint64_t DecisionBench::waiting() const {
  hexagent_stats stats = {};
  stats.struct_size = sizeof(stats);
  check(hexagent_stats_read(scheduler_, &stats), "stats");
  return stats.calls_waiting;
}

void DecisionBench::report_later(const hexagent_decision& decision, uint32_t phase,
                                 uint32_t tokens) {
  Pending pending;
  pending.walk = static_cast<uint32_t>(decision.user_data);
  pending.report.workflow = decision.workflow;
  pending.report.call = decision.call;
  pending.report.phase = phase;
  pending.report.outcome = HEXAGENT_OUTCOME_DONE;
  pending.report.attempt = decision.attempt;
  pending.report.tokens = tokens;
  events_.push(std::max(now_ + 1, decision.expected_end_ns), pending);
}

void DecisionBench::react(const hexagent_decision& decision) {
  const auto index = static_cast<uint32_t>(decision.user_data);
  switch (decision.kind) {
    case HEXAGENT_DECISION_PREFILL:
      return report_later(decision, HEXAGENT_PHASE_PREFILL, decision.tokens);
    case HEXAGENT_DECISION_TRANSFER:
      return report_later(decision, HEXAGENT_PHASE_TRANSFER, 0);
    case HEXAGENT_DECISION_DECODE: {
      const int64_t output = walks_[index].body->calls[decision.call].output_tokens;
      return report_later(decision, HEXAGENT_PHASE_DECODE,
                          static_cast<uint32_t>(std::max<int64_t>(1, output)));
    }
    case HEXAGENT_DECISION_CALL_DONE:
      if (walks_[index].next_call == walks_[index].body->calls.size()) return;
      walks_[index].asleep = true;
      asleep_.push_back(index);
      return;
    case HEXAGENT_DECISION_WORKFLOW_DONE:
      return begin(index);
    case HEXAGENT_DECISION_REFUSED:
      check(decision.status, "refused");
      return;
    default:
      return;
  }
}

void DecisionBench::wake_one() {
  const uint64_t slot = random_.below(asleep_.size());
  const uint32_t index = asleep_[slot];
  asleep_[slot] = asleep_.back();
  asleep_.pop_back();
  submit(index);
}

uint32_t DecisionBench::turn() {
  using Clock = std::chrono::steady_clock;
  const auto before = Clock::now();
  check(hexagent_step(scheduler_, now_), "step");
  const int32_t count =
      hexagent_poll(scheduler_, decisions_.data(), static_cast<uint32_t>(decisions_.size()));
  const auto after = Clock::now();
  check(count, "poll");
  for (int32_t i = 0; i < count; ++i) react(decisions_[static_cast<size_t>(i)]);
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count());
}

double percentile(std::vector<uint32_t>* values, double share) {
  if (values->empty()) return 0.0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(values->size() - 1));
  std::nth_element(values->begin(), values->begin() + rank, values->end());
  return (*values)[static_cast<size_t>(rank)];
}

BenchDecisionResult DecisionBench::run() {
  BenchDecisionResult result;
  std::vector<uint32_t> costs;
  std::vector<uint32_t> idle;
  events_.reserve(size_t{4} * config_.workflows);  // allocations counted are the library's
  costs.reserve(config_.events);
  idle.reserve(config_.events);
  result.waiting_min = UINT64_MAX;
  double waiting_sum = 0.0;
  uint64_t allocations_before = 0;
  hexagent_stats stats = {};
  stats.struct_size = sizeof(stats);
  uint64_t plans_before = 0;
  for (uint64_t event = 0; event < config_.warmup + config_.events; ++event) {
    if (event == config_.warmup) {
      allocations_before = allocation_count();
      check(hexagent_stats_read(scheduler_, &stats), "stats");
      plans_before = stats.plans;
    }
    const uint64_t queue = waiting();
    if ((queue < config_.waiting && !asleep_.empty()) || events_.empty()) {
      if (asleep_.empty()) throw std::runtime_error("bench decision: every workflow is busy");
      wake_one();
    } else {
      now_ = std::max(now_, events_.next_time());
      const Pending pending = events_.pop();
      hexagent_status status = HEXAGENT_OK;
      check(hexagent_complete(scheduler_, &pending.report, 1, &status), "report");
      check(status, "report");
    }
    const uint64_t plans = stats.plans;
    const uint32_t cost = turn();
    if (event < config_.warmup) continue;
    check(hexagent_stats_read(scheduler_, &stats), "stats");
    (stats.plans == plans ? idle : costs).push_back(cost);
    waiting_sum += static_cast<double>(queue);
    result.waiting_min = std::min(result.waiting_min, queue);
  }
  result.allocations = allocation_count() - allocations_before;
  result.events = config_.events;
  result.plans = stats.plans - plans_before;
  result.live_workflows = stats.workflows_live;
  result.bytes_held = stats.bytes_allocated;
  result.waiting_mean = waiting_sum / static_cast<double>(config_.events);
  result.idle_p50_ns = percentile(&idle, 0.5);
  costs.insert(costs.end(), idle.begin(), idle.end());
  for (uint32_t cost : costs) result.mean_ns += cost / static_cast<double>(costs.size());
  result.p50_ns = percentile(&costs, 0.50);
  result.p99_ns = percentile(&costs, 0.99);
  result.p999_ns = percentile(&costs, 0.999);
  return result;
}

}  // namespace

BenchDecisionResult bench_decision(const BenchDecisionConfig& config) {
  return DecisionBench(config).run();
}

}  // namespace hexagent::tool
