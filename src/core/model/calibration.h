// Calibration: how much slower or faster one worker is than its profile says, learned from reports.
//
// A weighted mean of real over predicted time. It starts at 1 with the weight of kPrior
// observations and forgets with a memory of kMemory, so that one odd report moves it little and a
// worker that changes is followed. Ratios beyond 1/4 ... 4 are clipped: they are mistakes, not
// speeds. Tests: tests/unit/core/model/calibration_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hexagent {

class Calibration {
 public:
  void observe(double predicted, double actual) {
    if (!(predicted > 0.0) || !(actual > 0.0)) return;
    const double ratio = std::clamp(actual / predicted, 0.25, 4.0);
    weight_ = std::min(weight_ + 1.0, kMemory);
    const double difference = ratio - factor_;
    factor_ += difference / (weight_ + kPrior);
    spread_ += ((difference < 0.0 ? -difference : difference) - spread_) / (weight_ + kPrior);
    ++count_;
  }

  double factor() const { return factor_; }
  double spread() const { return spread_; }  // mean absolute deviation from the factor
  uint32_t count() const { return count_; }

 private:
  static constexpr double kPrior = 8.0;
  static constexpr double kMemory = 64.0;

  double factor_ = 1.0;
  double spread_ = 0.0;
  double weight_ = 0.0;
  uint32_t count_ = 0;
};

}  // namespace hexagent
