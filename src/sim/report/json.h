// The comparison as JSON, the interface of EXPERIMENTS section 7. Infinity is null.
// Tests: tests/unit/sim/report/json_test.cc.
#pragma once

#include <string>

#include "sim/study/result.h"

namespace hexagent::sim {

std::string comparison_json(const Comparison& comparison);

}  // namespace hexagent::sim
