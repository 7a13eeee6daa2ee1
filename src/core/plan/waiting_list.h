// WaitingList: the calls that are ready and not dispatched, each with its urgency beside it, so
// that a plan reads one array from end to end. Tests: tests/unit/core/plan/waiting_list_test.cc.
#pragma once

#include "core/call_list.h"
#include "core/plan/urgency.h"

namespace hexagent {

class WaitingList {
 public:
  WaitingList() : calls_(&Call::waiting_slot) {}
  void reserve(uint32_t count) {
    calls_.reserve(count);
    urgencies_.reserve(count);
  }
  void add(WorkflowTable* table, uint32_t call, const Urgency& urgency) {
    calls_.add(table, call);
    urgencies_.push_back(urgency);
  }
  void remove(WorkflowTable* table, uint32_t call) {
    const uint32_t slot = calls_.remove(table, call);
    urgencies_[slot] = urgencies_.back();
    urgencies_.pop_back();
  }
  void set_urgency(const WorkflowTable& table, uint32_t call, const Urgency& urgency) {
    urgencies_[table.call(call).waiting_slot] = urgency;
  }
  const std::vector<uint32_t>& calls() const { return calls_.calls(); }
  const std::vector<Urgency>& urgencies() const { return urgencies_; }  // by slot, as calls()
  bool empty() const { return calls_.empty(); }
  uint32_t size() const { return calls_.size(); }

 private:
  CallList calls_;
  std::vector<Urgency> urgencies_;
};

}  // namespace hexagent
