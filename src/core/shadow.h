// Shadow mode: the library decides beside an existing router. It is told all that it is told
// otherwise, and where the router sent each call; it sends nothing and works out what its own
// placement would have been worth.
//
// When the router's placement becomes known, both are projected on the same state of the cluster:
// where the policy would have sent the call at that moment, and where it was sent. The difference
// of the two predicted finishes is the regret. The call then lives on where the router put it, so
// the picture of the cluster stays the real one; the realised finish says how far predictions can
// be trusted. Not compared: order and time of dispatch, which have effects on other calls that no
// single call shows. Tests: tests/unit/core/shadow_test.cc.
#pragma once

#include <cstdint>

#include "core/base/time.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

// Regrets of one call each, counted in buckets a factor of 2^(1/4) wide: quantiles without keeping
// them.
class RegretHistogram {
 public:
  void add(double regret_s);
  // Upper bound of the bucket that holds the quantile, seconds; 0 for none, or no more than that.
  double quantile_s(double share) const;

  // Snapshots (snapshot/small_tables.cc). load() fills an empty one.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader);

 private:
  static constexpr int kBuckets = 96;  // 1 ms ... 4 h
  uint64_t none_ = 0;                  // not above a millisecond
  uint64_t counts_[kBuckets] = {};
  uint64_t total_ = 0;
};

struct ShadowTotals {
  uint64_t placed = 0;    // calls whose placement became known
  uint64_t agreed = 0;    // our own would have been the same
  uint64_t finished = 0;  // of those placed
  double ours_s = 0.0;    // predicted, from the placement on
  double theirs_s = 0.0;
  double finished_theirs_s = 0.0;  // predicted of those finished, and what it really took
  double realised_s = 0.0;
  double error_s = 0.0;  // sum of |realised - predicted|
  double regret_max_s = 0.0;
  RegretHistogram regrets;
};

// What is kept of one call for explanations.
struct ShadowCall {
  uint32_t told_decode = 0xffffffffu;  // worker index, told before the prefill's
  uint32_t our_prefill = 0xffffffffu;
  uint32_t our_decode = 0xffffffffu;
  double ours_s = 0.0;
  double theirs_s = 0.0;
  TimeNs placed = 0;
};

}  // namespace hexagent
