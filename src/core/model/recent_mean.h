// RecentMean: the mean of what was seen lately: of all values at first, then with a memory of
// kMemory of them. Tests: tests/unit/core/model/recent_mean_test.cc.
#pragma once

#include <algorithm>

namespace hexagent {

class RecentMean {
 public:
  static constexpr double kMemory = 100.0;

  void add(double value) {
    count_ = std::min(count_ + 1.0, kMemory);
    mean_ += (value - mean_) / count_;
  }
  bool empty() const { return count_ == 0.0; }
  double value() const { return mean_; }

 private:
  double mean_ = 0.0;
  double count_ = 0.0;
};

}  // namespace hexagent
