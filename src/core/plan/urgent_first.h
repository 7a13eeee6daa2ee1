// UrgentFirst: the waiting calls of one plan, most urgent first.
//
// A plan looks at a handful of calls out of thousands, so they are not sorted: each scan of the
// waiting list keeps the few most urgent ones that were not delivered yet, and each further scan
// keeps four times as many. Calls may leave the list meanwhile.
//
// The first scan takes a guess from the plan before it of the key that will just be kept, so that
// it passes over most calls, several at once; where the guess was too high it scans again. Tests:
// tests/unit/core/plan/urgent_first_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

// The strict order over calls: tier, key, then the earlier workflow, then the call with more work
// behind it (among siblings the workflow waits for it), then the lower id.
struct MoreUrgent {
  const Scheduler::State* state;
  bool operator()(const Ranked& a, const Ranked& b) const {
    if (a.tier != b.tier) return a.tier < b.tier;
    return a.key != b.key ? a.key > b.key : breaks_tie(a.call, b.call);
  }
  bool breaks_tie(uint32_t a, uint32_t b) const;
};

class UrgentFirst {
 public:
  // `scratch` holds what a scan kept; it lives as long as this does. `guess` goes from plan to
  // plan; whatever it is, the calls are the same.
  UrgentFirst(const Scheduler::State& state, std::vector<Ranked>* scratch, double* guess);

  // The next call; false when all were delivered.
  bool next(Ranked* ranked);

 private:
  void scan(double floor);
  bool keep_above(double floor);
  void keep_wanted();

  static constexpr size_t kFirstScan = 32;
  static constexpr size_t kGrowth = 4;

  const Scheduler::State& state_;
  MoreUrgent more_urgent_;
  double* guess_;
  std::vector<Ranked>* kept_;  // while scanning up to twice as many as wanted, then sorted
  size_t wanted_ = kFirstScan;
  size_t position_ = 0;
  bool last_scan_ = false;
  bool any_delivered_ = false;
  Ranked delivered_ = {0.0, kNoIndex};
};

}  // namespace hexagent
