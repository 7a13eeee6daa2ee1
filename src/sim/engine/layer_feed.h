// What the iterations of a prefill make ready of a call's KV, layer by layer, as a held flow is fed
// (link.h): the seam between a prefill engine and the network on workers that send that way.
// Tests: tests/unit/sim/engine/layer_feed_test.cc
#pragma once

#include <cstdint>

#include "sim/engine/prefill_engine.h"
#include "sim/engine/sim_time.h"

namespace hexagent::sim {

// The KV of one call that has to be moved.
struct LayeredKv {
  int64_t prompt_tokens = 0;
  int64_t resident_tokens = 0;  // from the first one on, at the target already
  int64_t bytes_per_token = 0;
  int64_t layers = 1;

  int64_t bytes() const {
    return prompt_tokens > resident_tokens ? (prompt_tokens - resident_tokens) * bytes_per_token
                                           : 0;
  }
};

struct LayerFeed {
  TimeNs begin = 0;  // of the flow, if it has not begun: not before the first layer is computed
  int64_t ready_bytes = 0;  // at `begin`
  int64_t more_bytes = 0;   // become ready evenly until `until`
  TimeNs until = 0;
};

// An iteration computes one layer of its chunk after another, each in the same time. So of the
// chunk all but the last layer becomes ready while it runs; that layer is ready at its end, with
// which the whole chunk is. In the first iteration nothing is ready before the first layer is, nor
// what was cached: nobody tells the target earlier. In later ones bytes may be as much as one layer
// of the chunk early in the middle, and not at the end.
LayerFeed layer_feed(const PrefillProgress& progress, const LayeredKv& kv, TimeNs now);

}  // namespace hexagent::sim
