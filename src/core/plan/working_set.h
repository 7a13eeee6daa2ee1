// WorkingSet: how much KV the workflows that are at work want to find in prefill caches, by model
// and tier. At work is a workflow that was let in (entrance.h) and has a call ready or in flight;
// one between two calls, as long as a tool or a human takes, holds up nobody, nor does one whose
// call no worker serves.
// Tests: tests/unit/core/plan/working_set_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent {

class WorkingSet {
 public:
  // Makes room for a model, when its first worker comes: workflows that wait must need no memory.
  void prepare(uint32_t model) { row(model); }

  // What is removed must be what was added.
  void add(uint32_t model, uint32_t tier, uint32_t tokens) { row(model).tiers[tier] += tokens; }
  void remove(uint32_t model, uint32_t tier, uint32_t tokens) { row(model).tiers[tier] -= tokens; }

  // Tokens of this tier and of earlier ones, whose calls go first.
  uint64_t tokens(uint32_t model, uint32_t tier) const {
    uint64_t tokens = 0;
    for (const Row& known : rows_) {
      if (known.model != model) continue;
      for (uint32_t i = 0; i <= tier; ++i) tokens += known.tiers[i];
    }
    return tokens;
  }

  // Of all models and tiers, for audits.
  uint64_t total() const {
    uint64_t tokens = 0;
    for (const Row& known : rows_) {
      for (const uint64_t each : known.tiers) tokens += each;
    }
    return tokens;
  }

 private:
  struct Row {
    uint32_t model = 0;
    uint64_t tiers[HEXAGENT_TIER_BATCH + 1] = {};
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
};

}  // namespace hexagent
