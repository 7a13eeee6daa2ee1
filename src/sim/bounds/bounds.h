// All bounds of one (cell, seed), their record, and what they say of policies: Req over C1 and over
// the fluid bound, paired by seed. Tests: tests/unit/sim/bounds/bounds_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/bounds/clairvoyant.h"
#include "sim/study/cell.h"
#include "sim/study/result.h"

namespace hexagent::sim {

SeedBounds seed_bounds(const Cell& cell, uint64_t seed, const ClairvoyantEffort& effort);

// One seed as text; what comes back is equal. Throws InputError with `path` on any other text.
std::string bounds_text(const SeedBounds& bounds);
SeedBounds parse_bounds(std::string_view text, const std::string& path);

// Puts the bounds of some or all of the comparison's seeds beside its policies.
void add_bounds(const std::vector<SeedBounds>& bounds, Comparison* comparison);

}  // namespace hexagent::sim
