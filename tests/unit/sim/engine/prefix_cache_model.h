// Slow, obvious model of PrefixCache for its tests: every resident block is one map entry, pins and
// leaves are found by looking at everything. Meant for a few dozen blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/engine/content.h"

namespace hexagent::sim {

class PrefixCacheModel {
 public:
  struct Lease {
    ContentId content = kNoContent;
    int64_t pinned = 0;  // blocks
    int64_t owned = 0;   // private blocks
    bool live = false;
  };

  PrefixCacheModel(const ContentTree* contents, int64_t capacity_blocks)
      : contents_(contents), capacity_(capacity_blocks) {}

  int64_t hit_blocks(ContentId content, int64_t limit) const {
    int64_t hit = 0;
    limit = std::min<int64_t>(limit, contents_->full_blocks(content));
    while (hit < limit && stamps_.count(block(content, hit)) != 0) ++hit;
    return hit;
  }
  int64_t in_use() const {
    int64_t pinned = 0;
    for (const auto& entry : stamps_) pinned += is_pinned(entry.first) ? 1 : 0;
    return pinned + owned();
  }
  int64_t resident() const { return static_cast<int64_t>(stamps_.size()); }

  // Index of the lease, -1 when it does not fit.
  int64_t acquire(ContentId content, int64_t blocks, int64_t hit_limit) {
    const int64_t hit = hit_blocks(content, std::min(blocks, hit_limit));
    leases_.push_back(Lease{content, hit, 0, true});
    if (blocks - hit > capacity_ - in_use()) {
      leases_.pop_back();
      return -1;
    }
    evict_until_free(blocks - hit);
    leases_.back().owned = blocks - hit;
    return static_cast<int64_t>(leases_.size()) - 1;
  }
  void publish(int64_t index, int64_t blocks) {
    Lease& lease = leases_[static_cast<size_t>(index)];
    for (; lease.pinned < blocks; ++lease.pinned, --lease.owned) {
      stamps_.insert({block(lease.content, lease.pinned), 0});
    }
  }
  void release(int64_t index) {
    Lease& lease = leases_[static_cast<size_t>(index)];
    ++clock_;
    for (int64_t i = 0; i < lease.pinned; ++i) stamps_[block(lease.content, i)] = clock_;
    lease = Lease{};
  }
  bool grow(int64_t index, int64_t blocks) {
    if (blocks > capacity_ - in_use()) return false;
    evict_until_free(blocks);
    leases_[static_cast<size_t>(index)].owned += blocks;
    return true;
  }
  const std::vector<Lease>& leases() const { return leases_; }

 private:
  using Block = std::pair<ContentId, int64_t>;  // owner, index

  Block block(ContentId content, int64_t index) const {
    while (contents_->first_block(content) > index) content = contents_->parent(content);
    return {content, index};
  }
  int64_t owned() const {
    int64_t sum = 0;
    for (const Lease& lease : leases_) sum += lease.owned;
    return sum;
  }
  bool is_pinned(const Block& wanted) const {
    for (const Lease& lease : leases_) {
      if (lease.live && wanted.second < lease.pinned &&
          block(lease.content, wanted.second) == wanted) {
        return true;
      }
    }
    return false;
  }
  bool is_leaf(const Block& wanted) const {
    for (const auto& entry : stamps_) {
      const Block& other = entry.first;
      if (other.second == wanted.second + 1 && block(other.first, wanted.second) == wanted) {
        return false;
      }
    }
    return true;
  }
  void evict_until_free(int64_t blocks) {
    while (capacity_ - resident() - owned() < blocks) {
      const Block* oldest = nullptr;
      uint64_t oldest_stamp = 0;
      for (const auto& [key, stamp] : stamps_) {
        if (is_pinned(key) || !is_leaf(key)) continue;
        if (oldest == nullptr || stamp < oldest_stamp) {
          oldest = &key;
          oldest_stamp = stamp;
        }
      }
      stamps_.erase(Block(*oldest));
    }
  }

  const ContentTree* contents_;
  int64_t capacity_;
  uint64_t clock_ = 0;
  std::map<Block, uint64_t> stamps_;
  std::vector<Lease> leases_;
};

}  // namespace hexagent::sim
