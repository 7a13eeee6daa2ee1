// PrefillLoad: how long the prefill work already sent to a worker will take, and when a further
// call would finish behind or beside it. Pure arithmetic on a small record, so that the planner can
// copy it and try placements on the copy.
//
// Engine model (EXPERIMENTS section 4): iterations of at most `batch_tokens`, of which one request
// takes at most `chunk_tokens`. Hence a short call does not wait for a long one to end, it shares
// iterations with it: while a call of n tokens runs, another call of m tokens gets min(n, m) done.
// The sums of min(m, chunk << k) over the outstanding calls are kept for each k, which makes the
// estimate O(1). Tests: tests/unit/core/cluster/prefill_load_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/time.h"
#include "core/model/profile.h"

namespace hexagent {

// What one call asks of a prefill worker.
struct PrefillShape {
  double tokens = 0.0;  // not cached, >= 1
  double pairs = 0.0;   // tokens * (cached + tokens / 2)
};

inline PrefillShape prefill_shape(uint32_t prompt_tokens, uint32_t cached_tokens) {
  const double tokens = static_cast<double>(prompt_tokens - cached_tokens);
  return {tokens, tokens * (static_cast<double>(cached_tokens) + 0.5 * tokens)};
}

// Limits and speed of the engine the load belongs to.
struct PrefillEngine {
  TimeModel model;
  double chunk_tokens = 2048.0;
  double batch_tokens = 8192.0;
  double factor = 1.0;  // learned: real over predicted
};

// What a wait on a worker depends on besides the call that waits.
struct PrefillProspect {
  bool idle = true;
  double drain_s = 0.0;           // until all outstanding work is done
  double left = 0.0;              // share of it that is still to do
  double half_iteration_s = 0.0;  // until the next iteration begins, on average
  double next_iteration_tokens = 0.0;
};

struct PrefillLoad {
  static constexpr int kBuckets = 8;

  double tokens = 0.0;
  double pairs = 0.0;
  double next_iteration_tokens = 0.0;   // sum of min(tokens, chunk)
  double shared_tokens[kBuckets] = {};  // sum of min(tokens, chunk << k)
  double shared_pairs[kBuckets] = {};
  uint32_t longest[kBuckets] = {};  // calls of up to chunk << k tokens (the last: longer ones too)
  uint32_t count = 0;
  TimeNs reference = 0;  // the outstanding work began to be worked off at this time

  void add(const PrefillEngine& engine, const PrefillShape& shape, TimeNs start);
  void remove(const PrefillEngine& engine, const PrefillShape& shape, TimeNs end);

  // Seconds from `now` until all outstanding work is done.
  double drain_s(const PrefillEngine& engine, TimeNs now) const;

  // Seconds from `now` until a call of this shape, sent now, would begin to progress undisturbed:
  // its own prefill_alone_s() comes on top.
  double wait_s(const PrefillEngine& engine, const PrefillShape& shape, TimeNs now) const;

  // The same in two steps, for many calls at one moment.
  PrefillProspect prospect(const PrefillEngine& engine, TimeNs now) const;
  double wait_s(const PrefillEngine& engine, const PrefillShape& shape,
                const PrefillProspect& prospect) const;

  // Time of the iterations that a call of bucket k shares with what is under way.
  double beside_s(const PrefillEngine& engine, int k, const PrefillProspect& prospect) const;

 private:
  void account(const PrefillEngine& engine, const PrefillShape& shape, double sign);
  double total_s(const PrefillEngine& engine) const;
};

// ---- Looked at for each worker in each plan, hence here ----

// Smallest bucket whose width (chunk << k) holds `tokens`.
inline int prefill_bucket(const PrefillEngine& engine, double tokens) {
  double width = engine.chunk_tokens;
  for (int k = 0; k < PrefillLoad::kBuckets - 1; ++k) {
    if (tokens <= width) return k;
    width *= 2.0;
  }
  return PrefillLoad::kBuckets - 1;
}

// Iterations that so many tokens of one call take.
inline double prefill_iterations(const PrefillEngine& engine, double tokens) {
  const double exact = tokens / engine.chunk_tokens;
  const double whole = static_cast<double>(static_cast<int64_t>(exact));
  return std::max(1.0, whole < exact ? whole + 1.0 : whole);
}

// Time of `tokens` and `pairs` spread over this many iterations.
inline double prefill_time_s(const PrefillEngine& engine, double tokens, double pairs,
                             double iteration_count) {
  if (iteration_count <= 1.0) return engine.factor * engine.model.prefill_s(tokens, pairs);
  // The long form holds for every full iteration; a short last one is within the fit's error.
  return engine.factor *
         (iteration_count * engine.model.prefill_fixed + engine.model.prefill_per_token * tokens +
          engine.model.prefill_per_pair * pairs);
}

// A call alone on an idle engine.
inline double prefill_alone_s(const PrefillEngine& engine, const PrefillShape& shape) {
  const bool one = shape.tokens <= engine.chunk_tokens;
  return prefill_time_s(engine, shape.tokens, shape.pairs,
                        one ? 1.0 : prefill_iterations(engine, shape.tokens));
}

// What a call costs an engine that is busy anyway: without the fixed part when it is one of many.
inline double prefill_marginal_s(const PrefillEngine& engine, const PrefillShape& shape) {
  return engine.factor * (engine.model.prefill_per_token * shape.tokens +
                          engine.model.prefill_per_pair * shape.pairs +
                          engine.model.prefill_fixed * shape.tokens / engine.batch_tokens);
}

inline double PrefillLoad::beside_s(const PrefillEngine& engine, int k,
                                    const PrefillProspect& prospect) const {
  return prospect.left * prefill_time_s(engine, shared_tokens[k], shared_pairs[k], 2.0);
}

inline double PrefillLoad::wait_s(const PrefillEngine& engine, const PrefillShape& shape,
                                  const PrefillProspect& prospect) const {
  if (prospect.idle) return 0.0;
  const double own_chunk = std::min(shape.tokens, engine.chunk_tokens);
  // No room in the next iteration: first come, first served.
  if (prospect.next_iteration_tokens + own_chunk > engine.batch_tokens) return prospect.drain_s;
  const int k = prefill_bucket(engine, shape.tokens);
  return std::min(prospect.drain_s, prospect.half_iteration_s + beside_s(engine, k, prospect));
}

}  // namespace hexagent
