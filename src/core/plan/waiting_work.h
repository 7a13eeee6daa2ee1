// WaitingWork: how much prefill work is ready and not dispatched, by model and tier. Plans
// and forecasts read it instead of walking the waiting calls, of which there may be thousands.
// Tests: tests/unit/core/plan/waiting_work_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

inline constexpr uint32_t kTierCount = HEXAGENT_TIER_BATCH + 1;

class WaitingWork {
 public:
  // Makes room for a model, when its first worker comes: calls that wait must need no memory.
  void prepare(uint32_t model) { row(model); }

  // `seconds`: the call's prefill on the fastest worker of its model. What is removed must be what
  // was added.
  void add(uint32_t model, uint32_t tier, double seconds) {
    Sum& sum = row(model).tiers[tier];
    sum.seconds += seconds;
    ++sum.calls;
    ++by_tier_[tier];
  }
  void remove(uint32_t model, uint32_t tier, double seconds) {
    Sum& sum = row(model).tiers[tier];
    sum.seconds -= seconds;
    --by_tier_[tier];
    // An empty sum is exactly nothing, so no rounding error outlives the calls it came from.
    if (--sum.calls == 0) sum.seconds = 0.0;
  }

  // Work that goes before a call of this tier: that of its own tier and of earlier ones.
  double ahead_s(uint32_t model, uint32_t tier) const {
    double seconds = 0.0;
    for (const Row& row : rows_) {
      if (row.model != model) continue;
      for (uint32_t i = 0; i <= tier; ++i) seconds += row.tiers[i].seconds;
    }
    return seconds;
  }

  // All that waits, of all models and tiers.
  double seconds() const {
    double seconds = 0.0;
    for (const Row& row : rows_) {
      for (const Sum& sum : row.tiers) seconds += sum.seconds;
    }
    return seconds;
  }

  // Calls of more than one tier wait.
  bool is_mixed() const {
    uint32_t tiers = 0;
    for (uint32_t count : by_tier_) tiers += count > 0 ? 1u : 0u;
    return tiers > 1;
  }

  // Snapshots (snapshot/small_tables.cc). load() fills an empty one with the seconds; each call is
  // then counted. False: no seconds are known of such calls.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader, uint32_t names_max);
  bool count(uint32_t model, uint32_t tier) {
    for (Row& known : rows_) {
      if (known.model != model) continue;
      ++known.tiers[tier].calls;
      ++by_tier_[tier];
      return true;
    }
    return false;
  }

  // Calls waiting, of all models and tiers.
  uint64_t calls() const {
    uint64_t calls = 0;
    for (uint32_t count : by_tier_) calls += count;
    return calls;
  }

 private:
  struct Sum {
    double seconds = 0.0;
    uint32_t calls = 0;
  };
  struct Row {
    uint32_t model = 0;
    Sum tiers[kTierCount];
  };

  // A fleet serves few models.
  Row& row(uint32_t model) {
    for (Row& known : rows_) {
      if (known.model == model) return known;
    }
    rows_.push_back(Row{model, {}});
    return rows_.back();
  }

  std::vector<Row> rows_;
  uint32_t by_tier_[kTierCount] = {};
};

}  // namespace hexagent
