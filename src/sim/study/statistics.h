// Statistics of EXPERIMENTS sections 1 and 5: requirements, bootstrap intervals, paired ratios.
// Tests: tests/unit/sim/study/statistics_test.cc.
#pragma once

#include <vector>

#include "sim/study/result.h"

namespace hexagent::sim {

// Stretches of the measured workflows, infinity for those that never ended.
std::vector<double> measured_stretches(const RunResult& run);

// Req_q: the ceil(q n)-th smallest. Infinity when there is no stretch at all.
double requirement(std::vector<double> stretches, double q);

// Geometric mean over seeds with its 95 % bootstrap interval: 10,000 resamples of the seeds with a
// fixed generator, percentile method. One seed: the interval is the value.
Interval bootstrap_mean(const std::vector<double>& by_seed);

// The same of numerator / denominator by seed. Two infinities say nothing and count as 1.
Interval paired_ratio(const std::vector<double>& numerator, const std::vector<double>& denominator);

// Subject over rival by seed for means over cells, where the clamp of paired_ratio() would count
// for more than all cells together. A rival without a finite Req counts as `bound`, the stretch
// that it is sure to be above (the run was stopped), and then as no more than a tie; without a
// bound, or when both are infinite, the seed says nothing and is left out. Infinity: the subject
// alone has no finite Req.
std::vector<double> seed_ratios(const std::vector<double>& subject,
                                const std::vector<double>& rival, double bound);

// Geometric mean over cells of the geometric means of their ratios; the interval by a bootstrap of
// two levels: cells are drawn, then seeds within each. Cells without ratios are left out; not a
// number when none is left.
Interval bootstrap_cells(const std::vector<std::vector<double>>& by_cell_and_seed);

// Jain's index of values: 1 = all equal.
double jain_index(const std::vector<double>& values);

// `results` by policy and seed, as run_cell() gives them.
Comparison summarise(const CellInfo& cell, const std::vector<std::vector<RunResult>>& results);

}  // namespace hexagent::sim
