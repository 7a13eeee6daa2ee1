// WorkerTable: workers, the profiles and models they are made of, and who serves which model.
//
// Workers are added and updated, never removed: an index stays valid, a lost worker's index is
// taken up again by its next incarnation. Tests: tests/unit/core/cluster/worker_table_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/id_map.h"
#include "core/cluster/utilisation.h"
#include "core/cluster/worker.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

// The serving workers of one model, by role, as indexes in ascending order.
struct ModelPool {
  uint32_t model = 0;               // name id
  uint32_t max_context_tokens = 0;  // 0 = no limit known
  uint32_t layers = 0;              // 0 = not told
  std::vector<uint32_t> prefill;
  std::vector<uint32_t> decode;
  // One worker of each distinct time model, so that "the best worker" is found without a full scan.
  std::vector<uint32_t> prefill_kinds;
  std::vector<uint32_t> decode_kinds;
  PrefillEngine prefill_reference;      // the fastest of the kinds; measures work, not time
  double egress_max_bytes_per_s = 0.0;  // over the prefill workers
  double prefill_kv_tokens = 0.0;       // KV space of the prefill workers together
  double link_latency_s = 0.0;          // smallest over the prefill workers
  Utilisation prefill_use;              // of the prefill workers

  // The last layer's share of what a call's KV is.
  double last_layer_share() const { return 1.0 / (layers != 0 ? layers : kLayers); }

 private:
  static constexpr uint32_t kLayers = 32;  // hexagent_model.layers
};

class WorkerTable {
 public:
  explicit WorkerTable(uint32_t workers_max);

  hexagent_status set_profile(const hexagent_profile& profile, uint32_t* field);
  hexagent_status set_model(const hexagent_model& model, uint32_t* field);

  // Can this record be applied? HEXAGENT_OK, _UNKNOWN_PROFILE, _NEVER_FITS (no KV), _RANGE, _FULL,
  // _STATE (role or model of a live worker changed). Changes nothing.
  hexagent_status check(const hexagent_worker& record, uint32_t* field) const;

  // Applies a record that check() let pass; returns the index. Calls on an older incarnation must
  // have been taken off before.
  uint32_t set(const hexagent_worker& record, TimeNs now);

  void set_state(uint32_t index, WorkerState state);

  uint32_t find(uint32_t worker_id) const { return ids_.find(worker_id, 0); }
  Worker& operator[](uint32_t index) { return workers_[index]; }
  const Worker& operator[](uint32_t index) const { return workers_[index]; }
  uint32_t size() const { return static_cast<uint32_t>(workers_.size()); }
  uint32_t capacity() const { return capacity_; }

  // The pool of a model, or nullptr when no worker ever served it.
  const ModelPool* pool(uint32_t model) const;
  const std::vector<ModelPool>& pools() const { return pools_; }
  // Every pool learns how many of its prefill workers are busy from now on.
  void note_use(TimeNs now, double memory_s);

  uint64_t memory_bytes() const;

  // Snapshots (snapshot/worker_table.cc). load() fills an empty table, without the calls on the
  // workers.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader, uint32_t names_max);

 private:
  const hexagent_profile* find_profile(uint32_t gpu, uint32_t model, uint32_t parallel) const;
  ModelPool& pool_of(uint32_t model);
  void add_kind(std::vector<uint32_t>* kinds, uint32_t index) const;
  void rebuild_pools();
  void load_profiles(SnapshotReader* reader);
  void load_models(SnapshotReader* reader, uint32_t names_max);
  void load_layers(SnapshotReader* reader);
  void save_layers(SnapshotWriter* writer) const;
  void load_workers(SnapshotReader* reader);

  uint32_t capacity_;
  std::vector<Worker> workers_;
  std::vector<hexagent_profile> profiles_;
  std::vector<ModelPool> pools_;
  IdMap ids_;
};

}  // namespace hexagent
