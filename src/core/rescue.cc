// Rescue text: what the core knew when an invariant failed, for whoever has to explain it later. It
// only reads, and what it reads may be broken: every walk is bounded by the size of its table.
// Tests: tests/unit/core/rescue_test.cc.
#include <cinttypes>
#include <cstdio>
#include <string>

#include "core/scheduler.h"
#include "core/state.h"

namespace hexagent {
namespace {

template <class... Values>
void add(std::string* text, const char* format, Values... values) {
  char line[256];
  const int size = std::snprintf(line, sizeof(line), format, values...);
  if (size > 0) text->append(line, std::min(static_cast<size_t>(size), sizeof(line) - 1));
}

void add_counters(const State& state, std::string* text) {
  const hexagent_stats& counters = state.counters;
  add(text,
      "inputs %" PRIu64 " refused %" PRIu64 " rejected %" PRIu64 " decisions %" PRIu64
      " plans %" PRIu64 "\n",
      counters.inputs, counters.refused, counters.rejected, counters.decisions, counters.plans);
  add(text, "workflows live %u done %" PRIu64 " cancelled %" PRIu64 "\n",
      state.workflows.workflow_count(), counters.workflows_done, counters.workflows_cancelled);
  add(text,
      "calls live %u waiting %u prefilled %u done %" PRIu64 " failed %" PRIu64 " retried %" PRIu64
      "\n",
      state.workflows.call_count(), state.waiting.size(), state.prefilled.size(),
      counters.calls_done, counters.calls_failed, counters.calls_retried);
}

void add_workers(const State& state, std::string* text) {
  *text += "workers: id incarnation state prefills decodes kv_capacity kv_reserved kv_foreign\n";
  for (uint32_t index = 0; index < state.workers.size(); ++index) {
    const Worker& worker = state.workers[index];
    add(text, "  %u %u %u %u %u", worker.spec.worker, worker.spec.incarnation,
        static_cast<uint32_t>(worker.state), worker.prefill_count, worker.decode_count);
    add(text, " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", worker.kv_capacity_tokens,
        worker.kv.reserved_tokens(), worker.kv.foreign_tokens());
  }
}

void add_workflows(const State& state, std::string* text) {
  *text += "workflows: id arrival_ns deadline_ns tier calls done ready in_flight ended\n";
  uint32_t left = state.workflows.workflow_count();
  for (uint32_t index = state.workflows.least_active(); index != kNoIndex && left > 0; --left) {
    const Workflow& workflow = state.workflows.workflow(index);
    add(text, "  %" PRIu64 " %" PRId64 " %" PRId64 " %u %u", workflow.id, workflow.arrival,
        workflow.deadline, workflow.tier, workflow.calls);
    add(text, " %u %u %u %d\n", workflow.calls_done, workflow.calls_ready, workflow.calls_in_flight,
        workflow.ended ? 1 : 0);
    index = workflow.idle_next;
  }
}

}  // namespace

void Scheduler::rescue_text(std::string* text) const {
  const State& state = *state_;
  const char* broken = audit();
  add(text, "audit: %s\n", broken == nullptr ? "nothing else is broken" : broken);
  add(text, "now_ns %" PRId64 "\npolicy %s\n", state.now, state.settings.policy);
  add_counters(state, text);
  add_workers(state, text);
  add_workflows(state, text);
}

}  // namespace hexagent
