// Every decision of a journal from the first one on, as a replay makes them.
#pragma once

#include <string>
#include <vector>

#include "core/scheduler.h"
#include "runtime/journal_replay.h"
#include "runtime/name_table.h"

namespace hexagent::test {

// What is wrong with the journal, or nothing.
inline std::string read_history(JournalFolder* folder, std::vector<hexagent_decision>* decisions) {
  JournalReader reader(folder);
  if (!reader.open()) return reader.flaw().text;
  if (reader.end().segment == 0) return {};
  Scheduler core(reader.header().settings);
  NameTable names(4096);
  NameTable labels(64);
  JournalReplay replay(&reader, &core, &names, &labels, nullptr);
  replay.check_snapshots();
  for (;;) {
    const JournalItem item = replay.step();
    if (item == JournalItem::kFlaw) return replay.flaw().text;
    if (replay.snapshots_different() + replay.snapshots_unread() > 0) return replay.snapshot_text();
    if (item == JournalItem::kEnd) return {};
    if (!replay.same()) return "a replay decides otherwise";
    decisions->insert(decisions->end(), replay.decisions().begin(), replay.decisions().end());
  }
}

}  // namespace hexagent::test
