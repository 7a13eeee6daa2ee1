// The comparison as a table for a terminal, and as CSV. Tests: tests/unit/sim/report/table_test.cc.
#pragma once

#include <string>
#include <vector>

#include "sim/study/result.h"

namespace hexagent::sim {

// ASCII, aligned; what was simulated comes first. `*` marks a policy that the first one loses to.
std::string comparison_table(const Comparison& comparison);
std::string sustained_table(const std::vector<SustainedSummary>& summaries, double req95_max);
// Lines below the comparison's; empty without bounds.
std::string bounds_table(const Comparison& comparison);

// One row a policy; and one row a measured workflow of every run.
std::string comparison_csv(const Comparison& comparison);
std::string workflows_csv(const std::vector<std::vector<RunResult>>& results);

}  // namespace hexagent::sim
