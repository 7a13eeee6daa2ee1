// Counts every allocation through operator new in this process, the library's included: the tool
// replaces the global operators, and the dynamic linker gives the library the same ones.
#pragma once

#include <cstdint>

namespace hexagent::tool {

uint64_t allocation_count();

}  // namespace hexagent::tool
