// MeasuredGrids: measured tables made ready for look-ups. Built once; the linear parts are plain
// arrays, attention is curves over logarithms.
// Tests: tests/unit/sim/cluster/measured_test.cc
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/cluster/fitted.h"
#include "sim/cluster/log_curve.h"
#include "sim/cluster/measured.h"

namespace hexagent::sim {

// Pairs of tokens that attend to each other in a causal prefill.
inline double pairs_of(double new_tokens, double cached_tokens) {
  return new_tokens * (cached_tokens + new_tokens / 2.0);
}

// The part without attention, by whole tokens or sequences from `low` to `high`.
struct LinearGrid {
  int64_t low = 0;
  int64_t high = -1;
  std::vector<double> seconds;  // from `low` on

  bool covers(int64_t x) const { return x >= low && x <= high; }
  double at(int64_t x) const { return seconds[static_cast<size_t>(x - low)]; }
};

// Attention of one request by new tokens, at one length of cached prefix.
struct CachedLevel {
  double cached = 0.0;
  double new_min = 0.0;
  double new_max = 0.0;
  LogCurve curve;

  bool covers(double new_tokens) const { return new_tokens >= new_min && new_tokens <= new_max; }
  // Outside its range the level grows with the pairs, which is what the fitted form does.
  double at(double new_tokens, double log_new) const {
    const double inside_s = std::exp(curve.log_y(log_new));
    if (covers(new_tokens)) return inside_s;
    const double edge = std::clamp(new_tokens, new_min, new_max);
    return inside_s * pairs_of(new_tokens, cached) / pairs_of(edge, cached);
  }
};

// Attention of a whole batch by context per request, at one batch.
struct BatchLevel {
  double batch = 0.0;
  LogCurve curve;

  bool covers(double log_context) const {
    // Contexts are means, S / B: without a tolerance the edge itself would count as outside.
    constexpr double kEdge = 1e-12;
    return log_context >= curve.log_x_min() - kEdge && log_context <= curve.log_x_max() + kEdge;
  }
  // Outside its range the level grows with the context, as in the fitted form.
  double log_at(double log_context) const {
    const double edge = std::clamp(log_context, curve.log_x_min(), curve.log_x_max());
    return curve.log_y(edge) + (log_context - edge);
  }
};

// Between which two levels a batch lies; precomputed for every batch of the table.
struct BatchPlace {
  size_t level = 0;
  double weight = 0.0;  // of the next level
  double log_batch = 0.0;
};

struct MeasuredGrids {
  MeasuredGrids(const MeasuredRows& rows, const FittedProfile& fitted);

  double fitted_decode_linear_s(int64_t batch) const {
    return fitted.b0_s + fitted.b1_s * static_cast<double>(batch);
  }

  FittedProfile fitted;
  LinearGrid prefill_linear;
  LinearGrid decode_linear;
  std::vector<CachedLevel> cached_levels;
  std::vector<BatchLevel> batch_levels;
  std::vector<BatchPlace> batch_places;  // by batch; entry 0 unused

 private:
  void build_prefill(const std::vector<PrefillRow>& rows);
  void build_decode(const std::vector<DecodeRow>& rows);
  void place_batches();
};

}  // namespace hexagent::sim
