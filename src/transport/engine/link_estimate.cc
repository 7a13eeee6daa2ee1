// LinkEstimate: see link_estimate.h.
#include "transport/engine/link_estimate.h"

#include <algorithm>

namespace hexagent::transport {
namespace {

constexpr double kWeight = 0.25;    // of a new sample in the moving means
constexpr double kFarOff = 1.5;     // a ratio that noise rarely has
constexpr uint32_t kSurprises = 3;  // so many such in a row mean that the link has changed
constexpr double kNsPerS = 1e9;

}  // namespace

void LinkEstimate::on_start(int64_t now_ns, uint32_t under_way) {
  if (under_way > 0) return;
  busy_since_ns_ = now_ns;
  first_of_busy_ = true;
}

void LinkEstimate::on_arrival(int64_t now_ns, int64_t start_ns, uint64_t bytes) {
  // While chunks queue up, the time from one arrival to the next is what the slowest stage needs
  // for one; the time from its start would count the queue.
  const int64_t begun_ns = std::max(start_ns, busy_since_ns_);
  const auto took_ns = static_cast<double>(std::max<int64_t>(1, now_ns - begun_ns));
  busy_since_ns_ = now_ns;
  if (first_of_busy_) {
    first_of_busy_ = false;
    learn_first(took_ns, static_cast<double>(bytes));
    return;
  }
  learn_rate(static_cast<double>(bytes) / took_ns * kNsPerS);
}

// The first chunk on an idle link has both in it. What is near the known rate tells of the set-up;
// what is far off it tells that the rate has changed, since set-ups do not grow with bytes.
void LinkEstimate::learn_first(double took_ns, double bytes) {
  const double lone = bytes / std::max(1.0, took_ns - setup_ns_) * kNsPerS;
  if (bytes_per_s_ == 0.0 || lone > bytes_per_s_ * kFarOff || lone < bytes_per_s_ / kFarOff) {
    // Before any set-up is known, a slow first chunk is most likely that.
    const bool setup_is_new = bytes_per_s_ > 0.0 && !setup_known_ && lone < bytes_per_s_;
    if (!setup_is_new) {
      learn_rate(lone);
      return;
    }
  }
  const double sample = std::max(0.0, took_ns - bytes / bytes_per_s_ * kNsPerS);
  setup_ns_ = setup_known_ ? setup_ns_ + kWeight * (sample - setup_ns_) : sample;
  setup_known_ = true;
}

void LinkEstimate::learn_rate(double sample) {
  if (bytes_per_s_ == 0.0) {
    bytes_per_s_ = sample;
    return;
  }
  const bool above = sample > bytes_per_s_ * kFarOff;
  const bool below = sample < bytes_per_s_ / kFarOff;
  if ((above || below) && (surprises_ == 0 || surprise_above_ == above)) {
    surprise_above_ = above;
    if (++surprises_ == kSurprises) {
      surprises_ = 0;
      bytes_per_s_ = sample;
      return;
    }
  } else {
    surprises_ = 0;
  }
  // A mean of times, not of rates: what is predicted is a time.
  bytes_per_s_ = 1.0 / (1.0 / bytes_per_s_ + kWeight * (1.0 / sample - 1.0 / bytes_per_s_));
}

int64_t LinkEstimate::expected_ns(uint64_t bytes) const {
  if (bytes_per_s_ == 0.0) return 0;
  const double ns = setup_ns_ + static_cast<double>(bytes) / bytes_per_s_ * kNsPerS;
  return static_cast<int64_t>(std::min(ns, 1e18));
}

}  // namespace hexagent::transport
