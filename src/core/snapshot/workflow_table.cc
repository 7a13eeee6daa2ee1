// Snapshots of the workflow table: workflows from the least active one on, with their calls from
// the oldest one on, with their edges from the first one on. So the order of rows is that of the
// lists, which are linked anew and cannot be but whole.
#include "core/workflow/workflow_table.h"

#include <algorithm>

#include "core/snapshot/call_fields.h"
#include "core/snapshot/pool_rows.h"

namespace hexagent {
namespace {

// Is any number in the list twice? Puts it in order.
bool has_twins(std::vector<uint64_t>* list) {
  std::sort(list->begin(), list->end());
  return std::adjacent_find(list->begin(), list->end()) != list->end();
}

}  // namespace

void WorkflowTable::save(SnapshotWriter* writer) const {
  writer->begin("workflow_table");
  writer->number("next_sequence", &next_sequence_, 1, UINT64_MAX);
  writer->end_row();
  std::vector<uint32_t> calls;
  writer->begin("workflows");
  for (uint32_t index = idle_head_; index != kNoIndex; index = workflows_[index].idle_next) {
    writer->number("place", &index);
    writer->number("calls", &workflows_[index].calls);
    visit_workflow(writer, &workflows_[index]);
    writer->end_row();
    for_each_call_oldest_first(index, [&](uint32_t call) { calls.push_back(call); });
  }
  save_released(writer, "workflows_free", workflows_);
  std::vector<uint32_t> edges;
  std::vector<ContentSource> sources;
  writer->begin("calls");
  for (uint32_t index : calls) {
    const Call& call = calls_[index];
    const size_t first = edges.size();
    for (uint32_t edge = call.first_edge; edge != kNoIndex; edge = edges_[edge].next) {
      edges.push_back(edge);
    }
    const auto edge_count = static_cast<uint32_t>(edges.size() - first);
    sources.insert(sources.end(), call.sources, call.sources + call.source_count);
    writer->number("place", &index);
    writer->number("edges", &edge_count);
    writer->number("sources", &call.source_count, 0, kSourcesMax);
    visit_call(writer, &call, 0);
    writer->end_row();
  }
  save_released(writer, "calls_free", calls_);
  writer->begin("call_sources");
  for (const ContentSource& source : sources) {
    visit_source(writer, &source);
    writer->end_row();
  }
  writer->begin("edges");
  for (uint32_t edge : edges) {
    writer->number("place", &edge);
    writer->number("target", &edges_[edge].target);
    writer->end_row();
  }
  save_released(writer, "edges_free", edges_);
}

void WorkflowTable::load(SnapshotReader* reader, uint32_t worker_count) {
  reader->begin_one("workflow_table");
  reader->number("next_sequence", &next_sequence_, 1, UINT64_MAX);
  reader->end_row();
  load_workflows(reader);
  if (!reader->sound()) return;
  std::vector<uint32_t> edge_counts;
  const std::vector<uint32_t> calls = load_calls(reader, worker_count, &edge_counts);
  if (!reader->sound()) return;
  load_sources(reader, calls);
  if (reader->sound()) load_edges(reader, calls, edge_counts);
}

void WorkflowTable::load_workflows(SnapshotReader* reader) {
  std::vector<uint32_t> live;
  std::vector<uint64_t> sequences;
  TimeNs last_activity = 0;
  const uint32_t rows = reader->begin("workflows", workflows_.capacity());
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    const uint32_t index = read_place(reader, workflows_);
    Workflow workflow;
    reader->number("calls", &workflow.calls, 0, calls_.capacity());
    visit_workflow(reader, &workflow);
    if (workflow.last_activity < last_activity) {
      reader->refuse("last_activity", "is before that of the row before");
    }
    if (workflow.sequence == 0 || workflow.sequence >= next_sequence_) {
      reader->refuse("sequence", "was not given yet");
    }
    if (find(workflow.id) != kNoIndex) reader->refuse("workflow", "was there before");
    if (!reader->sound()) break;
    reader->end_row();
    last_activity = workflow.last_activity;
    live.push_back(index);
    sequences.push_back(workflow.sequence);
    workflow.idle_previous = idle_tail_;
    if (idle_tail_ != kNoIndex) workflows_[idle_tail_].idle_next = index;
    if (idle_head_ == kNoIndex) idle_head_ = index;
    idle_tail_ = index;
    workflow_ids_.insert(workflow.id, 0, index);
    workflows_[index] = workflow;
  }
  if (reader->sound() && has_twins(&sequences)) reader->refuse("sequence", "was given twice");
  load_released(reader, "workflows_free", live, &workflows_);
}

// Returns the calls in the order of the rows.
std::vector<uint32_t> WorkflowTable::load_calls(SnapshotReader* reader, uint32_t worker_count,
                                                std::vector<uint32_t>* edge_counts) {
  std::vector<uint32_t> live;
  uint64_t wanted = 0;
  for (uint32_t owner = idle_head_; owner != kNoIndex; owner = workflows_[owner].idle_next) {
    wanted += workflows_[owner].calls;
  }
  const uint32_t rows = reader->begin("calls", calls_.capacity());
  if (reader->sound() && wanted != rows) {
    reader->refuse("", "has not one row for each call of the workflows");
  }
  for (uint32_t owner = idle_head_; owner != kNoIndex; owner = workflows_[owner].idle_next) {
    for (uint32_t i = 0; i < workflows_[owner].calls && reader->sound(); ++i) {
      uint32_t edges = 0;
      live.push_back(load_call(reader, owner, worker_count, &edges));
      edge_counts->push_back(edges);
    }
  }
  load_released(reader, "calls_free", live, &calls_);
  return live;
}

// Reads the next row and appends it to the calls of its workflow.
uint32_t WorkflowTable::load_call(SnapshotReader* reader, uint32_t owner, uint32_t worker_count,
                                  uint32_t* edges) {
  Workflow& workflow = workflows_[owner];
  Call call;
  const uint32_t index = read_place(reader, calls_);
  reader->number("edges", edges, 0, edges_.capacity());
  reader->number("sources", &call.source_count, 0, kSourcesMax);
  visit_call(reader, &call, worker_count);
  if (find_call(workflow.id, call.id) != kNoIndex) reader->refuse("call", "was there before");
  reader->end_row();
  if (!reader->sound()) return index;
  call.workflow = owner;
  call.older_of_workflow = workflow.newest_call;
  if (workflow.newest_call != kNoIndex) calls_[workflow.newest_call].newer_of_workflow = index;
  if (workflow.oldest_call == kNoIndex) workflow.oldest_call = index;
  workflow.newest_call = index;
  call_ids_.insert(workflow.id, call.id, index);
  calls_[index] = call;
  return index;
}

void WorkflowTable::load_sources(SnapshotReader* reader, const std::vector<uint32_t>& calls) {
  uint64_t wanted = 0;
  for (uint32_t index : calls) wanted += calls_[index].source_count;
  if (reader->begin("call_sources", wanted) != wanted && reader->sound()) {
    reader->refuse("", "has not one row for each source of the calls");
  }
  for (uint32_t index : calls) {
    for (uint32_t i = 0; i < calls_[index].source_count && reader->sound(); ++i) {
      visit_source(reader, &calls_[index].sources[i]);
      reader->end_row();
    }
  }
}

// A call waits for those before it in its workflow that have an edge to it and are not done.
void WorkflowTable::load_edges(SnapshotReader* reader, const std::vector<uint32_t>& calls,
                               const std::vector<uint32_t>& edge_counts) {
  std::vector<uint32_t> row_of(calls_.capacity(), 0);
  for (size_t row = 0; row < calls.size(); ++row) row_of[calls[row]] = static_cast<uint32_t>(row);
  uint64_t wanted = 0;
  for (uint32_t count : edge_counts) wanted += count;
  const uint32_t rows = reader->begin("edges", edges_.capacity());
  if (reader->sound() && wanted != rows) {
    reader->refuse("", "has not one row for each edge of the calls");
  }
  std::vector<uint32_t> live;
  for (size_t row = 0; row < calls.size(); ++row) {
    Call& source = calls_[calls[row]];
    uint32_t* link = &source.first_edge;
    for (uint32_t i = 0; i < edge_counts[row] && reader->sound(); ++i) {
      const uint32_t edge = read_place(reader, edges_);
      uint32_t target = 0;
      reader->number("target", &target);
      if (!reader->sound()) break;
      if (!calls_.live(target) || calls_[target].workflow != source.workflow ||
          row_of[target] <= row) {
        reader->refuse("target", "is no later call of the workflow");
        break;
      }
      reader->end_row();
      live.push_back(edge);
      edges_[edge] = Edge{target, kNoIndex};
      *link = edge;
      link = &edges_[edge].next;
      if (source.state != CallState::kDone) ++calls_[target].deps_pending;
    }
  }
  load_released(reader, "edges_free", live, &edges_);
}

}  // namespace hexagent
