// Rescue file: the text written when a step broke the core (key `rescue_prefix`), since the state
// it explains is never used again. Tests: tests/unit/capi/log_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "core/scheduler.h"

namespace hexagent {

inline constexpr uint32_t kRescuePathSize = 160;

struct Breakage {
  TimeNs now;
  const char* what;
  const char* file;  // null when not known
  int line;
};

// Writes PREFIX-PROCESS-NUMBER.txt, the first NUMBER from 1 to 99 that is free; `path` (of
// kRescuePathSize bytes) gets its name, or stays empty when nothing could be written.
void write_rescue_file(const std::string& prefix, const Scheduler& core, const Breakage& breakage,
                       char* path) noexcept;

}  // namespace hexagent
