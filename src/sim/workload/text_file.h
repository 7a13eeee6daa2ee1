// Whole input files as text, plain or gzip, bounded in size. What the text means is the reader's.
// Covered by tests/unit/sim/workload/trace_test.cc
#pragma once

#include <string>

namespace hexagent::sim {

// Unpacks `path` when it is gzip, else reads it as it is. Throws InputError when the file cannot
// be read, is cut short or damaged, or unpacks to more than 4 GiB.
std::string read_text_file(const std::string& path);

}  // namespace hexagent::sim
