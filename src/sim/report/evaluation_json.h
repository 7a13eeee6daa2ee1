// An evaluation as JSON and CSV. No wall time is in either: what was computed twice is equal byte
// for byte. Tests: tests/tool/evaluate.sh
#pragma once

#include <string>

#include "sim/study/aggregate.h"
#include "sim/study/manifest.h"

namespace hexagent::sim {

std::string evaluation_json(const Evaluation& evaluation, const Manifest& manifest);

// One row a cell and policy.
std::string evaluation_csv(const Evaluation& evaluation);

// One row a cell and policy: what planning and simulating cost. Differs from run to run.
std::string timing_csv(const Evaluation& evaluation);

}  // namespace hexagent::sim
