// PrefillLoad: see prefill_load.h.
#include "core/cluster/prefill_load.h"

#include <algorithm>

#include "core/base/check.h"

namespace hexagent {

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
  return prefill_time_s(engine, tokens, pairs, count_of_iterations);
}

double PrefillLoad::drain_s(const PrefillEngine& engine, TimeNs now) const {
  return std::max(0.0, total_s(engine) - to_s(now - reference));
}

PrefillProspect PrefillLoad::prospect(const PrefillEngine& engine, TimeNs now) const {
  if (count == 0) return {};
  const double total = total_s(engine);
  const double drain = std::max(0.0, total - to_s(now - reference));
  const double iteration =
      prefill_time_s(engine, std::min(next_iteration_tokens, tokens),
                     pairs * std::min(1.0, next_iteration_tokens / tokens), 1.0);
  return {false, drain, total > 0.0 ? drain / total : 0.0, 0.5 * iteration, next_iteration_tokens};
}

double PrefillLoad::wait_s(const PrefillEngine& engine, const PrefillShape& shape,
                           TimeNs now) const {
  return wait_s(engine, shape, prospect(engine, now));
}

}  // namespace hexagent
