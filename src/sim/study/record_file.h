// One run as text: what came out of it in `# key value` lines, then one line a measured workflow as
// CSV. The raw material of every number of an evaluation; all that a report needs reads back.
// Wall times are in the one line that begins with `# wall`, since they differ between equal runs.
// Tests: tests/unit/sim/study/unit_store_test.cc
#pragma once

#include <string>
#include <string_view>

#include "sim/study/result.h"

namespace hexagent::sim {

std::string record_text(const RunResult& run);

// Throws InputError with `path` when the text is not what record_text() writes.
RunResult parse_record(std::string_view text, const std::string& path);

}  // namespace hexagent::sim
