// Which rivals run on test seeds: of a group that is marked so, the strongest for each quantile on
// tuning seeds alone. That is all that a headline needs of it, and what lets a group be a grid of
// settings. Tests: tests/unit/sim/study/settle_test.cc
#pragma once

#include <optional>

#include "sim/study/suite.h"
#include "sim/study/unit_store.h"

namespace hexagent::sim {

// The suite as the cell's test seeds run it. Nothing while records of tuning seeds are missing.
std::optional<Suite> settle(const Suite& suite, const SuiteCell& cell, const UnitStore& store);

}  // namespace hexagent::sim
