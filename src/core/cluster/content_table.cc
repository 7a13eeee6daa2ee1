// ContentTable: see content_table.h.
#include "core/cluster/content_table.h"

#include <algorithm>

namespace hexagent {
namespace {

// How far a call's prefix is followed through sources of sources. A chain call hits through its
// parent; more hops matter only where the parent itself ran elsewhere.
constexpr uint32_t kHopsMax = 8;

// The second id of a group.
constexpr uint64_t kGroupMark = 0xffffffffffffffffu;

// Holders: each content is usually on one prefill and one decode worker, shared ones on many.
constexpr uint32_t kHoldersPerNode = 3;

// Without rows groups are walked like calls.
constexpr uint64_t kRowNumbersMost = 1u << 24;

}  // namespace

ContentTable::ContentTable(uint32_t contents_max, uint32_t groups_max, uint32_t workers_max)
    : nodes_(contents_max + groups_max),
      call_ids_(contents_max),
      group_ids_(groups_max),
      free_calls_(contents_max),
      calls_max_(contents_max),
      groups_max_(groups_max),
      holders_(contents_max * kHoldersPerNode + groups_max * std::min(workers_max, 64u)),
      shelves_(workers_max) {
  const uint64_t numbers = uint64_t{groups_max} * workers_max;
  if (numbers <= kRowNumbersMost) group_rows_.resize(numbers);
}

bool ContentTable::valid(const ContentSource& source) const {
  return source.node < nodes_.size() && nodes_[source.node].used &&
         nodes_[source.node].generation == source.generation;
}

uint32_t ContentTable::find(uint64_t workflow, uint64_t call) const {
  return call_ids_.find(workflow, call);
}

uint32_t ContentTable::find_group(uint64_t group) const {
  return group_ids_.find(group, kGroupMark);
}

uint32_t ContentTable::find_or_add_group(uint64_t group) {
  const uint32_t known = find_group(group);
  if (known != kNone || groups_max_ == 0) return known;
  uint32_t node = kNone;
  if (groups_used_ < groups_max_) {
    node = calls_max_ + groups_used_++;
  } else {
    node = calls_max_ + group_hand_;
    group_hand_ = (group_hand_ + 1) % groups_max_;
    forget_node(node);
  }
  nodes_[node].first_id = group;
  nodes_[node].second_id = kGroupMark;
  nodes_[node].used = true;
  group_ids_.insert(group, kGroupMark, node);
  return node;
}

uint32_t ContentTable::add(uint64_t workflow, uint64_t call, const ContentSource* sources,
                           uint32_t source_count) {
  // A call id may come again in a later workflow of the same id: the newer content counts.
  const uint32_t known = find(workflow, call);
  if (known != kNone) {
    if (nodes_[known].pinned) return kNone;
    unlink_unpinned(known);
    forget_node(known);
    free_calls_.release(known);
  }
  const uint32_t index = take_node(workflow, call);
  if (index == kNone) return kNone;
  Node& node = nodes_[index];
  node.pinned = true;
  node.source_count = 0;
  for (uint32_t i = 0; i < std::min(source_count, kSourcesPerNode); ++i) {
    if (valid(sources[i])) node.sources[node.source_count++] = sources[i];
  }
  return index;
}

uint32_t ContentTable::take_node(uint64_t first_id, uint64_t second_id) {
  uint32_t index = free_calls_.allocate();
  if (index == Pool<uint32_t>::kNone) {
    index = oldest_unpinned_;
    if (index == kNone) return kNone;
    unlink_unpinned(index);
    forget_node(index);
  }
  Node& node = nodes_[index];
  node.first_id = first_id;
  node.second_id = second_id;
  node.used = true;
  call_ids_.insert(first_id, second_id, index);
  return index;
}

void ContentTable::forget_node(uint32_t index) {
  Node& node = nodes_[index];
  while (node.first_holder != kNone) drop_holder(node.first_holder);
  ids_of(index).erase(node.first_id, node.second_id);
  node.source_count = 0;
  node.used = false;
  node.pinned = false;
  ++node.generation;
}

void ContentTable::unpin(uint32_t index) {
  if (index == kNone || !nodes_[index].pinned) return;
  nodes_[index].pinned = false;
  append_unpinned(index);
}

void ContentTable::append_unpinned(uint32_t index) {
  Node& node = nodes_[index];
  node.previous = newest_unpinned_;
  node.next = kNone;
  if (newest_unpinned_ != kNone) nodes_[newest_unpinned_].next = index;
  newest_unpinned_ = index;
  if (oldest_unpinned_ == kNone) oldest_unpinned_ = index;
}

void ContentTable::unlink_unpinned(uint32_t index) {
  Node& node = nodes_[index];
  if (node.previous != kNone) nodes_[node.previous].next = node.next;
  if (node.next != kNone) nodes_[node.next].previous = node.previous;
  if (oldest_unpinned_ == index) oldest_unpinned_ = node.next;
  if (newest_unpinned_ == index) newest_unpinned_ = node.previous;
  node.next = node.previous = kNone;
}

ContentSource ContentTable::source(uint32_t node, uint32_t tokens) const {
  if (node == kNone) return ContentSource{};
  return {node, nodes_[node].generation, tokens};
}

void ContentTable::hits(const ContentSource* sources, uint32_t count, uint32_t worker_count,
                        uint32_t* hit_tokens) const {
  std::fill(hit_tokens, hit_tokens + worker_count, 0u);
  gather(sources, count, 0xffffffffu, kHopsMax, worker_count, hit_tokens);
}

void ContentTable::gather(const ContentSource* sources, uint32_t count, uint32_t limit,
                          uint32_t hops, uint32_t worker_count, uint32_t* hit_tokens) const {
  for (uint32_t i = 0; i < count; ++i) {
    if (!valid(sources[i])) continue;
    const Node& node = nodes_[sources[i].node];
    const uint32_t reach = std::min(limit, sources[i].tokens);
    const uint32_t* const row = group_row(sources[i].node);
    if (row != nullptr) {
      for (uint32_t worker = 0; worker < worker_count; ++worker) {
        hit_tokens[worker] = std::max(hit_tokens[worker], std::min(reach, row[worker]));
      }
      continue;  // a group has no sources
    }
    for (uint32_t at = node.first_holder; at != kNone; at = holders_[at].next_of_node) {
      const Holder& holder = holders_[at];
      if (holder.worker >= worker_count) continue;
      uint32_t& hit = hit_tokens[holder.worker];
      hit = std::max(hit, std::min(reach, holder.resident_tokens));
    }
    if (hops > 0) {
      gather(node.sources, node.source_count, reach, hops - 1, worker_count, hit_tokens);
    }
  }
}

void ContentTable::place(uint32_t index, uint32_t worker, uint32_t resident_tokens,
                         uint32_t hit_tokens) {
  if (index == kNone) return;
  const uint32_t at = hold(index, worker);
  if (at == kNone) return;
  Holder& holder = holders_[at];
  const uint32_t added = resident_tokens - std::min(resident_tokens, hit_tokens);
  Shelf& shelf = shelves_[worker];
  // Placed before (the prompt, then prompt and output): only what is new is added.
  const uint32_t known = std::min(holder.resident_tokens, resident_tokens);
  const uint32_t own =
      holder.own_tokens > 0 || known > 0 ? holder.own_tokens + (resident_tokens - known) : added;
  shelf.own_tokens += own;
  shelf.own_tokens -= holder.own_tokens;
  holder.own_tokens = own;
  set_resident(at, resident_tokens);
  carry(nodes_[index], worker, resident_tokens, kHopsMax, at);
  to_front(at);
  make_room(worker, at);
}

// The sources are prefixes of what was placed, so they are resident too; their own tokens go to
// `heir`.
void ContentTable::carry(const Node& node, uint32_t worker, uint32_t limit, uint32_t hops,
                         uint32_t heir) {
  for (uint32_t i = 0; i < node.source_count; ++i) {
    if (!valid(node.sources[i])) continue;
    const uint32_t reach = std::min(limit, node.sources[i].tokens);
    const uint32_t before = find_holder(node.sources[i].node, worker);
    // An ancestor that was resident already carried its own ancestors when it was placed.
    const bool settled = before != kNone && holders_[before].resident_tokens >= reach;
    const uint32_t at = before != kNone ? before : hold(node.sources[i].node, worker);
    if (at == kNone) return;
    Holder& holder = holders_[at];
    set_resident(at, std::max(holder.resident_tokens, reach));
    const bool is_group = node.sources[i].node >= calls_max_;
    if (!is_group) {  // a group's text outlives each of its users
      holders_[heir].own_tokens += holder.own_tokens;
      holder.own_tokens = 0;
    }
    to_front(at);
    if (settled || hops == 0) continue;
    carry(nodes_[node.sources[i].node], worker, reach, hops - 1, heir);
  }
}

void ContentTable::correct(const ContentSource* sources, uint32_t count, uint32_t worker,
                           uint32_t cached_tokens) {
  cut(sources, count, worker, cached_tokens, kHopsMax);
}

void ContentTable::cut(const ContentSource* sources, uint32_t count, uint32_t worker,
                       uint32_t limit, uint32_t hops) {
  for (uint32_t i = 0; i < count; ++i) {
    if (!valid(sources[i])) continue;
    // A report within the shared part says how much is there; beyond it, nothing about this source.
    if (limit >= sources[i].tokens) continue;
    const uint32_t at = find_holder(sources[i].node, worker);
    if (at != kNone && holders_[at].resident_tokens > limit) {
      const uint32_t gone = holders_[at].resident_tokens - limit;
      const uint32_t own = std::min(gone, holders_[at].own_tokens);
      set_resident(at, limit);
      holders_[at].own_tokens -= own;
      shelves_[worker].own_tokens -= own;
      if (limit == 0) drop_holder(at);
    }
    const Node& node = nodes_[sources[i].node];
    if (hops > 0) cut(node.sources, node.source_count, worker, limit, hops - 1);
  }
}

void ContentTable::note(uint32_t worker, const ContentSource& source, uint32_t cached_tokens) {
  if (!valid(source) || cached_tokens == 0) return;
  const uint32_t at = hold(source.node, worker);
  if (at == kNone) return;
  set_resident(at, std::max(holders_[at].resident_tokens, cached_tokens));
  to_front(at);
}

void ContentTable::drop_worker(uint32_t worker) {
  while (shelves_[worker].newest != kNone) drop_holder(shelves_[worker].newest);
}

void ContentTable::set_capacity(uint32_t worker, uint64_t tokens) {
  shelves_[worker].capacity_tokens = tokens;
  make_room(worker, kNone);
}

uint32_t ContentTable::resident(uint32_t node, uint32_t worker) const {
  const uint32_t at = node == kNone ? kNone : find_holder(node, worker);
  return at == kNone ? 0 : holders_[at].resident_tokens;
}

const uint32_t* ContentTable::group_row(uint32_t node) const {
  if (node < calls_max_ || group_rows_.empty()) return nullptr;
  return &group_rows_[uint64_t{node - calls_max_} * shelves_.size()];
}

void ContentTable::set_resident(uint32_t at, uint32_t tokens) {
  Holder& holder = holders_[at];
  holder.resident_tokens = tokens;
  if (holder.node < calls_max_ || group_rows_.empty()) return;
  group_rows_[uint64_t{holder.node - calls_max_} * shelves_.size() + holder.worker] = tokens;
}

uint32_t ContentTable::find_holder(uint32_t node, uint32_t worker) const {
  uint32_t at = nodes_[node].first_holder;
  while (at != kNone && holders_[at].worker != worker) at = holders_[at].next_of_node;
  return at;
}

uint32_t ContentTable::hold(uint32_t node, uint32_t worker) {
  const uint32_t known = find_holder(node, worker);
  if (known != kNone) return known;
  uint32_t at = holders_.allocate();
  if (at == Pool<Holder>::kNone) {
    if (shelves_[worker].oldest == kNone) return kNone;
    drop_holder(shelves_[worker].oldest);
    at = holders_.allocate();
  }
  Holder& holder = holders_[at];
  holder = Holder{};
  holder.node = node;
  holder.worker = worker;
  holder.next_of_node = nodes_[node].first_holder;
  nodes_[node].first_holder = at;
  Shelf& shelf = shelves_[worker];
  holder.next = shelf.newest;
  if (shelf.newest != kNone) holders_[shelf.newest].previous = at;
  shelf.newest = at;
  if (shelf.oldest == kNone) shelf.oldest = at;
  return at;
}

void ContentTable::unlink_holder(uint32_t at) {
  Holder& holder = holders_[at];
  Shelf& shelf = shelves_[holder.worker];
  if (holder.previous != kNone) holders_[holder.previous].next = holder.next;
  if (holder.next != kNone) holders_[holder.next].previous = holder.previous;
  if (shelf.newest == at) shelf.newest = holder.next;
  if (shelf.oldest == at) shelf.oldest = holder.previous;
  holder.next = holder.previous = kNone;
}

void ContentTable::drop_holder(uint32_t at) {
  const Holder& holder = holders_[at];
  shelves_[holder.worker].own_tokens -= holder.own_tokens;
  set_resident(at, 0);
  unlink_holder(at);
  uint32_t* link = &nodes_[holder.node].first_holder;
  while (*link != at) link = &holders_[*link].next_of_node;
  *link = holder.next_of_node;
  holders_.release(at);
}

void ContentTable::to_front(uint32_t at) {
  Shelf& shelf = shelves_[holders_[at].worker];
  if (shelf.newest == at) return;
  unlink_holder(at);
  holders_[at].next = shelf.newest;
  if (shelf.newest != kNone) holders_[shelf.newest].previous = at;
  shelf.newest = at;
  if (shelf.oldest == kNone) shelf.oldest = at;
}

void ContentTable::make_room(uint32_t worker, uint32_t keep) {
  Shelf& shelf = shelves_[worker];
  while (shelf.own_tokens > shelf.capacity_tokens && shelf.oldest != kNone &&
         shelf.oldest != keep) {
    drop_holder(shelf.oldest);
  }
}

uint64_t ContentTable::memory_bytes() const {
  return nodes_.size() * sizeof(Node) + call_ids_.memory_bytes() + group_ids_.memory_bytes() +
         free_calls_.memory_bytes() + holders_.memory_bytes() + shelves_.size() * sizeof(Shelf) +
         group_rows_.size() * sizeof(uint32_t);
}

}  // namespace hexagent
