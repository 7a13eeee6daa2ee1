// LinkTable: what a KV transfer between two workers costs when it is alone: the workers' own
// network interfaces, and caps and latencies stated for pairs of domains (host, rack, zone). Tests:
// tests/unit/core/cluster/link_table_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/id_map.h"
#include "hexagent/hexagent.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

struct LinkPath {
  double latency_s = 0.0;
  double bytes_per_s = 0.0;
};

class LinkTable {
 public:
  explicit LinkTable(uint32_t pairs_max);

  // Registers or replaces a pair of domains, both directions. False when the table is full.
  bool set(const hexagent_link& link);

  // The most specific registered pair wins: hosts, then racks, then zones.
  LinkPath path(const hexagent_worker& source, const hexagent_worker& target) const;

  // Any pair registered? Without, a transfer depends on its two ends alone.
  bool has_caps() const { return !links_.empty(); }

  // Snapshots (snapshot/small_tables.cc). load() fills an empty table.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader);

 private:
  const hexagent_link* find(uint32_t one_domain, uint32_t other_domain) const;

  uint32_t pairs_max_;
  std::vector<hexagent_link> links_;
  IdMap pairs_;  // (smaller domain, larger domain) to an index of links_
};

}  // namespace hexagent
