// Paged KV of one worker: what is resident, what is pinned, what may be evicted.
// Resident blocks form a tree that mirrors ContentTree: of each content a run of its own blocks
// from its first one, and nothing without everything before it. So one number per content says what
// is resident, and the work per operation follows path segments, never single blocks. A request
// holds a lease: a pinned resident prefix plus private blocks still being filled. Unpinned resident
// blocks are cache; they go one leaf at a time, least recently used first. Tests:
// tests/unit/sim/engine/prefix_cache_test.cc (random commands against a block-by-block model)
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "sim/engine/cache_extents.h"
#include "sim/engine/content.h"

namespace hexagent::sim {

using LeaseId = int32_t;
inline constexpr LeaseId kNoLease = -1;

class PrefixCache {
 public:
  // `contents` is only looked at and must outlive the cache; it may grow meanwhile.
  PrefixCache(const ContentTree* contents, int64_t capacity_tokens);

  // Resident prefix of `content` in tokens: whole blocks, at most `limit_tokens`.
  int64_t hit_tokens(ContentId content, int64_t limit_tokens) const;

  // Pins the resident prefix (at most `hit_limit_tokens`) and takes private blocks for the rest of
  // `total_tokens`, evicting cache as needed. kNoLease, and nothing changed, when it does not fit
  // or fewer than `spare_blocks` would stay available afterwards.
  LeaseId acquire(ContentId content, int64_t total_tokens, int64_t hit_limit_tokens,
                  int64_t spare_blocks = 0);
  // What acquire() found resident, or publish() has added since, in tokens.
  int64_t pinned_tokens(LeaseId lease) const;
  // The first `tokens` tokens are computed: their whole blocks become resident and shareable. A
  // block that someone else published meanwhile is shared and the private copy freed.
  void publish(LeaseId lease, int64_t tokens);
  // Frees private blocks and unpins the rest, which stays as cache.
  void release(LeaseId lease);

  // Takes blocks on behalf of nobody yet; false, and nothing changed, when they do not fit. Lets a
  // decode batch grow all its sequences in one step. claim() hands blocks so taken to a lease.
  bool grow(int64_t blocks);
  void claim(LeaseId lease, int64_t blocks);

  // Drops everything, as when the worker is lost. All leases end.
  void clear();

  int64_t capacity_blocks() const { return capacity_blocks_; }
  int64_t block_tokens() const { return contents_->block_tokens(); }
  // Blocks no eviction can free: pinned ones once each, and private ones.
  int64_t in_use_blocks() const { return pinned_blocks_ + private_blocks_ + unclaimed_blocks_; }
  // Blocks free or evictable.
  int64_t available_blocks() const { return capacity_blocks_ - in_use_blocks(); }
  int64_t resident_blocks() const { return resident_blocks_; }
  int64_t evicted_blocks() const { return evicted_blocks_; }
  int32_t lease_count() const { return lease_count_; }

  // Recounts everything from scratch and throws std::logic_error on a difference. For tests.
  void audit() const;

 private:
  struct Entry {
    ContentId content = kNoContent;
    int32_t resident_end = 0;  // one past the last resident block of this content
    ExtentCounts pins;         // leases ending here, and one for each pinned child
    ExtentCounts children;     // resident children, by their first block
    UseSteps uses;
    bool listed = false;  // in evictable_ under listed_stamp
    uint64_t listed_stamp = 0;
  };
  struct Lease {
    ContentId content = kNoContent;
    int32_t pinned_end = 0;
    int64_t private_blocks = 0;
    bool live = false;
  };

  int32_t slot_of(ContentId content) const;
  Entry& entry_of(ContentId content);
  Entry& make_entry(ContentId content);
  Lease& live_lease(LeaseId lease);
  int32_t hit_blocks(ContentId content, int64_t limit_blocks) const;
  // The content on the path of `content` that owns block `end_block - 1`.
  ContentId owner_of_last(ContentId content, int32_t end_block) const;
  // How deep pins reach into the entry; its first block when nothing is pinned.
  int32_t pinned_end(const Entry& entry) const;
  void pin(ContentId owner, int32_t end_block);
  void unpin(ContentId owner, int32_t end_block);
  // Makes the path blocks [begin_block, end_block) of `content` resident.
  void insert(ContentId content, int32_t begin_block, int32_t end_block);
  void insert_own(ContentId content, int32_t end_block);
  void make_room(int64_t blocks);
  void evict_deepest(Entry& entry, int64_t blocks_max);
  void drop_entry(Entry& entry);
  // Brings the eviction list in line with the entry; called after every change to it.
  void refresh(Entry& entry);
  void check_capacity() const;

  const ContentTree* contents_;
  int64_t capacity_blocks_;
  int64_t resident_blocks_ = 0;
  int64_t pinned_blocks_ = 0;
  int64_t private_blocks_ = 0;
  int64_t unclaimed_blocks_ = 0;
  int64_t evicted_blocks_ = 0;
  int32_t lease_count_ = 0;
  uint64_t last_stamp_ = 0;

  std::vector<int32_t> slot_of_content_;  // -1 where nothing is resident; grown on demand
  std::vector<Entry> entries_;
  std::vector<int32_t> free_entries_;
  std::vector<Lease> leases_;
  std::vector<LeaseId> free_leases_;
  std::vector<ContentId> path_;                         // scratch of insert()
  std::set<std::pair<uint64_t, ContentId>> evictable_;  // least recently used first
};

}  // namespace hexagent::sim
