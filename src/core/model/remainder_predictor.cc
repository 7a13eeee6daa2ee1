// RemainderPredictor: see remainder_predictor.h.
#include "core/model/remainder_predictor.h"

#include <algorithm>

#include "core/base/check.h"

namespace hexagent {
namespace {

constexpr double kPriorWeight = 4.0;
constexpr double kPrior_s = 10.0;  // of which only matters that it is the same for all
constexpr double kTick_s = 0.01;   // histograms reach three hours
constexpr uint32_t kAll = 0;

uint32_t ticks_of(double seconds) {
  return static_cast<uint32_t>(std::clamp(seconds / kTick_s, 0.0, 0x1p30));
}

}  // namespace

RemainderPredictor::RemainderPredictor(uint32_t cells_max) : cells_(cells_max), index_(cells_max) {
  HEXAGENT_CHECK(cells_max > 0);
}

// Levels share one index; the level and the octave of calls done stand above the stage.
uint64_t RemainderPredictor::key_of(uint32_t level, uint32_t stage, uint32_t calls_done) {
  uint64_t octave = 0;
  for (uint32_t rest = calls_done; rest != 0; rest >>= 1) ++octave;
  switch (level) {
    case 1:
      return uint64_t{1} << 40;
    case 2:
      return uint64_t{2} << 40 | stage;
    default:
      return uint64_t{3} << 40 | octave << 32 | stage;
  }
}

const RemainderPredictor::Cell* RemainderPredictor::find(uint32_t level, uint32_t class_name,
                                                         uint32_t stage,
                                                         uint32_t calls_done) const {
  if (level == kAll) return &cells_[0];
  const uint32_t slot = index_.find(class_name, key_of(level, stage, calls_done));
  return slot == IdMap::kNone ? nullptr : &cells_[slot];
}

RemainderPredictor::Cell* RemainderPredictor::find_or_add(uint32_t level, uint32_t class_name,
                                                          uint32_t stage, uint32_t calls_done) {
  if (level == kAll) return &cells_[0];
  const uint64_t key = key_of(level, stage, calls_done);
  const uint32_t slot = index_.find(class_name, key);
  if (slot != IdMap::kNone) return &cells_[slot];
  if (cells_used_ >= cells_.size()) return nullptr;
  index_.insert(class_name, key, cells_used_);
  return &cells_[cells_used_++];
}

void RemainderPredictor::learn(uint32_t class_name, uint32_t stage, uint32_t calls_done,
                               double work_s, double path_s) {
  const uint32_t bucket = LengthPredictor::bucket_of(ticks_of(work_s));
  for (uint32_t level = 0; level < kLevels; ++level) {
    Cell* cell = find_or_add(level, class_name, stage, calls_done);
    if (cell == nullptr || cell->bucket_counts[bucket] == UINT32_MAX) continue;
    ++cell->count;
    cell->work_sum_s += work_s;
    cell->path_sum_s += path_s;
    ++cell->bucket_counts[bucket];
  }
}

Remainder RemainderPredictor::predict(uint32_t class_name, uint32_t stage,
                                      uint32_t calls_done) const {
  Remainder remainder{kPrior_s, kPrior_s, kPrior_s, kPrior_s};
  const Cell* levels[kLevels] = {};
  double observation_weight[kLevels] = {};  // of one observation of a level in the mixture
  for (uint32_t level = 0; level < kLevels; ++level) {
    const Cell* cell = find(level, class_name, stage, calls_done);
    levels[level] = cell == nullptr ? &cells_[0] : cell;
    if (cell == nullptr || cell->count == 0) continue;
    const double sum = static_cast<double>(cell->count) + kPriorWeight;
    const double kept = kPriorWeight / sum;
    remainder.work_s = cell->work_sum_s / sum + kept * remainder.work_s;
    remainder.path_s = cell->path_sum_s / sum + kept * remainder.path_s;
    for (uint32_t wider = 0; wider < level; ++wider) observation_weight[wider] *= kept;
    observation_weight[level] = 1.0 / sum;
    if (level < kLevels - 1) remainder.stage_path_s = remainder.path_s;
  }
  if (cells_[0].count == 0) return remainder;
  double total = 0.0;
  for (uint32_t level = 0; level < kLevels; ++level) {
    if (observation_weight[level] == 0.0) continue;
    total += observation_weight[level] * static_cast<double>(levels[level]->count);
  }
  // min over x of E[min(R, x)] / P(R <= x); only ends of buckets that something is in can be it.
  double below = 0.0;
  double served_s = 0.0;
  double least_s = 0.0;
  for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
    double mass = 0.0;
    for (uint32_t level = 0; level < kLevels; ++level) {
      mass += observation_weight[level] * levels[level]->bucket_counts[bucket];
    }
    if (mass == 0.0) continue;
    const double top_s = kTick_s * (LengthPredictor::bucket_top(bucket) + 1);
    below += mass;
    served_s += mass * top_s;
    const double spent_s = (served_s + std::max(0.0, total - below) * top_s) / below;
    if (least_s == 0.0 || spent_s < least_s) least_s = spent_s;
  }
  remainder.rank_s = least_s;
  return remainder;
}

uint64_t RemainderPredictor::memory_bytes() const {
  return cells_.size() * sizeof(Cell) + index_.memory_bytes();
}

}  // namespace hexagent
