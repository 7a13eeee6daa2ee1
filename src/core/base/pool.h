// Pool: a fixed number of records addressed by index. Allocation after construction is a free-list
// pop. Records keep their last content when released; the user of allocate() sets them anew. Tests:
// tests/unit/core/base/containers_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/check.h"

namespace hexagent {

template <class T>
class Pool {
 public:
  static constexpr uint32_t kNone = 0xffffffffu;

  explicit Pool(uint32_t capacity) : records_(capacity), next_free_(capacity) {
    for (uint32_t index = 0; index < capacity; ++index) next_free_[index] = index + 1;
    if (capacity > 0) {
      next_free_[capacity - 1] = kNone;
      free_head_ = 0;
    }
  }

  // The lowest-numbered records first, then the last released: deterministic. kNone when full.
  uint32_t allocate() {
    const uint32_t index = free_head_;
    if (index == kNone) return kNone;
    free_head_ = next_free_[index];
    next_free_[index] = kLive;
    if (index >= used_) used_ = index + 1;
    ++size_;
    return index;
  }

  void release(uint32_t index) {
    HEXAGENT_CHECK(live(index));
    next_free_[index] = free_head_;
    free_head_ = index;
    --size_;
  }

  bool live(uint32_t index) const { return index < records_.size() && next_free_[index] == kLive; }
  T& operator[](uint32_t index) { return records_[index]; }
  const T& operator[](uint32_t index) const { return records_[index]; }
  uint32_t size() const { return size_; }
  uint32_t capacity() const { return static_cast<uint32_t>(records_.size()); }
  uint64_t memory_bytes() const { return records_.size() * (sizeof(T) + sizeof(uint32_t)); }

  // ---- snapshots ----
  // What was released and not taken again, the next one first. Behind these come the records that
  // were never in use, the lowest first.
  std::vector<uint32_t> released() const {
    std::vector<uint32_t> list;
    for (uint32_t index = free_head_; index < used_; index = next_free_[index]) {
      list.push_back(index);
    }
    return list;
  }
  // Of a pool never used: these records are live and those were released. False unless the two
  // lists together are the numbers below some bound, each once.
  bool restore(const std::vector<uint32_t>& live, const std::vector<uint32_t>& released) {
    HEXAGENT_CHECK(used_ == 0);
    const uint64_t used = uint64_t{live.size()} + released.size();
    if (used > records_.size()) return false;
    std::vector<bool> seen(used, false);
    for (const std::vector<uint32_t>* list : {&live, &released}) {
      for (uint32_t index : *list) {
        if (index >= used || seen[index]) return false;
        seen[index] = true;
      }
    }
    used_ = static_cast<uint32_t>(used);
    size_ = static_cast<uint32_t>(live.size());
    for (uint32_t index : live) next_free_[index] = kLive;
    free_head_ = used_ < records_.size() ? used_ : kNone;
    for (size_t i = released.size(); i > 0; --i) {
      next_free_[released[i - 1]] = free_head_;
      free_head_ = released[i - 1];
    }
    return true;
  }

 private:
  static constexpr uint32_t kLive = 0xfffffffeu;  // marks a record in use in next_free_

  std::vector<T> records_;
  std::vector<uint32_t> next_free_;
  uint32_t free_head_ = kNone;
  uint32_t size_ = 0;
  uint32_t used_ = 0;  // records from here on were never allocated
};

}  // namespace hexagent
