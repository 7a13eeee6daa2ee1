// C ABI: statistics and their OpenMetrics text. The core counts; the shell adds what only it sees.
#include <vector>

#include "capi/guard.h"
#include "capi/text_answer.h"
#include "core/base/sized_struct.h"
#include "metrics/open_metrics.h"

namespace hexagent {
namespace {

hexagent_stats read_stats(const hexagent_scheduler& scheduler) {
  hexagent_stats stats = {};
  scheduler.core.stats(&stats);
  stats.struct_size = sizeof(stats);
  stats.intake_rejected = scheduler.intake_rejected.load(std::memory_order_relaxed);
  stats.inputs_held_back = scheduler.driver.held_back_count();
  stats.decisions_waiting = scheduler.core.decision_count();
  stats.bytes_allocated += sizeof(scheduler) + scheduler.intake.memory_bytes() +
                           scheduler.names.memory_bytes() + scheduler.labels.memory_bytes();
  if (scheduler.journal != nullptr) {
    const JournalWriter& writer = *scheduler.journal->writer();
    stats.journal_inputs = writer.stats().inputs;
    stats.journal_inputs_recovered = scheduler.journal->recovered().inputs;
    stats.journal_inputs_lost = writer.stats().inputs_lost;
    stats.journal_steps = writer.stats().steps;
    stats.journal_bytes = writer.stats().bytes;
    stats.journal_segments = writer.stats().segments;
    stats.journal_syncs = writer.stats().syncs;
    stats.journal_failures = writer.stats().failures;
    stats.journal_snapshots = writer.stats().snapshots;
    stats.journal_snapshots_skipped = writer.stats().snapshots_skipped;
    stats.journal_snapshot_bytes = writer.stats().snapshot_bytes;
    stats.journal_segments_removed = writer.stats().segments_removed;
    stats.journal_sync_age_ns =
        static_cast<uint64_t>(writer.unsynced_for(scheduler.driver.core_now()));
  }
  if (scheduler.thread != nullptr) {
    stats.decision_ring_full = scheduler.thread->ring_full_count();
    stats.decisions_waiting += scheduler.thread->ring_size();
    stats.bytes_allocated += scheduler.thread->memory_bytes();
  }
  return stats;
}

}  // namespace
}  // namespace hexagent

extern "C" {

hexagent_status hexagent_stats_read(hexagent_scheduler* scheduler, hexagent_stats* stats) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) {
    const hexagent_status status = hexagent::check_size(stats);
    if (status == HEXAGENT_OK) hexagent::write_sized(hexagent::read_stats(self), stats);
    return status;
  });
}

hexagent_status hexagent_metrics_write(hexagent_scheduler* scheduler, char* buffer,
                                       uint32_t capacity, uint32_t* needed) noexcept {
  return hexagent::ask(scheduler, [&](hexagent_scheduler& self) -> hexagent_status {
    if (buffer == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
    hexagent::TextWriter text(buffer, capacity);
    hexagent_shadow_info shadow = {};
    const bool is_shadow = self.core.shadow_query(&shadow) == HEXAGENT_OK;
    std::vector<hexagent::LinkRow> links;
    self.core.visit_links(hexagent::kLinkRowsMax,
                          [&](uint32_t source, uint32_t target, const hexagent_link_info& info) {
                            links.push_back({source, target, info});
                          });
    hexagent::write_open_metrics(hexagent::read_stats(self), is_shadow ? &shadow : nullptr, links,
                                 self.transfers.get(), &text);
    return hexagent::finish_text(text, needed);
  });
}

}  // extern "C"
