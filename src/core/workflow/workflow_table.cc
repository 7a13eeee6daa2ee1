// WorkflowTable: see workflow_table.h.
#include "core/workflow/workflow_table.h"

#include "core/base/check.h"

namespace hexagent {

// Edges: real agent DAGs have one or two per call, joins of tree search up to a few hundred; four
// per call on average is generous, and a call that finds none left is refused with E_FULL.
constexpr uint32_t kEdgesPerCall = 4;

WorkflowTable::WorkflowTable(uint32_t workflows_max, uint32_t calls_max)
    : workflows_(workflows_max),
      calls_(calls_max),
      edges_(calls_max * kEdgesPerCall),
      workflow_ids_(workflows_max),
      call_ids_(calls_max) {}

uint32_t WorkflowTable::find(uint64_t workflow_id) const {
  return workflow_ids_.find(workflow_id, 0);
}

uint32_t WorkflowTable::find_call(uint64_t workflow_id, uint64_t call_id) const {
  return call_ids_.find(workflow_id, call_id);
}

uint32_t WorkflowTable::add_workflow(uint64_t workflow_id) {
  const uint32_t index = workflows_.allocate();
  if (index == kNoIndex) return kNoIndex;
  workflows_[index] = Workflow{};
  workflows_[index].id = workflow_id;
  workflows_[index].sequence = next_sequence_++;
  workflow_ids_.insert(workflow_id, 0, index);
  return index;
}

hexagent_status WorkflowTable::check_call(uint32_t workflow, uint64_t call_id, const uint64_t* deps,
                                          uint32_t deps_count, uint32_t* field) const {
  const uint64_t workflow_id = workflows_[workflow].id;
  *field = HEXAGENT_FIELD_CALL;
  if (find_call(workflow_id, call_id) != kNoIndex) return HEXAGENT_E_DUPLICATE;
  *field = HEXAGENT_FIELD_DEPS;
  uint32_t edges_needed = 0;
  for (uint32_t i = 0; i < deps_count; ++i) {
    if (deps[i] == call_id) return HEXAGENT_E_CYCLE;
    const uint32_t dep = find_call(workflow_id, deps[i]);
    if (dep == kNoIndex) return HEXAGENT_E_UNKNOWN_DEPENDENCY;
    const CallState state = calls_[dep].state;
    if (state == CallState::kFailed || state == CallState::kCancelled) {
      return HEXAGENT_E_DEAD_DEPENDENCY;
    }
    if (state != CallState::kDone) ++edges_needed;
  }
  *field = HEXAGENT_FIELD_CAPACITY;
  if (calls_.size() == calls_.capacity()) return HEXAGENT_E_FULL;
  if (edges_.capacity() - edges_.size() < edges_needed) return HEXAGENT_E_FULL;
  *field = HEXAGENT_FIELD_NONE;
  return HEXAGENT_OK;
}

uint32_t WorkflowTable::add_call(uint32_t workflow, uint64_t call_id, const uint64_t* deps,
                                 uint32_t deps_count) {
  Workflow& owner = workflows_[workflow];
  const uint32_t index = calls_.allocate();
  HEXAGENT_CHECK(index != kNoIndex);
  Call& call = calls_[index];
  call = Call{};
  call.id = call_id;
  call.workflow = workflow;
  call.older_of_workflow = owner.newest_call;
  if (owner.newest_call != kNoIndex) calls_[owner.newest_call].newer_of_workflow = index;
  if (owner.oldest_call == kNoIndex) owner.oldest_call = index;
  owner.newest_call = index;
  ++owner.calls;
  call_ids_.insert(owner.id, call_id, index);
  for (uint32_t i = 0; i < deps_count; ++i) {
    const uint32_t dep = find_call(owner.id, deps[i]);
    HEXAGENT_CHECK(dep != kNoIndex);
    if (calls_[dep].state == CallState::kDone) continue;
    const uint32_t edge = edges_.allocate();
    HEXAGENT_CHECK(edge != kNoIndex);
    edges_[edge] = Edge{index, calls_[dep].first_edge};
    calls_[dep].first_edge = edge;
    ++call.deps_pending;
  }
  return index;
}

void WorkflowTable::remove_workflow(uint32_t workflow) {
  const uint64_t workflow_id = workflows_[workflow].id;
  for_each_call(workflow, [&](uint32_t index) {
    for (uint32_t edge = calls_[index].first_edge; edge != kNoIndex;) {
      const uint32_t next = edges_[edge].next;
      edges_.release(edge);
      edge = next;
    }
    call_ids_.erase(workflow_id, calls_[index].id);
    calls_[index].state = CallState::kFree;
    calls_.release(index);
  });
  unlink_idle(workflow);
  workflow_ids_.erase(workflow_id, 0);
  workflows_.release(workflow);
}

void WorkflowTable::touch(uint32_t workflow, TimeNs now) {
  unlink_idle(workflow);
  Workflow& entry = workflows_[workflow];
  entry.last_activity = now;
  entry.idle_previous = idle_tail_;
  entry.idle_next = kNoIndex;
  if (idle_tail_ != kNoIndex) workflows_[idle_tail_].idle_next = workflow;
  idle_tail_ = workflow;
  if (idle_head_ == kNoIndex) idle_head_ = workflow;
}

void WorkflowTable::unlink_idle(uint32_t workflow) {
  Workflow& entry = workflows_[workflow];
  const bool linked = entry.idle_previous != kNoIndex || idle_head_ == workflow;
  if (!linked) return;
  if (entry.idle_previous != kNoIndex) workflows_[entry.idle_previous].idle_next = entry.idle_next;
  if (entry.idle_next != kNoIndex) workflows_[entry.idle_next].idle_previous = entry.idle_previous;
  if (idle_head_ == workflow) idle_head_ = entry.idle_next;
  if (idle_tail_ == workflow) idle_tail_ = entry.idle_previous;
  entry.idle_previous = entry.idle_next = kNoIndex;
}

uint64_t WorkflowTable::memory_bytes() const {
  return workflows_.memory_bytes() + calls_.memory_bytes() + edges_.memory_bytes() +
         workflow_ids_.memory_bytes() + call_ids_.memory_bytes();
}

}  // namespace hexagent
