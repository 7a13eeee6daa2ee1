// JournalWriter: records every input and step of a core, so that a replay decides the same.
//
// It hangs behind the driver: input() for each input before the core takes it, end_of_step() after
// the core has advanced and before anybody takes its decisions, commit() before the driver shows
// decisions or goes to sleep. Nothing here is called on any other thread.
//
// Memory is reused: once buffers have seen the largest step, nothing is allocated but at rotation.
//
// A segment ends at rest, when no decision waits in the core, so that a snapshot of the core can
// precede the next one. Where decisions keep waiting it ends without one, a quarter too long. A
// snapshot that cannot be written is none, and the journal goes on; so is what cannot be removed.
//
// Failure. The first operation that the folder refuses ends the journal: what is on disk stays a
// valid journal up to some step, nothing is written any more, status() says so for ever. It is not
// tried again, since after a failed sync nobody can know what is on disk. The scheduler goes on.
// What may be called acknowledged is said by acknowledgement(). Tests:
// tests/unit/runtime/journal_writer_test.cc, tests/crash.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "core/settings.h"
#include "runtime/journal_file.h"
#include "runtime/journal_reader.h"
#include "runtime/name_table.h"
#include "wire/frame.h"
#include "wire/journal_encode.h"

namespace hexagent {

enum class Durability {
  kNone,           // written when the buffer is full, synced only at rotation and close
  kInterval,       // written and synced at least every sync_interval_ns of the steps' time
  kBeforeAccepted  // written and synced by each commit(): what is visible is on disk
};

struct JournalOptions {
  Durability durability = Durability::kInterval;
  TimeNs sync_interval_ns = 100'000'000;
  uint64_t segment_bytes = 64u << 20;  // a segment that is larger ends after the step
  uint64_t buffer_bytes = 256u << 10;  // written at once when more has gathered
  bool full_decisions = false;         // every decision, not only number and hash of a step's
  bool snapshots = true;               // one before each segment
  uint64_t keep_bytes = 512u << 20;  // of what precedes the newest snapshot; 0 = all of it is kept
  uint64_t boot = 0;  // boot_identity() when the steps are of CLOCK_MONOTONIC, 0 if they are not
  TimeNs clock_shift = 0;  // the steps' clock minus that one
};

struct JournalStats {
  uint64_t segments = 0;
  uint64_t steps = 0;
  uint64_t inputs = 0;
  uint64_t bytes = 0;  // handed to the operating system
  uint64_t writes = 0;
  uint64_t syncs = 0;
  uint64_t failures = 0;           // 0 or 1: the one that ended the journal
  uint64_t steps_lost = 0;         // not recorded since
  uint64_t inputs_lost = 0;        // in them
  uint64_t snapshots = 0;          // written
  uint64_t snapshot_bytes = 0;     // of the last one
  uint64_t snapshots_skipped = 0;  // not written, or not in time
  uint64_t segments_removed = 0;
};

class JournalWriter {
 public:
  // Folder and tables must outlive the writer; names and labels interned later are picked up by the
  // step after. Settings are those the core was opened with. May throw std::bad_alloc.
  JournalWriter(JournalFolder* folder, const Settings& settings, const NameTable* names,
                const NameTable* labels, const JournalOptions& options);

  // Begins a journal, or goes on behind the end that a reader found, in a new segment.
  // `core` is in the state of that end, with no decision waiting.
  hexagent_status start(const JournalEnd& end, const Scheduler& core);

  void input(const Input& input) noexcept;
  void end_of_step(TimeNs now, const Scheduler& core) noexcept;

  // To be called when decisions were taken and none wait any more, every step so far being
  // recorded.
  void at_rest(const Scheduler& core) noexcept;

  // A segment is to end as soon as the core is at rest. Until then steps that do nothing are
  // recorded too: the time they move the core to is part of a snapshot.
  bool wants_rest() const { return rotation_due_; }

  // Writes what has gathered; syncs under kBeforeAccepted.
  hexagent_status commit() noexcept;

  // Writes, syncs and marks the end. What comes later is not recorded. Inputs of a step that never
  // ended, because it broke the core, are written as such: they count for no recovery, and are
  // there for whoever wants to know what broke it. Such a journal bears no mark of a good end.
  hexagent_status close() noexcept;

  // After a close() in good order: a snapshot of the core in a further segment with nothing in it,
  // so that a recovery has nothing to live through, and a release that decides otherwise can go on.
  // None if nothing has happened since the last one. The core has taken no step since, and nobody
  // wants its decisions any more: none waits. When this is refused, the journal is as it was.
  void seal(const Scheduler& core) noexcept;
  bool has_news() const { return options_.snapshots && end_.steps > snapshot_steps_; }

  // HEXAGENT_OK, or why the journal ended: HEXAGENT_E_IO, HEXAGENT_E_NO_MEMORY; HEXAGENT_E_CLOSED
  // after close().
  hexagent_status status() const { return status_; }
  const std::string& trouble() const { return trouble_; }  // in words
  TimeNs last_now() const { return end_.last_now; }        // of the last step recorded

  // May a decision with this sequence number be shown now? Under kBeforeAccepted not before it is
  // on disk; once the journal has ended, everything may, but see acknowledgement().
  bool may_show(uint64_t decision_sequence) const {
    return options_.durability != Durability::kBeforeAccepted || status_ != HEXAGENT_OK ||
           decision_sequence <= durable_decision_;
  }

  // The status an ACCEPTED with this sequence number is to be shown with: status() if it was
  // promised to be on disk and is not, because the journal has ended.
  hexagent_status acknowledgement(uint64_t decision_sequence) const {
    const bool broken = options_.durability == Durability::kBeforeAccepted &&
                        status_ != HEXAGENT_OK && decision_sequence > durable_decision_;
    return broken ? status_ : HEXAGENT_OK;
  }

  uint64_t durable_decision() const { return durable_decision_; }  // last one sure to be on disk
  uint64_t durable_steps() const { return durable_steps_; }

  // When the driver has to call commit_due() although nothing happens; kNever if not at all.
  TimeNs next_timer() const;
  void commit_due(TimeNs now) noexcept;

  // How long before `now` what is not on disk begins; 0 if all of it is.
  TimeNs unsynced_for(TimeNs now) const;

  const JournalStats& stats() const { return stats_; }

  // Why the last snapshot was skipped, or an old file was not removed; empty if none was.
  const std::string& snapshot_trouble() const { return snapshot_trouble_; }

 private:
  template <class Body>
  void attempt(Body&& body) noexcept;
  void fail(hexagent_status status, const std::string& trouble);
  void queue(FrameType type, const Payload& payload);
  void queue_names(NameKind kind, const NameTable& table, uint32_t* written);
  void queue_new_names();
  void queue_step(TimeNs now, const Scheduler& core);
  void queue_decisions(const Scheduler& core, uint32_t first);
  bool flush();
  bool sync();
  bool begin_segment();
  bool rotate(const Scheduler* core);
  void take_snapshot(const JournalEnd& before, const Scheduler& core);
  void skip_snapshot(const std::string& trouble);
  StepHead head_of_step(TimeNs now) const;
  bool interval_is_over(TimeNs now) const;
  TimeNs next_sync() const;

  JournalFolder* folder_;
  Settings settings_;
  const NameTable* names_;
  const NameTable* labels_;
  JournalOptions options_;
  JournalEncoder encoder_;       // of steps, whose inputs gather in it
  JournalEncoder side_encoder_;  // of all else
  std::unique_ptr<JournalFile> file_;
  std::vector<uint8_t> buffer_;               // frames not yet written
  std::vector<hexagent_decision> decisions_;  // of the step, when kept in full
  std::vector<std::string_view> texts_;       // names to write; only lives within a call
  JournalEnd end_;                            // with the frames in the buffer
  uint64_t part_inputs_ = 0;                  // inputs of the step that are in frames already
  uint64_t written_ = 0;                      // bytes of the segment, without the buffer
  uint64_t synced_ = 0;                       // of them on disk
  TimeNs synced_at_ = 0;
  bool dirty_ = false;           // something is not on disk
  uint32_t good_snapshot_ = 0;   // segment of the last one that was written or read well
  uint64_t snapshot_steps_ = 0;  // those it stands for
  bool rotation_due_ = false;    // the segment is as long as it should be
  uint32_t names_written_ = 0;
  uint32_t labels_written_ = 0;
  uint64_t last_decision_ = 0;  // hashed
  uint64_t durable_decision_ = 0;
  uint64_t durable_steps_ = 0;
  hexagent_status status_ = HEXAGENT_OK;
  std::string trouble_;
  std::string snapshot_trouble_;
  JournalStats stats_;
};

}  // namespace hexagent
