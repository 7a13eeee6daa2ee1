// Two small sorted collections over the blocks of one content: how far holders reach into it, and
// how recently each part was used. Both stay tiny in practice (one to a few entries), so sorted
// vectors beat trees. Tests: tests/unit/sim/engine/cache_extents_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace hexagent::sim {

// Multiset of extents; an extent is the index one past the last block held.
class ExtentCounts {
 public:
  bool empty() const { return extents_.empty(); }
  int32_t max_or(int32_t otherwise) const {
    return extents_.empty() ? otherwise : extents_.back().end_block;
  }
  void clear() { extents_.clear(); }

  void add(int32_t end_block) {
    const size_t index = lower_bound(end_block);
    if (index < extents_.size() && extents_[index].end_block == end_block) {
      ++extents_[index].count;
    } else {
      extents_.insert(extents_.begin() + static_cast<std::ptrdiff_t>(index), Extent{end_block, 1});
    }
  }

  void remove(int32_t end_block) {
    const size_t index = lower_bound(end_block);
    if (index >= extents_.size() || extents_[index].end_block != end_block) {
      throw std::logic_error("prefix cache: a block was released more often than it was held");
    }
    if (--extents_[index].count == 0) {
      extents_.erase(extents_.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }

 private:
  struct Extent {
    int32_t end_block;
    int32_t count;
  };

  // From the back: the extent wanted is nearly always the deepest or next to it.
  size_t lower_bound(int32_t end_block) const {
    size_t index = extents_.size();
    if (index > 16) return binary_lower_bound(end_block);
    while (index > 0 && extents_[index - 1].end_block >= end_block) --index;
    return index;
  }
  size_t binary_lower_bound(int32_t end_block) const {
    size_t low = 0;
    size_t high = extents_.size();
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (extents_[middle].end_block < end_block) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  std::vector<Extent> extents_;
};

// Last use of each block as a staircase: deeper blocks are never used later than those before them,
// because every use covers a whole prefix.
class UseSteps {
 public:
  struct Step {
    int32_t end_block;
    uint64_t stamp;
  };

  bool empty() const { return steps_.empty(); }
  void clear() { steps_.clear(); }
  const Step& deepest() const { return steps_.back(); }
  // Where the deepest step begins: the end of the step before it, or `otherwise`.
  int32_t deepest_begin_or(int32_t otherwise) const {
    return steps_.size() < 2 ? otherwise : steps_[steps_.size() - 2].end_block;
  }

  // Every block before `end_block` was used at `stamp`.
  void touch(int32_t end_block, uint64_t stamp) {
    size_t begin = 0;
    while (begin < steps_.size() && steps_[begin].stamp > stamp) {
      if (steps_[begin].end_block >= end_block) return;
      ++begin;
    }
    const bool same = begin < steps_.size() && steps_[begin].stamp == stamp;
    if (same && steps_[begin].end_block >= end_block) return;
    size_t end = begin;
    while (end < steps_.size() && steps_[end].end_block <= end_block) ++end;
    if (end > begin) {
      steps_[begin] = Step{end_block, stamp};
      steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(begin + 1),
                   steps_.begin() + static_cast<std::ptrdiff_t>(end));
    } else {
      steps_.insert(steps_.begin() + static_cast<std::ptrdiff_t>(begin), Step{end_block, stamp});
    }
  }

  // Forgets blocks from `end_block` on; `end_block` lies within the deepest step.
  void cut_deepest(int32_t end_block, int32_t begin_block) {
    if (end_block <= begin_block) {
      steps_.pop_back();
    } else {
      steps_.back().end_block = end_block;
    }
  }

 private:
  std::vector<Step> steps_;
};

}  // namespace hexagent::sim
