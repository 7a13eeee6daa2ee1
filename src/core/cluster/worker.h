// Worker: one engine instance as the scheduler knows it: what it is, what we sent it, what it
// holds. Tests: tests/unit/core/cluster/worker_table_test.cc.
#pragma once

#include <cstdint>

#include "core/cluster/decode_load.h"
#include "core/cluster/kv_ledger.h"
#include "core/cluster/prefill_load.h"
#include "core/model/calibration.h"
#include "hexagent/hexagent.h"

namespace hexagent {

inline constexpr uint32_t kNoWorker = 0xffffffffu;

enum class WorkerState : uint8_t { kServing = 1, kDraining = 2, kLost = 3 };

// What changes with every dispatch; small enough for the planner to copy and try things on.
struct WorkerLoad {
  PrefillLoad prefill;
  DecodeLoad decode;
  LinkLoad ingress;
  LinkLoad egress;
  int64_t kv_free_tokens = 0;  // whole blocks, mirrors the ledger
  uint32_t calls_bound = 0;    // sent to it for prefill and not ended, wherever they are now
};

struct Worker {
  hexagent_worker spec = {};  // defaults filled in
  WorkerState state = WorkerState::kServing;
  PrefillEngine prefill_engine;
  DecodeEngine decode_engine;
  KvLedger kv;
  WorkerLoad load;
  Calibration prefill_calibration;
  Calibration decode_calibration;
  double ingress_most_bytes_per_s = 0.0;  // LinkTable::ingress_most(); follows from it
  double kv_bytes_per_token = 0.0;
  uint64_t kv_capacity_tokens = 0;
  uint32_t prefill_head = kNoWorker;  // calls dispatched, prefill not done
  uint32_t prefill_count = 0;
  uint32_t decode_head = kNoWorker;  // calls promised to it until decode ends
  uint32_t decode_count = 0;
  TimeNs last_prefill_dispatch = 0;
  TimeNs last_prefill_end = 0;
  TimeNs freed_at = 0;  // a prefill last left it

  bool can_prefill() const { return (spec.role & HEXAGENT_ROLE_PREFILL) != 0; }
  bool can_decode() const { return (spec.role & HEXAGENT_ROLE_DECODE) != 0; }
  bool sends_layers() const { return (spec.flags & HEXAGENT_WORKER_LAYERWISE) != 0; }
  bool is_serving() const { return state == WorkerState::kServing; }
  bool matches(uint64_t required, uint64_t excluded) const {
    return (spec.labels & required) == required && (spec.labels & excluded) == 0;
  }
  uint32_t blocks(uint64_t tokens) const {
    // The planner asks this for every worker; a division of 32 bits is several times faster.
    if (tokens < 0x80000000u) {
      return (static_cast<uint32_t>(tokens) + spec.block_tokens - 1) / spec.block_tokens;
    }
    return static_cast<uint32_t>((tokens + spec.block_tokens - 1) / spec.block_tokens);
  }
  int64_t block_aligned(uint64_t tokens) const {
    return static_cast<int64_t>(blocks(tokens)) * spec.block_tokens;
  }
};

}  // namespace hexagent
