// LengthPredictor: output lengths per (class, stage), learned online, the same for every policy.
//
// Each cell keeps a histogram of eight buckets an octave and the exact mean. A cell with few
// observations leans on its class, that on all calls, that on a prior: each level counts as
// kPseudoCount observations of the next one (shrinkage; EXPERIMENTS section 4, headline
// information). Tests: tests/unit/core/model/length_predictor_test.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace hexagent {

struct LengthEstimate {
  double mean = 0.0;
  uint32_t quantile = 0;  // at the share asked for
};

class LengthPredictor {
 public:
  LengthPredictor();

  // `max_output_tokens` clips the answer when it is not 0; `share` in (0, 1). Results are at
  // least 1.
  LengthEstimate predict(uint32_t class_name, uint32_t stage, uint32_t max_output_tokens,
                         double share) const;
  void learn(uint32_t class_name, uint32_t stage, uint32_t tokens);
  uint64_t memory_bytes() const;

  // Bucket of a length, and the largest length of a bucket. Integers only, so every build agrees.
  static constexpr uint32_t kBuckets = 144;  // up to 2^20 tokens
  static uint32_t bucket_of(uint32_t tokens);
  static uint32_t bucket_top(uint32_t bucket);

 private:
  struct Cell {
    uint32_t class_name = 0;
    uint32_t stage = 0;
    bool used = false;
    double count = 0.0;
    double sum = 0.0;
    std::vector<uint32_t> counts;  // kBuckets long, sized at construction
  };

  static constexpr uint32_t kCells = 1024;

  const Cell* find(uint32_t class_name, uint32_t stage) const;
  Cell* find_or_add(uint32_t class_name, uint32_t stage);

  // Entry 0 stands for all calls; (class, 0xffffffff) for a class.
  std::vector<Cell> cells_;
};

// An estimate from the caller's own median and 90th percentile (0 = unknown): a log-normal through
// both, its mean approximated from the ratio of the two.
LengthEstimate estimate_from_hints(uint32_t p50, uint32_t p90, uint32_t max_output_tokens,
                                   double share);

}  // namespace hexagent
