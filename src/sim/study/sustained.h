// The sustained load of EXPERIMENTS section 1: the largest load at which a policy's Req95 is up to
// 2.5, by bisection to 2 %. Every seed is bisected on its own, with the same random numbers at all
// loads and for all policies: what is told of a policy is the geometric mean over seeds with its
// bootstrap interval, and of two policies the ratio paired by seed.
// Tests: tests/unit/sim/study/sustained_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/study/cell.h"
#include "sim/study/result.h"

namespace hexagent::sim {

struct SustainedRule {
  double req95_max = 2.5;
  double load_min = 0.2;  // loads that are looked at
  double load_max = 1.3;
  double precision = 0.02;  // relative
};

// One policy and seed.
struct SustainedLoad {
  std::string policy;
  uint64_t seed = 0;
  double load = 0.0;  // the largest that was met; load_min when none was: then it is no more
  uint64_t runs = 0;
};

// The largest x within the rule for which `meets` holds, taken to hold up to some x and no further.
double bisect_load(const SustainedRule& rule, const std::function<bool(double)>& meets);

// The cell at another load; steady cells only.
Cell at_load(const Cell& cell, double load);

SustainedLoad sustained_load(const Cell& cell, const std::string& policy, uint64_t seed,
                             const SustainedRule& rule);

// One as text; what comes back is equal. Throws InputError with `path` on any other text.
std::string sustained_text(const SustainedLoad& load);
SustainedLoad parse_sustained(std::string_view text, const std::string& path);

// Policies of one cell in the order of `loads`, which has those of one policy side by side and the
// same seeds for each. Ratios are the first policy's over this one's: above 1 the first sustains
// more.
std::vector<SustainedSummary> summarise_sustained(const std::vector<SustainedLoad>& loads);

}  // namespace hexagent::sim
