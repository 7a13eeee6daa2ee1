// Planner: see planner.h.
#include "core/plan/planner.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/lifecycle.h"
#include "core/lifecycle_parts.h"
#include "core/plan/entrance.h"
#include "core/plan/fair_share.h"
#include "core/plan/greedy.h"
#include "core/plan/order.h"
#include "core/plan/placement.h"
#include "core/plan/placement_cost.h"
#include "core/plan/tier.h"
#include "core/plan/urgent_first.h"
#include "core/shadow_placing.h"

namespace hexagent {
namespace {

Ranked rank(const State& state, uint32_t index, double delta_s) {
  const Call& call = state.workflows.call(index);
  return {state.order_key(call, delta_s), index, tier_now(state, call)};
}

// ---- dispatch windows ----

double window_s(const State& state, const Worker& worker) {
  return to_s(worker.spec.dispatch_round_trip_ns) + state.settings.window_s;
}

// Open for any call: the worker would run dry within a round trip, or small calls may join.
bool window_open(const State& state, uint32_t index) {
  const Worker& worker = state.workers[index];
  const PrefillLoad& load = state.view.load(index).prefill;
  if (load.count == 0 || load.tokens < state.settings.window_tokens) return true;
  return load.drain_s(worker.prefill_engine, state.now) <= window_s(state, worker);
}

bool window_takes(const State& state, uint32_t index, const Call& call, uint32_t new_tokens) {
  const Worker& worker = state.workers[index];
  const PrefillLoad& load = state.view.load(index).prefill;
  if (load.count == 0) return true;
  const double tokens = new_tokens;
  if (load.tokens + tokens <= state.settings.window_tokens) return true;
  const double drain_s = load.drain_s(worker.prefill_engine, state.now);
  const double backlog_s = state.view.backlog_s;
  // Others can keep the workers a call wants from ever running dry, so its window widens with the
  // time it has waited; the engine then takes it in order. What the backlog makes all wait for is
  // no sign of that.
  const double waited_s = to_s(state.now - call.times.ready);
  const double unlucky_s =
      std::max(0.0, waited_s - state.settings.window_patience_backlog * backlog_s);
  if (drain_s <= window_s(state, worker) + state.settings.window_patience * unlucky_s) return true;
  // Where all wait longer than for this worker, going in order is worth more than going now.
  if (drain_s < state.settings.window_overtake_backlog * backlog_s) return false;
  // A short call may share the iterations of a long one, which it hardly delays. Of one that was
  // sent: beside a long call that is only booked here short ones would slip in for ever, and the
  // worker never be free for it.
  return tokens <= state.settings.window_overtake * worker.load.prefill.tokens &&
         load.next_iteration_tokens + std::min(tokens, worker.prefill_engine.chunk_tokens) <=
             worker.prefill_engine.batch_tokens;
}

// With no window open for all comers only short calls can be sent, beside long ones; few are tried.
constexpr uint32_t kOvertakersMax = 4;

// Shorter calls than this hardly exist, and scanning for them costs more than it gives.
constexpr double kOvertakerTokens = 64.0;

// Is anything under way that a short call could be sent beside?
bool may_overtake(const State& state) {
  for (const ModelPool& pool : state.workers.pools()) {
    for (uint32_t index : pool.prefill) {
      const PrefillLoad& load = state.view.load(index).prefill;
      const bool room =
          load.next_iteration_tokens < state.workers[index].prefill_engine.batch_tokens;
      if (room && state.settings.window_overtake * load.tokens >= kOvertakerTokens) return true;
    }
  }
  return false;
}

// The prefill workers of all pools whose windows are open.
void list_open(State* state) {
  state->open_workers.clear();
  for (const ModelPool& pool : state->workers.pools()) {
    for (uint32_t index : pool.prefill) {
      if (window_open(*state, index)) state->open_workers.push_back(index);
    }
  }
}

// A worker was given more to do.
void drop_if_closed(State* state, uint32_t index) {
  if (!window_open(*state, index)) std::erase(state->open_workers, index);
}

// When the first closed window opens by the mere progress of its worker.
TimeNs next_opening(const State& state) {
  TimeNs first = kNever;
  for (const ModelPool& pool : state.workers.pools()) {
    for (uint32_t index : pool.prefill) {
      const Worker& worker = state.workers[index];
      if (worker.load.prefill.count == 0) continue;
      const double drain = worker.load.prefill.drain_s(worker.prefill_engine, state.now);
      const double ahead = drain - window_s(state, worker);
      if (ahead > 0.0) first = std::min(first, state.now + to_ns(ahead) + 1);
    }
  }
  return first;
}

// ---- the pieces of a plan ----

void send(State* state, uint32_t index, const CallShape& shape, const Choice& choice, double key) {
  dispatch(state, index, choice, key);
  state->view.book_dispatched(shape, choice);
}

// Where the only worker with space is the one to which the KV could not be moved before, that one
// has to do.
bool choose_decode(const State& state, const CallShape& shape, uint32_t prefill, Choice* choice) {
  const Placement& placement = *state.policy.placement;
  if (placement.choose_decode(state.view, shape, prefill, choice)) return true;
  if (shape.call->attempts_of_prefill == 0) return false;
  Call anywhere = *shape.call;
  anywhere.avoid_worker = kNoWorker;
  CallShape again = shape;
  again.call = &anywhere;
  return placement.choose_decode(state.view, again, prefill, choice);
}

// Calls whose KV waits on a prefill worker come first: they hold memory on two sides of the
// cluster.
void bind_prefilled(State* state) {
  std::vector<Ranked> ranked;
  for (uint32_t index : state->prefilled.calls()) ranked.push_back(rank(*state, index, 0.0));
  std::sort(ranked.begin(), ranked.end(), MoreUrgent{state});
  for (const Ranked& entry : ranked) {
    const Call& call = state->workflows.call(entry.call);
    const CallShape shape = state->shape_of(call);
    Choice choice;
    if (call.decode_locked) {
      const DecodeOption option = decode_option(state->view, shape, call.decode_worker);
      if (!option.fits) continue;
      project(state->view, call.prefill_worker, kPrefillDone, call.decode_worker, option, &choice);
    } else if (!choose_decode(*state, shape, call.prefill_worker, &choice)) {
      continue;
    }
    const uint32_t tentative = call.decode_worker;
    bind_decode(state, entry.call, choice);
    // One on which the call counted until now counts, too: a search whose columns are behind the
    // loads holds bounds for costs that no pair has.
    for (const uint32_t worker : {choice.prefill, choice.decode, tentative}) {
      state->view.changed(worker);
    }
  }
}

// Where KV is short, calls wait in order; the few next in line may pass one that does not fit.
constexpr uint32_t kMisfitsMax = 16;

void plan_at_ready(State* state, FairShare* fair) {
  UrgentFirst urgent(*state, &state->ranked, &state->urgent_guess);
  Ranked entry;
  uint32_t misfits = 0;
  while (misfits < kMisfitsMax && urgent.next(&entry)) {
    const uint32_t index = entry.call;
    if (fair->yields(index)) continue;
    const CallShape shape = state->shape_of(state->workflows.call(index));
    Choice choice;
    // A call that no worker serves at present takes nobody's place, so it is no misfit.
    if (!state->policy.placement->choose(state->view, shape, &choice)) {
      fair->unserved(index);
      continue;
    }
    if (!choice.fits) {
      ++misfits;
      continue;
    }
    const double key = state->order_key(*shape.call, choice.finish_s);
    send(state, index, shape, choice, key);
    fair->sent();
  }
}

// Calls that wait in an engine's queue are ordered by keys that may have aged. Where the order
// among them has changed, all of that queue get new keys, since old and new ones cannot be
// compared.
void reorder_queues(State* state) {
  const MoreUrgent more_urgent{state};
  std::vector<Ranked>& queue = state->ranked;
  for (uint32_t index = 0; index < state->workers.size(); ++index) {
    queue.clear();
    for (uint32_t at = state->workers[index].prefill_head; at != kNoIndex;) {
      const Call& call = state->workflows.call(at);
      const double left_s = to_s(std::max<TimeNs>(0, call.plan.decode_end - state->now));
      if (call.state == CallState::kDispatched) queue.push_back(rank(*state, at, left_s));
      at = call.prefill_next;
    }
    std::sort(queue.begin(), queue.end(), more_urgent);
    bool sorted = true;
    for (size_t i = 1; i < queue.size(); ++i) {
      sorted = sorted && state->workflows.call(queue[i - 1].call).sent_order_key <=
                             state->workflows.call(queue[i].call).sent_order_key;
    }
    if (sorted) continue;
    for (const Ranked& entry : queue) reprioritise(state, entry.call, entry.key);
  }
}

// ---- how long queues are ----

double prefill_workers(const State& state) {
  size_t count = 0;
  for (const ModelPool& pool : state.workers.pools()) count += pool.prefill.size();
  return static_cast<double>(count);
}

// More calls wait for each prefill worker than where a plan still projects their finishes.
bool many_wait(const State& state) {
  return static_cast<double>(state.waiting.size()) >
         state.settings.projection_waiting * prefill_workers(state);
}

// The cluster keeps up: few calls wait for each prefill worker, and decode batches have room.
bool queues_are_short(const State& state) {
  double sequences = 0.0;
  double places = 0.0;
  for (const ModelPool& pool : state.workers.pools()) {
    for (uint32_t index : pool.decode) {
      const Worker& worker = state.workers[index];
      sequences += worker.load.decode.sequences + worker.load.decode.promised_sequences;
      places += worker.decode_engine.batch_max;
    }
  }
  return !many_wait(state) && sequences <= state.settings.projection_batch * places;
}

// ---- placements that are kept ----

// Does the call wait for what it waited for a moment ago? Only workers that a prefill has left
// since can be better for it now. Says no where only a search can tell.
bool keeps(const State& state, const CallShape& shape, Choice* kept) {
  const Call& call = *shape.call;
  if (call.kept_prefill == kNoIndex) return false;
  if (state.now - call.kept_at > to_ns(state.settings.keep_placement_s)) return false;
  kept->prefill = call.kept_prefill;
  kept->decode = call.kept_decode;
  const Placement& placement = *state.policy.placement;
  return placement.keeps(state.view, shape, state.open_workers, kept) &&
         !window_takes(state, kept->prefill, call, shape.prompt_tokens - kept->prefill_cached);
}

void keep_placement(State* state, uint32_t index, const Choice& choice) {
  Call& call = state->workflows.call(index);
  call.kept_prefill = choice.prefill;
  call.kept_decode = choice.decode;
  call.kept_at = state->now;
}

// A plan ends once so many calls in a row, from the most urgent down, wanted workers whose windows
// are closed: what is still open is then wanted by nobody near the front, and the next event looks
// again.
void plan_sorted(State* state, FairShare* fair) {
  const std::vector<uint32_t>& open = state->open_workers;
  if (open.empty() && !may_overtake(*state)) return;
  const bool in_long_queue = many_wait(*state);
  UrgentFirst urgent(*state, &state->ranked, &state->urgent_guess);
  Ranked entry;
  const auto misses_max = static_cast<uint32_t>(state->settings.plan_misses_max);
  uint32_t misses = 0;
  while (misses < (!open.empty() ? misses_max : kOvertakersMax) && urgent.next(&entry)) {
    if (fair->yields(entry.call)) continue;
    CallShape shape = state->cold_shape_of(state->workflows.call(entry.call));
    if (state->policy.placement->surely_misfits(state->view, shape)) {
      ++misses;
      continue;
    }
    state->look_up_hits(&shape);
    Choice choice;
    if (in_long_queue && keeps(*state, shape, &choice)) {
      state->view.book(shape, choice);
      ++misses;
      continue;
    }
    if (!state->policy.placement->choose(state->view, shape, &choice)) {  // as above
      fair->unserved(entry.call);
      continue;
    }
    if (!choice.fits) {
      ++misses;
      continue;
    }
    const uint32_t new_tokens = shape.prompt_tokens - choice.prefill_cached;
    if (window_takes(*state, choice.prefill, *shape.call, new_tokens)) {
      send(state, entry.call, shape, choice, entry.key);
      fair->sent();
      misses = 0;
    } else {
      state->view.book(shape, choice);
      if (in_long_queue) keep_placement(state, entry.call, choice);
      ++misses;
    }
    drop_if_closed(state, choice.prefill);
  }
}

// Sends and books calls for as long as a window is open: beyond that nothing could be sent, and
// nothing else outlives a plan.
void plan_greedy(State* state, FairShare* fair, Greedy greedy) {
  Scored taken;
  while (!state->open_workers.empty() && greedy.next(&taken)) {
    const uint32_t index = taken.rank.call;
    if (fair->yields(index)) continue;
    const CallShape shape = state->shape_of(state->workflows.call(index));
    const uint32_t new_tokens = shape.prompt_tokens - taken.choice.prefill_cached;
    if (window_takes(*state, taken.choice.prefill, *shape.call, new_tokens)) {
      send(state, index, shape, taken.choice, taken.rank.key);
      fair->sent();
    } else {
      state->view.book(shape, taken.choice);
    }
    drop_if_closed(state, taken.choice.prefill);
    greedy.applied(taken.choice);
  }
}

// For whom a plan projects in short queues: all that wait for a dozen workers, and few enough that
// a plan over many workers stays cheap.
constexpr uint32_t kFrontCalls = 32;

void plan_waiting(State* state, FairShare* fair) {
  if (state->policy.dispatch == Dispatch::kAtReady) return plan_at_ready(state, fair);
  const Projection projection = state->policy.order->projection();
  list_open(state);
  const bool any_open = !state->open_workers.empty();
  if (projection == Projection::kAlways) {
    if (any_open) plan_greedy(state, fair, Greedy(state, fair));
  } else if (projection == Projection::kShortQueues && any_open && queues_are_short(*state)) {
    plan_greedy(state, fair, Greedy(state, fair, Greedy::Front{kFrontCalls}));
  } else {
    plan_sorted(state, fair);
  }
}

}  // namespace

double mean_backlog_s(const State& state) {
  double drain = state.queued.seconds();
  uint32_t count = 0;
  for (const ModelPool& pool : state.workers.pools()) {
    for (uint32_t index : pool.prefill) {
      const Worker& worker = state.workers[index];
      drain += worker.load.prefill.drain_s(worker.prefill_engine, state.now);
      ++count;
    }
  }
  return count == 0 ? 0.0 : drain / count;
}

void plan(State* state) {
  const TimeNs delay = to_ns(state->settings.replan_delay_s);
  if (delay > 0 && state->planned_at >= 0 && state->now < state->planned_at + delay) {
    state->plan_at = state->planned_at + delay;  // the planner is still busy with the last state
    state->plan_needed = false;
    return;
  }
  state->planned_at = state->now;
  state->plan_needed = false;
  state->workers.note_use(state->now, state->settings.utilisation_s);
  state->plan_at = kNever;
  if (state->waiting.empty() && state->prefilled.empty()) return;
  if (is_shadow(*state)) return;  // calls go where the router's reports say
  ++state->counters.plans;
  open_entrance(state);
  state->view.begin(state->now);
  state->view.backlog_s = mean_backlog_s(*state);
  if (!state->prefilled.empty()) bind_prefilled(state);
  const bool at_ready = state->policy.dispatch == Dispatch::kAtReady;
  if (at_ready && state->policy.order->changes_with_time()) reorder_queues(state);
  if (state->waiting.empty()) return;
  for (;;) {
    FairShare fair(state);
    plan_waiting(state, &fair);
    if (!fair.look_again()) break;  // each further look has sent a call, or found one unserved
    state->view.begin(state->now);
  }
  if (at_ready) return;
  if (!state->waiting.empty()) state->plan_at = next_opening(*state);
}

}  // namespace hexagent
