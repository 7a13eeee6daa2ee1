// The simulator's own random numbers: xoshiro256** seeded through splitmix64.
// The distributions of the standard library differ between implementations; these do not, apart
// from the last bit of the system's log, sqrt and pow. Nothing here is for cryptography.
// Tests: tests/unit/sim/random_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace hexagent::sim {

// Scrambles 64 bits; equal inputs give equal outputs for ever. Used for seeds and stable hashes.
uint64_t mix_bits(uint64_t value);

// A stable hash of a text, the same on every machine and run.
uint64_t hash_text(std::string_view text);

class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t next();
  // Strictly between 0 and 1, so that a logarithm of it is always finite.
  double uniform();
  // Evenly from 0 to `bound` - 1; `bound` must not be 0.
  uint64_t below(uint64_t bound);
  // Mean 0, standard deviation 1. Keeps no spare value: each call stands alone.
  double normal();
  // Mean 1.
  double exponential();
  // Mean `shape`, scale 1; `shape` above 0.
  double gamma(double shape);

  // An independent generator for a named purpose. Depends on the seed this one was built with and
  // on `stream`, not on how many numbers were drawn, so that drawing more for one purpose does not
  // move the others (common random numbers across policies).
  Random split(uint64_t stream) const;

 private:
  uint64_t seed_;
  std::array<uint64_t, 4> state_;
};

}  // namespace hexagent::sim
