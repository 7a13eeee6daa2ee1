// PoolColumns: what the joint search reads of the workers of one pool in a plan, an array for each
// quantity, by position in the pool. The search works out the same few formulas for every worker
// and call; from arrays compilers do it for several workers at once.
//
// What does not depend on the call is worked out here, from outlooks, as costs of single workers
// are, so that both see the same moment. The operations and their order are those of
// cluster/prefill_load.h, cluster/decode_load.h and plan/placement_cost.cc, so that the results are
// the same to the last bit. Tests: tests/unit/core/plan/joint_rows_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cluster/worker_table.h"
#include "core/plan/outlook.h"

namespace hexagent {

// Arrays are filled up to a multiple of this with workers that nothing fits on.
inline constexpr uint32_t kColumnLanes = 8;

inline size_t column_size(size_t workers) {
  return (workers + kColumnLanes - 1) / kColumnLanes * kColumnLanes;
}

class PrefillColumns {
 public:
  void reserve(size_t workers_max);
  void resize(size_t workers);
  void set(size_t position, const PrefillOutlook& worker, const PrefillLoad& load);

  bool any_late() const { return late_count_ > 0; }
  bool any_layerwise() const { return layerwise_count_ > 0; }

  // Engines without what was learned of one worker; most pools have few kinds.
  std::vector<PrefillEngine> kinds;
  std::vector<uint32_t> kind;       // index of kinds
  std::vector<double> tokens_max;   // the longest prompt that has KV space
  std::vector<double> factor;       // learned: real over predicted
  std::vector<double> half_trip_s;  // of a dispatch
  std::vector<double> drain_s;
  std::vector<double> next_iteration_tokens;
  // Wait of a call of this bucket that shares the iterations of what is under way.
  std::vector<double> beside_s[PrefillLoad::kBuckets];
  std::vector<uint8_t> late;       // its decode worker is bound when the prefill has ended
  std::vector<uint8_t> layerwise;  // sends KV while it computes

 private:
  uint32_t kind_of(const PrefillEngine& engine, uint32_t guess);

  uint32_t late_count_ = 0;
  uint32_t layerwise_count_ = 0;
};

class DecodeColumns {
 public:
  void reserve(size_t workers_max);
  void resize(size_t workers);
  void set(size_t position, const DecodeOutlook& worker);

  std::vector<double> tokens_max;  // the longest reservation that has KV space and a place
  std::vector<double> half_trip_s;
  std::vector<double> factor;
  std::vector<double> per_sequence_s;  // of an iteration
  std::vector<double> per_context_s;
  // With the call: an iteration without context, the share of it that a full batch takes at a time,
  // and how many times as long the call then lasts.
  std::vector<double> iteration_s;
  std::vector<double> context;
  std::vector<double> context_share;
  std::vector<double> rounds;
  std::vector<double> weight;  // of those whom the call delays
  std::vector<double> kv_bytes_per_token;
  std::vector<double> ingress_bytes;
  std::vector<double> ingress_flows;
  std::vector<double> ingress_bytes_per_s;
  std::vector<double> moves;   // 0: a call may stay in one place, so the least to move is nothing
  std::vector<double> deltas;  // 1: what it holds of the prompt need not be sent
};

struct PoolColumns {
  PoolColumns(uint32_t model_served, size_t workers_max);

  uint32_t model;
  uint64_t stamp = ~uint64_t{0};  // of the plan that they are of
  // Indexes of the workers, ascending.
  std::vector<uint32_t> prefill_workers;
  std::vector<uint32_t> decode_workers;
  PrefillColumns prefill;
  DecodeColumns decode;
};

}  // namespace hexagent
