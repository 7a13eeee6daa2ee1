// CallList: call indexes with O(1) insertion and removal; each call knows its own slot.
// Tests: tests/unit/core/plan/waiting_list_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/workflow/workflow_table.h"

namespace hexagent {

class CallList {
 public:
  explicit CallList(uint32_t Call::*slot) : slot_(slot) {}
  void reserve(uint32_t count) { calls_.reserve(count); }
  void add(WorkflowTable* table, uint32_t call) {
    table->call(call).*slot_ = static_cast<uint32_t>(calls_.size());
    calls_.push_back(call);
  }
  // The last call takes the free slot; returns which slot that is.
  uint32_t remove(WorkflowTable* table, uint32_t call) {
    const uint32_t slot = table->call(call).*slot_;
    calls_[slot] = calls_.back();
    table->call(calls_[slot]).*slot_ = slot;
    calls_.pop_back();
    table->call(call).*slot_ = kNoIndex;
    return slot;
  }
  const std::vector<uint32_t>& calls() const { return calls_; }
  bool empty() const { return calls_.empty(); }
  uint32_t size() const { return static_cast<uint32_t>(calls_.size()); }

 private:
  uint32_t Call::*slot_;
  std::vector<uint32_t> calls_;
};

}  // namespace hexagent
