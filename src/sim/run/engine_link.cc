// Simulation, second half: decisions become commands to engines, engine reports become reports to
// the gateway. See simulation.h.
#include <algorithm>
#include <stdexcept>

#include "sim/run/simulation.h"

namespace hexagent::sim {

void Simulation::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::kArrival: {
      const auto turn = turns_.find(event.instance);
      if (turn != turns_.end()) {
        WorkflowInstance instance = std::move(turn->second);
        turns_.erase(turn);
        return arrive(std::move(instance));
      }
      WorkflowInstance instance = std::move(*pending_);
      pending_.reset();
      arrive(std::move(instance));
      return schedule_next_arrival();
    }
    case EventKind::kReveal:
      return reveal(event.instance, event.call);
    case EventKind::kDecision:
      return deliver(event.decision);
    case EventKind::kReport:
      return gateway_.report(event.report);
    case EventKind::kEnd:
      return finish_workflow(event.instance, event.report.end_ns);
    case EventKind::kLoss:
      return lose(static_cast<int32_t>(event.call));
    case EventKind::kRestore:
      down_[event.call] = false;
      return gateway_.restore_worker(static_cast<int32_t>(event.call));
  }
}

void Simulation::deliver(const hexagent_decision& decision) {
  switch (decision.kind) {
    case HEXAGENT_DECISION_PREFILL:
    case HEXAGENT_DECISION_LOCAL:
      return start_prefill(decision);
    case HEXAGENT_DECISION_TRANSFER: {
      if (config_.cluster->file.decode_binding == DecodeBinding::kPrefillStart) return;
      const auto entry = live_.find(Gateway::instance_of(decision.workflow));
      if (entry == live_.end()) return;
      const uint64_t id = entry->second.flight[decision.call];
      if (id == 0 || flight(id).attempt != decision.attempt) return;
      flight(id).decode = static_cast<int32_t>(decision.peer_worker) - 1;
      return reserve(id, decision.order_key);
    }
    case HEXAGENT_DECISION_REPRIORITISE: {
      const auto entry = live_.find(Gateway::instance_of(decision.workflow));
      if (entry == live_.end()) return;
      const uint64_t id = entry->second.flight[decision.call];
      if (id == 0 || flight(id).local) return;
      fleet_.prefill(flight(id).prefill).reorder(now_, id, decision.order_key);
      return;
    }
    case HEXAGENT_DECISION_ABORT:
      return withdraw(decision);
    default:
      return;  // DECODE is under way already; the others are told, not done
  }
}

DecodeRequest Simulation::decode_request(uint64_t id, int64_t priority) {
  const Flight& entry = flight(id);
  const Live& workflow = live(entry.instance);
  const CallLengths& lengths = workflow.instance.calls[entry.call];
  return {id, content_of(workflow, entry.call), lengths.prompt_tokens, lengths.output_tokens,
          priority};
}

void Simulation::start_prefill(const hexagent_decision& decision) {
  const uint64_t instance = Gateway::instance_of(decision.workflow);
  const auto known = live_.find(instance);
  if (known == live_.end()) return;
  Live& workflow = known->second;
  const auto call = static_cast<uint32_t>(decision.call);
  if (workflow.done[call] != 0) throw std::logic_error("a finished call was dispatched again");
  Flight entry;
  entry.instance = instance;
  entry.call = call;
  entry.attempt = decision.attempt;
  entry.prefill = static_cast<int32_t>(decision.worker) - 1;
  entry.decode = static_cast<int32_t>(decision.peer_worker) - 1;
  entry.local = decision.kind == HEXAGENT_DECISION_LOCAL;
  if (entry.local) entry.decode = entry.prefill;
  // The worker died while the decision travelled: the gateway will hear of it and plan again.
  if (is_down(entry.prefill)) return;
  flights_.push_back(entry);
  const uint64_t id = flights_.size();
  workflow.flight[call] = id;
  if (entry.local) {
    fleet_.decode(entry.decode).submit_local(now_, decode_request(id, decision.order_key));
    return;
  }
  const CallLengths& lengths = workflow.instance.calls[call];
  fleet_.prefill(entry.prefill)
      .submit(now_, {id, content_of(workflow, call), lengths.prompt_tokens, decision.order_key});
  if (config_.cluster->file.decode_binding == DecodeBinding::kPrefillStart &&
      !is_down(entry.decode)) {
    reserve(id, decision.order_key);
  }
}

void Simulation::reserve(uint64_t id, int64_t priority) {
  Flight& entry = flight(id);
  if (is_down(entry.decode)) return;
  const bool share = config_.cluster->file.delta_transfer;
  const auto granted =
      fleet_.decode(entry.decode).reserve(now_, decode_request(id, priority), share);
  if (!granted.has_value()) return;  // kKvReserved will tell
  entry.reserved = true;
  entry.resident_tokens = *granted;
  move_kv(id);
}

LayeredKv Simulation::kv_to_move(uint64_t id) {
  const Flight& entry = flight(id);
  const ModelShape& model = config_.cluster->model;
  return {live(entry.instance).instance.calls[entry.call].prompt_tokens, entry.resident_tokens,
          model.kv_bytes_per_token, model.layers};
}

void Simulation::move_kv(uint64_t id) {
  Flight& entry = flight(id);
  if (!entry.reserved) return;
  if (!entry.prefill_over) {
    if (is_layerwise(entry.prefill)) move_layers(id);
    return;
  }
  if (entry.moving) return fleet_.links().release(now_, id);
  entry.moving = true;
  fleet_.links().start(now_, id, entry.prefill, entry.decode, kv_to_move(id).bytes());
}

// Where nothing is to be moved the flow begins, and ends, with the prefill's end as any other.
void Simulation::move_layers(uint64_t id) {
  Flight& entry = flight(id);
  const LayeredKv kv = kv_to_move(id);
  const auto progress = fleet_.prefill(entry.prefill).progress(id);
  if (!progress.has_value() || kv.bytes() == 0) return;
  const LayerFeed feed = layer_feed(*progress, kv, now_);
  LinkNetwork& links = fleet_.links();
  if (!entry.moving) {
    entry.moving = true;
    links.start_held(now_, id, entry.prefill, entry.decode, kv.bytes(), feed.begin);
  }
  links.feed(now_, id, feed.ready_bytes, feed.more_bytes, feed.until);
}

void Simulation::withdraw(const hexagent_decision& decision) {
  const auto entry = live_.find(Gateway::instance_of(decision.workflow));
  if (entry == live_.end()) return;
  const uint64_t id = entry->second.flight[decision.call];
  if (id == 0 || flight(id).ended || flight(id).attempt > decision.attempt) return;
  drop(id);
  entry->second.flight[decision.call] = 0;
}

void Simulation::drop(uint64_t id) {
  Flight& entry = flight(id);
  if (entry.ended) return;
  entry.ended = true;
  fleet_.links().cancel(now_, id);
  if (!entry.local && !is_down(entry.prefill) && !entry.transfer_over) {
    if (entry.prefill_over) {
      fleet_.prefill(entry.prefill).release(now_, id);
    } else {
      fleet_.prefill(entry.prefill).abort(now_, id);
    }
  }
  if (entry.decode >= 0 && !is_down(entry.decode)) fleet_.decode(entry.decode).cancel(now_, id);
}

void Simulation::lose(int32_t worker) {
  // What ran there is gone on the other side as well; the gateway hears of the worker only.
  down_[static_cast<size_t>(worker)] = true;
  std::vector<uint64_t> ids;
  if (fleet_.can_prefill(worker)) {
    const auto lost = fleet_.prefill(worker).lose(now_);
    ids.insert(ids.end(), lost.begin(), lost.end());
  }
  if (fleet_.can_decode(worker)) {
    const auto lost = fleet_.decode(worker).lose(now_);
    ids.insert(ids.end(), lost.begin(), lost.end());
  }
  const auto cut = fleet_.links().lose(now_, worker);
  ids.insert(ids.end(), cut.begin(), cut.end());
  for (uint64_t id : ids) drop(id);
  gateway_.lose_worker(worker);
}

void Simulation::send_report(uint64_t id, uint32_t phase, uint32_t outcome, const Report& report,
                             uint32_t tokens, int64_t bytes) {
  const Flight& entry = flight(id);
  Event event;
  event.kind = EventKind::kReport;
  hexagent_report& record = event.report;
  record.workflow = Gateway::workflow_id(entry.instance);
  record.call = entry.call;
  record.worker =
      static_cast<uint32_t>((phase == HEXAGENT_PHASE_PREFILL ? entry.prefill : entry.decode) + 1);
  record.phase = phase;
  record.outcome = outcome;
  record.attempt = entry.attempt;
  record.end_ns = report.time;
  record.tokens = tokens;
  if (outcome == HEXAGENT_OUTCOME_DONE) {
    record.start_ns = report.start;
    record.bytes = static_cast<uint64_t>(bytes);
    if (phase == HEXAGENT_PHASE_PREFILL) {
      record.cached_tokens = static_cast<uint32_t>(report.cached_tokens);
      record.flags = HEXAGENT_REPORT_CACHED_TOKENS;
    }
    const bool known = record.bytes > 0 && record.start_ns > 0 && record.end_ns > record.start_ns;
    // The time of layers that were waited for tells of the prefill, not of the link.
    const bool is_links_own = known && !is_layerwise(entry.prefill);
    if (phase == HEXAGENT_PHASE_TRANSFER && is_links_own && config_.knowledge.measures_links) {
      record.flags = HEXAGENT_REPORT_MEASURED;
    }
  }
  events_.push(now_ + half_trip_, event);
}

void Simulation::take(const FleetReport& report) {
  const uint64_t id = report.report.id;
  Flight& entry = flight(id);
  if (entry.ended) return;
  const CallLengths& lengths = live(entry.instance).instance.calls[entry.call];
  switch (report.report.kind) {
    case ReportKind::kPrefillStarted:
      send_report(id, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED, report.report, 0, 0);
      return;
    case ReportKind::kPrefillProgress:
      return move_kv(id);
    case ReportKind::kPrefillFinished:
      entry.prefill_over = true;
      send_report(id, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_DONE, report.report,
                  static_cast<uint32_t>(lengths.prompt_tokens), 0);
      if (!entry.local) move_kv(id);
      return;
    case ReportKind::kKvReserved:
      entry.reserved = true;
      entry.resident_tokens = report.report.cached_tokens;
      move_kv(id);
      return;
    case ReportKind::kTransferStarted:
      send_report(id, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_STARTED, report.report, 0, 0);
      return;
    case ReportKind::kTransferFinished: {
      if (!entry.prefill_over) throw std::logic_error("KV arrived before it was computed");
      entry.transfer_over = true;
      fleet_.prefill(entry.prefill).release(now_, id);
      const int64_t tokens = lengths.prompt_tokens - entry.resident_tokens;
      send_report(id, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_DONE, report.report, 0,
                  std::max<int64_t>(1, tokens) * config_.cluster->model.kv_bytes_per_token);
      fleet_.decode(entry.decode).submit(now_, id);
      return;
    }
    case ReportKind::kFirstToken:
      send_report(id, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_STARTED, report.report, 0, 0);
      return;
    case ReportKind::kDecodeFinished:
      send_report(id, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_DONE, report.report,
                  static_cast<uint32_t>(lengths.output_tokens), 0);
      return finish_call(id, report.report.time);
    case ReportKind::kPreempted:
      return;  // engines do not tell
  }
}

void Simulation::finish_call(uint64_t id, TimeNs end) {
  Flight& entry = flight(id);
  entry.ended = true;
  Live& workflow = live(entry.instance);
  if (workflow.done[entry.call] != 0) throw std::logic_error("a call ended twice");
  workflow.done[entry.call] = 1;
  --workflow.calls_left;
  // The gateway sees the end half a round trip later and then starts the tools.
  const TimeNs seen = now_ + half_trip_;
  for (const TraceCall& next : workflow.instance.workflow->calls) {
    if (std::find(next.deps.begin(), next.deps.end(), entry.call) == next.deps.end()) continue;
    if (--workflow.deps_left[next.id] != 0) continue;
    Event event;
    event.kind = EventKind::kReveal;
    event.instance = entry.instance;
    event.call = next.id;
    const TimeNs gap = next.tool_delay_s > 0.0 ? to_ns(next.tool_delay_s) : 0;
    events_.push(seen + gap, event);
  }
  if (workflow.calls_left > 0) return;
  Event event;
  event.kind = EventKind::kEnd;
  event.instance = entry.instance;
  event.report.end_ns = end;
  events_.push(seen, event);
}

}  // namespace hexagent::sim
