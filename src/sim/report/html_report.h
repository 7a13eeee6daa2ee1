// An evaluation as one HTML page: lost cells first, then means over cells, ablations, and every
// cell with its plot. Self-contained, without scripts, for light and dark screens.
// Tests: tests/tool/evaluate.sh
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/study/aggregate.h"
#include "sim/study/manifest.h"

namespace hexagent::sim {

// The attainment of the subject and of the strongest rivals of each group, as an <svg> element.
std::string cell_plot(const CellResult& cell, const std::vector<std::vector<RunResult>>& runs);

// `plots`: what cell_plot() gave, by the cell's name.
std::string evaluation_html(const Evaluation& evaluation, const Manifest& manifest,
                            const std::map<std::string, std::string>& plots);

}  // namespace hexagent::sim
