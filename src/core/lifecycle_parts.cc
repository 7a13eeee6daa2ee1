// Bookkeeping of calls on workers: see lifecycle_parts.h.
#include "core/lifecycle_parts.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/exact_math.h"
#include "core/plan/entrance.h"
#include "core/plan/fair_share.h"
#include "core/shadow_placing.h"
#include "core/transfers.h"

namespace hexagent {
namespace {

// Links a call at the head of one of a worker's lists. `next`/`previous` are the members to use.
void link(State* state, uint32_t* head, uint32_t index, uint32_t Call::*next,
          uint32_t Call::*previous) {
  Call& call = state->workflows.call(index);
  call.*next = *head;
  call.*previous = kNoIndex;
  if (*head != kNoIndex) state->workflows.call(*head).*previous = index;
  *head = index;
}

void unlink(State* state, uint32_t* head, uint32_t index, uint32_t Call::*next,
            uint32_t Call::*previous) {
  Call& call = state->workflows.call(index);
  if (call.*previous != kNoIndex) {
    state->workflows.call(call.*previous).*next = call.*next;
  } else {
    HEXAGENT_CHECK(*head == index);
    *head = call.*next;
  }
  if (call.*next != kNoIndex) state->workflows.call(call.*next).*previous = call.*previous;
  call.*next = call.*previous = kNoIndex;
}

// Distance between the order keys of two tiers. Keys are seconds or stretches in millionths: one of
// nearly half of this is thirty thousand years.
constexpr int64_t kTierKeys = 2'000'000'000'000'000'000;

void mirror_kv(Worker* worker) {
  worker->load.kv_free_tokens = static_cast<int64_t>(worker->kv.free_tokens());
}

// Loads are sums of doubles: an empty sum is set to exactly nothing, so no rounding error stays.
void settle(LinkLoad* load) {
  if (load->flows < 0.5) *load = LinkLoad{};
}

void settle(DecodeLoad* load) {
  if (load->sequences < 0.5) load->sequences = load->context = 0.0;
  if (load->promised_sequences < 0.5) load->promised_sequences = load->promised_context = 0.0;
  if (load->sequences + load->promised_sequences < 0.5) load->weight = 0.0;
}

double bytes_to_move(const Worker& source, const Call& call) {
  return source.kv_bytes_per_token * static_cast<double>(call.prompt_tokens - call.decode_hit);
}

bool in_batch(const Call& call) {
  return call.state == CallState::kDecodeQueued || call.state == CallState::kDecoding;
}

// Reserved on the prefill worker: the prompt, and the output too where the call stays for decode.
// The whole prompt counts, cached or not: a cached block that is in use can no longer be evicted.
uint64_t prefill_kv_tokens(const Call& call) {
  return call.local ? call.output_reserve + static_cast<uint64_t>(call.prompt_tokens)
                    : call.prompt_tokens;
}

// What a router does in shadow mode need not fit our ledger; it then holds as much as there is.
uint32_t reserve_kv(const State& state, Worker* worker, uint64_t tokens) {
  return worker->kv.reserve(is_shadow(state) ? std::min(tokens, worker->kv.free_tokens()) : tokens);
}

}  // namespace

double projected_stretch(const State& state, const Workflow& workflow) {
  const double horizon = std::max(workflow.horizon_s, 1e-3);
  const double elapsed = to_s(state.now - workflow.arrival);
  return std::max(1.0, (elapsed + workflow.remaining_s) / horizon);
}

double delay_weight(const State& state, const Call& call) {
  const Workflow& workflow = state.workflows.workflow_of(call);
  const double stretch = projected_stretch(state, workflow);
  const auto power = static_cast<uint32_t>(state.settings.impact_power);
  const double longest_s = state.settings.impact_horizon_max * state.horizons_s.value();
  const double horizon_s =
      longest_s > 0.0 ? std::min(workflow.horizon_s, longest_s) : workflow.horizon_s;
  return whole_power(stretch, power - 1) / std::max(horizon_s, 1e-3);
}

void refresh_urgency(State* state, uint32_t workflow) {
  if (state->workflows.workflow(workflow).calls_ready == 0) return;
  state->workflows.for_each_call(workflow, [&](uint32_t index) {
    const Call& call = state->workflows.call(index);
    if (call.state != CallState::kReady) return;
    state->waiting.set_urgency(state->workflows, index, state->urgency_of(call));
  });
}

void join_waiting(State* state, uint32_t index) {
  const Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  lift_tenant(state, index);
  arrive(state, index);
  state->waiting.add(&state->workflows, index, Urgency{}, !workflow.inside);
  state->queued.add(call.model, workflow.tier, call.prefill_s);
  ++state->tenants[workflow.tenant].calls_waiting;
  ++workflow.calls_ready;
  count_work(state, &workflow);
}

void leave_waiting(State* state, uint32_t index) {
  const Call& call = state->workflows.call(index);
  Workflow& workflow = state->workflows.workflow_of(call);
  state->waiting.remove(&state->workflows, index);
  state->queued.remove(call.model, workflow.tier, call.prefill_s);
  --state->tenants[workflow.tenant].calls_waiting;
  --workflow.calls_ready;
  count_work(state, &workflow);
}

int64_t to_order_key(double key, uint32_t tier) {
  constexpr double kMost = 0.45 * static_cast<double>(kTierKeys);
  const double scaled = std::clamp(-key * 1e6, -kMost, kMost);
  return static_cast<int64_t>(scaled) + static_cast<int64_t>(tier) * kTierKeys;
}

int32_t engine_priority(const Worker& worker, int64_t order_key, bool tiers) {
  // A thousandth of the key's unit still tells apart milliseconds or thousandths of a stretch. The
  // first tier has the lower three quarters of the 32 bits, the others share what is left.
  const int64_t first = tiers ? 1LL << 30 : 1LL << 31;
  constexpr int64_t kOther = 1LL << 29;
  const int64_t tier = order_key < kTierKeys / 2 ? 0 : (order_key + kTierKeys / 2) / kTierKeys;
  const int64_t plain = (order_key - tier * kTierKeys) / 1000;
  const int64_t scaled = tier == 0 ? std::clamp<int64_t>(plain, INT32_MIN + 1, first - 1)
                                   : first + (tier - 1) * kOther +
                                         std::clamp<int64_t>(plain + kOther / 2, 0, kOther - 1);
  const int64_t polar = worker.spec.engine == HEXAGENT_ENGINE_SGLANG ? -scaled : scaled;
  return static_cast<int32_t>(polar);
}

void record_plan(State* state, Call* call, const Choice& choice, double order_key) {
  const TimeNs now = state->now;
  CallPlan& plan = call->plan;
  plan.order_key = order_key;
  plan.delta_s = choice.finish_s;
  plan.cost_s = choice.cost_s;
  plan.prefill_cached = choice.prefill_cached;
  plan.decode_cached = choice.decode_cached;
  plan.prefill_start = now + to_ns(choice.wait_s);
  plan.prefill_end = now + to_ns(choice.prefill_end_s);
  plan.transfer_start = plan.prefill_end;
  plan.transfer_end = now + to_ns(choice.transfer_end_s);
  plan.decode_end = now + to_ns(choice.finish_s);
}

void attach_prefill(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  Worker& worker = state->workers[call.prefill_worker];
  link(state, &worker.prefill_head, index, &Call::prefill_next, &Call::prefill_previous);
  ++worker.prefill_count;
  ++worker.load.calls_bound;
  const TimeNs arrives = state->now + worker.spec.dispatch_round_trip_ns / 2;
  worker.load.prefill.add(worker.prefill_engine,
                          prefill_shape(call.prompt_tokens, call.prefill_hit), arrives);
  worker.last_prefill_dispatch = state->now;
  call.prefill_blocks = reserve_kv(*state, &worker, prefill_kv_tokens(call));
  call.kv_on_prefill = call.prefill_blocks > 0;
  mirror_kv(&worker);
  if (call.local) return;
  call.transfer_bytes = bytes_to_move(worker, call);
  worker.load.egress.bytes += call.transfer_bytes;
  worker.load.egress.flows += 1.0;
}

void detach_prefill_load(State* state, uint32_t index, TimeNs end) {
  Call& call = state->workflows.call(index);
  Worker& worker = state->workers[call.prefill_worker];
  unlink(state, &worker.prefill_head, index, &Call::prefill_next, &Call::prefill_previous);
  --worker.prefill_count;
  worker.freed_at = state->now;
  worker.load.prefill.remove(worker.prefill_engine,
                             prefill_shape(call.prompt_tokens, call.prefill_hit), end);
}

void release_prefill_kv(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  if (!call.kv_on_prefill) return;
  Worker& worker = state->workers[call.prefill_worker];
  if (!keep_for_transfer(state, call)) worker.kv.release(call.prefill_blocks);
  call.prefill_blocks = 0;
  call.kv_on_prefill = false;
  mirror_kv(&worker);
}

void attach_decode(State* state, uint32_t index, bool reserve) {
  Call& call = state->workflows.call(index);
  Worker& worker = state->workers[call.decode_worker];
  link(state, &worker.decode_head, index, &Call::decode_next, &Call::decode_previous);
  ++worker.decode_count;
  worker.load.decode.promised_sequences += 1.0;
  worker.load.decode.promised_context += decode_context(call);
  call.weight = delay_weight(*state, call);
  worker.load.decode.weight += call.weight;
  if (!call.local) {
    worker.load.ingress.bytes += call.transfer_bytes;
    worker.load.ingress.flows += 1.0;
  }
  if (!reserve) return;
  call.decode_blocks =
      reserve_kv(*state, &worker, call.output_reserve + static_cast<uint64_t>(call.prompt_tokens));
  call.kv_on_decode = call.decode_blocks > 0;
  mirror_kv(&worker);
}

void resize_transfer(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  Worker& source = state->workers[call.prefill_worker];
  source.load.egress.bytes -= call.transfer_bytes;
  call.transfer_bytes = bytes_to_move(source, call);
  source.load.egress.bytes += call.transfer_bytes;
}

void detach_transfer_load(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  if (call.local) return;
  LinkLoad& egress = state->workers[call.prefill_worker].load.egress;
  LinkLoad& ingress = state->workers[call.decode_worker].load.ingress;
  egress.bytes -= call.transfer_bytes;
  egress.flows -= 1.0;
  ingress.bytes -= call.transfer_bytes;
  ingress.flows -= 1.0;
  settle(&egress);
  settle(&ingress);
}

void detach_decode(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  Worker& worker = state->workers[call.decode_worker];
  unlink(state, &worker.decode_head, index, &Call::decode_next, &Call::decode_previous);
  --worker.decode_count;
  DecodeLoad& load = worker.load.decode;
  load.run_clock(worker.decode_engine, state->now);
  if (in_batch(call)) {
    load.sequences -= 1.0;
    load.context -= decode_context(call);
  } else {
    load.promised_sequences -= 1.0;
    load.promised_context -= decode_context(call);
    if (!call.local) {
      worker.load.ingress.bytes -= call.transfer_bytes;
      worker.load.ingress.flows -= 1.0;
      settle(&worker.load.ingress);
    }
  }
  // Weights differ by many powers of ten: what a large one leaves behind may be less than nothing.
  load.weight = std::max(0.0, load.weight - call.weight);
  settle(&load);
  if (!call.kv_on_decode) return;
  worker.kv.release(call.decode_blocks);
  call.decode_blocks = 0;
  call.kv_on_decode = false;
  mirror_kv(&worker);
}

void release_all(State* state, uint32_t index) {
  Call& call = state->workflows.call(index);
  HEXAGENT_CHECK(is_in_flight(call.state));
  const bool prefill_open =
      call.state == CallState::kDispatched || call.state == CallState::kPrefilling;
  if (prefill_open) detach_prefill_load(state, index, state->now);
  if (!call.local && !in_batch(call)) {
    LinkLoad& egress = state->workers[call.prefill_worker].load.egress;
    egress.bytes -= call.transfer_bytes;
    egress.flows -= 1.0;
    settle(&egress);
  }
  if (call.state == CallState::kPrefilled && call.waiting_slot != kNoIndex) {
    state->prefilled.remove(&state->workflows, index);
  }
  unwatch_transfer(state, index);
  detach_decode(state, index);
  release_prefill_kv(state, index);
  uint32_t& bound = state->workers[call.prefill_worker].load.calls_bound;
  HEXAGENT_CHECK(bound > 0);
  --bound;
}

}  // namespace hexagent
