// Snapshots of transfers: see transfers.h.
#include "core/snapshot/transfers.h"

#include <vector>

#include "core/snapshot/bounds.h"

namespace hexagent {
namespace {

// What a call has only because of a transfer; most have none of it.
template <class Archive, class Record>
void visit_transfer(Archive* archive, Record* call) {
  archive->number("attempts_of_prefill", &call->attempts_of_prefill);
  archive->number("sent_risk_milli", &call->sent_risk_milli);
}

template <class Archive, class Record>
void visit_hold(Archive* archive, Record* hold, uint64_t workers) {
  archive->number("workflow", &hold->workflow);
  archive->number("call", &hold->call);
  archive->number("attempt", &hold->attempt);
  archive->index("worker", &hold->worker, workers);
  archive->number("blocks", &hold->blocks);
  archive->flag("source", &hold->source);
  archive->time("since", &hold->since);
}

std::vector<uint32_t> calls_with_transfers(const State& state) {
  std::vector<uint32_t> calls;
  for (uint32_t worker = 0; worker < state.workers.size(); ++worker) {
    for (uint32_t index = state.workers[worker].decode_head; index != kNoIndex;) {
      const Call& call = state.workflows.call(index);
      if (call.attempts_of_prefill > 0 || call.sent_risk_milli > 0) calls.push_back(index);
      index = call.decode_next;
    }
  }
  return calls;
}

void load_urgencies(SnapshotReader* reader, State* state) {
  const uint32_t rows = reader->begin("transfers", state->workflows.call_count());
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t place = 0;
    Call told;
    reader->number("call", &place);
    visit_transfer(reader, &told);
    if (!reader->sound()) return;
    if (!state->workflows.is_call(place) || !is_in_flight(state->workflows.call(place).state)) {
      return reader->refuse("call", "does not run");
    }
    Call& call = state->workflows.call(place);
    if (call.attempts_of_prefill > 0 || call.sent_risk_milli > 0) {
      return reader->refuse("call", "was there before");
    }
    if (told.attempts_of_prefill >= call.attempt) {
      return reader->refuse("attempts_of_prefill", "are more than there were");
    }
    if (told.sent_risk_milli > 0 && call.state != CallState::kTransferring) {
      return reader->refuse("sent_risk_milli", "is told of a call that moves no KV");
    }
    reader->end_row();
    call.attempts_of_prefill = told.attempts_of_prefill;
    call.sent_risk_milli = told.sent_risk_milli;
    if (call.sent_risk_milli > 0) state->transfers.add(&state->workflows, place);
  }
}

void load_holds(SnapshotReader* reader, State* state) {
  const uint32_t rows = reader->begin("kv_holds", KvHolds::kMost);
  TimeNs last = 0;
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    KvHold hold;
    visit_hold(reader, &hold, state->workers.size());
    if (!reader->sound()) return;
    if (hold.worker == kNoWorker || state->workers[hold.worker].state == WorkerState::kLost) {
      return reader->refuse("worker", "is none that keeps KV");
    }
    if (hold.since < last || hold.since > state->now) {
      return reader->refuse("since", "is not in order");
    }
    reader->end_row();
    last = hold.since;
    state->holds.add(hold);
  }
}

}  // namespace

void save_transfers(SnapshotWriter* writer, const State& state) {
  const std::vector<uint32_t> calls = calls_with_transfers(state);
  if (!calls.empty()) writer->begin("transfers");
  for (uint32_t index : calls) {
    writer->number("call", &index);
    visit_transfer(writer, &state.workflows.call(index));
    writer->end_row();
  }
  if (!state.holds.empty()) writer->begin("kv_holds");
  for (const KvHold& hold : state.holds.all()) {
    visit_hold(writer, &hold, 0);
    writer->end_row();
  }
}

void load_transfers(SnapshotReader* reader, State* state) {
  if (reader->has_section("transfers")) load_urgencies(reader, state);
  if (reader->sound() && reader->has_section("kv_holds")) load_holds(reader, state);
}

}  // namespace hexagent
