// LinkEstimate: see link_estimate.h.
#include "transport/engine/link_estimate.h"

#include <algorithm>

#include "core/base/time.h"

namespace hexagent::transport {
namespace {

constexpr double kWeight = 0.25;    // of a new sample in the moving means
constexpr double kFarOff = 1.5;     // a ratio that noise rarely has
constexpr double kFarthest = 2.0;   // as far as one sample counts that is further off
constexpr uint32_t kSurprises = 3;  // so many such in a row mean that the link has changed

// A bunch ends where the next arrival is a good part of the span away. Where none is, chunks
// arrive one by one; so many make up for a bunch that is cut in two.
constexpr int64_t kSpanMinNs = 100'000;
constexpr int64_t kGapsPerSpan = 4;
constexpr uint32_t kChunksPerSpan = 16;

// What an estimate rests on before it is told.
constexpr uint32_t kSettledSpans = 4;
constexpr uint64_t kSettledBytes = uint64_t{1} << 20;
constexpr int64_t kSettledNs = 1'000'000;

}  // namespace

void LinkEstimate::on_start(int64_t now_ns) {
  if (busy_) return;
  busy_ = true;
  late_ = 0;
  span_ = {};
  span_.begin_ns = span_.end_ns = now_ns;
  span_.first = true;
  lone_ = {};
}

void LinkEstimate::on_arrival(int64_t now_ns, uint64_t bytes, bool idle) {
  if (ends_before(now_ns)) end_span();
  span_.end_ns = now_ns;
  span_.bytes += bytes;
  ++span_.chunks;
  if (late_ > 0) {
    --late_;
    span_.spoilt = true;
  }
  if (!idle) return;
  busy_ = false;
  // The rest of a run is often the rest of a bunch, and then its time is nobody's.
  if (span_.first || span_.end_ns - span_.begin_ns >= kSpanMinNs) end_span();
  settle_lone();
}

void LinkEstimate::on_pause(uint32_t late, bool idle) {
  late_ = std::max(late_, late);
  if (idle) busy_ = false;
}

bool LinkEstimate::ends_before(int64_t arrival_ns) const {
  const int64_t length_ns = span_.end_ns - span_.begin_ns;
  const int64_t gap_ns = arrival_ns - span_.end_ns;
  if (span_.chunks == 0 || length_ns < kSpanMinNs) return false;
  return kGapsPerSpan * gap_ns >= length_ns || span_.chunks >= kChunksPerSpan;
}

void LinkEstimate::end_span() {
  const Span span = span_;
  span_ = {};
  span_.begin_ns = span_.end_ns = span.end_ns;
  if (span.spoilt) return;
  const int64_t took_ns = std::max<int64_t>(1, span.end_ns - span.begin_ns);
  ++spans_;
  bytes_ += span.bytes;
  busy_ns_ += took_ns;
  const auto bytes = static_cast<double>(span.bytes);
  const auto ns = static_cast<double>(took_ns);
  span.first ? learn_first(ns, bytes) : learn_pure(ns, bytes);
}

// The first span on an idle link has both a set-up and bytes in it. As long as there were no
// others, all of it counts as bytes, which foretells what such transfers take.
void LinkEstimate::learn_first(double took_ns, double bytes) {
  lone_ = {took_ns, bytes};
  if (bytes_per_s_ == 0.0) rate_is_lone_ = true;
  if (rate_is_lone_) learn_rate(bytes / took_ns * kNsPerS);
}

void LinkEstimate::learn_pure(double took_ns, double bytes) {
  const double rate = bytes / took_ns * kNsPerS;
  const Lone lone = lone_;
  lone_ = {};
  if (rate_is_lone_) {
    if (lone.bytes == 0.0) return;  // its run's first span was spoilt
    rate_is_lone_ = false;
    surprises_ = 0;
    bytes_per_s_ = rate;
    setup_ns_ = std::max(0.0, lone.ns - bytes_ns(lone.bytes));
    return;
  }
  // While the rate changes, what the first span took tells nothing of the set-up.
  if (learn_rate(rate) && lone.bytes > 0.0) learn_setup(lone);
}

// A run of one span. What it takes within what noise may do is the set-up's; what is far off tells
// that the rate has changed, since set-ups do not grow with bytes.
void LinkEstimate::settle_lone() {
  const Lone lone = lone_;
  lone_ = {};
  if (lone.bytes == 0.0 || rate_is_lone_) return;
  const double expected_ns = setup_ns_ + bytes_ns(lone.bytes);
  if (lone.ns <= expected_ns * kFarOff && lone.ns >= expected_ns / kFarOff) {
    surprises_ = 0;
    learn_setup(lone);
  } else {
    learn_rate(lone.bytes / std::max(lone.ns - setup_ns_, lone.ns / kFarthest) * kNsPerS);
  }
}

void LinkEstimate::learn_setup(const Lone& lone) {
  const double sample_ns = std::max(0.0, lone.ns - bytes_ns(lone.bytes));
  setup_ns_ += kWeight * (sample_ns - setup_ns_);
}

// False: it is far off the mean.
bool LinkEstimate::learn_rate(double sample) {
  if (bytes_per_s_ == 0.0) {
    bytes_per_s_ = sample;
    return true;
  }
  const bool above = sample > bytes_per_s_ * kFarOff;
  const bool below = sample < bytes_per_s_ / kFarOff;
  if (above || below) {
    surprises_ = surprise_above_ == above ? surprises_ + 1 : 1;
    surprise_above_ = above;
    if (surprises_ == kSurprises) {
      surprises_ = 0;
      bytes_per_s_ = sample;
      return false;
    }
  } else {
    surprises_ = 0;
  }
  // One that stands alone may be a hiccup of either host, which can take as long as it likes.
  sample = std::clamp(sample, bytes_per_s_ / kFarthest, bytes_per_s_ * kFarthest);
  // A mean of times, not of rates: what is predicted is a time.
  bytes_per_s_ = 1.0 / (1.0 / bytes_per_s_ + kWeight * (1.0 / sample - 1.0 / bytes_per_s_));
  return !above && !below;
}

int64_t LinkEstimate::expected_ns(uint64_t bytes) const {
  if (bytes_per_s_ == 0.0) return 0;
  const double ns = setup_ns_ + bytes_ns(static_cast<double>(bytes));
  return static_cast<int64_t>(std::min(ns, 1e18));
}

bool LinkEstimate::is_settled() const {
  return spans_ >= kSettledSpans && bytes_ >= kSettledBytes && busy_ns_ >= kSettledNs;
}

}  // namespace hexagent::transport
