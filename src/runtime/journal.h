// Journal: one folder from opening to closing, what came back from it and what goes into it now.
//
// In order: open() says with which settings the core has to be made, recover() brings it to where
// the journal ends and begins to write, then the driver feeds writer(). Tests:
// tests/unit/runtime/journal_test.cc.
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

namespace hexagent {

class Journal {
 public:
  // Functions may throw std::bad_alloc; each answers HEXAGENT_OK or what trouble() explains.
  explicit Journal(const JournalOptions& options) : options_(options) {}

  // Opens the folder for writing, making it if there is none, and finds out what is in it.
  // HEXAGENT_E_STATE: `wanted` has another limit than the journal was begun with. Limits are fixed
  // for a journal's life, since a replay must find the tables as they were.
  hexagent_status open(std::unique_ptr<JournalFolder> folder, const Settings& wanted);

  // What the core has to be made with: those of the journal, or `wanted` if it is new.
  const Settings& settings() const { return settings_; }

  // Lets an empty core live through the journal, then begins a segment. HEXAGENT_E_DIFFERENT: it
  // decides otherwise than then, so its state would not be the acknowledged one; nothing has been
  // written and the journal is as it was.
  hexagent_status recover(Scheduler* core, NameTable* names, NameTable* labels,
                          const InputCheck& check);

  // Changes that bring the recovered core to the settings wanted at open(); to be queued as inputs.
  const std::vector<SettingChange>& changes() const { return changes_; }

  // How much came back: steps and inputs, the time of the last one, the torn tail.
  const JournalEnd& recovered() const { return recovered_; }

  // After recover() only.
  JournalWriter* writer() { return writer_.get(); }

  const std::string& trouble() const { return trouble_; }

 private:
  hexagent_status fail(hexagent_status status, const std::string& trouble);
  void note_changes(const Settings& now);

  JournalOptions options_;
  std::unique_ptr<JournalFolder> folder_;
  std::unique_ptr<JournalReader> reader_;
  Settings wanted_;
  Settings settings_;
  JournalEnd recovered_;
  std::vector<SettingChange> changes_;
  std::unique_ptr<JournalWriter> writer_;
  std::string trouble_;
};

}  // namespace hexagent
