// Fair sharing of worker links; see link.h. Tests: tests/unit/sim/engine/link_test.cc
#include "sim/engine/link.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace hexagent::sim {
namespace {

// Less than this is nothing: what is left of sums of doubles.
constexpr double kNoBytes = 0.5;

}  // namespace

LinkNetwork::LinkNetwork(std::vector<LinkConfig> workers, double latency_s)
    : latency_ns_(latency_s > 0.0 ? to_ns(latency_s) : 0) {
  for (const LinkConfig& config : workers) {
    if (!(config.egress_bytes_per_s > 0.0) || !(config.ingress_bytes_per_s > 0.0)) {
      throw std::logic_error("link network: bandwidth must be above 0");
    }
    ends_.emplace_back();
    ends_.back().config = config;
  }
}

void LinkNetwork::account(WorkerEnds& ends, TimeNs now) {
  if (now < ends.out_since || now < ends.in_since) {
    throw std::logic_error("link network: time runs backwards");
  }
  if (!ends.out.empty()) ends.stats.egress_busy_s += to_s(now - ends.out_since);
  if (!ends.in.empty()) ends.stats.ingress_busy_s += to_s(now - ends.in_since);
  ends.out_since = now;
  ends.in_since = now;
}

double LinkNetwork::ready_by(const Flow& flow, TimeNs now) {
  if (now >= flow.grows_until) return flow.ready_bytes + flow.more_bytes;
  if (now <= flow.grows_from) return flow.ready_bytes;
  return flow.ready_bytes +
         flow.more_bytes * (to_s(now - flow.grows_from) / to_s(flow.grows_until - flow.grows_from));
}

double LinkNetwork::sent_by(const Flow& flow, TimeNs now) {
  const double sent =
      std::min(flow.remaining_bytes, flow.rate_bytes_per_s * to_s(now - flow.rated_at));
  if (!flow.held) return sent;
  const double before = flow.total_bytes - flow.remaining_bytes;
  return std::clamp(ready_by(flow, now) - before, 0.0, sent);
}

void LinkNetwork::book(Flow& flow, double sent_bytes) {
  flow.remaining_bytes -= sent_bytes;
  ends_[index(flow.from)].stats.egress_bytes += sent_bytes;
  ends_[index(flow.to)].stats.ingress_bytes += sent_bytes;
}

void LinkNetwork::settle(Flow& flow, TimeNs now) {
  book(flow, sent_by(flow, now));
  flow.rated_at = now;
}

void LinkNetwork::rate(int32_t slot, TimeNs now) {
  Flow& flow = at(slot);
  const WorkerEnds& from = ends_[index(flow.from)];
  const WorkerEnds& to = ends_[index(flow.to)];
  const double rate =
      std::min(from.config.egress_bytes_per_s / static_cast<double>(from.out.size()),
               to.config.ingress_bytes_per_s / static_cast<double>(to.in.size()));
  if (flow.held) return rate_held(slot, rate, now);
  // An unchanged rate keeps its event: settling again would only add rounding.
  if (rate == flow.rate_bytes_per_s) return;
  settle(flow, now);
  flow.rate_bytes_per_s = rate;
  events_.cancel(flow.event);
  const double left_ns = std::ceil(flow.remaining_bytes / rate * kNsPerSecond);
  flow.event = events_.push(now + static_cast<TimeNs>(left_ns), slot);
}

// While nothing waits the flow moves what becomes ready, and no event is needed until it is fed
// again; faster than it may be, what becomes ready piles up.
void LinkNetwork::rate_held(int32_t slot, double share_bytes_per_s, TimeNs now) {
  Flow& flow = at(slot);
  settle(flow, now);
  const double waiting = ready_by(flow, now) - (flow.total_bytes - flow.remaining_bytes);
  const double growth =
      now < flow.grows_until ? flow.more_bytes / to_s(flow.grows_until - flow.grows_from) : 0.0;
  const bool dry = waiting < kNoBytes;
  events_.cancel(flow.event);
  flow.rate_bytes_per_s = dry ? std::min(share_bytes_per_s, growth) : share_bytes_per_s;
  if (dry || share_bytes_per_s <= growth) return;
  const double dry_ns = std::ceil(waiting / (share_bytes_per_s - growth) * kNsPerSecond);
  if (dry_ns < static_cast<double>(kNever - now)) {
    flow.event = events_.push(now + static_cast<TimeNs>(dry_ns), slot);
  }
}

void LinkNetwork::rate_sharers(int32_t from, int32_t to, TimeNs now) {
  for (const int32_t slot : ends_[index(from)].out) rate(slot, now);
  for (const int32_t slot : ends_[index(to)].in) {
    if (at(slot).from != from) rate(slot, now);
  }
}

void LinkNetwork::attach(int32_t slot, TimeNs now) {
  Flow& flow = at(slot);
  WorkerEnds& from = ends_[index(flow.from)];
  WorkerEnds& to = ends_[index(flow.to)];
  account(from, now);
  account(to, now);
  flow.moving = true;
  from.out.push_back(slot);
  to.in.push_back(slot);
  rate_sharers(flow.from, flow.to, now);
}

void LinkNetwork::detach(int32_t slot, TimeNs now) {
  Flow& flow = at(slot);
  WorkerEnds& from = ends_[index(flow.from)];
  WorkerEnds& to = ends_[index(flow.to)];
  account(from, now);
  account(to, now);
  settle(flow, now);
  flow.moving = false;
  from.out.erase(std::find(from.out.begin(), from.out.end(), slot));
  to.in.erase(std::find(to.in.begin(), to.in.end(), slot));
  rate_sharers(flow.from, flow.to, now);
}

int32_t LinkNetwork::open(uint64_t id, int32_t from, int32_t to, int64_t bytes, TimeNs start) {
  const auto worker_count = static_cast<int32_t>(ends_.size());
  if (from < 0 || to < 0 || from >= worker_count || to >= worker_count || bytes < 0) {
    throw std::logic_error("link network: bad flow");
  }
  if (slot_of_id_.count(id) != 0) throw std::logic_error("link network: flow started twice");
  int32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<int32_t>(flows_.size());
    flows_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slot_of_id_[id] = slot;
  Flow& flow = at(slot);
  flow.id = id;
  flow.sequence = next_sequence_++;
  flow.from = from;
  flow.to = to;
  flow.start = start;
  flow.rated_at = start;
  flow.remaining_bytes = static_cast<double>(bytes);
  flow.live = true;
  return slot;
}

void LinkNetwork::start(TimeNs now, uint64_t id, int32_t from, int32_t to, int64_t bytes) {
  const int32_t slot = open(id, from, to, bytes, now);
  if (bytes > 0) {
    attach(slot, now);
  } else {
    at(slot).event = events_.push(now + latency_ns_, slot);
  }
}

void LinkNetwork::start_held(TimeNs now, uint64_t id, int32_t from, int32_t to, int64_t bytes,
                             TimeNs begin) {
  // Without a byte there is nothing to hold the flow back until the last one is ready.
  if (bytes < 1 || begin < now) throw std::logic_error("link network: bad held flow");
  const int32_t slot = open(id, from, to, bytes, begin);
  Flow& flow = at(slot);
  flow.held = true;
  flow.awaits_begin = true;
  flow.total_bytes = flow.remaining_bytes;
  flow.event = events_.push(begin, slot);
}

LinkNetwork::Flow& LinkNetwork::held_flow(uint64_t id) {
  const auto found = slot_of_id_.find(id);
  if (found == slot_of_id_.end() || !at(found->second).held) {
    throw std::logic_error("link network: no such held flow");
  }
  return at(found->second);
}

void LinkNetwork::feed(TimeNs now, uint64_t id, int64_t ready, int64_t more, TimeNs until) {
  Flow& flow = held_flow(id);
  const auto ready_bytes = static_cast<double>(ready);
  const auto more_bytes = static_cast<double>(more);
  if (ready_bytes < ready_by(flow, now) - kNoBytes || more < 0 || until < now ||
      ready_bytes + more_bytes > flow.total_bytes) {
    throw std::logic_error("link network: more or less is ready than can be");
  }
  if (flow.moving) settle(flow, now);
  flow.ready_bytes = ready_bytes;
  flow.more_bytes = more_bytes;
  flow.grows_from = std::max(now, flow.start);
  flow.grows_until = std::max(until, flow.grows_from);
  if (flow.moving) rate(slot_of_id_.at(id), now);
}

void LinkNetwork::release(TimeNs now, uint64_t id) {
  Flow& flow = held_flow(id);
  if (flow.moving) settle(flow, now);
  flow.held = false;
  flow.rate_bytes_per_s = 0.0;  // whatever it is rated at now, its end has to be planned
  if (flow.moving) rate(slot_of_id_.at(id), now);
}

void LinkNetwork::forget(int32_t slot) {
  slot_of_id_.erase(at(slot).id);
  at(slot) = Flow{};
  free_slots_.push_back(slot);
}

bool LinkNetwork::cancel(TimeNs now, uint64_t id) {
  const auto found = slot_of_id_.find(id);
  if (found == slot_of_id_.end()) return false;
  const int32_t slot = found->second;
  events_.cancel(at(slot).event);
  if (at(slot).moving) detach(slot, now);
  forget(slot);
  return true;
}

std::vector<uint64_t> LinkNetwork::lose(TimeNs now, int32_t worker) {
  std::vector<std::pair<uint64_t, uint64_t>> lost;  // sequence, id
  for (const Flow& flow : flows_) {
    if (flow.live && (flow.from == worker || flow.to == worker)) {
      lost.emplace_back(flow.sequence, flow.id);
    }
  }
  std::sort(lost.begin(), lost.end());
  std::vector<uint64_t> ids;
  for (const auto& entry : lost) {
    ids.push_back(entry.second);
    cancel(now, entry.second);
  }
  return ids;
}

void LinkNetwork::advance(TimeNs now, Reports& out) {
  while (next_event() <= now) {
    const TimeNs time = next_event();
    const int32_t slot = events_.pop();
    Flow& flow = at(slot);
    if (flow.awaits_begin) {
      flow.awaits_begin = false;
      attach(slot, time);
      out.push_back(Report{ReportKind::kTransferStarted, flow.id, time, time, 0, 0});
      continue;
    }
    if (flow.held) {
      rate(slot, time);
      continue;
    }
    if (flow.moving) {
      book(flow, flow.remaining_bytes);  // ends are rounded up, so nothing may be left over
      detach(slot, time);
      flow.event = events_.push(time + latency_ns_, slot);
      continue;
    }
    out.push_back(Report{ReportKind::kTransferFinished, flow.id, time, flow.start, 0, 0});
    forget(slot);
  }
}

LinkStats LinkNetwork::stats(TimeNs now, int32_t worker) const {
  const WorkerEnds& ends = ends_.at(index(worker));
  LinkStats stats = ends.stats;
  if (!ends.out.empty()) stats.egress_busy_s += to_s(now - ends.out_since);
  if (!ends.in.empty()) stats.ingress_busy_s += to_s(now - ends.in_since);
  for (const int32_t slot : ends.out) stats.egress_bytes += sent_by(at(slot), now);
  for (const int32_t slot : ends.in) stats.ingress_bytes += sent_by(at(slot), now);
  return stats;
}

void LinkNetwork::check_drained() const {
  if (!slot_of_id_.empty()) throw std::logic_error("link network: flows left at the end");
}

}  // namespace hexagent::sim
