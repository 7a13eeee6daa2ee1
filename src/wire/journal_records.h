// What the journal's frames say, as plain values: the common ground of journal_encode.h and
// journal_decode.h, and all that the rest of the library knows of the format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/settings.h"
#include "hexagent/hexagent.h"

namespace hexagent {

// Counts up when old readers can no longer make sense of the file.
inline constexpr uint32_t kJournalFormat = 1;

enum class NameKind : uint8_t { kName = 0, kLabel = 1 };

// First frame of a segment.
struct JournalHeader {
  uint32_t format = kJournalFormat;
  uint32_t library_version = 0;  // HEXAGENT_VERSION of the writer
  uint32_t segment = 1;
  uint64_t previous_bytes = 0;  // of the segment before that belong to the journal
  uint64_t steps = 0;           // taken before this segment
  uint64_t inputs = 0;
  TimeNs last_now = 0;
  Settings settings;       // as opened
  uint64_t boot = 0;       // boot_identity() of the writer; 0 = unknown, or driven by hand
  TimeNs clock_shift = 0;  // the journal's clock minus CLOCK_MONOTONIC of then
};

// First frame of a snapshot's file.
struct SnapshotHeader {
  uint32_t format = kJournalFormat;
  uint32_t library_version = 0;  // HEXAGENT_VERSION of the writer
  uint32_t segment = 0;          // before whose first step it is the state
  uint64_t steps = 0;            // taken before the segment
  uint64_t inputs = 0;
  uint64_t sequence = 0;  // of the last frame before the segment
  TimeNs last_now = 0;
  uint64_t state_bytes = 0;
};

// Strings that got the ids first_id, first_id + 1 ... from 1 on.
struct JournalNames {
  NameKind kind = NameKind::kName;
  uint32_t first_id = 1;
  std::vector<std::string> texts;
};

// Everything about a step but its inputs.
struct StepHead {
  TimeNs now = 0;
  uint64_t step = 0;         // 1, 2, 3 ...
  uint64_t first_input = 0;  // position of its first input, from 1 on
  uint32_t decision_count = 0;
  uint64_t decision_hash = 0;  // decision_hash.h
};

}  // namespace hexagent
