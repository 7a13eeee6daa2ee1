// Arrival processes: when workflows (or sessions) arrive, as gaps of mean 1 that the stream scales
// to the rate. Recorded arrivals are borrowed, since agentic traces carry none of their own.
// Tests: tests/unit/sim/workload/arrivals_test.cc
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sim/random.h"

namespace hexagent::sim {

class ArrivalProcess {
 public:
  // `text` is one of
  //   poisson      exponential gaps
  //   gamma:CV     gamma gaps with that coefficient of variation (above 0)
  //   trace:FILE   the gaps of a recorded stream, in order, from a place drawn by the seed, round
  //                and round; the step from the last arrival to the first is left out
  //   fixed        all gaps 1
  // Throws InputError (file "arrivals") when it is none of them, or the file's own error.
  static ArrivalProcess parse(const std::string& text);

  const std::string& text() const { return text_; }

  // The next gap, with mean 1. `random` belongs to one run; `position` is that run's place in a
  // recorded stream and starts as start_position().
  double next_gap(Random& random, size_t& position) const;
  size_t start_position(Random& random) const;

 private:
  enum class Kind { kPoisson, kGamma, kTrace, kFixed };

  std::string text_;
  Kind kind_ = Kind::kPoisson;
  double shape_ = 1.0;
  std::shared_ptr<const std::vector<double>> recorded_gaps_;  // mean 1; shared between copies
};

}  // namespace hexagent::sim
