// PoolColumns: see pool_columns.h.
#include "core/plan/pool_columns.h"

#include <algorithm>

namespace hexagent {
namespace {

constexpr double kNothingFits = -1.0;

// Whole blocks are taken: so many tokens are the most that fit.
double longest(int64_t kv_free_tokens, uint32_t block_tokens) {
  if (kv_free_tokens <= 0) return kNothingFits;
  return static_cast<double>(kv_free_tokens - kv_free_tokens % block_tokens);
}

}  // namespace

// As large as it can get: planning must not allocate.
void PrefillColumns::reserve(size_t workers_max) {
  kinds.reserve(workers_max);
  resize(workers_max);
}

void PrefillColumns::resize(size_t workers) {
  const size_t size = column_size(workers);
  kinds.clear();
  kind.resize(size, 0);  // of the plan before: as good a guess as any
  late_count_ = layerwise_count_ = 0;
  late.assign(size, 0);
  layerwise.assign(size, 0);
  tokens_max.assign(size, kNothingFits);
  for (auto* column : {&factor, &half_trip_s, &drain_s, &next_iteration_tokens}) {
    column->assign(size, 0.0);
  }
  for (auto& column : beside_s) column.assign(size, 0.0);
}

uint32_t PrefillColumns::kind_of(const PrefillEngine& engine, uint32_t guess) {
  const auto is_like = [&](const PrefillEngine& known) {
    return known.chunk_tokens == engine.chunk_tokens && known.batch_tokens == engine.batch_tokens &&
           known.model == engine.model;
  };
  if (guess < kinds.size() && is_like(kinds[guess])) return guess;
  const auto known = std::find_if(kinds.begin(), kinds.end(), is_like);
  const auto index = static_cast<uint32_t>(known - kinds.begin());
  if (known == kinds.end()) {
    kinds.push_back(engine);
    kinds.back().factor = 1.0;
  }
  return index;
}

void PrefillColumns::set(size_t at, const PrefillOutlook& worker, const PrefillLoad& load) {
  const PrefillProspect& prospect = worker.prospect;
  late_count_ += (worker.late ? 1u : 0u) - late[at];
  late[at] = worker.late ? 1 : 0;
  layerwise_count_ += (worker.layerwise ? 1u : 0u) - layerwise[at];
  layerwise[at] = worker.layerwise ? 1 : 0;
  kind[at] = kind_of(worker.engine, kind[at]);
  tokens_max[at] = longest(worker.kv_free_tokens, worker.rounding.block_tokens);
  factor[at] = worker.engine.factor;
  half_trip_s[at] = worker.half_round_trip_s;
  drain_s[at] = prospect.drain_s;
  next_iteration_tokens[at] = prospect.next_iteration_tokens;
  for (int k = 0; k < PrefillLoad::kBuckets; ++k) {
    const double beside = prospect.half_iteration_s + load.beside_s(worker.engine, k, prospect);
    beside_s[k][at] = prospect.idle ? 0.0 : beside;
  }
}

void DecodeColumns::reserve(size_t workers_max) { resize(workers_max); }

void DecodeColumns::resize(size_t workers) {
  const size_t size = column_size(workers);
  tokens_max.assign(size, kNothingFits);
  for (auto* column : {&half_trip_s, &factor, &per_sequence_s, &per_context_s, &iteration_s,
                       &context, &context_share, &rounds, &weight, &kv_bytes_per_token,
                       &ingress_bytes, &ingress_flows, &moves, &deltas}) {
    column->assign(size, 0.0);
  }
  ingress_bytes_per_s.assign(size, 1.0);
}

void DecodeColumns::set(size_t at, const DecodeOutlook& worker) {
  const DecodeEngine& engine = worker.engine;
  const DecodeLoad& load = worker.load;
  const double all = load.sequences + load.promised_sequences + 1.0;
  const bool full = all > engine.batch_max;
  tokens_max[at] = worker.has_place ? longest(worker.kv_free_tokens, worker.rounding.block_tokens)
                                    : kNothingFits;
  half_trip_s[at] = worker.half_round_trip_s;
  factor[at] = engine.factor;
  per_sequence_s[at] = engine.model.decode_per_sequence;
  per_context_s[at] = engine.model.decode_per_context_token;
  iteration_s[at] = engine.model.decode_fixed +
                    engine.model.decode_per_sequence * (full ? engine.batch_max : all);
  context[at] = load.context + load.promised_context;
  context_share[at] = full ? engine.batch_max / all : 1.0;
  rounds[at] = full ? all / engine.batch_max : 1.0;
  weight[at] = load.weight;
  kv_bytes_per_token[at] = worker.kv_bytes_per_token;
  ingress_bytes[at] = worker.ingress.bytes;
  ingress_flows[at] = worker.ingress.flows;
  ingress_bytes_per_s[at] = worker.ingress_bytes_per_s;
  moves[at] = worker.can_prefill ? 0.0 : 1.0;
  deltas[at] = worker.delta_transfer ? 1.0 : 0.0;
}

PoolColumns::PoolColumns(uint32_t model_served, size_t workers_max) : model(model_served) {
  prefill_workers.reserve(workers_max);
  decode_workers.reserve(workers_max);
  prefill.reserve(workers_max);
  decode.reserve(workers_max);
}

}  // namespace hexagent
