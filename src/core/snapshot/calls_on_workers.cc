// Calls on workers: see calls_on_workers.h.
#include "core/snapshot/calls_on_workers.h"

#include <algorithm>
#include <cmath>

#include "core/snapshot/bounds.h"

namespace hexagent {
namespace {

// One of the two lists that each worker has.
struct List {
  const char* section;
  uint32_t Worker::*head;
  uint32_t Worker::*count;
  uint32_t Call::*worker;
  uint32_t Call::*next;
  uint32_t Call::*previous;
};

constexpr List kPrefills = {
    "prefills",          &Worker::prefill_head,   &Worker::prefill_count, &Call::prefill_worker,
    &Call::prefill_next, &Call::prefill_previous,
};
constexpr List kDecodes = {
    "decodes",          &Worker::decode_head,   &Worker::decode_count, &Call::decode_worker,
    &Call::decode_next, &Call::decode_previous,
};

bool is_before_prefill_end(CallState state) {
  return state == CallState::kDispatched || state == CallState::kPrefilling;
}

bool in_batch(CallState state) {
  return state == CallState::kDecodeQueued || state == CallState::kDecoding;
}

// Does the state of a call put it on this list?
bool belongs(const List& list, const Call& call) {
  return list.next == kPrefills.next ? is_before_prefill_end(call.state) : is_in_flight(call.state);
}

void save_list(SnapshotWriter* writer, const State& state, const List& list) {
  writer->begin(list.section);
  for (uint32_t worker = 0; worker < state.workers.size(); ++worker) {
    for (uint32_t call = state.workers[worker].*list.head; call != kNoIndex;) {
      writer->number("call", &call);
      writer->end_row();
      call = state.workflows.call(call).*list.next;
    }
  }
}

void load_list(SnapshotReader* reader, State* state, const List& list) {
  uint64_t wanted = 0;
  for (uint32_t worker = 0; worker < state->workers.size(); ++worker) {
    wanted += state->workers[worker].*list.count;
  }
  if (reader->begin(list.section, state->workflows.call_count()) != wanted) {
    return reader->refuse("", "has not as many rows as the workers have calls");
  }
  std::vector<bool> seen(static_cast<size_t>(state->settings.calls_max), false);
  for (uint32_t index = 0; index < state->workers.size(); ++index) {
    Worker& worker = state->workers[index];
    uint32_t last = kNoIndex;
    for (uint32_t i = 0; i < worker.*list.count; ++i) {
      uint32_t place = 0;
      reader->number("call", &place);
      if (!reader->sound()) return;
      if (!state->workflows.is_call(place) || seen[place]) {
        return reader->refuse("call", "is none, or was there before");
      }
      Call& call = state->workflows.call(place);
      if (!belongs(list, call) || call.*list.worker != index) {
        return reader->refuse("call", "is not on this worker");
      }
      reader->end_row();
      seen[place] = true;
      call.*list.previous = last;
      (last == kNoIndex ? worker.*list.head : state->workflows.call(last).*list.next) = place;
      last = place;
    }
  }
}

// What the calls of one worker add up to.
struct Sums {
  uint64_t blocks = 0;
  double bytes_in = 0.0;
  double bytes_out = 0.0;
  uint32_t longest[PrefillLoad::kBuckets] = {};
};

class CallCheck {
 public:
  CallCheck(SnapshotReader* reader, State* state)
      : reader_(reader), state_(*state), sums_(state->workers.size()) {}

  void run() {
    for (const KvHold& hold : state_.holds.all()) sums_[hold.worker].blocks += hold.blocks;
    for (uint32_t index = state_.workflows.least_active(); index != kNoIndex;) {
      Workflow& workflow = state_.workflows.workflow(index);
      ++state_.tenants[workflow.tenant].workflows_live;
      state_.workflows.for_each_call(index, [&](uint32_t call) {
        if (reader_->sound()) look_at(&workflow, &state_.workflows.call(call));
      });
      index = workflow.idle_next;
    }
    if (on_prefill_lists_ != listed(kPrefills)) refuse("state", "a prefill is on no list");
    if (on_decode_lists_ != listed(kDecodes)) refuse("state", "a call in flight is on no list");
    if (ready_ != state_.waiting.size()) refuse("state", "a ready call does not wait");
    if (prefilled_ != state_.prefilled.size()) refuse("state", "a prefilled call does not wait");
    if (pinned_ != state_.contents.pinned_count()) refuse("content", "a pinned one has no call");
    for (uint32_t worker = 0; worker < sums_.size() && reader_->sound(); ++worker) {
      settle(worker);
    }
  }

 private:
  void refuse(const char* column, const char* text) {
    reader_->refuse(std::string("section calls, column ") + column + ": " + text);
  }

  uint32_t listed(const List& list) const {
    uint32_t sum = 0;
    for (uint32_t worker = 0; worker < state_.workers.size(); ++worker) {
      sum += state_.workers[worker].*list.count;
    }
    return sum;
  }

  void look_at(Workflow* workflow, Call* call) {
    const CallState state = call->state;
    if (state_.workers.pool(call->model) == nullptr) refuse("model", "is not among the models");
    if (call->prefill_hit >= call->prompt_tokens) refuse("prefill_hit", "exceeds the prompt");
    if (call->decode_hit >= call->prompt_tokens) refuse("decode_hit", "exceeds the prompt");
    constexpr TimeNs kLongest = kExpectedMaxNs - kTimeMaxNs;
    if (call->plan.transfer_end - call->plan.transfer_start > kLongest ||
        call->plan.decode_end - call->plan.transfer_end > kLongest) {
      refuse("plan_decode_end", "is too far away");
    }
    const bool may_wait = state == CallState::kHeld || state == CallState::kWaiting ||
                          state == CallState::kFailed || state == CallState::kCancelled;
    if (!may_wait && call->deps_pending > 0) refuse("state", "it still waits for another call");
    if (state == CallState::kWaiting && call->deps_pending == 0) {
      refuse("state", "it waits for nothing");
    }
    if (is_final(state)) ++workflow->calls_done;
    if (!is_final(state) && call->content != ContentTable::kNone) {
      ++pinned_;
      if (!state_.contents.is_pinned_of(call->content, workflow->id, call->id)) {
        refuse("content", "is not that of the call");
      }
    }
    ready_ += state == CallState::kReady ? 1u : 0u;
    prefilled_ += state == CallState::kPrefilled ? 1u : 0u;
    on_prefill_lists_ += is_before_prefill_end(state) ? 1u : 0u;
    if (is_in_flight(state)) {
      ++workflow->calls_in_flight;
      look_at_running(call);
    } else if (call->prefill_blocks > 0 || call->decode_blocks > 0) {
      refuse("prefill_blocks", "are held by a call that does not run");
    }
  }

  void look_at_running(Call* call) {
    ++on_decode_lists_;
    if (call->prefill_worker == kNoWorker || call->decode_worker == kNoWorker) {
      return refuse("prefill_worker", "is missing where a call runs");
    }
    if (call->local) {
      if (call->prefill_worker != call->decode_worker) refuse("local", "runs on two workers");
      if (!is_before_prefill_end(call->state) && call->state != CallState::kDecoding) {
        refuse("local", "has nothing to transfer");
      }
    }
    if (call->transfer_bytes != std::floor(call->transfer_bytes)) {
      refuse("transfer_bytes", "are not whole");
    }
    call->kv_on_prefill = call->prefill_blocks > 0;
    call->kv_on_decode = call->decode_blocks > 0;
    Sums& source = sums_[call->prefill_worker];
    Sums& target = sums_[call->decode_worker];
    source.blocks += call->prefill_blocks;
    target.blocks += call->decode_blocks;
    WorkerLoad& source_load = state_.workers[call->prefill_worker].load;
    WorkerLoad& target_load = state_.workers[call->decode_worker].load;
    ++source_load.calls_bound;
    if (is_before_prefill_end(call->state)) {
      const PrefillShape shape = prefill_shape(call->prompt_tokens, call->prefill_hit);
      const Worker& worker = state_.workers[call->prefill_worker];
      ++source.longest[prefill_bucket(worker.prefill_engine, shape.tokens)];
      ++source_load.prefill.count;
    }
    (in_batch(call->state) ? target_load.decode.sequences
                           : target_load.decode.promised_sequences) += 1.0;
    if (call->local || in_batch(call->state)) return;
    source.bytes_out += call->transfer_bytes;
    target.bytes_in += call->transfer_bytes;
    source_load.egress.flows += 1.0;
    target_load.ingress.flows += 1.0;
  }

  // Sums of whole numbers are exact, in whatever order.
  void settle(uint32_t index) {
    Worker& worker = state_.workers[index];
    const Sums& sums = sums_[index];
    const auto refuse_worker = [&](const char* column, const char* text) {
      reader_->refuse("section workers, column " + std::string(column) + ", row " +
                      std::to_string(index) + ": " + text);
    };
    if (sums.bytes_in != worker.load.ingress.bytes) {
      refuse_worker("ingress_bytes", "are not those of the calls");
    }
    if (sums.bytes_out != worker.load.egress.bytes) {
      refuse_worker("egress_bytes", "are not those of the calls");
    }
    for (int k = 0; k < PrefillLoad::kBuckets; ++k) {
      if (sums.longest[k] == worker.load.prefill.longest[k]) continue;
      refuse_worker("prefill_load_longest", "are not those of the calls");
    }
    if (sums.blocks > worker.kv.capacity_tokens() / worker.spec.block_tokens) {
      return refuse_worker("kv_capacity_tokens", "are fewer than the calls hold");
    }
    worker.kv.set_reserved(sums.blocks);
    worker.load.kv_free_tokens = static_cast<int64_t>(worker.kv.free_tokens());
  }

  SnapshotReader* reader_;
  State& state_;
  std::vector<Sums> sums_;  // by worker
  uint32_t on_prefill_lists_ = 0;
  uint32_t on_decode_lists_ = 0;
  uint32_t ready_ = 0;
  uint32_t prefilled_ = 0;
  uint32_t pinned_ = 0;
};

}  // namespace

void save_calls_on_workers(SnapshotWriter* writer, const State& state) {
  save_list(writer, state, kPrefills);
  save_list(writer, state, kDecodes);
}

void load_calls_on_workers(SnapshotReader* reader, State* state) {
  load_list(reader, state, kPrefills);
  if (reader->sound()) load_list(reader, state, kDecodes);
}

void check_calls(SnapshotReader* reader, State* state) { CallCheck(reader, state).run(); }

}  // namespace hexagent
