// LinkTable, what was measured: see link_table.h.
//
// A sample of a pair teaches the pair; an end learns from it only that it can do as much, since the
// other end or what lies between may be what was slow. So a pair that was never tried is guessed
// by what its ends were seen to carry or are declared to: hopefully, and one transfer corrects it.
// A sample that names one end alone teaches that end in both directions.
#include <algorithm>

#include "core/cluster/link_table.h"

namespace hexagent {

const LearntLink* LinkTable::learnt(uint32_t source, uint32_t target) const {
  if (learnt_.empty()) return nullptr;
  const uint32_t index = learnt_ids_.find(source, target);
  return index == IdMap::kNone ? nullptr : &learnt_[index];
}

LearntLink* LinkTable::find_learnt(uint32_t source, uint32_t target) {
  const uint32_t index = learnt_ids_.find(source, target);
  return index == IdMap::kNone ? nullptr : &learnt_[index];
}

LearntLink* LinkTable::add_learnt(const LearntLink& link) {
  if (learnt_.size() == learnt_max_) return nullptr;
  const auto index = static_cast<uint32_t>(learnt_.size());
  learnt_ids_.insert(link.source, link.target, index);
  learnt_.push_back(link);
  if (link.source == 0 || link.target == 0) return &learnt_.back();
  // The end keeps the list of all ways into it.
  LearntLink* into = find_learnt(0, link.target);
  learnt_.back().next_into = into->next_into;
  into->next_into = index;
  return &learnt_.back();
}

// The record of a way, made if there is room for it. A pair has those of its ends before its own.
LearntLink* LinkTable::keep_way(uint32_t source, uint32_t target) {
  if (LearntLink* known = find_learnt(source, target)) return known;
  if (source != 0 && target != 0) {
    if (keep_way(source, 0) == nullptr || keep_way(0, target) == nullptr) return nullptr;
  }
  LearntLink link;
  link.source = source;
  link.target = target;
  return add_learnt(link);
}

namespace {

// For each number on its own: the pair before its ends, the target before the source.
void apply_learnt(const LearntLink* link, LinkPath* path) {
  if (link == nullptr) return;
  if (link->setup_samples > 0) path->latency_s = link->setup_s;
  if (link->queue_samples > 0) path->queue_s = link->queue_s;
}

bool has_rate(const LearntLink* link) { return link != nullptr && link->bytes_per_s > 0.0; }

}  // namespace

LinkPath LinkTable::path(const hexagent_worker& source, const hexagent_worker& target) const {
  LinkPath path = declared(source, target);
  if (learnt_.empty()) return path;
  const LearntLink* out = learnt(source.worker, 0);
  const LearntLink* in = learnt(0, target.worker);
  if (out == nullptr && in == nullptr) return path;
  if (has_rate(out)) path.egress_bytes_per_s = out->bytes_per_s;
  if (has_rate(in)) path.ingress_bytes_per_s = in->bytes_per_s;
  const LearntLink* pair = learnt(source.worker, target.worker);
  if (has_rate(out) || has_rate(in)) {
    path.bytes_per_s = std::min(path.egress_bytes_per_s, path.ingress_bytes_per_s);
    apply_domains(source, target, &path);
  }
  if (has_rate(pair)) path.bytes_per_s = pair->bytes_per_s;
  apply_learnt(out, &path);
  apply_learnt(in, &path);
  apply_learnt(pair, &path);
  return path;
}

bool LinkTable::learn(const LinkSample& sample, const hexagent_worker* source,
                      const hexagent_worker* target) {
  LearntLink* way = keep_way(sample.source, sample.target);
  if (way == nullptr) return true;  // no room; what is declared stays
  if (sample.bytes_per_s > 0.0) {
    const double guess = source == nullptr   ? target->ingress_bytes_per_s
                         : target == nullptr ? source->egress_bytes_per_s
                                             : path(*source, *target).bytes_per_s;
    if (guess != kNicBytesPerS) way->begin(guess);
    if (!way->learn_rate(sample.bytes_per_s)) return false;
  }
  if (sample.setup_s >= 0.0) way->learn_setup(sample.setup_s);
  if (sample.queue_s >= 0.0) way->learn_queue(sample.queue_s);
  if (source == nullptr || target == nullptr || way->bytes_per_s == 0.0) return true;
  LearntLink* out = find_learnt(sample.source, 0);
  LearntLink* in = find_learnt(0, sample.target);
  out->raise_to(way->bytes_per_s, source->egress_bytes_per_s);
  in->raise_to(way->bytes_per_s, target->ingress_bytes_per_s);
  return true;
}

double LinkTable::ingress_most(const hexagent_worker& target) const {
  const LearntLink* into = learnt(0, target.worker);
  if (into == nullptr) return target.ingress_bytes_per_s;
  double most = into->bytes_per_s > 0.0 ? into->bytes_per_s : target.ingress_bytes_per_s;
  for (uint32_t next = into->next_into; next != IdMap::kNone; next = learnt_[next].next_into) {
    most = std::max(most, learnt_[next].bytes_per_s);
  }
  return most;
}

}  // namespace hexagent
