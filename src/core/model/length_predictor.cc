// LengthPredictor: see length_predictor.h.
#include "core/model/length_predictor.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/exact_math.h"

namespace hexagent {
namespace {

constexpr double kPseudoCount = 4.0;
constexpr double kPriorMean = 256.0;       // tokens
constexpr double kPriorShareOfMax = 0.25;  // a caller's limit is mostly well above what it gets
constexpr double kMedianOverMean = 0.63661977236758134;  // 2 / pi, of the prior's distribution
constexpr uint32_t kAnyStage = 0xffffffffu;
constexpr uint32_t kAllCalls = 0;
constexpr uint32_t kLevels = 3;  // all calls, the class, the class's stage

LengthEstimate clip(double mean, double quantile, uint32_t max_output_tokens) {
  const double limit = max_output_tokens > 0 ? static_cast<double>(max_output_tokens) : 0x1p31;
  const double clipped = std::clamp(quantile, 1.0, limit);
  return {std::clamp(mean, 1.0, limit), static_cast<uint32_t>(clipped + 0.5)};
}

}  // namespace

uint32_t LengthPredictor::bucket_of(uint32_t tokens) {
  if (tokens < 8) return tokens;
  uint32_t octave = 0;
  for (uint32_t rest = tokens >> 4; rest != 0; rest >>= 1) ++octave;  // 8..15 is octave 0
  const uint32_t eighth = (tokens >> octave) - 8;
  return std::min(8 + octave * 8 + eighth, kBuckets - 1);
}

uint32_t LengthPredictor::bucket_top(uint32_t bucket) {
  if (bucket < 8) return bucket;
  const uint32_t octave = (bucket - 8) / 8;
  const uint32_t eighth = (bucket - 8) % 8;
  return ((9 + eighth) << octave) - 1;
}

LengthPredictor::LengthPredictor(uint32_t cells_max) : cells_(cells_max), index_(cells_max) {
  HEXAGENT_CHECK(cells_max > 0);
}

const LengthPredictor::Cell* LengthPredictor::find(uint32_t class_name, uint32_t stage) const {
  const uint32_t slot = index_.find(class_name, stage);
  return slot == IdMap::kNone ? nullptr : &cells_[slot];
}

LengthPredictor::Cell* LengthPredictor::find_or_add(uint32_t class_name, uint32_t stage) {
  const uint32_t slot = index_.find(class_name, stage);
  if (slot != IdMap::kNone) return &cells_[slot];
  // The last quarter is kept for classes: one that has no cell loses all of its stages.
  const uint64_t capacity = cells_.size();
  const uint64_t limit = stage == kAnyStage ? capacity : capacity - capacity / 4;
  if (cells_used_ >= limit) return nullptr;
  index_.insert(class_name, stage, cells_used_);
  return &cells_[cells_used_++];
}

void LengthPredictor::learn(uint32_t class_name, uint32_t stage, uint32_t tokens) {
  const uint32_t bucket = bucket_of(tokens);
  Cell* levels[kLevels] = {&cells_[kAllCalls], find_or_add(class_name, kAnyStage),
                           find_or_add(class_name, stage)};
  for (Cell* cell : levels) {
    if (cell == nullptr || cell->bucket_counts[bucket] == UINT32_MAX) continue;
    ++cell->count;
    cell->sum += tokens;
    ++cell->bucket_counts[bucket];
  }
}

LengthEstimate LengthPredictor::predict(uint32_t class_name, uint32_t stage,
                                        uint32_t max_output_tokens, double share) const {
  HEXAGENT_CHECK(share > 0.0 && share < 1.0);
  const Cell* levels[kLevels] = {&cells_[kAllCalls], find(class_name, kAnyStage),
                                 find(class_name, stage)};
  double mean = kPriorMean;
  if (max_output_tokens > 0) mean = std::min(mean, kPriorShareOfMax * max_output_tokens);
  const double prior_median = kMedianOverMean * mean;
  // What one observation of a level counts in the mixture; narrower levels dilute wider ones.
  double observation_weight[kLevels] = {};
  double prior_weight = 1.0;
  for (uint32_t level = 0; level < kLevels; ++level) {
    if (levels[level] == nullptr || levels[level]->count == 0) continue;
    const double count = static_cast<double>(levels[level]->count);
    const double kept = kPseudoCount / (count + kPseudoCount);
    mean = levels[level]->sum / (count + kPseudoCount) + kept * mean;
    for (uint32_t wider = 0; wider < level; ++wider) observation_weight[wider] *= kept;
    prior_weight *= kept;
    observation_weight[level] = 1.0 / (count + kPseudoCount);
  }
  // A level without observations has weight 0 and any histogram will do.
  const uint32_t* counts[kLevels];
  for (uint32_t level = 0; level < kLevels; ++level) {
    counts[level] = (levels[level] == nullptr ? &cells_[kAllCalls] : levels[level])->bucket_counts;
  }
  const double median_squared = prior_median * prior_median;
  double missing = share;
  uint32_t bucket = 0;
  for (; bucket + 1 < kBuckets; ++bucket) {
    missing -= observation_weight[0] * counts[0][bucket] +
               observation_weight[1] * counts[1][bucket] +
               observation_weight[2] * counts[2][bucket];
    // missing <= prior_weight * top^2 / (top^2 + m^2), without the division.
    const double top = bucket_top(bucket);
    const double squared = top * top;
    if (missing * (squared + median_squared) <= prior_weight * squared) break;
  }
  return clip(mean, bucket_top(bucket), max_output_tokens);
}

uint64_t LengthPredictor::observed(uint32_t class_name, uint32_t stage) const {
  const Cell* cell = find(class_name, stage);
  return cell == nullptr ? 0 : cell->count;
}

uint64_t LengthPredictor::memory_bytes() const {
  return cells_.size() * sizeof(Cell) + index_.memory_bytes();
}

LengthEstimate estimate_from_hints(uint32_t p50, uint32_t p90, uint32_t max_output_tokens,
                                   double share) {
  constexpr double kUnknownP90 = 3.0;      // times the median
  constexpr double kNormalP90 = 1.28155;   // standard deviations
  constexpr double kHalfLn2 = 0.34657359;  // log-normal mean: median * 2^(sigma^2 ln 2 / 2)
  const double median = std::max(p50, 1u);
  const double high = p90 == 0 ? kUnknownP90 * median : std::max<double>(p90, median);
  const double sigma = exact_log2(high / median) / kNormalP90;  // octaves
  // Hints far apart would put the mean of a log-normal beyond its own 90th percentile.
  const double mean = std::min(high, median * exact_exp2(sigma * sigma * kHalfLn2));
  const double quantile = median * exact_exp2(sigma * normal_quantile(share));
  return clip(mean, quantile, max_output_tokens);
}

}  // namespace hexagent
