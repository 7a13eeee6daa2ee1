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

  // The fields of a snapshot (core/snapshot/writer.h); the values were no larger than `most`.
  template <class Archive, class Self>
  static void visit(Archive* archive, Self* self, double most) {
    archive->real("mean", &self->mean_, 0.0, most);
    archive->real("count", &self->count_, 0.0, kMemory);
  }

 private:
  double mean_ = 0.0;
  double count_ = 0.0;
};

}  // namespace hexagent
