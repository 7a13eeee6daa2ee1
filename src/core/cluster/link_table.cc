// LinkTable: see link_table.h.
#include "core/cluster/link_table.h"

#include <algorithm>

namespace hexagent {

LinkTable::LinkTable(uint32_t workers_max)
    : pairs_max_(workers_max),
      pairs_(workers_max),
      learnt_max_((kWaysPerWorker + 2) * workers_max),
      learnt_ids_(learnt_max_) {
  links_.reserve(workers_max);
  learnt_.reserve(learnt_max_);
}

bool LinkTable::set(const hexagent_link& link) {
  const uint32_t low = std::min(link.source_domain, link.target_domain);
  const uint32_t high = std::max(link.source_domain, link.target_domain);
  const uint32_t known = pairs_.find(low, high);
  if (known != IdMap::kNone) {
    links_[known] = link;
    return true;
  }
  if (links_.size() == pairs_max_) return false;
  pairs_.insert(low, high, static_cast<uint32_t>(links_.size()));
  links_.push_back(link);
  return true;
}

const hexagent_link* LinkTable::find(uint32_t one_domain, uint32_t other_domain) const {
  if (one_domain == 0 || other_domain == 0) return nullptr;
  const uint32_t index =
      pairs_.find(std::min(one_domain, other_domain), std::max(one_domain, other_domain));
  return index == IdMap::kNone ? nullptr : &links_[index];
}

void LinkTable::apply_domains(const hexagent_worker& source, const hexagent_worker& target,
                              LinkPath* path) const {
  if (links_.empty()) return;
  const hexagent_link* link = find(source.host_domain, target.host_domain);
  if (link == nullptr) link = find(source.rack_domain, target.rack_domain);
  if (link == nullptr) link = find(source.zone_domain, target.zone_domain);
  if (link == nullptr) return;
  if (link->latency_ns != 0) path->latency_s = 1e-9 * link->latency_ns;
  if (link->bytes_per_s > 0.0) path->bytes_per_s = std::min(path->bytes_per_s, link->bytes_per_s);
}

LinkPath LinkTable::declared(const hexagent_worker& source, const hexagent_worker& target) const {
  LinkPath path;
  path.latency_s = 1e-9 * std::max(source.link_latency_ns, target.link_latency_ns);
  path.egress_bytes_per_s = source.egress_bytes_per_s;
  path.ingress_bytes_per_s = target.ingress_bytes_per_s;
  path.bytes_per_s = std::min(source.egress_bytes_per_s, target.ingress_bytes_per_s);
  apply_domains(source, target, &path);
  return path;
}

}  // namespace hexagent
