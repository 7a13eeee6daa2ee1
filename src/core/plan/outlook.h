// Outlook: what placements read of one worker's state in a plan, side by side and worked out once.
//
// A plan asks the same of every worker for call after call, while its load changes for only two of
// them in between. What does not depend on the call is kept here; the rest of each formula stands
// in cluster/prefill_load.h and decode_load.h. Tests: tests/unit/core/plan/plan_view_test.cc.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/cluster/worker.h"

namespace hexagent {

// Tokens in whole KV blocks. Sizes of blocks are powers of two as a rule, and a plan rounds for
// every worker and call.
struct BlockRounding {
  uint32_t block_tokens = 1;
  uint32_t shift = 0;
  bool power_of_two = true;

  static BlockRounding of(uint32_t block_tokens) {
    return {block_tokens, static_cast<uint32_t>(std::countr_zero(block_tokens)),
            (block_tokens & (block_tokens - 1)) == 0};
  }
  int64_t operator()(uint64_t tokens) const {
    const uint64_t raised = tokens + block_tokens - 1;
    if (power_of_two) return static_cast<int64_t>(raised >> shift << shift);
    return static_cast<int64_t>(raised / block_tokens * block_tokens);
  }
};

struct PrefillOutlook {
  PrefillEngine engine;
  PrefillProspect prospect;
  int64_t kv_free_tokens = 0;
  double kv_capacity_tokens = 0.0;
  double half_round_trip_s = 0.0;
  BlockRounding rounding;
  bool late = false;  // its decode worker is bound when the prefill has ended
  bool layerwise = false;

  static PrefillOutlook of(const Worker& worker, const WorkerLoad& load, TimeNs now) {
    return {worker.prefill_engine,
            load.prefill.prospect(worker.prefill_engine, now),
            load.kv_free_tokens,
            static_cast<double>(worker.kv_capacity_tokens),
            0.5 * to_s(worker.spec.dispatch_round_trip_ns),
            BlockRounding::of(worker.spec.block_tokens),
            worker.spec.binding == HEXAGENT_BINDING_PREFILL_END,
            worker.sends_layers()};
  }
};

struct DecodeOutlook {
  DecodeEngine engine;
  DecodeLoad load;
  LinkLoad ingress;
  double ingress_bytes_per_s = 0.0;  // at most
  double kv_bytes_per_token = 0.0;
  int64_t kv_free_tokens = 0;
  double kv_capacity_tokens = 0.0;
  double half_round_trip_s = 0.0;
  BlockRounding rounding;
  bool delta_transfer = false;
  bool can_prefill = false;
  bool has_place = true;  // in its batch, or among the few behind it

  // Of those promised so many are still being prefilled, even where batches are small.
  static constexpr double kOnTheirWay = 4.0;

  // `places`: calls that may be promised to it, times the places in its batch.
  static DecodeOutlook of(const Worker& worker, const WorkerLoad& load, double places) {
    return {worker.decode_engine,
            load.decode,
            load.ingress,
            worker.ingress_most_bytes_per_s,
            worker.kv_bytes_per_token,
            load.kv_free_tokens,
            static_cast<double>(worker.kv_capacity_tokens),
            0.5 * to_s(worker.spec.dispatch_round_trip_ns),
            BlockRounding::of(worker.spec.block_tokens),
            (worker.spec.flags & HEXAGENT_WORKER_DELTA_TRANSFER) != 0,
            worker.can_prefill(),
            load.decode.sequences + load.decode.promised_sequences <
                places * worker.decode_engine.batch_max + kOnTheirWay};
  }
};

}  // namespace hexagent
