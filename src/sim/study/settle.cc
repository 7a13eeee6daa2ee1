// Settling rivals: see settle.h.
#include "sim/study/settle.h"

#include <algorithm>

#include "sim/study/statistics.h"

namespace hexagent::sim {
namespace {

struct Strength {
  double req95 = 0.0;
  double req99 = 0.0;
};

// Geometric means over tuning seeds, as the summaries have them.
std::optional<Strength> strength_of(const SuiteCell& cell, const std::string& policy,
                                    const UnitStore& store) {
  std::vector<double> req95;
  std::vector<double> req99;
  for (const uint64_t seed : cell.tuning_seeds) {
    RunResult run;
    if (!store.load({cell.name, policy, seed}, &run)) return std::nullopt;
    const std::vector<double> stretches = measured_stretches(run);
    req95.push_back(requirement(stretches, 0.95));
    req99.push_back(requirement(stretches, 0.99));
  }
  return Strength{bootstrap_mean(req95).value, bootstrap_mean(req99).value};
}

// The first of equals.
bool keep_strongest(const SuiteCell& cell, const UnitStore& store, PolicyGroup* group) {
  std::vector<Strength> strengths;
  for (const std::string& policy : group->policies) {
    const std::optional<Strength> strength = strength_of(cell, policy, store);
    if (!strength) return false;
    strengths.push_back(*strength);
  }
  const auto least = [&](double Strength::*quantile) {
    return std::min_element(strengths.begin(), strengths.end(),
                            [&](const Strength& left, const Strength& right) {
                              return left.*quantile < right.*quantile;
                            }) -
           strengths.begin();
  };
  const auto best95 = static_cast<size_t>(least(&Strength::req95));
  const auto best99 = static_cast<size_t>(least(&Strength::req99));
  std::vector<std::string> kept = {group->policies[best95]};
  if (best99 != best95) kept.push_back(group->policies[best99]);
  group->policies = std::move(kept);
  return true;
}

}  // namespace

std::optional<Suite> settle(const Suite& suite, const SuiteCell& cell, const UnitStore& store) {
  Suite settled = suite;
  for (PolicyGroup& group : settled.groups) {
    if (!group.strongest_only || !runs_group(cell, group.name)) continue;
    if (!keep_strongest(cell, store, &group)) return std::nullopt;
  }
  return settled;
}

}  // namespace hexagent::sim
