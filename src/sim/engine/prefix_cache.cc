// Paged KV of one worker with prefix sharing and eviction; see prefix_cache.h.
// Tests: tests/unit/sim/engine/prefix_cache_test.cc
#include "sim/engine/prefix_cache.h"

#include <algorithm>
#include <stdexcept>

namespace hexagent::sim {

PrefixCache::PrefixCache(const ContentTree* contents, int64_t capacity_tokens)
    : contents_(contents), capacity_blocks_(capacity_tokens / contents->block_tokens()) {
  if (capacity_blocks_ < 1) throw std::logic_error("prefix cache: capacity below one block");
}

int32_t PrefixCache::slot_of(ContentId content) const {
  const auto index = static_cast<size_t>(content);
  return index < slot_of_content_.size() ? slot_of_content_[index] : -1;
}

PrefixCache::Entry& PrefixCache::entry_of(ContentId content) {
  const int32_t slot = slot_of(content);
  if (slot < 0) throw std::logic_error("prefix cache: content is not resident");
  return entries_[static_cast<size_t>(slot)];
}

PrefixCache::Entry& PrefixCache::make_entry(ContentId content) {
  const auto index = static_cast<size_t>(content);
  if (index >= slot_of_content_.size()) {
    slot_of_content_.resize(std::max(static_cast<size_t>(contents_->count()), index + 1), -1);
  }
  int32_t slot = 0;
  if (free_entries_.empty()) {
    slot = static_cast<int32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    slot = free_entries_.back();
    free_entries_.pop_back();
  }
  slot_of_content_[index] = slot;
  Entry& entry = entries_[static_cast<size_t>(slot)];
  entry.content = content;
  entry.resident_end = contents_->first_block(content);
  return entry;
}

PrefixCache::Lease& PrefixCache::live_lease(LeaseId lease) {
  if (lease < 0 || static_cast<size_t>(lease) >= leases_.size() ||
      !leases_[static_cast<size_t>(lease)].live) {
    throw std::logic_error("prefix cache: unknown lease");
  }
  return leases_[static_cast<size_t>(lease)];
}

int32_t PrefixCache::hit_blocks(ContentId content, int64_t limit_blocks) const {
  int64_t limit = std::min<int64_t>(limit_blocks, contents_->full_blocks(content));
  for (ContentId at = content; at != kNoContent; at = contents_->parent(at)) {
    const int32_t first = contents_->first_block(at);
    const int32_t slot = slot_of(at);
    // An entry always has a resident block of its own, and with it everything before. A limit that
    // ends before this content leaves the answer to the path above.
    if (slot >= 0 && limit > first) {
      return static_cast<int32_t>(
          std::min<int64_t>(limit, entries_[static_cast<size_t>(slot)].resident_end));
    }
    limit = std::min<int64_t>(limit, first);
  }
  return 0;
}

int64_t PrefixCache::hit_tokens(ContentId content, int64_t limit_tokens) const {
  return hit_blocks(content, limit_tokens / block_tokens()) * block_tokens();
}

ContentId PrefixCache::owner_of_last(ContentId content, int32_t end_block) const {
  ContentId owner = content;
  while (contents_->first_block(owner) >= end_block) owner = contents_->parent(owner);
  return owner;
}

int32_t PrefixCache::pinned_end(const Entry& entry) const {
  return entry.pins.max_or(contents_->first_block(entry.content));
}

void PrefixCache::pin(ContentId owner, int32_t end_block) {
  while (owner != kNoContent) {
    Entry& entry = entry_of(owner);
    if (end_block > entry.resident_end) {
      throw std::logic_error("prefix cache: pin beyond what is resident");
    }
    const bool was_pinned = !entry.pins.empty();
    const int32_t before = pinned_end(entry);
    entry.pins.add(end_block);
    pinned_blocks_ += pinned_end(entry) - before;
    refresh(entry);
    if (was_pinned) return;  // the path above carries this entry's pin already
    end_block = contents_->first_block(owner);
    owner = contents_->parent(owner);
  }
}

void PrefixCache::unpin(ContentId owner, int32_t end_block) {
  while (owner != kNoContent) {
    Entry& entry = entry_of(owner);
    const int32_t before = pinned_end(entry);
    entry.pins.remove(end_block);
    pinned_blocks_ += pinned_end(entry) - before;
    refresh(entry);
    if (!entry.pins.empty()) return;
    end_block = contents_->first_block(owner);
    owner = contents_->parent(owner);
  }
}

LeaseId PrefixCache::acquire(ContentId content, int64_t total_tokens, int64_t hit_limit_tokens,
                             int64_t spare_blocks) {
  if (total_tokens < 1) throw std::logic_error("prefix cache: lease of no tokens");
  if (content < 0 || content >= contents_->count()) {
    throw std::logic_error("prefix cache: unknown content");
  }
  const int64_t limit_tokens = std::min(hit_limit_tokens, total_tokens);
  const int32_t hit = hit_blocks(content, limit_tokens / block_tokens());
  const int64_t fresh = contents_->blocks_for(total_tokens) - hit;
  const ContentId owner = hit > 0 ? owner_of_last(content, hit) : kNoContent;
  if (hit > 0) pin(owner, hit);
  if (fresh + spare_blocks > available_blocks()) {
    if (hit > 0) unpin(owner, hit);
    return kNoLease;
  }
  make_room(fresh);
  private_blocks_ += fresh;
  check_capacity();

  LeaseId id = 0;
  if (free_leases_.empty()) {
    id = static_cast<LeaseId>(leases_.size());
    leases_.emplace_back();
  } else {
    id = free_leases_.back();
    free_leases_.pop_back();
  }
  leases_[static_cast<size_t>(id)] = Lease{content, hit, fresh, true};
  ++lease_count_;
  return id;
}

int64_t PrefixCache::pinned_tokens(LeaseId lease) const {
  return leases_.at(static_cast<size_t>(lease)).pinned_end * block_tokens();
}

void PrefixCache::publish(LeaseId lease, int64_t tokens) {
  Lease& held = live_lease(lease);
  const int64_t end = tokens / block_tokens();
  if (end <= held.pinned_end) return;
  const int64_t added = end - held.pinned_end;
  if (added > held.private_blocks || end > contents_->full_blocks(held.content)) {
    throw std::logic_error("prefix cache: more published than the lease holds");
  }
  const auto end_block = static_cast<int32_t>(end);
  const int32_t old_end = held.pinned_end;
  held.private_blocks -= added;
  private_blocks_ -= added;
  insert(held.content, old_end, end_block);
  pin(owner_of_last(held.content, end_block), end_block);
  if (old_end > 0) unpin(owner_of_last(held.content, old_end), old_end);
  held.pinned_end = end_block;
  check_capacity();
}

void PrefixCache::insert(ContentId content, int32_t begin_block, int32_t end_block) {
  path_.clear();
  ContentId at = content;
  while (true) {
    if (contents_->first_block(at) < end_block) path_.push_back(at);
    if (contents_->first_block(at) <= begin_block || contents_->parent(at) == kNoContent) break;
    at = contents_->parent(at);
  }
  // From the root side, since a content may only be resident below a resident path.
  for (size_t i = path_.size(); i-- > 0;) {
    insert_own(path_[i], i == 0 ? end_block : contents_->first_block(path_[i - 1]));
  }
}

void PrefixCache::insert_own(ContentId content, int32_t end_block) {
  if (slot_of(content) < 0) {
    make_entry(content);
    const ContentId parent = contents_->parent(content);
    if (parent != kNoContent) {
      Entry& above = entry_of(parent);
      above.children.add(contents_->first_block(content));
      refresh(above);
    }
  }
  Entry& entry = entry_of(content);
  if (end_block <= entry.resident_end) return;
  // The deepest step must not seem to cover blocks that were never released: the new ones are about
  // to be pinned, and their release stamps them.
  resident_blocks_ += end_block - entry.resident_end;
  entry.resident_end = end_block;
}

void PrefixCache::release(LeaseId lease) {
  Lease& held = live_lease(lease);
  private_blocks_ -= held.private_blocks;
  if (held.pinned_end > 0) {
    const ContentId owner = owner_of_last(held.content, held.pinned_end);
    entry_of(owner).uses.touch(held.pinned_end, ++last_stamp_);
    unpin(owner, held.pinned_end);
  }
  held = Lease{};
  free_leases_.push_back(lease);
  --lease_count_;
}

bool PrefixCache::grow(int64_t blocks) {
  if (blocks > available_blocks()) return false;
  make_room(blocks);
  unclaimed_blocks_ += blocks;
  check_capacity();
  return true;
}

void PrefixCache::claim(LeaseId lease, int64_t blocks) {
  if (blocks < 0 || blocks > unclaimed_blocks_) {
    throw std::logic_error("prefix cache: more blocks claimed than were grown");
  }
  unclaimed_blocks_ -= blocks;
  private_blocks_ += blocks;
  live_lease(lease).private_blocks += blocks;
}

void PrefixCache::make_room(int64_t blocks) {
  int64_t free = capacity_blocks_ - resident_blocks_ - private_blocks_ - unclaimed_blocks_;
  while (free < blocks) {
    if (evictable_.empty()) throw std::logic_error("prefix cache: nothing left to evict");
    const int64_t resident_before = resident_blocks_;
    evict_deepest(entry_of(evictable_.begin()->second), blocks - free);
    free += resident_before - resident_blocks_;
  }
}

void PrefixCache::evict_deepest(Entry& entry, int64_t blocks_max) {
  const int32_t first = contents_->first_block(entry.content);
  const int32_t step_begin = entry.uses.deepest_begin_or(first);
  const int32_t kept_end = std::max({step_begin, pinned_end(entry), entry.children.max_or(first)});
  const auto count =
      static_cast<int32_t>(std::min<int64_t>(blocks_max, entry.resident_end - kept_end));
  entry.resident_end -= count;
  resident_blocks_ -= count;
  evicted_blocks_ += count;
  if (entry.resident_end == first) {
    drop_entry(entry);
    return;
  }
  entry.uses.cut_deepest(entry.resident_end, step_begin);
  refresh(entry);
}

void PrefixCache::drop_entry(Entry& entry) {
  const ContentId content = entry.content;
  const int32_t first = contents_->first_block(content);
  // Using this content also used the path above; that was not recorded there while this entry kept
  // the path from being evicted, so it is made up for now.
  const uint64_t stamp = entry.uses.deepest().stamp;
  entry.uses.clear();
  refresh(entry);
  free_entries_.push_back(slot_of(content));
  slot_of_content_[static_cast<size_t>(content)] = -1;
  entry.content = kNoContent;
  const ContentId parent = contents_->parent(content);
  if (parent == kNoContent) return;
  Entry& above = entry_of(parent);
  above.children.remove(first);
  above.uses.touch(first, stamp);
  refresh(above);
}

void PrefixCache::refresh(Entry& entry) {
  const int32_t first = contents_->first_block(entry.content);
  const bool evictable =
      entry.resident_end > std::max(pinned_end(entry), entry.children.max_or(first));
  if (evictable && (entry.uses.empty() || entry.uses.deepest().end_block != entry.resident_end)) {
    throw std::logic_error("prefix cache: evictable block that was never released");
  }
  const uint64_t stamp = evictable ? entry.uses.deepest().stamp : 0;
  if (entry.listed == evictable && entry.listed_stamp == stamp) return;
  if (entry.listed) evictable_.erase({entry.listed_stamp, entry.content});
  if (evictable) evictable_.insert({stamp, entry.content});
  entry.listed = evictable;
  entry.listed_stamp = stamp;
}

void PrefixCache::clear() {
  const int64_t evicted_blocks = evicted_blocks_;
  *this = PrefixCache(contents_, capacity_blocks_ * block_tokens());
  evicted_blocks_ = evicted_blocks;
}

void PrefixCache::check_capacity() const {
  if (resident_blocks_ + private_blocks_ + unclaimed_blocks_ > capacity_blocks_) {
    throw std::logic_error("prefix cache: KV above capacity");
  }
  if (pinned_blocks_ > resident_blocks_ || private_blocks_ < 0 || unclaimed_blocks_ < 0) {
    throw std::logic_error("prefix cache: block counts are inconsistent");
  }
}

void PrefixCache::audit() const {
  int64_t resident = 0;
  int64_t pinned = 0;
  for (const Entry& entry : entries_) {
    if (entry.content == kNoContent) continue;
    const int32_t first = contents_->first_block(entry.content);
    const ContentId parent = contents_->parent(entry.content);
    const int32_t above = parent == kNoContent ? -1 : slot_of(parent);
    if (parent != kNoContent &&
        (above < 0 || entries_[static_cast<size_t>(above)].resident_end < first)) {
      throw std::logic_error("prefix cache: resident block without the path before it");
    }
    resident += entry.resident_end - first;
    pinned += pinned_end(entry) - first;
  }
  int64_t held = 0;
  int32_t live = 0;
  for (const Lease& lease : leases_) {
    held += lease.private_blocks;
    live += lease.live ? 1 : 0;
  }
  if (resident != resident_blocks_ || pinned != pinned_blocks_ || held != private_blocks_ ||
      live != lease_count_) {
    throw std::logic_error("prefix cache: counts differ from a recount");
  }
  check_capacity();
}

}  // namespace hexagent::sim
