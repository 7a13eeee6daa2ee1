// ContentTable: which worker holds which prompt prefix, as the scheduler believes. The engines'
// caches are the truth; reports correct the belief.
//
// A content is the prompt of a call or the fixed text of a group. It may begin with the first
// tokens of other contents, its sources. What a worker holds of a content is one number: how many
// leading tokens are resident. A call hits the longest resident prefix it can reach through its
// sources and theirs.
//
// Each (content, worker) with something resident is a holder. Holders of a worker form an LRU list;
// the tokens they added themselves (resident - hit) are kept within the worker's KV capacity. When
// a content extends a source on the same worker, the source's own tokens move to the new holder: so
// an ancestor cannot be counted out while its extension stays, and every step is O(1) per source.
// Tests: tests/unit/core/cluster/content_table_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/id_map.h"
#include "core/base/pool.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

// The first `tokens` tokens are those of content `node`. A stale generation means: forgotten.
struct ContentSource {
  uint32_t node = 0xffffffffu;
  uint32_t generation = 0;
  uint32_t tokens = 0;
};

class ContentTable {
 public:
  static constexpr uint32_t kNone = 0xffffffffu;
  static constexpr uint32_t kSourcesPerNode = 4;

  ContentTable(uint32_t contents_max, uint32_t groups_max, uint32_t workers_max);

  // The content of a call or group, kNone when unknown or forgotten.
  uint32_t find(uint64_t workflow, uint64_t call) const;
  uint32_t find_group(uint64_t group) const;
  // Forgets the least recently named group when there are too many.
  uint32_t find_or_add_group(uint64_t group);

  // A new call's content, pinned until unpin(). Recycles the oldest unpinned one when full; kNone
  // when there is none, and every other function takes kNone as "nothing".
  uint32_t add(uint64_t workflow, uint64_t call, const ContentSource* sources,
               uint32_t source_count);
  void unpin(uint32_t node);
  ContentSource source(uint32_t node, uint32_t tokens) const;

  // Longest resident prefix by worker, 0 ... worker_count - 1, for a call with these sources.
  void hits(const ContentSource* sources, uint32_t count, uint32_t worker_count,
            uint32_t* hit_tokens) const;

  // The worker now holds `resident_tokens` of the content, of which `hit_tokens` were there before.
  void place(uint32_t node, uint32_t worker, uint32_t resident_tokens, uint32_t hit_tokens);

  // A report saw only so many cached tokens: cuts the belief about the sources on that worker.
  void correct(const ContentSource* sources, uint32_t count, uint32_t worker,
               uint32_t cached_tokens);

  // An outside index knows these tokens resident on the worker.
  void note(uint32_t worker, const ContentSource& source, uint32_t cached_tokens);

  void drop_worker(uint32_t worker);
  void set_capacity(uint32_t worker, uint64_t tokens);

  uint32_t resident(uint32_t node, uint32_t worker) const;
  uint64_t held_tokens(uint32_t worker) const { return shelves_[worker].own_tokens; }
  uint64_t memory_bytes() const;

  // Is this the pinned content of just this call?
  bool is_pinned_of(uint32_t node, uint64_t workflow, uint64_t call) const {
    return node < calls_max_ && nodes_[node].pinned && nodes_[node].first_id == workflow &&
           nodes_[node].second_id == call;
  }

  // Is it the fixed text of a group?
  bool is_group(uint32_t node) const { return node != kNone && node >= calls_max_; }

  uint32_t pinned_count() const;

  // Snapshots (snapshot/content_table.cc). load() fills an empty table.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader);

 private:
  struct Node {
    uint64_t first_id = 0;   // workflow, or group
    uint64_t second_id = 0;  // call, or kGroupMark
    ContentSource sources[kSourcesPerNode];
    uint32_t source_count = 0;
    uint32_t generation = 0;
    uint32_t first_holder = kNone;
    uint32_t next = kNone;  // list of unpinned contents, oldest first
    uint32_t previous = kNone;
    bool pinned = false;
    bool used = false;
  };
  struct Holder {
    uint32_t node = kNone;
    uint32_t worker = 0;
    uint32_t resident_tokens = 0;
    uint32_t own_tokens = 0;
    uint32_t next_of_node = kNone;
    uint32_t next = kNone;  // of the worker, most recent first
    uint32_t previous = kNone;
  };
  struct Shelf {  // one worker
    uint64_t capacity_tokens = 0;
    uint64_t own_tokens = 0;
    uint32_t newest = kNone;
    uint32_t oldest = kNone;
  };

  IdMap& ids_of(uint32_t node) { return node < calls_max_ ? call_ids_ : group_ids_; }
  bool valid(const ContentSource& source) const;
  void gather(const ContentSource* sources, uint32_t count, uint32_t limit, uint32_t hops,
              uint32_t worker_count, uint32_t* hit_tokens) const;
  void carry(const Node& node, uint32_t worker, uint32_t limit, uint32_t hops, uint32_t heir);
  void cut(const ContentSource* sources, uint32_t count, uint32_t worker, uint32_t limit,
           uint32_t hops);

  // What the workers hold of a group's text, by worker index; null for the contents of calls.
  const uint32_t* group_row(uint32_t node) const;
  void set_resident(uint32_t holder, uint32_t tokens);

  uint32_t find_holder(uint32_t node, uint32_t worker) const;
  uint32_t hold(uint32_t node, uint32_t worker);
  void drop_holder(uint32_t holder);
  void to_front(uint32_t holder);
  void unlink_holder(uint32_t holder);
  void make_room(uint32_t worker, uint32_t keep);

  uint32_t take_node(uint64_t first_id, uint64_t second_id);
  void forget_node(uint32_t node);
  void append_unpinned(uint32_t node);

  std::vector<uint32_t> nodes_in_order() const;
  void save_holders(SnapshotWriter* writer) const;
  void load_nodes(SnapshotReader* reader, std::vector<uint32_t>* nodes,
                  std::vector<uint32_t>* holder_counts);
  void load_free(SnapshotReader* reader, const std::vector<uint32_t>& nodes);
  void load_sources(SnapshotReader* reader, const std::vector<uint32_t>& nodes);
  bool sources_end() const;
  void load_holders(SnapshotReader* reader);
  void append_holder(uint32_t at, const Holder& holder);
  void load_chains(SnapshotReader* reader, const std::vector<uint32_t>& nodes,
                   const std::vector<uint32_t>& holder_counts);
  void unlink_unpinned(uint32_t node);

  std::vector<Node> nodes_;  // calls first, groups after them
  // Apart, since both kinds of ids are the caller's and may be any number.
  IdMap call_ids_;
  IdMap group_ids_;
  Pool<uint32_t> free_calls_;  // indexes of unused call nodes
  uint32_t calls_max_;
  uint32_t groups_used_ = 0;
  uint32_t groups_max_;
  uint32_t group_hand_ = 0;  // next group to forget when all are in use
  uint32_t oldest_unpinned_ = kNone;
  uint32_t newest_unpinned_ = kNone;
  Pool<Holder> holders_;
  // A row for each group: its text is often on every worker, and walking so many holders for every
  // call was a seventh of a plan's time. Empty where there would be too many.
  std::vector<uint32_t> group_rows_;
  std::vector<Shelf> shelves_;
};

}  // namespace hexagent
