// Any text as a suite: an InputError at worst, and every cell of what was read has its policies.
#include <cstdint>
#include <cstdlib>

#include "sim/input_error.h"
#include "sim/study/suite.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hexagent::sim;  // NOLINT: a test of the whole
  try {
    const Suite suite = parse_suite({reinterpret_cast<const char*>(data), size}, "fuzz.json");
    if (suite.cells.empty()) std::abort();
    for (const SuiteCell& cell : suite.cells) {
      if (policies_of(suite, cell, false).front() != suite.subject) std::abort();
    }
  } catch (const InputError&) {
  }
  return 0;
}
