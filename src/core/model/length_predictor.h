// LengthPredictor: output lengths per (class, stage), learned online, the same for every policy.
//
// A cell keeps a histogram of eight buckets an octave and the exact mean. A cell with few
// observations leans on its class, that on all calls, that on a prior (shrinkage; EXPERIMENTS
// section 4, headline information). With n observations in a cell and
//   w = n / (n + kPseudoCount),
// mean = w * mean of the cell + (1 - w) * mean of the level above, and the same for the cumulative
// distribution, whose smallest length reaching `share` is the quantile. The prior's distribution
// is x^2 / (x^2 + m^2), whose mean is m * pi / 2: a heavy tail without a transcendental.
//
// Memory is fixed: when three quarters of the cells are taken, a new stage is counted in its class
// only; when all are, a new class is counted in the overall cell only. Tests:
// tests/unit/core/model/length_predictor_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/id_map.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

struct LengthEstimate {
  double mean = 0.0;
  uint32_t quantile = 0;  // at the share asked for
};

class LengthPredictor {
 public:
  static constexpr uint32_t kCells = 1024;
  static constexpr uint32_t kBuckets = 144;  // up to 2^20 tokens

  explicit LengthPredictor(uint32_t cells_max = kCells);

  // `max_output_tokens` clips the answer when it is not 0; `share` in (0, 1). Results are at
  // least 1.
  LengthEstimate predict(uint32_t class_name, uint32_t stage, uint32_t max_output_tokens,
                         double share) const;
  void learn(uint32_t class_name, uint32_t stage, uint32_t tokens);

  // Observations in the cell of exactly this class and stage.
  uint64_t observed(uint32_t class_name, uint32_t stage) const;
  uint64_t memory_bytes() const;

  // Snapshots (snapshot/small_tables.cc). load() fills an empty predictor.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader);

  // Bucket of a length, and the largest length of a bucket. Integers only, so every build agrees.
  static uint32_t bucket_of(uint32_t tokens);
  static uint32_t bucket_top(uint32_t bucket);

 private:
  struct Cell {
    uint64_t count = 0;
    double sum = 0.0;
    uint32_t bucket_counts[kBuckets] = {};
  };

  const Cell* find(uint32_t class_name, uint32_t stage) const;
  Cell* find_or_add(uint32_t class_name, uint32_t stage);

  // Entry 0 stands for all calls; key (class, kAnyStage) for a class.
  std::vector<Cell> cells_;
  uint32_t cells_used_ = 1;
  IdMap index_;
};

// An estimate from the caller's own median and 90th percentile: the log-normal through both. An
// unknown p90 (0) is taken three times the median, as in the predictor's prior; equal ones mean
// that the caller is certain. `share` in (0, 1). The mean is at most the larger of the two hints.
LengthEstimate estimate_from_hints(uint32_t p50, uint32_t p90, uint32_t max_output_tokens,
                                   double share);

}  // namespace hexagent
