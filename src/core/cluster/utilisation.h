// Utilisation: which share of some workers was busy of late, a mean over time in which what is long
// ago counts less and less. Tests: tests/unit/core/cluster/utilisation_test.cc.
#pragma once

#include <algorithm>

#include "core/base/time.h"

namespace hexagent {

class Utilisation {
 public:
  // Until now the share was the one told before; from now on it is `busy`, 0 to 1. `memory_s`: what
  // is that long ago counts about a third.
  void note(TimeNs now, double busy, double memory_s) {
    // One division in place of an exponential: every machine gets the same bits.
    const double passed_s = to_s(std::max<TimeNs>(0, now - since_));
    mean_ = (memory_s * mean_ + passed_s * busy_) / (memory_s + passed_s);
    busy_ = busy;
    since_ = now;
  }
  double value() const { return mean_; }

  // How long a second of work keeps others waiting, in seconds: at this utilisation it takes the
  // workers 1 / (1 - u) seconds to have caught up, and a share u of that time somebody is there.
  double delay_per_work() const {
    const double busy = std::min(mean_, kMost);
    return busy / (1.0 - busy);
  }

  // The fields of a snapshot (snapshot/writer.h).
  template <class Archive, class Self>
  static void visit(Archive* archive, Self* self) {
    archive->real("busy_mean", &self->mean_, 0.0, 1.0);
    archive->real("busy_now", &self->busy_, 0.0, 1.0);
    archive->time("busy_since", &self->since_);
  }

 private:
  static constexpr double kMost = 0.95;  // beyond it the backlog says more

  double mean_ = 0.0;
  double busy_ = 0.0;
  TimeNs since_ = 0;
};

}  // namespace hexagent
