// Can this input have come through the ABI? For inputs out of a journal.
//
// A journal is bytes from outside, and the core relies on what the boundary checks: whatever is
// read back must pass the same checks of shape before the core sees it. Tests:
// tests/unit/capi/replay_test.cc, tests/fuzz/journal_reader_fuzz.cc.
#pragma once

#include "capi/handle.h"
#include "core/input.h"

namespace hexagent {

// HEXAGENT_OK, or what the function that takes such an input would have answered.
hexagent_status check_input(const hexagent_scheduler& scheduler, const Input& input);

}  // namespace hexagent
