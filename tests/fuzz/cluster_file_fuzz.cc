// Any text as a cluster file: an InputError at worst, and what was read can be said again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sim/cluster/cluster.h"
#include "sim/input_error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hexagent::sim;  // NOLINT: a test of the whole
  try {
    const ClusterFile cluster =
        parse_cluster({reinterpret_cast<const char*>(data), size}, "fuzz.cluster");
    const std::string text = describe_cluster(cluster);
    if (describe_cluster(parse_cluster(text, "fuzz.cluster")) != text) std::abort();
  } catch (const InputError&) {
  }
  return 0;
}
