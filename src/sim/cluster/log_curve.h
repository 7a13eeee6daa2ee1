// One measured curve, interpolated linearly between the logarithms of both sides, as kernel times
// over tokens are: exact at its points, straight power laws between them.
// Tests: tests/unit/sim/cluster/log_curve_test.cc
#pragma once

#include <cmath>
#include <cstddef>
#include <map>
#include <vector>

namespace hexagent::sim {

class LogCurve {
 public:
  LogCurve() = default;
  // Points by x; at least one, all of x and y above 0.
  explicit LogCurve(const std::map<double, double>& points) {
    for (const auto& [x, y] : points) {
      xs_.push_back(std::log(x));
      ys_.push_back(std::log(y));
    }
    for (size_t i = 0; i + 1 < xs_.size(); ++i) {
      slopes_.push_back((ys_[i + 1] - ys_[i]) / (xs_[i + 1] - xs_[i]));
    }
  }

  double log_x_min() const { return xs_.front(); }
  double log_x_max() const { return xs_.back(); }

  // Logarithm of y at `log_x` within the curve's range; outside, that of the nearest end.
  double log_y(double log_x) const {
    if (log_x <= xs_.front()) return ys_.front();
    if (log_x >= xs_.back()) return ys_.back();
    // A handful of points: walking beats a binary search.
    size_t segment = 0;
    while (log_x >= xs_[segment + 1]) ++segment;
    return ys_[segment] + slopes_[segment] * (log_x - xs_[segment]);
  }

 private:
  std::vector<double> xs_;
  std::vector<double> ys_;
  std::vector<double> slopes_;
};

}  // namespace hexagent::sim
