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

 private:
  bool intern(const JournalNames& names);
  JournalItem fail(hexagent_status status, const std::string& text);

  JournalReader* reader_;
  Scheduler* core_;
  NameTable* names_;
  NameTable* labels_;
  InputCheck check_;
  std::vector<hexagent_decision> decisions_;
  bool same_ = true;
  JournalFlaw flaw_;
};

}  // namespace hexagent
