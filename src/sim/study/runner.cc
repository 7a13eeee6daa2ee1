// Runner: see runner.h.
#include "sim/study/runner.h"

#include <mutex>

#include "sim/run/simulation.h"
#include "sim/study/parallel.h"

namespace hexagent::sim {

RunResult run_unit(const Cell& cell, const std::string& policy, uint64_t seed) {
  Simulation simulation(cell.run(policy, seed));
  RunResult result = simulation.run();
  result.policy = policy;
  return result;
}

std::vector<std::vector<RunResult>> run_cell(const Cell& cell, const RunnerConfig& config) {
  const size_t seeds = config.seeds.size();
  const size_t policies = config.policies.size();
  std::vector<std::vector<RunResult>> results(policies, std::vector<RunResult>(seeds));
  std::mutex guard;  // of `done` and the progress callback
  size_t done = 0;
  run_tasks(policies * seeds, config.threads, [&](size_t task) {
    // Seeds in the outer loop: a slow policy does not end up alone on the last thread.
    const size_t seed = task / policies;
    const size_t policy = task % policies;
    results[policy][seed] = run_unit(cell, config.policies[policy], config.seeds[seed]);
    const std::lock_guard<std::mutex> lock(guard);
    ++done;
    if (config.progress) config.progress(done, policies * seeds);
  });
  return results;
}

}  // namespace hexagent::sim
