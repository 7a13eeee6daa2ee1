// What ties calls to workers, in a snapshot: the lists of calls a worker has, and everything that
// follows from them, which is worked out and held against what was saved.
#pragma once

#include "core/snapshot/reader.h"
#include "core/snapshot/writer.h"
#include "core/state.h"

namespace hexagent {

void save_calls_on_workers(SnapshotWriter* writer, const Scheduler::State& state);

// Pre: the tables are loaded. Links the lists of each worker.
void load_calls_on_workers(SnapshotReader* reader, Scheduler::State* state);

// Pre: all lists are loaded. Is each call where its state says, and can it go on from there? Fills
// in what calls imply for workflows, tenants, ledgers and loads.
void check_calls(SnapshotReader* reader, Scheduler::State* state);

}  // namespace hexagent
