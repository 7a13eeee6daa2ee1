// Random numbers for the transport's tests: splitmix64, the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hexagent::transport {

class TestRandom {
 public:
  explicit TestRandom(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t value = state_;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
  }
  // 0 ... bound - 1. The bias does not matter here.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }
  // low ... high
  uint32_t between(uint32_t low, uint32_t high) { return low + below(high - low + 1); }
  bool chance(uint32_t percent) { return below(100) < percent; }
  void fill(unsigned char* to, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) to[i] = static_cast<unsigned char>(next() >> 56);
  }

 private:
  uint64_t state_;
};

}  // namespace hexagent::transport
