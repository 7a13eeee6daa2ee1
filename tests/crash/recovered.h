// A core brought back from a journal, as a gateway would at its start.
#pragma once

#include <memory>
#include <string>

#include "core/scheduler.h"
#include "runtime/journal_replay.h"
#include "runtime/name_table.h"

namespace hexagent::test {

struct Recovered {
  NameTable names{256};
  NameTable labels{64};
  std::unique_ptr<Scheduler> core;
  JournalEnd end;
  JournalFlaw flaw;

  // Without a journal there is no core.
  explicit Recovered(JournalFolder* folder) {
    JournalReader reader(folder);
    if (!reader.open()) {
      flaw = reader.flaw();
      return;
    }
    if (reader.end().segment == 0) return;
    core = std::make_unique<Scheduler>(reader.header().settings);
    JournalReplay replay(&reader, core.get(), &names, &labels, nullptr);
    if (replay.run() == JournalItem::kFlaw) flaw = replay.flaw();
    end = reader.end();
  }
};

}  // namespace hexagent::test
