// Overlap: how much of a transfer a prefill hides. KV that is sent layer by layer has left when the
// prefill ends but for what the link was too slow for, and for the last layer at least.
// Tests: tests/unit/core/plan/placement_test.cc.
#pragma once

#include <algorithm>

namespace hexagent {

struct Overlap {
  double hidden_s = 0.0;    // time that the transfer has while the prefill goes on
  double last_share = 1.0;  // of the bytes, which can leave at its end only
};

// What is left to see of so much time on the link; never more than all of it.
inline double visible_s(double through_s, const Overlap& overlap) {
  return std::max(through_s - overlap.hidden_s, through_s * overlap.last_share);
}

}  // namespace hexagent
