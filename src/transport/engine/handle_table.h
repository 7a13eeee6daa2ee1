// HandleTable: records behind 64-bit handles whose generation makes a handle that was given up
// worthless for ever (32 bits of it). The tag in the top bits tells lives of a process apart.
// Tests: tests/unit/transport/engine/parts_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/pool.h"

namespace hexagent::transport {

template <class T>
class HandleTable {
 public:
  static constexpr uint32_t kNone = Pool<T>::kNone;
  static constexpr uint32_t kCapacityMax = 0xffff;

  HandleTable(uint32_t capacity, uint64_t tag)
      : records_(capacity), generations_(capacity, 0), tag_(tag & kTagMask) {}

  // kNone when full. The record keeps what was in it.
  uint32_t allocate() {
    const uint32_t index = records_.allocate();
    if (index != kNone && ++generations_[index] == 0) ++generations_[index];
    return index;
  }
  void release(uint32_t index) { records_.release(index); }

  uint64_t handle(uint32_t index) const {
    return tag_ << kTagShift | uint64_t{generations_[index]} << kIndexBits | index;
  }
  // kNone for every handle that is not of a live record.
  uint32_t find(uint64_t handle) const {
    const auto index = static_cast<uint32_t>(handle & kCapacityMax);
    if (index >= records_.capacity() || !records_.live(index)) return kNone;
    return this->handle(index) == handle ? index : kNone;
  }
  bool live(uint32_t index) const { return records_.live(index); }

  T& operator[](uint32_t index) { return records_[index]; }
  const T& operator[](uint32_t index) const { return records_[index]; }
  uint32_t size() const { return records_.size(); }
  uint32_t capacity() const { return records_.capacity(); }

 private:
  static constexpr uint32_t kIndexBits = 16;
  static constexpr uint32_t kTagShift = 48;
  static constexpr uint64_t kTagMask = 0xffff;

  Pool<T> records_;
  std::vector<uint32_t> generations_;
  uint64_t tag_;
};

}  // namespace hexagent::transport
