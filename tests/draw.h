// Draw: numbers for random tests, the same on every machine: the high half of a 64-bit linear
// congruential generator.
#pragma once

#include <cstdint>

namespace hexagent {

struct Draw {
  uint64_t state;

  // Below `bound`.
  uint64_t operator()(uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  }
  // From 0 to `most`, both included.
  double up_to(double most) { return most * 1e-6 * static_cast<double>((*this)(1'000'001)); }
};

}  // namespace hexagent
