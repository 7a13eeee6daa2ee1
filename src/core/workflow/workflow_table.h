// WorkflowTable: owns live workflows, their calls and dependency edges, in pools fixed at open.
//
// It keeps the DAG consistent and nothing else: no times, no workers. A call is addressed by its
// index while its workflow lives; finished calls stay (so that later calls can depend on them)
// until the workflow ends. Tests: tests/unit/core/workflow/workflow_table_test.cc, tests/model.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/id_map.h"
#include "core/base/pool.h"
#include "core/workflow/workflow.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

class WorkflowTable {
 public:
  WorkflowTable(uint32_t workflows_max, uint32_t calls_max);

  // kNoIndex when unknown.
  uint32_t find(uint64_t workflow_id) const;
  uint32_t find_call(uint64_t workflow_id, uint64_t call_id) const;

  Workflow& workflow(uint32_t index) { return workflows_[index]; }
  const Workflow& workflow(uint32_t index) const { return workflows_[index]; }
  Call& call(uint32_t index) { return calls_[index]; }
  const Call& call(uint32_t index) const { return calls_[index]; }
  Workflow& workflow_of(const Call& call) { return workflows_[call.workflow]; }
  const Workflow& workflow_of(const Call& call) const { return workflows_[call.workflow]; }

  // Adds a workflow with this id; kNoIndex when the table is full. The id must be unused.
  uint32_t add_workflow(uint64_t workflow_id);

  // Can a call with these dependencies be revealed? HEXAGENT_OK, _DUPLICATE, _CYCLE,
  // _UNKNOWN_DEPENDENCY, _DEAD_DEPENDENCY or _FULL; `field` names the culprit.
  hexagent_status check_call(uint32_t workflow, uint64_t call_id, const uint64_t* deps,
                             uint32_t deps_count, uint32_t* field) const;

  // Adds a call that check_call() let pass; counts the dependencies not done yet.
  uint32_t add_call(uint32_t workflow, uint64_t call_id, const uint64_t* deps, uint32_t deps_count);

  // Calls `visit(dependent index)` for every revealed call that waits for `call`.
  template <class Visit>
  void for_each_dependent(uint32_t call, Visit&& visit) const {
    for (uint32_t edge = calls_[call].first_edge; edge != kNoIndex; edge = edges_[edge].next) {
      visit(edges_[edge].target);
    }
  }

  // Calls `visit(call index)` for every call of a workflow, newest first: dependents come before
  // what they depend on.
  template <class Visit>
  void for_each_call(uint32_t workflow, Visit&& visit) const {
    for (uint32_t call = workflows_[workflow].newest_call; call != kNoIndex;) {
      const uint32_t next = calls_[call].older_of_workflow;
      visit(call);
      call = next;
    }
  }

  // The other way round.
  template <class Visit>
  void for_each_call_oldest_first(uint32_t workflow, Visit&& visit) const {
    for (uint32_t call = workflows_[workflow].oldest_call; call != kNoIndex;) {
      const uint32_t next = calls_[call].newer_of_workflow;
      visit(call);
      call = next;
    }
  }

  // Frees a workflow with its calls and edges.
  void remove_workflow(uint32_t workflow);

  // List of workflows by last activity, oldest first: the head expires first.
  void touch(uint32_t workflow, TimeNs now);
  uint32_t least_active() const { return idle_head_; }

  bool is_call(uint32_t index) const { return calls_.live(index); }
  uint32_t workflow_count() const { return workflows_.size(); }
  uint32_t call_count() const { return calls_.size(); }
  uint64_t memory_bytes() const;

  // Snapshots (snapshot/workflow_table.cc). load() fills an empty table, without what the workers
  // and the planner keep in calls.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader, uint32_t worker_count);

 private:
  struct Edge {
    uint32_t target = kNoIndex;  // the dependent call
    uint32_t next = kNoIndex;
  };

  void unlink_idle(uint32_t workflow);

  void load_workflows(SnapshotReader* reader);
  std::vector<uint32_t> load_calls(SnapshotReader* reader, uint32_t worker_count,
                                   std::vector<uint32_t>* edge_counts);
  uint32_t load_call(SnapshotReader* reader, uint32_t owner, uint32_t worker_count,
                     uint32_t* edges);
  void load_sources(SnapshotReader* reader, const std::vector<uint32_t>& calls);
  void load_edges(SnapshotReader* reader, const std::vector<uint32_t>& calls,
                  const std::vector<uint32_t>& edge_counts);

  Pool<Workflow> workflows_;
  Pool<Call> calls_;
  Pool<Edge> edges_;
  IdMap workflow_ids_;
  IdMap call_ids_;
  uint64_t next_sequence_ = 1;
  uint32_t idle_head_ = kNoIndex;
  uint32_t idle_tail_ = kNoIndex;
};

}  // namespace hexagent
