// PrefillLoad: see prefill_load.h.
#include "core/cluster/prefill_load.h"

#include <algorithm>

#include "core/base/check.h"

namespace hexagent {
namespace {

double iterations(const PrefillEngine& engine, double tokens) {
  const double exact = tokens / engine.chunk_tokens;
  const double whole = static_cast<double>(static_cast<int64_t>(exact));
  return std::max(1.0, whole < exact ? whole + 1.0 : whole);
}

// Time of `tokens` and `pairs` spread over this many iterations.
double work_s(const PrefillEngine& engine, double tokens, double pairs, double iteration_count) {
  if (iteration_count <= 1.0) return engine.factor * engine.model.prefill_s(tokens, pairs);
  // The long form holds for every full iteration; a short last one is within the fit's error.
  return engine.factor *
         (iteration_count * engine.model.prefill_fixed + engine.model.prefill_per_token * tokens +
          engine.model.prefill_per_pair * pairs);
}

}  // namespace

int prefill_bucket(const PrefillEngine& engine, double tokens) {
  double width = engine.chunk_tokens;
  for (int k = 0; k < PrefillLoad::kBuckets - 1; ++k) {
    if (tokens <= width) return k;
    width *= 2.0;
  }
  return PrefillLoad::kBuckets - 1;
}

void PrefillLoad::account(const PrefillEngine& engine, const PrefillShape& shape, double sign) {
  tokens += sign * shape.tokens;
  pairs += sign * shape.pairs;
  next_iteration_tokens += sign * std::min(shape.tokens, engine.chunk_tokens);
  double width = engine.chunk_tokens;
  for (int k = 0; k < kBuckets; ++k) {
    const double part = std::min(1.0, width / shape.tokens);
    shared_tokens[k] += sign * part * shape.tokens;
    shared_pairs[k] += sign * part * shape.pairs;
    width *= 2.0;
  }
}

void PrefillLoad::add(const PrefillEngine& engine, const PrefillShape& shape, TimeNs start) {
  if (count == 0) reference = start;
  account(engine, shape, 1.0);
  ++longest[prefill_bucket(engine, shape.tokens)];
  ++count;
}

void PrefillLoad::remove(const PrefillEngine& engine, const PrefillShape& shape, TimeNs end) {
  HEXAGENT_CHECK(count > 0);
  const double before_s = total_s(engine);
  const int bucket = prefill_bucket(engine, shape.tokens);
  HEXAGENT_CHECK(longest[bucket] > 0);
  --longest[bucket];
  --count;
  if (count == 0) {  // no rounding error outlives a busy period
    *this = PrefillLoad{};
    return;
  }
  account(engine, shape, -1.0);
  // What was worked off beyond the removed call's own part was progress of the others.
  const double after_s = total_s(engine);
  const double surplus_s = to_s(end - reference) - (before_s - after_s);
  const double credit_s = std::clamp(surplus_s, 0.0, 0.9 * after_s);
  reference = end - to_ns(credit_s);
}

double PrefillLoad::total_s(const PrefillEngine& engine) const {
  if (count == 0) return 0.0;
  double longest_iterations = 1.0;
  for (int k = kBuckets - 1; k > 0; --k) {
    if (longest[k] == 0) continue;
    longest_iterations = static_cast<double>(1u << k);
    break;
  }
  const double full_batches = tokens / engine.batch_tokens;
  const double count_of_iterations =
      full_batches <= 1.0 ? longest_iterations : std::max(longest_iterations, full_batches);
  return work_s(engine, tokens, pairs, count_of_iterations);
}

double PrefillLoad::drain_s(const PrefillEngine& engine, TimeNs now) const {
  return std::max(0.0, total_s(engine) - to_s(now - reference));
}

PrefillProspect PrefillLoad::prospect(const PrefillEngine& engine, TimeNs now) const {
  if (count == 0) return {};
  const double total = total_s(engine);
  const double drain = std::max(0.0, total - to_s(now - reference));
  const double iteration = work_s(engine, std::min(next_iteration_tokens, tokens),
                                  pairs * std::min(1.0, next_iteration_tokens / tokens), 1.0);
  return {false, drain, total > 0.0 ? drain / total : 0.0, 0.5 * iteration, next_iteration_tokens};
}

double PrefillLoad::wait_s(const PrefillEngine& engine, const PrefillShape& shape,
                           const PrefillProspect& prospect) const {
  if (prospect.idle) return 0.0;
  const double own_chunk = std::min(shape.tokens, engine.chunk_tokens);
  // No room in the next iteration: first come, first served.
  if (prospect.next_iteration_tokens + own_chunk > engine.batch_tokens) return prospect.drain_s;
  const int k = prefill_bucket(engine, shape.tokens);
  const double beside = prospect.left * work_s(engine, shared_tokens[k], shared_pairs[k], 2.0);
  return std::min(prospect.drain_s, prospect.half_iteration_s + beside);
}

double PrefillLoad::wait_s(const PrefillEngine& engine, const PrefillShape& shape,
                           TimeNs now) const {
  return wait_s(engine, shape, prospect(engine, now));
}

double prefill_alone_s(const PrefillEngine& engine, const PrefillShape& shape) {
  if (shape.tokens <= engine.chunk_tokens) return work_s(engine, shape.tokens, shape.pairs, 1.0);
  return work_s(engine, shape.tokens, shape.pairs, iterations(engine, shape.tokens));
}

double prefill_marginal_s(const PrefillEngine& engine, const PrefillShape& shape) {
  return engine.factor * (engine.model.prefill_per_token * shape.tokens +
                          engine.model.prefill_per_pair * shape.pairs +
                          engine.model.prefill_fixed * shape.tokens / engine.batch_tokens);
}

}  // namespace hexagent
