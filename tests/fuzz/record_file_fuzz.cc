// Any text as a record: an InputError at worst, and what was read is written and read again alike.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sim/input_error.h"
#include "sim/study/record_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hexagent::sim;  // NOLINT: a test of the whole
  try {
    const RunResult run = parse_record({reinterpret_cast<const char*>(data), size}, "fuzz.csv");
    const std::string text = record_text(run);
    if (parse_record(text, "again").workflows.size() != run.workflows.size()) std::abort();
  } catch (const InputError&) {
  }
  return 0;
}
