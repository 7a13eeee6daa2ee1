// Pieces of JSON reports that `compare` and `evaluate` share. Infinity is null. Wall times are not
// among them: they differ from run to run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "sim/study/result.h"

namespace hexagent::sim {

using Json = nlohmann::ordered_json;

Json number_json(double value);
Json interval_json(const Interval& value);
Json cell_json(const CellInfo& cell);
// Bounds by seed, and how much was searched for them.
Json bounds_json(const std::vector<SeedBounds>& bounds);
Json policy_json(const PolicySummary& policy, int64_t excluded);

}  // namespace hexagent::sim
