// LinkSamples: see link_samples.h.
#include "controller/link_samples.h"

#include <algorithm>
#include <cmath>

namespace hexagent::controller {
namespace {

constexpr int64_t kPauseNs = 250'000'000;     // between two samples of one link
constexpr int64_t kAgainNs = 10'000'000'000;  // so long nothing is told that has not changed
// The core's means give a new sample a quarter: after eight a tenth of what was is left.
constexpr uint32_t kRepeats = 8;
constexpr double kChanged = 0.1;  // share
constexpr double kSetupLeastNs = 50e3;
constexpr double kQueueLeastNs = 1e6;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr double kRateMost = 9e18;  // of what fits into a sample; far beyond what one may say

bool differs(double one, double other, double least) {
  return std::fabs(one - other) > std::max(least, kChanged * std::max(one, other));
}

bool differ(const LinkMeasured& one, const LinkMeasured& other) {
  return differs(one.bytes_per_s, other.bytes_per_s, 0.0) ||
         differs(static_cast<double>(one.setup_ns), static_cast<double>(other.setup_ns),
                 kSetupLeastNs) ||
         differs(static_cast<double>(one.queue_ns), static_cast<double>(other.queue_ns),
                 kQueueLeastNs);
}

}  // namespace

hexagent_link_sample sample_of(const LinkMeasured& link) {
  hexagent_link_sample sample = {};
  sample.source_worker = link.from;
  sample.target_worker = link.to;
  // Below a byte, and what is no number, count as one byte: both are refused.
  const double rate = link.bytes_per_s >= 1.0 ? std::min(link.bytes_per_s, kRateMost) : 1.0;
  sample.bytes = static_cast<uint64_t>(rate);
  sample.duration_ns = kSecondNs;
  sample.setup_ns = link.setup_ns;
  sample.queue_ns = link.queue_ns;
  // Who drives the scheduler never sent it, so no answer goes there.
  sample.flags = HEXAGENT_SAMPLE_SETUP | HEXAGENT_SAMPLE_QUEUE | HEXAGENT_SAMPLE_SILENT;
  return sample;
}

void LinkSamples::hear(const LinkMeasured& link, int64_t now_ns) {
  if (link.bytes_per_s == 0.0) return;  // nothing is known yet
  const std::pair<uint32_t, uint32_t> way = {link.from, link.to};
  auto found = links_.find(way);
  const bool is_new = found == links_.end();
  if (is_new && links_.size() >= links_max_) return;  // the core would not remember it either
  if (is_new) found = links_.emplace(way, Link{}).first;
  Link& entry = found->second;
  entry.now = link;
  if (is_new || differ(entry.now, entry.told)) {
    entry.left = kRepeats;
  } else if (entry.left == 0 && now_ns - entry.told_ns >= kAgainNs) {
    entry.left = 1;
  }
}

bool LinkSamples::tell_due(int64_t now_ns) {
  bool more = false;
  for (auto& [way, link] : links_) {
    if (link.left == 0) continue;
    const bool is_due = link.told_ns == 0 || now_ns - link.told_ns >= kPauseNs;
    if (is_due) tell(&link, now_ns);
    more = more || link.left > 0;
  }
  return more;
}

// Without room it stays due.
void LinkSamples::tell(Link* link, int64_t now_ns) {
  const hexagent_status status = tell_(sample_of(link->now));
  if (status == HEXAGENT_E_AGAIN) return;
  link->told = link->now;
  link->told_ns = now_ns;
  // What cannot be right is not said again; the next measurement may be better.
  link->left = status == HEXAGENT_OK ? link->left - 1 : 0;
}

void LinkSamples::forget(uint32_t worker) {
  std::erase_if(links_, [worker](const auto& entry) {
    return entry.first.first == worker || entry.first.second == worker;
  });
}

}  // namespace hexagent::controller
