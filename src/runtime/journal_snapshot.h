// A snapshot in the journal's folder: the state of the core just before the first step of a
// segment. A recovery that begins with it needs none of the segments before.
//
// The file is a frame (wire/frame.h) with a SnapshotRecord, which says where in the journal it
// belongs, then the state itself (wire/snapshot.h), which has a checksum of its own. It gets its
// name once it is on disk, and only after its segment has: a snapshot never speaks of steps that
// could still be lost. Tests: tests/unit/runtime/journal_snapshot_test.cc, tests/crash.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "runtime/journal_file.h"
#include "runtime/journal_flaw.h"
#include "runtime/journal_layout.h"
#include "wire/journal_records.h"

namespace hexagent {

struct JournalSnapshot {
  SnapshotHeader head;
  std::vector<uint8_t> file;  // all of it
  uint64_t state_at = 0;      // where the state begins

  const uint8_t* state() const { return file.data() + state_at; }
  uint64_t state_size() const { return file.size() - state_at; }
};

// Reads the snapshot of that segment; what is wrong with it, if anything. That the state can be
// brought back is for restore() to find out. May throw std::bad_alloc, like all here.
JournalFlaw read_snapshot(JournalFolder* folder, uint32_t segment, JournalSnapshot* snapshot);

// Brings a fresh core to that state. After a flaw the core is of no use any more.
JournalFlaw restore(const JournalSnapshot& snapshot, Scheduler* core);

// What of the core is not as the snapshot says, in words; empty if nothing is.
std::string compare(const JournalSnapshot& snapshot, const Scheduler& core);

// Writes the snapshot of a segment that has its name already. HEXAGENT_OK; or HEXAGENT_E_IO, then
// there may be a draft of it, see folder->trouble(); or HEXAGENT_E_RANGE, too large.
// `bytes`: of the file.
hexagent_status write_snapshot(JournalFolder* folder, const SnapshotHeader& head,
                               const Scheduler& core, uint64_t* bytes);

// Removes what does not fit: the oldest segments with their snapshots, until those that precede the
// snapshot `newest` take at most `keep_bytes`; but none from the snapshot `fallback` on, which is
// known to be good (0: none is, and all stay). Every file counts as kKeepLeast at least. What is
// left begins with segment 1 or with one that has a snapshot. `removed`: segments. HEXAGENT_OK or
// HEXAGENT_E_IO.
inline constexpr uint64_t kKeepLeast = 1u << 20;
hexagent_status remove_old(JournalFolder* folder, uint32_t newest, uint32_t fallback,
                           uint64_t keep_bytes, uint64_t* removed);

// Removes drafts of snapshots, and snapshots of segments after `last`, which is the newest one: a
// journal that goes on from there could contradict them.
hexagent_status remove_strays(JournalFolder* folder, uint32_t last);

}  // namespace hexagent
