// What the log tells of the journal: how it came back, that it has ended, snapshots. See log.h.
#include "capi/log.h"
#include "runtime/journal.h"

namespace hexagent {

void Log::tell_of_journal(uint32_t level, TimeNs now, std::string_view what,
                          std::string_view which) {
  if (!wants(level) || !take_turn(now)) return;
  char line[kLineSize];
  TextWriter(line, sizeof(line)) << "journal: " << what << which;
  say(level, now, line);
}

// At open; steps of before have been told in their time.
void Log::tell_recovery() {
  for (const JournalFlaw& flaw : journal_->passed_over()) {
    tell_of_journal(HEXAGENT_LOG_WARNING, 0, "a snapshot was passed over: ", flaw.text);
  }
  const JournalEnd& end = journal_->recovered();
  if (end.steps == 0 || !wants(HEXAGENT_LOG_INFO)) return;
  char text[kLineSize];
  TextWriter line(text, sizeof(text));
  line << end.steps << " steps";
  if (end.snapshot != 0) {
    line << ", " << end.snapshot_steps << " of them by the snapshot of segment " << end.snapshot;
  }
  tell_of_journal(HEXAGENT_LOG_INFO, 0, "recovered ", text);
}

void Log::tell_journal(TimeNs now) {
  const JournalWriter& writer = *journal_->writer();
  const bool ended = writer.status() != HEXAGENT_OK && writer.status() != HEXAGENT_E_CLOSED;
  if (ended && !journal_end_told_) {
    journal_end_told_ = true;
    tell_of_journal(HEXAGENT_LOG_ERROR, now, "nothing is recorded any more: ", writer.trouble());
  }
  const JournalStats& stats = writer.stats();
  if (stats.snapshots_skipped != skipped_told_) {
    skipped_told_ = stats.snapshots_skipped;
    tell_of_journal(HEXAGENT_LOG_WARNING, now,
                    "a snapshot was skipped: ", writer.snapshot_trouble());
  }
  if (stats.snapshots != snapshots_told_) {
    snapshots_told_ = stats.snapshots;
    tell_of_journal(HEXAGENT_LOG_INFO, now, "a snapshot was written", "");
  }
}

}  // namespace hexagent
