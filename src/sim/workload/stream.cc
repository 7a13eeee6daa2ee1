// Dealing of bodies, timing of arrivals, sessions in a closed loop.
#include "sim/workload/stream.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "sim/workload/trace_rules.h"

namespace hexagent::sim {
namespace {

// Streams of the seed, one per purpose, so that none moves another.
constexpr uint64_t kGapStream = 1;
constexpr uint64_t kDealStream = 2;
constexpr uint64_t kLengthStream = 3;

// Bodies of one half, grouped into sessions in turn order when `by_session`.
std::vector<std::vector<uint32_t>> collect_units(const Trace& trace, bool warmup, bool by_session) {
  bool half_is_empty = true;
  for (const TraceWorkflow& workflow : trace.workflows) {
    if (is_warmup_body(workflow) == warmup) half_is_empty = false;
  }
  std::vector<std::vector<uint32_t>> units;
  std::map<std::string, size_t> unit_of_session;
  for (uint32_t body = 0; body < trace.workflows.size(); ++body) {
    const TraceWorkflow& workflow = trace.workflows[body];
    if (!half_is_empty && is_warmup_body(workflow) != warmup) continue;
    if (!by_session || workflow.session.empty()) {
      units.push_back({body});
      continue;
    }
    const auto [place, is_new] = unit_of_session.emplace(workflow.session, units.size());
    if (is_new) units.emplace_back();
    units[place->second].push_back(body);
  }
  for (std::vector<uint32_t>& unit : units) {
    std::stable_sort(unit.begin(), unit.end(), [&](uint32_t left, uint32_t right) {
      return trace.workflows[left].turn < trace.workflows[right].turn;
    });
  }
  return units;
}

std::vector<bool> find_carriers(const Trace& trace) {
  std::vector<bool> carries(trace.workflows.size(), false);
  for (const TraceWorkflow& workflow : trace.workflows) {
    for (const TraceCall& call : workflow.calls) {
      if (call.prefix_of_body >= 0) carries[static_cast<size_t>(call.prefix_of_body)] = true;
    }
  }
  return carries;
}

}  // namespace

WorkloadStream::WorkloadStream(std::vector<const Trace*> traces, WorkloadConfig config)
    : traces_(std::move(traces)),
      config_(std::move(config)),
      gap_random_(Random(config_.seed).split(kGapStream)),
      deal_random_(Random(config_.seed).split(kDealStream)),
      length_random_(Random(config_.seed).split(kLengthStream)) {
  if (traces_.empty()) throw std::invalid_argument("a workload needs a trace");
  if (!(config_.rate_per_s > 0.0)) throw std::invalid_argument("the rate must be above 0");
  for (const Trace* trace : traces_) {
    if (trace->workflows.empty()) {
      throw std::invalid_argument("trace " + trace->name + " has no workflow left");
    }
    carries_.push_back(find_carriers(*trace));
  }
  warmup_half_ = build_half(true);
  measured_half_ = build_half(false);
  played_.resize(traces_.size());
  recorded_position_ = config_.arrivals.start_position(gap_random_);
}

WorkloadStream::Half WorkloadStream::build_half(bool warmup) const {
  Half half;
  double units_per_round = 0.0;
  for (const Trace* trace : traces_) {
    Deck deck;
    deck.units = collect_units(*trace, warmup, config_.closed_loop);
    size_t turns = 0;
    for (const Unit& unit : deck.units) turns += unit.size();
    deck.turns_mean = static_cast<double>(turns) / static_cast<double>(deck.units.size());
    deck.order.resize(deck.units.size());
    for (uint32_t i = 0; i < deck.order.size(); ++i) deck.order[i] = i;
    deck.dealt = deck.order.size();
    // Units of a trace with long sessions are drawn less often, so that workflows come out even.
    units_per_round += 1.0 / deck.turns_mean;
    half.cumulative.push_back(units_per_round);
    half.decks.push_back(std::move(deck));
  }
  for (double& share : half.cumulative) share /= units_per_round;
  half.units_per_workflow = units_per_round / static_cast<double>(traces_.size());
  return half;
}

const WorkloadStream::Unit& WorkloadStream::deal(Half& half, uint32_t& trace) {
  const double pick = deal_random_.uniform();
  trace = 0;
  while (trace + 1 < half.decks.size() && pick >= half.cumulative[trace]) ++trace;
  Deck& deck = half.decks[trace];
  if (deck.dealt == deck.order.size()) {
    for (size_t i = deck.order.size() - 1; i > 0; --i) {
      std::swap(deck.order[i], deck.order[deal_random_.below(i + 1)]);
    }
    deck.dealt = 0;
  }
  return deck.units[deck.order[deck.dealt++]];
}

WorkflowInstance WorkloadStream::make_instance(const Session& session, uint64_t index,
                                               TimeNs arrival, const PlayedBodies& played) const {
  WorkflowInstance instance;
  instance.index = index;
  instance.trace = session.trace;
  instance.body = (*session.unit)[session.turn];
  instance.warmup = session.warmup;
  instance.arrival = arrival;
  instance.previous_instance = session.turn > 0 ? static_cast<int64_t>(index) - 1 : -1;
  const Trace& trace = *traces_[session.trace];
  instance.workflow = &trace.workflows[instance.body];
  instance.calls =
      jittered_lengths(trace, instance.body, config_.jitter, length_random_.split(index), played);
  return instance;
}

void WorkloadStream::remember(const WorkflowInstance& instance, PlayedBodies& played) const {
  if (!carries_[instance.trace][instance.body]) return;
  played[instance.body] = PlayedBody{instance.index, instance.calls};
}

WorkflowInstance WorkloadStream::next() {
  const double gap = config_.arrivals.next_gap(gap_random_, recorded_position_);
  const bool warmup = clock_ < config_.warmup_ns;
  Half& half = warmup ? warmup_half_ : measured_half_;
  const double gap_s = gap / (config_.rate_per_s * half.units_per_workflow);
  clock_ += static_cast<TimeNs>(gap_s * kNsPerSecond + 0.5);
  Session session;
  // The gap is scaled by the half before the arrival, the body drawn by the arrival's own time.
  session.warmup = clock_ < config_.warmup_ns;
  session.unit = &deal(session.warmup ? warmup_half_ : measured_half_, session.trace);
  const uint64_t index = next_index_;
  next_index_ += session.unit->size();
  PlayedBodies& shared = played_[session.trace];
  if (!config_.closed_loop) {
    WorkflowInstance instance = make_instance(session, index, clock_, shared);
    remember(instance, shared);
    return instance;
  }
  // A session shares text with itself alone: two instances of one body are different users.
  WorkflowInstance instance = make_instance(session, index, clock_, session.played);
  remember(instance, session.played);
  sessions_.emplace(index, std::move(session));
  return instance;
}

std::optional<WorkflowInstance> WorkloadStream::on_completed(uint64_t instance, TimeNs time) {
  auto found = sessions_.upper_bound(instance);
  if (found == sessions_.begin()) return std::nullopt;
  --found;
  const uint64_t first = found->first;
  Session& session = found->second;
  // Only the turn that is running ends one; anything else is an old instance or another's.
  if (instance != first + session.turn) return std::nullopt;
  if (++session.turn == session.unit->size()) {
    sessions_.erase(found);
    return std::nullopt;
  }
  const uint32_t body = (*session.unit)[session.turn];
  const double gap_s =
      std::clamp(traces_[session.trace]->workflows[body].after_prev_s, 0.0, kGapMax_s);
  const TimeNs arrival = time + static_cast<TimeNs>(gap_s * kNsPerSecond + 0.5);
  WorkflowInstance turn = make_instance(session, first + session.turn, arrival, session.played);
  remember(turn, session.played);
  return turn;
}

}  // namespace hexagent::sim
