// TenantTable: what is counted of each tenant, by name id; tenant 0 are the workflows without one.
// Bounds on a tenant (admission.h) go by it. Fixed size, no iteration.
// Tests: tests/unit/core/admission_test.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

struct Tenant {
  uint32_t workflows_live = 0;
  uint32_t calls_waiting = 0;  // ready, not dispatched
  double service_s = 0.0;      // sent so far; see plan/fair_share.h
};

class TenantTable {
 public:
  explicit TenantTable(uint32_t names_max) : tenants_(static_cast<size_t>(names_max) + 1) {}

  // A name the shell never gave, from a damaged journal, counts with those without one.
  Tenant& operator[](uint32_t name) { return tenants_[name < tenants_.size() ? name : 0]; }
  const Tenant& operator[](uint32_t name) const {
    return tenants_[name < tenants_.size() ? name : 0];
  }

  void forget_service() {
    for (Tenant& tenant : tenants_) tenant.service_s = 0.0;
  }

  // Sums over all tenants, for audits.
  Tenant total() const {
    Tenant sum;
    for (const Tenant& tenant : tenants_) {
      sum.workflows_live += tenant.workflows_live;
      sum.calls_waiting += tenant.calls_waiting;
    }
    return sum;
  }

  // Snapshots (snapshot/small_tables.cc). load() fills an empty table, without what is counted of
  // workflows and calls.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader);

  uint64_t memory_bytes() const { return tenants_.size() * sizeof(Tenant); }

 private:
  std::vector<Tenant> tenants_;
};

}  // namespace hexagent
