// JointRows: see joint_rows.h. The loops over lanes have no branch, read through pointers of their
// own and write to arrays of their own: so compilers work on several workers at once.
#include "core/plan/joint_rows.h"

#include <algorithm>

#include "core/plan/placement_cost.h"
#include "core/plan/placement_joint.h"
#include "core/plan/plan_view.h"

namespace hexagent {
namespace {

constexpr size_t kLanes = kColumnLanes;

using Lanes = double[kLanes];

void store(const Lanes& lanes, size_t at, std::vector<double>* column) {
  std::copy(lanes, lanes + kLanes, &(*column)[at]);
}

double least_of(const Lanes& lanes) { return *std::min_element(lanes, lanes + kLanes); }

bool is_choosy(const Call& call, const RowFilter& filter) {
  return (call.labels_required | call.labels_excluded) != 0 || filter.avoid;
}

}  // namespace

// ---- prefill ----

void PrefillRows::reserve(uint32_t workers_max) {
  for (auto* column : {&end_s, &price_s, &bound_s, &alone_s}) {
    column->reserve(column_size(workers_max));
  }
  kinds_.reserve(workers_max);
}

void PrefillRows::fill(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                       const PoolColumns& pool, const RowFilter& filter) {
  const size_t size = column_size(pool.prefill_workers.size());
  for (auto* column : {&end_s, &price_s, &bound_s}) column->resize(size);
  fill_cold(shape, weights.work * prefill_work_s(view, shape, 0), pool);
  correct(view, shape, weights, pool, filter);
  longest_alone_s = 0.0;
  if (pool.prefill.any_layerwise()) fill_alone(view, shape, pool);
}

// The same numbers as in prefill_option().
void PrefillRows::fill_alone(const PlanView& view, const CallShape& shape,
                             const PoolColumns& pool) {
  const PrefillColumns& columns = pool.prefill;
  alone_s.assign(end_s.size(), 0.0);
  for (size_t at = 0; at < pool.prefill_workers.size(); ++at) {
    if (columns.layerwise[at] == 0 || price_s[at] == kNoPrice) continue;
    const uint32_t index = pool.prefill_workers[at];
    alone_s[at] = shape.hits[index] == 0 ? columns.factor[at] * kinds_[columns.kind[at]].alone_s
                                         : prefill_option(view, shape, index).service_s;
    longest_alone_s = std::max(longest_alone_s, alone_s[at]);
  }
}

// As if nothing were cached; where there is no KV space the price says so.
void PrefillRows::fill_cold(const CallShape& shape, double price, const PoolColumns& pool) {
  const PrefillColumns& columns = pool.prefill;
  const PrefillShape work = prefill_shape(shape.prompt_tokens, 0);
  kinds_.clear();
  for (const PrefillEngine& kind : columns.kinds) {
    kinds_.push_back({prefill_alone_s(kind, work), std::min(work.tokens, kind.chunk_tokens),
                      kind.batch_tokens, prefill_bucket(kind, work.tokens)});
  }
  const auto prompt = static_cast<double>(shape.prompt_tokens);
  for (size_t at = 0; at < pool.prefill_workers.size(); ++at) {
    const KindTime& kind = kinds_[columns.kind[at]];
    const double drain_s = columns.drain_s[at];
    const double shared_s = std::min(drain_s, columns.beside_s[kind.bucket][at]);
    const bool crowded =
        columns.next_iteration_tokens[at] + kind.own_chunk_tokens > kind.batch_tokens;
    const double wait_s = (crowded ? drain_s : shared_s) + columns.half_trip_s[at];
    const bool fits = prompt <= columns.tokens_max[at];
    end_s[at] = fits ? wait_s + columns.factor[at] * kind.alone_s : kNoTime;
    price_s[at] = fits ? price : kNoPrice;
  }
  for (size_t at = pool.prefill_workers.size(); at < end_s.size(); ++at) {
    end_s[at] = kNoTime;
    price_s[at] = kNoPrice;
  }
}

// The few workers that hold some of the prompt, those without KV space where that may be, and those
// that the call does not want.
void PrefillRows::correct(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                          const PoolColumns& pool, const RowFilter& filter) {
  const bool choosy = is_choosy(*shape.call, filter);
  for (size_t at = 0; at < pool.prefill_workers.size(); ++at) {
    const uint32_t index = pool.prefill_workers[at];
    const bool fits = price_s[at] != kNoPrice;
    if (choosy && !eligible(view.workers()[index], *shape.call, index, filter.avoid)) {
      end_s[at] = kNoTime;
      price_s[at] = kNoPrice;
    } else if (fits ? shape.hits[index] != 0 : !filter.must_fit) {
      const PrefillOption option = prefill_option(view, shape, index);
      end_s[at] = option.wait_s + option.service_s;
      price_s[at] = weights.work * prefill_work_s(view, shape, option.cached);
    }
  }
}

double PrefillRows::earliest_s() const {
  Lanes least;
  std::fill(least, least + kLanes, kNoTime);
  for (size_t at = 0; at < end_s.size(); at += kLanes) {
    const double* const ends = &end_s[at];
    for (size_t i = 0; i < kLanes; ++i) least[i] = ends[i] < least[i] ? ends[i] : least[i];
  }
  return least_of(least);
}

double PrefillRows::bound(const BoundLine& line) {
  const double offset = line.offset;
  const double slope = line.slope;
  Lanes least;
  std::fill(least, least + kLanes, kNoPrice);
  for (size_t at = 0; at < bound_s.size(); at += kLanes) {
    Lanes bounds;
    const double* const prices = &price_s[at];
    const double* const ends = &end_s[at];
    for (size_t i = 0; i < kLanes; ++i) {
      bounds[i] = prices[i] + offset + slope * ends[i];
      least[i] = bounds[i] < least[i] ? bounds[i] : least[i];
    }
    store(bounds, at, &bound_s);
  }
  return least_of(least);
}

// ---- decode ----

void DecodeRows::reserve(uint32_t workers_max) {
  const size_t size = column_size(workers_max);
  for (auto* column : {&finish_s, &price_s, &move_s, &bytes, &bound_s, &held_}) {
    column->reserve(size);
  }
}

void DecodeRows::fill(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                      const PoolColumns& pool, const RowFilter& filter, bool late) {
  const size_t size = column_size(pool.decode_workers.size());
  for (auto* column : {&finish_s, &price_s, &move_s, &bytes, &bound_s, &held_}) {
    column->resize(size);
  }
  look_up_held(view, shape, pool);
  fill_times(shape, weights, pool.decode);
  fill_moves(shape, pool.decode);
  correct(view, shape, weights, pool, filter, late);
}

// Tokens of the prompt that need not be sent, where costs know of them.
void DecodeRows::look_up_held(const PlanView& view, const CallShape& shape,
                              const PoolColumns& pool) {
  const double aware = view.settings().cache_aware != 0.0 ? 1.0 : 0.0;
  std::fill(held_.begin(), held_.end(), 0.0);
  for (size_t at = 0; at < pool.decode_workers.size(); ++at) {
    if (shape.hits[pool.decode_workers[at]] == 0) continue;
    held_[at] = aware * pool.decode.deltas[at] * shape.cached(pool.decode_workers[at]);
  }
}

void DecodeRows::fill_times(const CallShape& shape, const JointWeights& weights,
                            const DecodeColumns& columns) {
  const double output = shape.output_tokens;
  const double own_context = shape.prompt_tokens + 0.5 * output;
  const double reserve = shape.reserve_tokens;
  const double own_weight = shape.weight;
  const double price = weights.impact;
  for (size_t at = 0; at < finish_s.size(); at += kLanes) {
    const double* const factor = &columns.factor[at];
    const double* const fixed_s = &columns.iteration_s[at];
    const double* const per_sequence_s = &columns.per_sequence_s[at];
    const double* const per_context_s = &columns.per_context_s[at];
    const double* const context = &columns.context[at];
    const double* const context_share = &columns.context_share[at];
    const double* const rounds = &columns.rounds[at];
    const double* const weight = &columns.weight[at];
    const double* const half_trip_s = &columns.half_trip_s[at];
    const double* const tokens_max = &columns.tokens_max[at];
    Lanes finishes;
    Lanes prices;
    for (size_t i = 0; i < kLanes; ++i) {
      const double iteration_s =
          fixed_s[i] + per_context_s[i] * ((context[i] + own_context) * context_share[i]);
      const double end_s = half_trip_s[i] + output * (factor[i] * iteration_s) * rounds[i];
      const double more_s = per_sequence_s[i] + per_context_s[i] * own_context;
      const double cost_s = price * (weight[i] / own_weight * factor[i] * more_s * output);
      const bool has_room = reserve <= tokens_max[i];
      finishes[i] = has_room ? end_s : kNoTime;
      prices[i] = has_room ? cost_s : kNoPrice;
    }
    store(finishes, at, &finish_s);
    store(prices, at, &price_s);
  }
}

void DecodeRows::fill_moves(const CallShape& shape, const DecodeColumns& columns) {
  const double prompt = shape.prompt_tokens;
  for (size_t at = 0; at < move_s.size(); at += kLanes) {
    const double* const held = &held_[at];
    const double* const per_token = &columns.kv_bytes_per_token[at];
    const double* const ingress_bytes = &columns.ingress_bytes[at];
    const double* const ingress_flows = &columns.ingress_flows[at];
    const double* const ingress_bytes_per_s = &columns.ingress_bytes_per_s[at];
    const double* const moves = &columns.moves[at];
    Lanes sizes;
    Lanes times;
    for (size_t i = 0; i < kLanes; ++i) {
      const double size = per_token[i] * (prompt - held[i]);
      const double flows = ingress_flows[i] * size;
      const double beside = flows < ingress_bytes[i] ? flows : ingress_bytes[i];
      sizes[i] = size;
      times[i] = moves[i] * ((size + beside) / ingress_bytes_per_s[i]);
    }
    store(sizes, at, &bytes);
    store(times, at, &move_s);
  }
}

// A bound for any prefill worker: for some it is too low.
void DecodeRows::hide(const Overlap& overlap) {
  for (size_t at = 0; at < move_s.size(); at += kLanes) {
    double* const moves = &move_s[at];
    for (size_t i = 0; i < kLanes; ++i) moves[i] = visible_s(moves[i], overlap);
  }
}

// As with prefill workers; held tokens make no difference that is not known yet.
void DecodeRows::correct(const PlanView& view, const CallShape& shape, const JointWeights& weights,
                         const PoolColumns& pool, const RowFilter& filter, bool late) {
  const bool choosy = is_choosy(*shape.call, filter);
  const bool needs_room = filter.must_fit && !late;
  if (!choosy && needs_room) return;
  for (size_t at = 0; at < pool.decode_workers.size(); ++at) {
    const uint32_t index = pool.decode_workers[at];
    if (choosy && !eligible(view.workers()[index], *shape.call, index, filter.avoid)) {
      finish_s[at] = kNoTime;
      price_s[at] = kNoPrice;
    } else if (price_s[at] == kNoPrice && !needs_room) {
      const DecodeOption option = decode_option(view, shape, index);
      finish_s[at] = option.wait_s + option.service_s;
      price_s[at] = weights.impact * option.impact_s;
    }
  }
}

double DecodeRows::earliest_s() const {
  Lanes least;
  std::fill(least, least + kLanes, kNoTime);
  for (size_t at = 0; at < finish_s.size(); at += kLanes) {
    const double* const finishes = &finish_s[at];
    const double* const moves = &move_s[at];
    for (size_t i = 0; i < kLanes; ++i) {
      const double end_s = finishes[i] + moves[i];
      least[i] = end_s < least[i] ? end_s : least[i];
    }
  }
  return least_of(least);
}

double DecodeRows::bound(const BoundLine& line, double transfer) {
  const double slope = line.slope;
  Lanes least;
  std::fill(least, least + kLanes, kNoPrice);
  for (size_t at = 0; at < bound_s.size(); at += kLanes) {
    Lanes bounds;
    const double* const prices = &price_s[at];
    const double* const finishes = &finish_s[at];
    const double* const moves = &move_s[at];
    for (size_t i = 0; i < kLanes; ++i) {
      bounds[i] = prices[i] + transfer * moves[i] + slope * (finishes[i] + moves[i]);
      least[i] = bounds[i] < least[i] ? bounds[i] : least[i];
    }
    store(bounds, at, &bound_s);
  }
  return least_of(least);
}

JointRows::JointRows(uint32_t workers_max) {
  prefill.reserve(workers_max);
  decode.reserve(workers_max);
  hopeful_prefill.reserve(workers_max);
  hopeful_decode.reserve(workers_max);
}

}  // namespace hexagent
