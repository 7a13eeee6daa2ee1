// Snapshots of what endpoints leave in the core: what was told of transfers, and the KV that waits
// for QUIESCED. Sections without rows are left out, so that snapshots of cores that know no
// endpoint are as they were before there were any.
#pragma once

#include "core/snapshot/reader.h"
#include "core/snapshot/writer.h"
#include "core/state.h"

namespace hexagent {

void save_transfers(SnapshotWriter* writer, const Scheduler::State& state);

// After workers, workflows and calls.
void load_transfers(SnapshotReader* reader, Scheduler::State* state);

}  // namespace hexagent
