// Unscored: see unscored.h.
#include "core/plan/unscored.h"

#include <algorithm>

#include "core/plan/tier.h"

namespace hexagent {
namespace {

// One pool's bounds on the ranks of calls, from their numbers in the waiting list.
struct RankBound {
  const WaitingList& waiting;
  const FinishBound& finish;
  double now_s;
  double model;
  double prompt_tokens_max;
  double reserve_tokens_max;

  // `before`: what is known of a call of another pool.
  double operator()(size_t slot, double before) const {
    const WaitingShapes& shapes = waiting.shapes();
    const BoundedShape call = {shapes.prompts()[slot], shapes.reserves()[slot],
                               shapes.outputs()[slot]};
    const double later_s = finish.finish_s(call) - shapes.projections_s()[slot];
    const double line =
        waiting.rates()[slot] * now_s - waiting.offsets()[slot] + later_s * shapes.slopes()[slot];
    const double floor = shapes.floors()[slot];
    const double key = line > floor ? line : floor;
    const bool has_room =
        (call.prompt_tokens <= prompt_tokens_max) & (call.reserve_tokens <= reserve_tokens_max);
    const double rank = finish.fits(call) ? key : Unscored::kNoBound;
    const double rank_here = has_room ? rank : Unscored::kNobody;
    return shapes.models()[slot] == model ? rank_here : before;
  }
};

// Some calls tell what the others are like.
constexpr uint32_t kSamplesMax = 64;

}  // namespace

void Unscored::clear() {
  pools_.clear();
  ranks_.clear();
  block_ranks_.clear();
  taken_.clear();
  first_rank_ = kNobody;
}

void Unscored::begin(const Scheduler::State& state, bool mixed) {
  clear();
  mixed_ = mixed;
  for (const ModelPool& pool : state.workers.pools()) {
    if (!pool.prefill.empty() && !pool.decode.empty()) add_pool(state, pool);
  }
  bound_all(state);
}

void Unscored::add_pool(const Scheduler::State& state, const ModelPool& pool) {
  const WaitingShapes& shapes = state.waiting.shapes();
  const uint32_t step = 1 + state.waiting.size() / kSamplesMax;
  Pool added = {&pool, {}, {}, {}, 0.0, 0.0};
  double count = 0.0;
  for (uint32_t slot = 0; slot < state.waiting.size(); slot += step) {
    if (shapes.models()[slot] != pool.model) continue;
    count += 1.0;
    added.typical.prompt_tokens += shapes.prompts()[slot];
    added.typical.output_tokens += shapes.outputs()[slot];
    added.largest.prompt_tokens = std::max(added.largest.prompt_tokens, shapes.prompts()[slot]);
    added.largest.reserve_tokens = std::max(added.largest.reserve_tokens, shapes.reserves()[slot]);
  }
  added.typical.prompt_tokens /= std::max(count, 1.0);
  added.typical.output_tokens /= std::max(count, 1.0);
  pools_.push_back(added);
}

void Unscored::bound_all(const Scheduler::State& state) {
  const PlanView& view = state.view;
  const WaitingList& waiting = state.waiting;
  ranks_.assign(waiting.size(), kNoBound);
  for (Pool& pool : pools_) {
    pool.bound = FinishBound::least(view, *pool.pool, pool.typical, pool.largest);
    pool.prompt_tokens_max = pool.reserve_tokens_max = 0.0;
    for (uint32_t index : pool.pool->prefill) {
      const PrefillOutlook& worker = view.prefill_outlook(index);
      const auto tokens = static_cast<double>(worker.kv_free_tokens);
      pool.prompt_tokens_max = std::max(pool.prompt_tokens_max, tokens);
      // Where the decode worker is bound later, it needs no room yet.
      if (worker.late) pool.reserve_tokens_max = kNoBound;
    }
    for (uint32_t index : pool.pool->decode) {
      const auto tokens = static_cast<double>(view.decode_outlook(index).kv_free_tokens);
      pool.reserve_tokens_max = std::max(pool.reserve_tokens_max, tokens);
    }
    bound_pool(state, pool);
  }
  if (mixed_) put_tiers_in_order(state);
  for (uint32_t call : taken_) {
    const uint32_t slot = state.workflows.call(call).waiting_slot;
    if (slot < waiting.size() && waiting.calls()[slot] == call) ranks_[slot] = kNobody;
  }
  block_ranks_.resize((ranks_.size() + kBlock - 1) / kBlock);
  for (uint32_t block = 0; block < block_ranks_.size(); ++block) find_first_of_block(block);
  find_first();
}

void Unscored::bound_pool(const Scheduler::State& state, const Pool& pool) {
  const RankBound bound = {state.waiting,
                           pool.bound,
                           Urgency::shy_s(state.now),
                           static_cast<double>(pool.pool->model),
                           pool.prompt_tokens_max,
                           pool.reserve_tokens_max};
  size_t slot = 0;
  for (; slot + kLanes <= ranks_.size(); slot += kLanes) {
    double lanes[kLanes];  // compilers work on several at once
    for (size_t i = 0; i < kLanes; ++i) lanes[i] = bound(slot + i, ranks_[slot + i]);
    std::copy(lanes, lanes + kLanes, &ranks_[slot]);
  }
  for (; slot < ranks_.size(); ++slot) ranks_[slot] = bound(slot, ranks_[slot]);
}

void Unscored::put_tiers_in_order(const Scheduler::State& state) {
  for (uint32_t slot = 0; slot < ranks_.size(); ++slot) {
    const Call& call = state.workflows.call(state.waiting.calls()[slot]);
    ranks_[slot] = rank(ranks_[slot], tier_now(state, call));
  }
}

void Unscored::find_first_of_block(uint32_t block) {
  const auto begin = ranks_.begin() + static_cast<std::ptrdiff_t>(block) * kBlock;
  const auto end = ranks_.end() - begin > kBlock ? begin + kBlock : ranks_.end();
  block_ranks_[block] = *std::max_element(begin, end);
}

void Unscored::find_first() {
  first_rank_ = kNobody;
  for (uint32_t block = 0; block < block_ranks_.size(); ++block) {
    if (block_ranks_[block] <= first_rank_) continue;
    first_rank_ = block_ranks_[block];
    first_block_ = block;
  }
}

uint32_t Unscored::pop(const Scheduler::State& state, Choice* pair) {
  const auto begin = ranks_.begin() + static_cast<std::ptrdiff_t>(first_block_) * kBlock;
  const auto at = std::find(begin, ranks_.end(), first_rank_);
  const auto slot = static_cast<uint32_t>(at - ranks_.begin());
  *at = kNobody;
  find_first_of_block(first_block_);
  find_first();
  const uint32_t call = state.waiting.calls()[slot];
  taken_.push_back(call);
  for (const Pool& pool : pools_) {
    if (state.waiting.shapes().models()[slot] != pool.pool->model) continue;
    pair->prefill = pool.bound.prefill;
    pair->decode = pool.bound.decode;
  }
  return call;
}

void Unscored::applied(const Scheduler::State& state, const Choice& choice) {
  const auto is_touched = [&](const Pool& pool) {
    return pool.bound.uses(choice.prefill) || pool.bound.uses(choice.decode);
  };
  const bool moved = ranks_.size() != state.waiting.size();
  if (moved || std::any_of(pools_.begin(), pools_.end(), is_touched)) bound_all(state);
}

}  // namespace hexagent
