// Any text as a workload trace: an InputError at worst.
#include <cstdint>
#include <string_view>

#include "sim/input_error.h"
#include "sim/workload/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    hexagent::sim::parse_trace({reinterpret_cast<const char*>(data), size}, "fuzz.jsonl");
  } catch (const hexagent::sim::InputError&) {
  }
  return 0;
}
