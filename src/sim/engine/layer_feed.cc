// Feeding KV layer by layer: see layer_feed.h. Tests: tests/unit/sim/engine/layer_feed_test.cc
#include "sim/engine/layer_feed.h"

#include <algorithm>

namespace hexagent::sim {

LayerFeed layer_feed(const PrefillProgress& progress, const LayeredKv& kv, TimeNs now) {
  const int64_t layers = std::max<int64_t>(kv.layers, 1);
  const int64_t done = std::max(progress.done_tokens, kv.resident_tokens);
  const int64_t after = std::max(progress.done_tokens + progress.chunk_tokens, kv.resident_tokens);
  const int64_t chunk_bytes = (after - done) * kv.bytes_per_token;
  const int64_t early_bytes = chunk_bytes - (chunk_bytes + layers - 1) / layers;
  const TimeNs duration = progress.iteration_end - progress.iteration_start;
  const TimeNs from = progress.iteration_start + (progress.is_first ? duration / layers : 0);
  LayerFeed feed;
  feed.begin = std::max(now, from);
  feed.until = progress.iteration_end;
  // The target may have space in the middle of an iteration only.
  const double share = from < feed.until ? to_s(feed.begin - from) / to_s(feed.until - from) : 1.0;
  const auto over_bytes = static_cast<int64_t>(share * static_cast<double>(early_bytes));
  feed.ready_bytes = (done - kv.resident_tokens) * kv.bytes_per_token + over_bytes;
  feed.more_bytes = early_bytes - over_bytes;
  return feed;
}

}  // namespace hexagent::sim
