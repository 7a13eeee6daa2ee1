// The clairvoyant schedules C1 and C2 of EXPERIMENTS section 6: how good a policy could be that
// knows the DAG and the lengths of every workflow that has arrived (C1), or the arrivals to come as
// well (C2), on the same engines, caches and mechanisms.
//
// Every schedule is a run of the library, told more (run/clairvoyance.h). Tried are
//   {at_ready, window} x price of uncached work x {final stretch, EDF with deadline a + S H}
// with S bisected for each quantile to the smallest that is met. The least Req of all is kept for
// each quantile on its own. Then comes the order-perturbation search: C1's steps move all instances
// of one body, which can be done on seeing the body arrive; C2 goes on from there and moves single
// instances, which takes knowing what arrives when. Decided here, since the page does not: the
// prices of transfers and decode batches are the default's, and prices rise with the backlog as the
// default's do; a placement weighs seconds, not stretch. A bound of this kind is what was
// reached, not what cannot be beaten. Tests: tests/unit/sim/bounds/bounds_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/run/clairvoyance.h"
#include "sim/study/cell.h"

namespace hexagent::sim {

struct ClairvoyantEffort {
  std::vector<double> prices = {0.0, 1.0, 3.0, 10.0};
  uint32_t bisections = 5;       // of S, for each quantile
  bool deadlines_of_all = true;  // EDF under every dispatch and price, or the best two alone
  uint32_t search_steps = 0;     // of each search; the page has 5,000
};

// The two values of one run, or of the best runs.
struct Attained {
  double req95 = 0.0;
  double req99 = 0.0;
};

struct ClairvoyantBound {
  Attained c1;
  Attained c2;             // as C1 when no step was searched
  std::string schedule95;  // of C1, before the search
  std::string schedule99;
  uint32_t runs = 0;
};

// A schedule without its perturbations.
struct ClairvoyantSchedule {
  Clairvoyance::Order order = Clairvoyance::Order::kFinalStretch;
  bool window = true;
  double price = 0.0;
  double deadline_horizons = 0.0;  // EDF alone
};

std::string describe_schedule(const ClairvoyantSchedule& schedule);

// The run of one schedule: a cell's, but for policy and knowledge.
RunConfig clairvoyant_run(const Cell& cell, const ClairvoyantSchedule& schedule, uint64_t seed);

// `tried`, if any, hears of each schedule of the first part. Runs that cannot be the best any more
// are stopped and heard of as infinite.
ClairvoyantBound clairvoyant_bound(
    const Cell& cell, uint64_t seed, const ClairvoyantEffort& effort,
    const std::function<void(const ClairvoyantSchedule&, const Attained&)>& tried = nullptr);

}  // namespace hexagent::sim
