// LinkTable: what a KV transfer between two workers costs: the workers' own network interfaces,
// caps and latencies stated for pairs of domains (host, rack, zone), and over all of that what was
// measured. Tests: tests/unit/core/cluster/link_table_test.cc, learnt_link_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/id_map.h"
#include "core/cluster/learnt_link.h"
#include "hexagent/hexagent.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

// What a worker's bandwidth of 0 stands for (one 400 Gb/s port under RDMA KV transfer,
// transfer.csv): no more than a guess, against what somebody has stated.
inline constexpr double kNicBytesPerS = 45e9;

// Rates measured beyond these were measured wrongly.
inline constexpr double kMeasuredLeast = 1e3;
inline constexpr double kMeasuredMost = 1e13;

struct LinkPath {
  double latency_s = 0.0;
  double bytes_per_s = 0.0;
  double queue_s = 0.0;              // as measured: before a transfer begins
  double egress_bytes_per_s = 0.0;   // of the source, whoever it sends to
  double ingress_bytes_per_s = 0.0;  // of the target
};

// One measurement. Without bytes it tells nothing of the rate.
struct LinkSample {
  uint32_t source = 0;  // the caller's ids of the workers; 0 = any
  uint32_t target = 0;
  double bytes_per_s = 0.0;
  double setup_s = -1.0;  // negative: not known
  double queue_s = -1.0;
};

class LinkTable {
 public:
  explicit LinkTable(uint32_t workers_max);

  // Registers or replaces a pair of domains, both directions. False when the table is full.
  bool set(const hexagent_link& link);

  // As declared: the ends, and the most specific registered pair: hosts, then racks, then zones.
  LinkPath declared(const hexagent_worker& source, const hexagent_worker& target) const;
  // The same with what was measured in place of it.
  LinkPath path(const hexagent_worker& source, const hexagent_worker& target) const;

  // Any pair of domains registered? Without, a transfer depends on its two ends alone.
  bool has_caps() const { return !links_.empty(); }

  // ---- what was measured ----

  // Takes a sample in. `source` and `target` are the records of the workers it names, or null.
  // False: its rate is an outlier, nothing was learnt.
  bool learn(const LinkSample& sample, const hexagent_worker* source,
             const hexagent_worker* target);

  // The fastest that anything into this worker can be by path(): a bound for searches.
  double ingress_most(const hexagent_worker& target) const;

  // Of a pair, of a source (target 0) or of a target (source 0); null when nothing was measured.
  const LearntLink* learnt(uint32_t source, uint32_t target) const;
  // All of them, in the order in which they were first measured.
  const std::vector<LearntLink>& all_learnt() const { return learnt_; }

  uint64_t memory_bytes() const {
    return learnt_.capacity() * sizeof(LearntLink) + learnt_ids_.memory_bytes();
  }

  // Snapshots (snapshot/small_tables.cc). load() fills an empty table.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader);

 private:
  // Ways a worker has on average that are remembered one by one; beyond that the ends must do.
  static constexpr uint32_t kWaysPerWorker = 32;

  const hexagent_link* find(uint32_t one_domain, uint32_t other_domain) const;
  void apply_domains(const hexagent_worker& source, const hexagent_worker& target,
                     LinkPath* path) const;
  LearntLink* find_learnt(uint32_t source, uint32_t target);
  LearntLink* add_learnt(const LearntLink& link);
  LearntLink* keep_way(uint32_t source, uint32_t target);
  void load_learnt(SnapshotReader* reader);

  uint32_t pairs_max_;
  std::vector<hexagent_link> links_;
  IdMap pairs_;  // (smaller domain, larger domain) to an index of links_
  uint32_t learnt_max_;
  std::vector<LearntLink> learnt_;
  IdMap learnt_ids_;  // (source, target) to an index of learnt_
};

}  // namespace hexagent
