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
    {"rejected", "", &hexagent_stats::rejected, true, "Workflows that admission turned away."},
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
    {"journal_snapshots", "", &hexagent_stats::journal_snapshots, true,
     "Snapshots written since open."},
    {"journal_snapshots_skipped", "", &hexagent_stats::journal_snapshots_skipped, true,
     "Snapshots not written: refused by the system, or decisions were never all polled."},
    {"journal_snapshot_bytes", "bytes", &hexagent_stats::journal_snapshot_bytes, false,
     "Size of the last snapshot written since open."},
    {"journal_segments_removed", "", &hexagent_stats::journal_segments_removed, true,
     "Journal segments removed since open because snapshots stand for them."},
    {"transfers_failed", "", &hexagent_stats::transfers_failed, true,
     "Transfers that failed and were planned again with the KV where it was."},
    {"transfers_reprioritised", "", &hexagent_stats::transfers_reprioritised, true,
     "Changes of the urgency of transfers under way."},
    {"link_samples", "", &hexagent_stats::link_samples, true,
     "Measurements taken into link estimates."},
    {"link_outliers", "", &hexagent_stats::link_outliers, true,
     "Measurements not taken because of their rate."},
    {"kv_held_tokens", "", &hexagent_stats::kv_held_tokens, false,
     "KV reserved for ended transfers until they have quiesced."},
    {"kv_quiesce_timeouts", "", &hexagent_stats::kv_quiesce_timeouts, true,
     "Reservations of ended transfers that were given up without QUIESCED."},
    {"calls_outside", "", &hexagent_stats::calls_outside, false,
     "Calls ready whose workflows may not begin yet."},
};

void write_family(const Family& family, uint64_t value, TextWriter* text) {
  *text << "# HELP hexagent_" << family.name << " " << family.help << "\n";
  *text << "# TYPE hexagent_" << family.name << (family.counter ? " counter\n" : " gauge\n");
  if (!family.unit.empty()) {
    *text << "# UNIT hexagent_" << family.name << " " << family.unit << "\n";
  }
  *text << "hexagent_" << family.name << (family.counter ? "_total " : " ") << value << "\n";
}

struct ShadowSum {
  std::string_view name;
  double hexagent_shadow_info::*value;
  std::string_view help;
};

constexpr ShadowSum kShadowSums[] = {
    {"ours_predicted", &hexagent_shadow_info::ours_predicted_s,
     "Predicted finishes had the library placed the calls."},
    {"theirs_predicted", &hexagent_shadow_info::theirs_predicted_s,
     "Predicted finishes where the router placed the calls."},
    {"finished_predicted", &hexagent_shadow_info::finished_predicted_s,
     "Predicted finishes of the calls that have ended."},
    {"finished_realised", &hexagent_shadow_info::finished_realised_s,
     "What the calls that have ended really took."},
    {"finished_error", &hexagent_shadow_info::finished_error_s, "Absolute differences of the two."},
};

void write_count(std::string_view name, std::string_view help, uint64_t value, TextWriter* text) {
  *text << "# HELP hexagent_shadow_" << name << " " << help << "\n# TYPE hexagent_shadow_" << name
        << " counter\nhexagent_shadow_" << name << "_total " << value << "\n";
}

void write_quantile(std::string_view quantile, double value, TextWriter* text) {
  *text << "hexagent_shadow_regret_seconds{quantile=\"" << quantile << "\"} " << value << "\n";
}

void write_shadow(const hexagent_shadow_info& shadow, TextWriter* text) {
  write_count("calls_placed", "Calls whose placement by the router is known.", shadow.calls_placed,
              text);
  write_count("calls_agreed", "Of which the library would have done the same.", shadow.calls_agreed,
              text);
  write_count("calls_finished", "And which have ended well.", shadow.calls_finished, text);
  for (const ShadowSum& sum : kShadowSums) {
    *text << "# HELP hexagent_shadow_" << sum.name << "_seconds " << sum.help
          << "\n# TYPE hexagent_shadow_" << sum.name << "_seconds counter\n# UNIT hexagent_shadow_"
          << sum.name << "_seconds seconds\nhexagent_shadow_" << sum.name << "_seconds_total "
          << shadow.*sum.value << "\n";
  }
  *text << "# HELP hexagent_shadow_regret_seconds Predicted finish of the router's placement less "
           "that of ours.\n"
        << "# TYPE hexagent_shadow_regret_seconds summary\n"
        << "# UNIT hexagent_shadow_regret_seconds seconds\n";
  write_quantile("0.5", shadow.regret_p50_s, text);
  write_quantile("0.9", shadow.regret_p90_s, text);
  write_quantile("0.99", shadow.regret_p99_s, text);
  write_quantile("1", shadow.regret_max_s, text);
}

struct LinkFamily {
  std::string_view name;
  std::string_view unit;
  double (*value)(const hexagent_link_info& info);
  std::string_view help;
};

constexpr LinkFamily kLinkFamilies[] = {
    {"link_bytes_per_second", "bytes_per_second",
     [](const hexagent_link_info& info) { return info.bytes_per_s; },
     "Estimated rate of one transfer between two workers."},
    {"link_setup_seconds", "seconds",
     [](const hexagent_link_info& info) { return static_cast<double>(info.setup_ns) * 1e-9; },
     "Estimated fixed part of a transfer between two workers."},
    {"link_queue_seconds", "seconds",
     [](const hexagent_link_info& info) { return static_cast<double>(info.queue_ns) * 1e-9; },
     "Measured wait of transfers between two workers."},
};

void write_links(const std::vector<LinkRow>& links, TextWriter* text) {
  for (const LinkFamily& family : kLinkFamilies) {
    *text << "# HELP hexagent_" << family.name << " " << family.help << "\n# TYPE hexagent_"
          << family.name << " gauge\n# UNIT hexagent_" << family.name << " " << family.unit << "\n";
    for (const LinkRow& link : links) {
      *text << "hexagent_" << family.name << "{source=\"" << link.source << "\",target=\""
            << link.target << "\"} " << family.value(link.info) << "\n";
    }
  }
}

}  // namespace

void write_open_metrics(const hexagent_stats& stats, const hexagent_shadow_info* shadow,
                        const std::vector<LinkRow>& links, const MetricsSection* more,
                        TextWriter* text) {
  *text << "# HELP hexagent_workers Workers known, lost ones included.\n"
        << "# TYPE hexagent_workers gauge\n"
        << "hexagent_workers " << stats.workers << "\n";
  for (const Family& family : kFamilies) write_family(family, stats.*family.value, text);
  if (shadow != nullptr) write_shadow(*shadow, text);
  if (!links.empty()) write_links(links, text);
  if (more != nullptr) more->write_metrics(text);
  *text << "# EOF\n";
}

}  // namespace hexagent
