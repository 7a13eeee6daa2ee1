// Journal: one folder from opening to closing, what came back from it and what goes into it now.
//
// In order: open() says with which settings the core has to be made, recover() brings it to where
// the journal ends and begins to write, then the driver tells it of every input and step. Tests:
// tests/unit/runtime/journal_test.cc, tests/abi/journal_*_test.c.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "core/settings.h"
#include "runtime/journal_file.h"
#include "runtime/journal_replay.h"
#include "runtime/journal_writer.h"
#include "runtime/name_table.h"
#include "runtime/step_observer.h"

namespace hexagent {

// The clock of a journal that ended so, minus a CLOCK_MONOTONIC that now shows `now` and belongs to
// `boot` (0 = unknown). On the clock of then the time in between has passed, on another one no time
// has; where it is not known which clock it is, time has passed if it may have.
TimeNs find_clock_shift(const JournalEnd& end, uint64_t boot, TimeNs now);

class Journal final : public StepObserver {
 public:
  // Functions may throw std::bad_alloc; each answers HEXAGENT_OK or what trouble() explains.
  explicit Journal(const JournalOptions& options) : options_(options) {}

  // Opens the folder for writing, making it if there is none, and finds out what is in it.
  // HEXAGENT_E_STATE: `wanted` has another limit than the journal was begun with. Limits are fixed
  // for a journal's life, since a replay must find the tables as they were. The sizes of the
  // shell's queues (intake_bytes, decisions_max) are no limits of the core and may differ.
  hexagent_status open(std::unique_ptr<JournalFolder> folder, const Settings& wanted);

  // What the core has to be made with: those of the journal, or `wanted` if it is new.
  const Settings& settings() const { return settings_; }

  // Brings an empty core to the journal's end: by its newest snapshot, if it has one, and by living
  // through what follows; then begins a segment. HEXAGENT_E_DIFFERENT: it decides otherwise than
  // then, so its state would not be the acknowledged one; nothing has been written and the journal
  // is as it was, as after every other error. `now`: CLOCK_MONOTONIC, if the steps to come are of
  // that clock; kNever if they are of one that is not known yet.
  hexagent_status recover(Scheduler* core, NameTable* names, NameTable* labels,
                          const InputCheck& check, TimeNs now = kNever);

  // The journal's clock minus CLOCK_MONOTONIC, after recover() with a time.
  TimeNs clock_shift() const { return clock_shift_; }

  // recover() has failed because of a snapshot, which the core it was given did not survive. There
  // may be an older one: begin anew with the same folder, a new core and empty tables.
  bool may_try_older() const { return at_fault_ != 0; }

  // A journal that begins anew after this one has given up that snapshot; this one is over.
  std::unique_ptr<Journal> try_older(hexagent_status* status);

  // Snapshots that were passed over, and why.
  const std::vector<JournalFlaw>& passed_over() const { return passed_over_; }

  // What was last wrong with one: at open or, with more weight, since; empty if none was.
  const std::string& snapshot_trouble() const;

  // Changes that bring the recovered core to the settings wanted at open(); to be queued as inputs.
  const std::vector<SettingChange>& changes() const { return changes_; }

  // How much came back: steps and inputs, the time of the last one, the torn tail.
  const JournalEnd& recovered() const { return recovered_; }

  // Sequence number of the last decision of those steps.
  uint64_t recovered_decisions() const { return recovered_decisions_; }

  // After recover() only.
  JournalWriter* writer() { return writer_.get(); }
  const JournalWriter* writer() const { return writer_.get(); }

  const std::string& trouble() const { return trouble_; }

  // As the driver's observer, after recover() only. Each commit serves all steps since the one
  // before: in manual and loop driving there may be many between two polls.
  void on_input(TimeNs, const Input& input) override { writer_->input(input); }
  void end_of_step(TimeNs now) override { writer_->end_of_step(now, *core_); }
  void on_idle(TimeNs now) override {
    writer_->wants_rest() ? writer_->end_of_step(now, *core_) : writer_->commit_due(now);
  }
  void at_rest() override { writer_->at_rest(*core_); }
  void before_show() override { static_cast<void>(writer_->commit()); }
  hexagent_status acknowledgement(uint64_t sequence) const override {
    return writer_->acknowledgement(sequence);
  }
  TimeNs next_timer() const override { return writer_->next_timer(); }
  void on_end() noexcept override { static_cast<void>(writer_->close()); }

  // The end of a core that is whole, whose last step was at `now`: closes, and writes a last
  // snapshot. Decisions that still wait in the core are dropped; nobody is there to take them.
  void finish(TimeNs now, Scheduler* core) noexcept;

 private:
  hexagent_status fail(hexagent_status status, const std::string& trouble);
  void note_changes(const Settings& now);

  hexagent_status read_begin();

  const JournalOptions options_;
  const Scheduler* core_ = nullptr;
  std::unique_ptr<JournalFolder> folder_;
  std::unique_ptr<JournalReader> reader_;
  Settings wanted_;
  Settings settings_;
  JournalEnd recovered_;
  uint64_t recovered_decisions_ = 0;
  TimeNs clock_shift_ = 0;
  std::vector<SettingChange> changes_;
  std::unique_ptr<JournalWriter> writer_;
  std::vector<JournalFlaw> passed_over_;
  uint32_t given_up_ = 0;  // segment of the snapshot before which to look; 0 = any
  uint32_t at_fault_ = 0;  // and of the one that recover() could not bring back; 0 = none
  std::string trouble_;
};

}  // namespace hexagent
