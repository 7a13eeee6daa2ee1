// JournalReplay: lets a core live through a journal again and compares what it decides.
//
// The core ends in the state it was in at the journal's end, so this is recovery as well as the
// debugger's replay. Inputs pass a check before the core sees them: a journal is not trusted, and
// the core relies on records that passed the boundary (capi/shape.h). Tests:
// tests/unit/runtime/journal_replay_test.cc, tests/crash.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "runtime/journal_reader.h"
#include "runtime/name_table.h"

namespace hexagent {

// HEXAGENT_OK if an input with this content can have come through the boundary.
using InputCheck = std::function<hexagent_status(const Input&)>;

class JournalReplay {
 public:
  // The reader is open and at its beginning; core and tables are empty, the core opened with
  // reader->header().settings. All must outlive this.
  JournalReplay(JournalReader* reader, Scheduler* core, NameTable* names, NameTable* labels,
                InputCheck check);

  // Brings the core to where the journal begins, which needs a snapshot or nothing. False: see
  // flaw(), and the core is of no use any more; the journal may be if it is read from an earlier
  // place. Before the first step; step() does it too.
  bool begin();

  // Goes one step on. kFlaw: see flaw(). May throw std::bad_alloc.
  JournalItem step();

  // All steps, without looking at decisions: kEnd or kFlaw. HEXAGENT_E_DIFFERENT is a flaw here:
  // the core would not be in the state that was acknowledged.
  JournalItem run();

  // Of the last step: its inputs (reader's), what the core decided, and whether that is what the
  // journal says.
  const DecodedStep& inputs() const { return reader_->step(); }
  const std::vector<hexagent_decision>& decisions() const { return decisions_; }
  bool same() const { return same_; }

  // The first decision of the last step that is not the recorded one, as index into both lists;
  // decisions().size() and recorded().size() if there is none or the journal has hashes only.
  uint32_t first_different() const;
  const std::vector<hexagent_decision>& recorded() const { return reader_->decisions(); }

  const JournalFlaw& flaw() const { return flaw_; }

  // Snapshots on the way are compared with the state that the replay has come to: before the steps
  // of their segment, so step() tells of those that it has come past. What it begins with is not
  // compared. Before the first step.
  void check_snapshots() { checks_ = true; }
  uint32_t snapshots_same() const { return snapshots_same_; }
  uint32_t snapshots_different() const { return snapshots_different_; }
  uint32_t snapshots_unread() const { return snapshots_unread_; }  // damaged, or of another release
  const std::string& snapshot_text() const { return snapshot_text_; }  // what the last of those was

 private:
  bool intern(const JournalNames& names);
  void come_past(uint32_t segment);
  void check_snapshot(uint32_t segment);
  JournalItem fail(hexagent_status status, const std::string& text);

  JournalReader* reader_;
  Scheduler* core_;
  NameTable* names_;
  NameTable* labels_;
  InputCheck check_;
  std::vector<hexagent_decision> decisions_;
  bool same_ = true;
  JournalFlaw flaw_;
  bool begun_ = false;
  bool checks_ = false;
  uint32_t segment_ = 0;  // snapshots up to that of this one are behind
  uint32_t snapshots_same_ = 0;
  uint32_t snapshots_different_ = 0;
  uint32_t snapshots_unread_ = 0;
  std::string snapshot_text_;
};

}  // namespace hexagent
