// OpenMetrics text: see open_metrics.h. One table row is one metric family.
#include "metrics/open_metrics.h"

#include <string_view>

namespace hexagent {
namespace {

struct Family {
  std::string_view name;  // without `hexagent_` and `_total`
  std::string_view unit;  // part of the name too; empty for plain counts
  uint64_t hexagent_stats::*value;
  bool counter;
  std::string_view help;
};

constexpr Family kFamilies[] = {
    {"inputs", "", &hexagent_stats::inputs, true, "Inputs taken from the intake queue."},
    {"inputs_refused", "", &hexagent_stats::refused, true, "Inputs answered with REFUSED."},
    {"intake_rejected", "", &hexagent_stats::intake_rejected, true,
     "Inputs turned away because the intake queue was full."},
    {"decisions", "", &hexagent_stats::decisions, true, "Decisions made."},
    {"plans", "", &hexagent_stats::plans, true, "Runs of the planner."},
    {"workflows_live", "", &hexagent_stats::workflows_live, false,
     "Workflows that have not ended."},
    {"workflows_done", "", &hexagent_stats::workflows_done, true, "Workflows that ended well."},
    {"workflows_cancelled", "", &hexagent_stats::workflows_cancelled, true,
     "Workflows that were cancelled, failed or expired."},
    {"calls_live", "", &hexagent_stats::calls_live, false, "Calls that are not final."},
    {"calls_waiting", "", &hexagent_stats::calls_waiting, false, "Calls ready but not dispatched."},
    {"calls_done", "", &hexagent_stats::calls_done, true, "Calls that ended well."},
    {"calls_failed", "", &hexagent_stats::calls_failed, true,
     "Calls that failed or were cancelled."},
    {"calls_retried", "", &hexagent_stats::calls_retried, true,
     "Dispatches that failed and were planned again."},
    {"prompt_tokens", "", &hexagent_stats::prompt_tokens, true,
     "Prompt tokens of prefilled calls."},
    {"prefix_hit_tokens", "", &hexagent_stats::prefix_hit_tokens, true,
     "Prompt tokens that were found in a prefix cache."},
    {"transfer_bytes", "bytes", &hexagent_stats::transfer_bytes, true,
     "KV bytes moved between workers."},
    {"allocated_bytes", "bytes", &hexagent_stats::bytes_allocated, false,
     "Memory that the scheduler holds."},
    {"inputs_held_back", "", &hexagent_stats::inputs_held_back, true,
     "Steps that left inputs queued because too many decisions waited."},
    {"decision_ring_full", "", &hexagent_stats::decision_ring_full, true,
     "Steps that found the decision ring full; the decisions stayed in the core."},
    {"decisions_waiting", "", &hexagent_stats::decisions_waiting, false,
     "Decisions that nobody has polled yet."},
    {"journal_inputs", "", &hexagent_stats::journal_inputs, true,
     "Inputs recorded in the journal since open."},
    {"journal_inputs_recovered", "", &hexagent_stats::journal_inputs_recovered, false,
     "Inputs that came back from the journal at open."},
    {"journal_inputs_lost", "", &hexagent_stats::journal_inputs_lost, true,
     "Inputs not recorded because the journal had failed."},
    {"journal_steps", "", &hexagent_stats::journal_steps, true,
     "Steps recorded in the journal since open."},
    {"journal_bytes", "bytes", &hexagent_stats::journal_bytes, true,
     "Journal bytes handed to the operating system since open."},
    {"journal_segments", "", &hexagent_stats::journal_segments, true,
     "Journal segments begun since open."},
    {"journal_syncs", "", &hexagent_stats::journal_syncs, true,
     "Times the journal was synced to disk."},
    {"journal_failures", "", &hexagent_stats::journal_failures, true,
     "1 once the journal has failed: nothing is recorded any more."},
    {"journal_sync_age_nanoseconds", "nanoseconds", &hexagent_stats::journal_sync_age_ns, false,
     "Time between the last step and the last moment of which all is on disk."},
};

void write_family(const Family& family, uint64_t value, TextWriter* text) {
  *text << "# HELP hexagent_" << family.name << " " << family.help << "\n";
  *text << "# TYPE hexagent_" << family.name << (family.counter ? " counter\n" : " gauge\n");
  if (!family.unit.empty()) {
    *text << "# UNIT hexagent_" << family.name << " " << family.unit << "\n";
  }
  *text << "hexagent_" << family.name << (family.counter ? "_total " : " ") << value << "\n";
}

}  // namespace

void write_open_metrics(const hexagent_stats& stats, TextWriter* text) {
  *text << "# HELP hexagent_workers Workers known, lost ones included.\n"
        << "# TYPE hexagent_workers gauge\n"
        << "hexagent_workers " << stats.workers << "\n";
  for (const Family& family : kFamilies) write_family(family, stats.*family.value, text);
  *text << "# EOF\n";
}

}  // namespace hexagent
