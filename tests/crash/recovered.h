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
  uint32_t snapshots_checked = 0;  // on the way

  // Without a journal there is no core. From its beginning, or its newest snapshot.
  explicit Recovered(JournalFolder* folder, JournalBegin begin = JournalBegin::kLatest) {
    JournalReader reader(folder);
    if (!reader.open(begin)) {
      flaw = reader.flaw();
      return;
    }
    if (reader.end().segment == 0) return;
    core = std::make_unique<Scheduler>(reader.header().settings);
    JournalReplay replay(&reader, core.get(), &names, &labels, nullptr);
    if (begin == JournalBegin::kEarliest) replay.check_snapshots();
    if (replay.run() == JournalItem::kFlaw) flaw = replay.flaw();
    snapshots_checked = replay.snapshots_same();
    end = reader.end();
    if (replay.snapshots_different() + replay.snapshots_unread() > 0) {
      flaw = {HEXAGENT_E_DIFFERENT, replay.snapshot_text()};
    }
  }
};

}  // namespace hexagent::test
