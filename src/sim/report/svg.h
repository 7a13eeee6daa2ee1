// Attainment against SLO scale as an SVG plot. Tests: tests/unit/sim/report/svg_test.cc.
#pragma once

#include <string>
#include <vector>

#include "sim/study/result.h"

namespace hexagent::sim {

// One step curve a policy over the stretches of all seeds; no script, fixed size, text as text.
std::string attainment_svg(const Comparison& comparison,
                           const std::vector<std::vector<RunResult>>& results);

}  // namespace hexagent::sim
