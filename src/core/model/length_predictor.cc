// LengthPredictor: see length_predictor.h.
#include "core/model/length_predictor.h"

#include <algorithm>

namespace hexagent {
namespace {

constexpr double kPseudoCount = 4.0;
constexpr double kPriorMean = 256.0;
constexpr uint32_t kPriorP90 = 640;  // of the same prior, about log-normal
constexpr uint32_t kAnyStage = 0xffffffffu;
constexpr uint32_t kProbesMax = 32;

uint32_t slot_of(uint32_t class_name, uint32_t stage, uint32_t cells) {
  uint64_t mixed = (static_cast<uint64_t>(class_name) << 32 | stage) * 0x9e3779b97f4a7c15u;
  mixed ^= mixed >> 29;
  return 1 + static_cast<uint32_t>(mixed % (cells - 1));  // 0 is taken by "all calls"
}

LengthEstimate clip(double mean, uint32_t quantile, uint32_t max_output_tokens) {
  if (max_output_tokens > 0) {
    mean = std::min(mean, static_cast<double>(max_output_tokens));
    quantile = std::min(quantile, max_output_tokens);
  }
  return {std::max(mean, 1.0), std::max(quantile, 1u)};
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

LengthPredictor::LengthPredictor() : cells_(kCells) {
  for (Cell& cell : cells_) cell.counts.resize(kBuckets, 0);
  cells_[0].used = true;
}

const LengthPredictor::Cell* LengthPredictor::find(uint32_t class_name, uint32_t stage) const {
  uint32_t slot = slot_of(class_name, stage, kCells);
  for (uint32_t probe = 0; probe < kProbesMax; ++probe) {
    const Cell& cell = cells_[slot];
    if (!cell.used) return nullptr;
    if (cell.class_name == class_name && cell.stage == stage) return &cell;
    slot = slot + 1 == kCells ? 1 : slot + 1;
  }
  return nullptr;
}

LengthPredictor::Cell* LengthPredictor::find_or_add(uint32_t class_name, uint32_t stage) {
  uint32_t slot = slot_of(class_name, stage, kCells);
  for (uint32_t probe = 0; probe < kProbesMax; ++probe) {
    Cell& cell = cells_[slot];
    if (!cell.used) {
      cell.used = true;
      cell.class_name = class_name;
      cell.stage = stage;
      return &cell;
    }
    if (cell.class_name == class_name && cell.stage == stage) return &cell;
    slot = slot + 1 == kCells ? 1 : slot + 1;
  }
  return nullptr;  // crowded: the class and the overall cell go on learning
}

void LengthPredictor::learn(uint32_t class_name, uint32_t stage, uint32_t tokens) {
  const uint32_t bucket = bucket_of(tokens);
  Cell* levels[] = {find_or_add(class_name, stage), find_or_add(class_name, kAnyStage), &cells_[0]};
  for (Cell* cell : levels) {
    if (cell == nullptr) continue;
    cell->count += 1.0;
    cell->sum += tokens;
    ++cell->counts[bucket];
  }
}

LengthEstimate LengthPredictor::predict(uint32_t class_name, uint32_t stage,
                                        uint32_t max_output_tokens, double share) const {
  // From the broadest level to the narrowest: each begins with kPseudoCount of what is known so
  // far.
  double mean = kPriorMean;
  double quantile = kPriorP90;
  const Cell* levels[] = {&cells_[0], find(class_name, kAnyStage), find(class_name, stage)};
  for (const Cell* cell : levels) {
    if (cell == nullptr || cell->count == 0.0) continue;
    const double weight = cell->count / (cell->count + kPseudoCount);
    mean += weight * (cell->sum / cell->count - mean);
    const double wanted = share * cell->count;
    double below = 0.0;
    uint32_t bucket = 0;
    while (bucket + 1 < kBuckets && below + cell->counts[bucket] < wanted) {
      below += cell->counts[bucket++];
    }
    quantile += weight * (bucket_top(bucket) - quantile);
  }
  return clip(mean, static_cast<uint32_t>(quantile + 0.5), max_output_tokens);
}

uint64_t LengthPredictor::memory_bytes() const {
  return cells_.size() * (sizeof(Cell) + kBuckets * sizeof(uint32_t));
}

LengthEstimate estimate_from_hints(uint32_t p50, uint32_t p90, uint32_t max_output_tokens,
                                   double share) {
  const double median = std::max(p50, 1u);
  const double high = std::max(static_cast<double>(p90), 1.25 * median);
  // Log-normal with sigma = ln(high / median) / 1.2816: its mean is median * exp(sigma^2 / 2). The
  // bracket is the first terms of that in r = high / median - 1, exact to 3 % up to r = 3.
  const double excess = std::min(high / median - 1.0, 8.0);
  const double mean = median * (1.0 + 0.30 * excess * excess / (1.0 + 0.72 * excess));
  // Linear in the share between the two points known, held beyond 99 % at twice the distance.
  const double at = std::clamp((share - 0.5) / 0.4, 0.0, 2.0);
  const double quantile = median + at * (high - median);
  return clip(mean, static_cast<uint32_t>(quantile + 0.5), max_output_tokens);
}

}  // namespace hexagent
