// Calibration: how much slower or faster one worker is than its profile says, learned from reports.
//
// The mean of log2(real / predicted), since a factor of two is as far from right either way. It
// starts at 0 with the weight of kPrior observations and forgets with a memory of kMemory, so that
// one odd report moves it little and a worker that changes is followed. Two things keep mistakes
// out: ratios beyond 1/4 ... 4 are clipped, and no observation counts for more than kOutlier times
// the usual deviation (a prefill that waited behind foreign work looks slow, not the worker).
// Nobody calls observe() while learning is off, which freezes the factor. Tests:
// tests/unit/core/model/calibration_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/exact_math.h"

namespace hexagent {

class Calibration {
 public:
  // Nothing is learned from a time that is not positive, or not a number.
  void observe(double predicted, double actual) {
    constexpr double kSmallest = 1e-12;
    constexpr double kLargest = 1e12;
    if (!(predicted >= kSmallest && predicted <= kLargest)) return;
    if (!(actual >= kSmallest && actual <= kLargest)) return;
    const double octaves = std::clamp(exact_log2(actual / predicted), -kBound, kBound);
    const double limit = kOutlier * std::max(spread_octaves_, kSpreadLeast);
    const double deviation = std::clamp(octaves - octaves_, -limit, limit);
    weight_ = std::min(weight_ + 1.0, kMemory);
    const double gain = 1.0 / (weight_ + kPrior);
    octaves_ += gain * deviation;
    spread_octaves_ += gain * ((deviation < 0.0 ? -deviation : deviation) - spread_octaves_);
    factor_ = exact_exp2(octaves_);
    if (count_ != UINT32_MAX) ++count_;
  }

  // Real over predicted time, 1/4 ... 4; 1 before the first observation.
  double factor() const { return factor_; }

  // Usual relative deviation of one observation from the factor: 0.05 is 5 %.
  double spread() const { return exact_exp2(spread_octaves_) - 1.0; }
  uint32_t count() const { return count_; }

  // The fields of a snapshot (snapshot/writer.h).
  template <class Archive, class Self>
  static void visit(Archive* archive, Self* self) {
    archive->real("octaves", &self->octaves_, -kBound, kBound);
    archive->real("spread_octaves", &self->spread_octaves_, 0.0, 2 * kBound);
    archive->real("factor", &self->factor_, 0.25, 4.0);
    archive->real("weight", &self->weight_, 0.0, kMemory);
    archive->number("count", &self->count_);
  }

 private:
  static constexpr double kPrior = 8.0;
  static constexpr double kMemory = 64.0;
  static constexpr double kBound = 2.0;          // octaves
  static constexpr double kOutlier = 4.0;        // times the usual deviation
  static constexpr double kSpreadFirst = 0.15;   // octaves, about 11 %: measured engine to engine
  static constexpr double kSpreadLeast = 0.025;  // or a quiet worker that changes is never followed

  double octaves_ = 0.0;
  double spread_octaves_ = kSpreadFirst;
  double factor_ = 1.0;
  double weight_ = 0.0;
  uint32_t count_ = 0;
};

}  // namespace hexagent
