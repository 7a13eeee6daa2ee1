// Snapshots of the content table: contents that may be forgotten first, in the order in which they
// will be; then those of calls under way, then groups. Holders come shelf by shelf, the most recent
// one first, and a second time content by content. So every list is the order of some rows.
#include "core/cluster/content_table.h"

#include "core/snapshot/call_fields.h"
#include "core/snapshot/pool_rows.h"

namespace hexagent {
namespace {

constexpr uint64_t kGroupMark = 0xffffffffffffffffu;  // as in cluster/content_table.cc

uint64_t sum(const std::vector<uint32_t>& counts) {
  uint64_t sum = 0;
  for (uint32_t count : counts) sum += count;
  return sum;
}

// Begins a section that has a row for each of these.
bool begin_counted(SnapshotReader* reader, const char* section, uint64_t wanted) {
  if (reader->begin(section, wanted) == wanted) return reader->sound();
  reader->refuse("", "has not as many rows as were counted");
  return false;
}

}  // namespace

uint32_t ContentTable::pinned_count() const {
  uint32_t count = 0;
  for (const Node& node : nodes_) count += node.pinned ? 1u : 0u;
  return count;
}

std::vector<uint32_t> ContentTable::nodes_in_order() const {
  std::vector<uint32_t> order;
  for (uint32_t at = oldest_unpinned_; at != kNone; at = nodes_[at].next) order.push_back(at);
  for (uint32_t at = 0; at < nodes_.size(); ++at) {
    if (at < calls_max_ ? nodes_[at].pinned : nodes_[at].used) order.push_back(at);
  }
  return order;
}

void ContentTable::save(SnapshotWriter* writer) const {
  writer->begin("content_table");
  writer->number("group_hand", &group_hand_);
  writer->end_row();
  const std::vector<uint32_t> nodes = nodes_in_order();
  std::vector<uint32_t> chains;
  writer->begin("contents");
  for (uint32_t index : nodes) {
    const Node& node = nodes_[index];
    const size_t first = chains.size();
    for (uint32_t at = node.first_holder; at != kNone; at = holders_[at].next_of_node) {
      chains.push_back(at);
    }
    const auto holders = static_cast<uint32_t>(chains.size() - first);
    writer->number("place", &index);
    writer->number("first_id", &node.first_id);
    writer->number("second_id", &node.second_id);
    writer->number("generation", &node.generation);
    writer->flag("pinned", &node.pinned);
    writer->number("sources", &node.source_count);
    writer->number("holders", &holders);
    writer->end_row();
  }
  writer->begin("contents_free");
  for (uint32_t index : free_calls_.released()) {
    writer->number("place", &index);
    writer->number("generation", &nodes_[index].generation);
    writer->end_row();
  }
  writer->begin("content_sources");
  for (uint32_t index : nodes) {
    for (uint32_t i = 0; i < nodes_[index].source_count; ++i) {
      visit_source(writer, &nodes_[index].sources[i]);
      writer->end_row();
    }
  }
  save_holders(writer);
  writer->begin("content_holders");
  for (uint32_t at : chains) {
    writer->number("place", &at);
    writer->end_row();
  }
}

void ContentTable::save_holders(SnapshotWriter* writer) const {
  size_t shelves = shelves_.size();
  while (shelves > 0 && shelves_[shelves - 1].capacity_tokens == 0 &&
         shelves_[shelves - 1].newest == kNone) {
    --shelves;  // of workers that never came
  }
  std::vector<uint32_t> holders;
  writer->begin("shelves");
  for (size_t worker = 0; worker < shelves; ++worker) {
    const Shelf& shelf = shelves_[worker];
    const size_t first = holders.size();
    for (uint32_t at = shelf.newest; at != kNone; at = holders_[at].next) holders.push_back(at);
    const auto count = static_cast<uint32_t>(holders.size() - first);
    writer->number("capacity_tokens", &shelf.capacity_tokens);
    writer->number("own_tokens", &shelf.own_tokens);
    writer->number("holders", &count);
    writer->end_row();
  }
  writer->begin("holders");
  for (uint32_t at : holders) {
    const Holder& holder = holders_[at];
    writer->number("place", &at);
    writer->number("content", &holder.node);
    writer->number("resident_tokens", &holder.resident_tokens);
    writer->number("own_tokens", &holder.own_tokens);
    writer->end_row();
  }
  save_released(writer, "holders_free", holders_);
}

void ContentTable::load(SnapshotReader* reader) {
  reader->begin_one("content_table");
  reader->number("group_hand", &group_hand_);
  reader->end_row();
  std::vector<uint32_t> nodes;
  std::vector<uint32_t> holder_counts;
  load_nodes(reader, &nodes, &holder_counts);
  load_free(reader, nodes);
  if (reader->sound()) load_sources(reader, nodes);
  if (reader->sound()) load_holders(reader);
  if (reader->sound()) load_chains(reader, nodes, holder_counts);
}

void ContentTable::load_nodes(SnapshotReader* reader, std::vector<uint32_t>* nodes,
                              std::vector<uint32_t>* holder_counts) {
  const uint32_t rows = reader->begin("contents", nodes_.size());
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t index = 0;
    uint32_t holders = 0;
    Node node;
    reader->number("place", &index, 0, nodes_.size() - 1);
    reader->number("first_id", &node.first_id);
    reader->number("second_id", &node.second_id);
    reader->number("generation", &node.generation);
    reader->flag("pinned", &node.pinned);
    reader->number("sources", &node.source_count, 0, kSourcesPerNode);
    reader->number("holders", &holders, 0, shelves_.size());
    if (!reader->sound()) return;
    if (nodes_[index].used) reader->refuse("place", "is taken");
    if (ids_of(index).find(node.first_id, node.second_id) != kNone) {
      reader->refuse("second_id", "was there before");
    }
    if (index >= calls_max_) {  // groups come in order and bring no more than their text
      const bool next = index == calls_max_ + groups_used_++;
      if (!next) reader->refuse("place", "is not that of the next group");
      if (node.second_id != kGroupMark || node.source_count > 0 || node.pinned) {
        reader->refuse("second_id", "is not that of a group");
      }
    }
    if (!reader->sound()) return;
    reader->end_row();
    node.used = true;
    nodes_[index] = node;
    ids_of(index).insert(node.first_id, node.second_id, index);
    if (index < calls_max_ && !node.pinned) append_unpinned(index);
    nodes->push_back(index);
    holder_counts->push_back(holders);
  }
  const uint32_t hands = groups_used_ < groups_max_ ? 1 : groups_max_;
  if (reader->sound() && group_hand_ >= hands) reader->refuse("", "group_hand is no group");
}

void ContentTable::load_free(SnapshotReader* reader, const std::vector<uint32_t>& nodes) {
  std::vector<uint32_t> live;
  for (uint32_t index : nodes) {
    if (index < calls_max_) live.push_back(index);
  }
  std::vector<uint32_t> released;
  const uint32_t rows = reader->begin("contents_free", calls_max_);
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t index = 0;
    uint32_t generation = 0;
    reader->number("place", &index, 0, calls_max_ - 1);
    reader->number("generation", &generation);
    reader->end_row();
    released.push_back(index);
    // One that is in use would be refused below.
    if (!nodes_[index].used) nodes_[index].generation = generation;
  }
  if (reader->sound() && !free_calls_.restore(live, released)) {
    reader->refuse("place", "not every place is either in use or free, once");
  }
}

void ContentTable::load_sources(SnapshotReader* reader, const std::vector<uint32_t>& nodes) {
  uint64_t wanted = 0;
  for (uint32_t index : nodes) wanted += nodes_[index].source_count;
  if (!begin_counted(reader, "content_sources", wanted)) return;
  for (uint32_t index : nodes) {
    for (uint32_t i = 0; i < nodes_[index].source_count && reader->sound(); ++i) {
      visit_source(reader, &nodes_[index].sources[i]);
      reader->end_row();
    }
  }
  if (reader->sound() && !sources_end()) reader->refuse("content", "a content is its own source");
}

// Do all ways from sources to their sources end? Takes away, again and again, what is nobody's
// source.
bool ContentTable::sources_end() const {
  std::vector<uint32_t> users(nodes_.size(), 0);
  const auto for_each_source = [&](const Node& node, auto&& visit) {
    for (uint32_t i = 0; node.used && i < node.source_count; ++i) {
      if (valid(node.sources[i])) visit(node.sources[i].node);
    }
  };
  for (const Node& node : nodes_) {
    for_each_source(node, [&](uint32_t source) { ++users[source]; });
  }
  std::vector<uint32_t> unused;
  for (uint32_t index = 0; index < nodes_.size(); ++index) {
    if (users[index] == 0) unused.push_back(index);
  }
  for (size_t next = 0; next < unused.size(); ++next) {
    for_each_source(nodes_[unused[next]], [&](uint32_t source) {
      if (--users[source] == 0) unused.push_back(source);
    });
  }
  return unused.size() == nodes_.size();
}

void ContentTable::load_holders(SnapshotReader* reader) {
  std::vector<uint32_t> counts;
  const uint32_t shelves = reader->begin("shelves", shelves_.size());
  for (uint32_t worker = 0; worker < shelves && reader->sound(); ++worker) {
    counts.push_back(0);
    reader->number("capacity_tokens", &shelves_[worker].capacity_tokens);
    reader->number("own_tokens", &shelves_[worker].own_tokens);
    reader->number("holders", &counts.back(), 0, holders_.capacity());
    reader->end_row();
  }
  std::vector<uint32_t> live;
  if (!reader->sound() || !begin_counted(reader, "holders", sum(counts))) return;
  for (uint32_t worker = 0; worker < shelves; ++worker) {
    uint64_t own_tokens = 0;
    for (uint32_t i = 0; i < counts[worker]; ++i) {
      const uint32_t at = read_place(reader, holders_);
      Holder holder;
      reader->number("content", &holder.node, 0, nodes_.size() - 1);
      reader->number("resident_tokens", &holder.resident_tokens);
      reader->number("own_tokens", &holder.own_tokens);
      if (!reader->sound()) return;
      own_tokens += holder.own_tokens;
      if (!nodes_[holder.node].used) reader->refuse("content", "is not known");
      if (own_tokens > shelves_[worker].own_tokens) {
        reader->refuse("own_tokens", "are more together than the shelf says");
      }
      if (!reader->sound()) return;
      reader->end_row();
      holder.worker = worker;
      append_holder(at, holder);
      live.push_back(at);
    }
  }
  load_released(reader, "holders_free", live, &holders_);
}

// At the old end of its worker's shelf.
void ContentTable::append_holder(uint32_t at, const Holder& holder) {
  Shelf& shelf = shelves_[holder.worker];
  holders_[at] = holder;
  holders_[at].previous = shelf.oldest;
  if (shelf.oldest != kNone) holders_[shelf.oldest].next = at;
  if (shelf.newest == kNone) shelf.newest = at;
  shelf.oldest = at;
  set_resident(at, holder.resident_tokens);
}

void ContentTable::load_chains(SnapshotReader* reader, const std::vector<uint32_t>& nodes,
                               const std::vector<uint32_t>& holder_counts) {
  if (sum(holder_counts) != holders_.size()) {
    return reader->refuse("section contents, column holders: not as many as there are");
  }
  if (!begin_counted(reader, "content_holders", holders_.size())) return;
  std::vector<uint32_t> last_user(shelves_.size(), kNone);  // a worker holds a content once
  for (size_t row = 0; row < nodes.size(); ++row) {
    uint32_t* link = &nodes_[nodes[row]].first_holder;
    for (uint32_t i = 0; i < holder_counts[row]; ++i) {
      const uint32_t at = read_place(reader, holders_);
      if (!reader->sound()) return;
      if (!holders_.live(at) || holders_[at].node != nodes[row] ||
          last_user[holders_[at].worker] == nodes[row]) {
        return reader->refuse("place", "is no other holder of the content");
      }
      reader->end_row();
      last_user[holders_[at].worker] = nodes[row];
      *link = at;
      link = &holders_[at].next_of_node;
    }
  }
}

}  // namespace hexagent
