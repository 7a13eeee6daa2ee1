// ChunkWindow: which chunks of a transfer have arrived. They arrive nearly in order, since only a
// few are under way at a time, so 64 bits above the first one missing are enough. Tests:
// tests/unit/transport/engine/parts_test.cc.
#pragma once

#include <bit>
#include <cstdint>

namespace hexagent::transport {

class ChunkWindow {
 public:
  static constexpr uint32_t kWidth = 64;

  // False for a chunk that has arrived before or that is too far ahead to be true.
  bool mark(uint32_t chunk) {
    if (chunk < first_missing_ || chunk - first_missing_ >= kWidth) return false;
    const uint64_t bit = uint64_t{1} << (chunk - first_missing_);
    if ((bits_ & bit) != 0) return false;
    bits_ |= bit;
    const auto arrived = static_cast<uint32_t>(std::countr_one(bits_));
    first_missing_ += arrived;
    bits_ = arrived == kWidth ? 0 : bits_ >> arrived;
    return true;
  }

  uint32_t first_missing() const { return first_missing_; }

 private:
  uint32_t first_missing_ = 0;
  uint64_t bits_ = 0;  // bit i: chunk first_missing_ + i is here
};

}  // namespace hexagent::transport
