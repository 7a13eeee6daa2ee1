// Simulation: the loop, arrivals and reveals, and the result. See simulation.h.
#include "sim/run/simulation.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace hexagent::sim {
namespace {

// How long arrivals and the wait for stragglers may go on, as multiples of the measured interval.
constexpr int64_t kGiveUpFactor = 10;
constexpr double kIntervalMinS = 60.0;

// Calls that may be live at once: in an overloaded cell nearly all arrivals of the warm-up and of
// the longest measured interval may be waiting when the run gives up.
uint64_t live_calls_max(const RunConfig& config) {
  size_t bodies = 0;
  size_t calls = 0;
  for (const Trace* trace : config.traces) {
    bodies += trace->workflows.size();
    for (const TraceWorkflow& body : trace->workflows) calls += body.calls.size();
  }
  const double rate = std::max(config.rate_per_s, config.drain_rate_per_s);
  const double interval_s = std::max(static_cast<double>(config.workflows) / rate, kIntervalMinS);
  const double arrivals = rate * (config.warmup_s + interval_s +
                                  std::max(kGiveUpFactor * interval_s, config.patience_s));
  const double per_workflow =
      static_cast<double>(calls) / static_cast<double>(std::max<size_t>(bodies, 1));
  return std::clamp<uint64_t>(static_cast<uint64_t>(arrivals * per_workflow), 1u << 14, 1u << 20);
}

// More than this share above give_up_stretch and Req95 is above it. Looked at once in so many
// arrivals, since it takes a look at everything live.
constexpr double kGiveUpShare = 0.05;
constexpr uint64_t kGiveUpEvery = 64;

}  // namespace

Simulation::Simulation(const RunConfig& config)
    : config_(config),
      horizon_cluster_(horizon_cluster(*config.cluster)),
      stream_(config.traces, workload_config(config)),
      gateway_(*config.cluster, config.policy, config.settings, live_calls_max(config),
               config.knowledge, config.seed, config.clairvoyance),
      fleet_(*config.cluster, *config.profiles, config.seed) {
  down_.resize(static_cast<size_t>(fleet_.worker_count()), false);
  for (const ResolvedGroup* site : worker_sites(*config.cluster)) {
    layerwise_.push_back(site->layerwise);
  }
  half_trip_ = std::max<TimeNs>(1, to_ns(config.cluster->file.dispatch_round_trip_ms * 0.5e-3));
  measure_from_ = is_drain() ? kNever : to_ns(config.warmup_s);
  for (const Trace* trace : config.traces) {
    for (const TraceWorkflow& body : trace->workflows) {
      for (const TraceCall& call : body.calls) {
        int64_t& tokens = group_tokens_[call.prefix_group];
        tokens = std::max(tokens, call.prefix_group_tokens);
      }
    }
  }
  for (const WorkerLoss& loss : config.losses) {
    Event event;
    event.kind = EventKind::kLoss;
    event.call = static_cast<uint32_t>(loss.worker);
    events_.push(to_ns(config.warmup_s + loss.at_s), event);
    event.kind = EventKind::kRestore;
    events_.push(to_ns(config.warmup_s + loss.at_s + loss.down_s), event);
  }
}

void Simulation::schedule_next_arrival() {
  if (is_drain() && measured_ == config_.workflows) return;  // the drain is all there is
  pending_ = stream_.next();
  TimeNs at = std::max(now_, pending_->arrival);
  if (is_drain() && !pending_->warmup) {
    if (!measuring_) return;  // begins once the warm-up has drained, see finish_workflow()
    at = measure_from_ + to_ns(static_cast<double>(measured_) / config_.drain_rate_per_s);
  }
  Event event;
  event.kind = EventKind::kArrival;
  event.instance = pending_->index;
  events_.push(at, event);
}

void Simulation::start_drain() {
  measure_from_ = now_;
  begin_measuring();
  Event event;
  event.kind = EventKind::kArrival;
  event.instance = pending_->index;
  events_.push(now_, event);
}

void Simulation::begin_measuring() {
  measuring_ = true;
  if (!config_.knowledge.learns_online) gateway_.set("learning", "0");
  use_before_ = fleet_.use(now_);
}

void Simulation::arrive(WorkflowInstance instance) {
  instance.arrival = now_;
  const uint64_t index = instance.index;
  const bool measured = measuring_ && measured_ < config_.workflows;
  Live entry;
  const size_t count = instance.calls.size();
  entry.deps_left.resize(count);
  entry.done.resize(count, 0);
  entry.flight.resize(count, 0);
  entry.calls_left = static_cast<uint32_t>(count);
  entry.measured = measured;
  entry.horizon_s = instance_horizon_s(instance, horizon_cluster_);
  for (const TraceCall& call : instance.workflow->calls) {
    entry.deps_left[call.id] = static_cast<uint32_t>(call.deps.size());
  }
  if (measured) {
    ++measured_;
    ++measured_open_;
    if (measured_ == config_.workflows) {
      measure_until_ = now_;
      use_after_ = fleet_.use(now_);
      const TimeNs interval = std::max<TimeNs>(now_ - measure_from_, to_ns(kIntervalMinS));
      give_up_at_ = now_ + std::max(kGiveUpFactor * interval, to_ns(config_.patience_s));
    }
  }
  if (measured_ > 0 && config_.give_up_stretch > 0.0 && index % kGiveUpEvery == 0 && hopeless()) {
    give_up_at_ = now_;
  }
  gateway_.begin(instance, now_, entry.horizon_s);
  contents_[index].assign(count, kNoContent);
  entry.instance = std::move(instance);
  const TraceWorkflow* workflow = entry.instance.workflow;
  if (config_.clairvoyance) gateway_.submit_whole(entry.instance);
  live_.emplace(index, std::move(entry));
  for (const TraceCall& call : workflow->calls) {
    if (!call.deps.empty()) continue;
    if (call.tool_delay_s <= 0.0) {
      reveal(index, call.id);
      continue;
    }
    Event event;
    event.kind = EventKind::kReveal;
    event.instance = index;
    event.call = call.id;
    events_.push(now_ + to_ns(call.tool_delay_s), event);
  }
}

void Simulation::reveal(uint64_t instance, uint32_t call) {
  Live& entry = live(instance);
  if (entry.deps_left[call] != 0) throw std::logic_error("a call was revealed before its parents");
  if (config_.clairvoyance) {
    gateway_.release(entry.instance, call);
  } else {
    gateway_.submit(entry.instance, call);
  }
}

ContentId Simulation::source_of(const Live& entry, uint32_t call, int64_t* shared) {
  const CallLengths& lengths = entry.instance.calls[call];
  *shared = lengths.shared_tokens;
  switch (lengths.source) {
    case PrefixSource::kNone:
      break;
    case PrefixSource::kGroup: {
      const std::string& group = entry.instance.workflow->calls[call].prefix_group;
      const auto known = groups_.find(group);
      if (known != groups_.end()) return known->second;
      const int64_t tokens = std::max(group_tokens_[group], lengths.shared_tokens);
      return groups_[group] = fleet_.contents().add(kNoContent, 0, tokens);
    }
    case PrefixSource::kCall:
      return content_of(entry, static_cast<uint32_t>(lengths.source_call));
    case PrefixSource::kInstance: {
      const auto earlier = contents_.find(static_cast<uint64_t>(lengths.source_instance));
      if (earlier == contents_.end()) break;
      const ContentId content = earlier->second[static_cast<size_t>(lengths.source_call)];
      if (content != kNoContent) return content;
      break;
    }
  }
  *shared = 0;
  return kNoContent;
}

ContentId Simulation::content_of(const Live& entry, uint32_t call) {
  ContentId& content = contents_.at(entry.instance.index)[call];
  if (content != kNoContent) return content;
  const CallLengths& lengths = entry.instance.calls[call];
  int64_t shared = 0;
  const ContentId source = source_of(entry, call, &shared);
  if (source != kNoContent) {
    shared = std::min(shared, fleet_.contents().total_tokens(source));
  }
  content = fleet_.contents().add(source, shared, lengths.prompt_tokens + lengths.output_tokens);
  return content;
}

void Simulation::finish_workflow(uint64_t instance, TimeNs end) {
  Live& entry = live(instance);
  gateway_.end(instance);
  WorkflowRecord record;
  record.index = instance;
  const std::string& class_name = entry.instance.workflow->class_name;
  record.class_index =
      classes_.emplace(class_name, static_cast<uint32_t>(classes_.size())).first->second;
  record.trace = entry.instance.trace;
  record.body = entry.instance.body;
  record.arrival_s = to_s(entry.instance.arrival);
  record.completion_s = to_s(end - entry.instance.arrival);
  record.horizon_s = entry.horizon_s;
  record.measured = entry.measured;
  if (entry.measured) --measured_open_;
  if (entry.measured && record.completion_s > config_.give_up_stretch * record.horizon_s) {
    ++measured_hopeless_;
  }
  if (entry.measured || config_.keep_workflows) records_.push_back(record);
  // The stream may answer with the session's next turn.
  if (auto next = stream_.on_completed(instance, end)) {
    Event event;
    event.kind = EventKind::kArrival;
    event.instance = next->index;
    const TimeNs at = std::max(now_, next->arrival);
    turns_.emplace(next->index, std::move(*next));
    events_.push(at, event);
  }
  live_.erase(instance);
  const bool drained = live_.empty() && pending_.has_value() && !pending_->warmup;
  if (is_drain() && !measuring_ && drained) start_drain();
}

bool Simulation::hopeless() const {
  uint32_t count = measured_hopeless_;
  for (const auto& [index, entry] : live_) {
    const double elapsed_s = to_s(now_ - entry.instance.arrival);
    if (entry.measured && elapsed_s > config_.give_up_stretch * entry.horizon_s) ++count;
  }
  return count > kGiveUpShare * config_.workflows;
}

bool Simulation::over() const {
  if (now_ >= give_up_at_) return true;
  return measured_ == config_.workflows && measured_open_ == 0;
}

RunResult Simulation::run() {
  const auto wall_before = std::chrono::steady_clock::now();
  schedule_next_arrival();
  gateway_.step(0, decisions_);
  while (!over()) {
    now_ = std::min({events_.next_time(), fleet_.next_event(), gateway_.next_timer()});
    if (!measuring_ && now_ >= measure_from_) begin_measuring();
    while (events_.next_time() <= now_) handle(events_.pop());
    reports_.clear();
    fleet_.advance(now_, reports_);
    for (const FleetReport& report : reports_) take(report);
    gateway_.step(now_, decisions_);
    for (const hexagent_decision& decision : decisions_) {
      Event event;
      event.kind = EventKind::kDecision;
      event.decision = decision;
      events_.push(now_ + half_trip_, event);
    }
    decisions_.clear();
  }
  RunResult result;
  fill_result(&result);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - wall_before;
  result.wall_s = wall.count();
  return result;
}

}  // namespace hexagent::sim
