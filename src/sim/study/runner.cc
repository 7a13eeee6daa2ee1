// Runner: see runner.h.
#include "sim/study/runner.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "sim/run/simulation.h"

namespace hexagent::sim {

std::vector<std::vector<RunResult>> run_cell(const Cell& cell, const RunnerConfig& config) {
  const size_t seeds = config.seeds.size();
  const size_t total = config.policies.size() * seeds;
  std::vector<std::vector<RunResult>> results(config.policies.size(),
                                              std::vector<RunResult>(seeds));
  std::atomic<size_t> next{0};
  std::mutex guard;  // of `done`, `failure` and the progress callback
  size_t done = 0;
  std::exception_ptr failure;
  const auto work = [&] {
    for (;;) {
      const size_t task = next.fetch_add(1);
      if (task >= total) return;
      // Seeds in the outer loop: a slow policy does not end up alone on the last thread.
      const size_t seed = task / config.policies.size();
      const size_t policy = task % config.policies.size();
      try {
        Simulation simulation(cell.run(config.policies[policy], config.seeds[seed]));
        results[policy][seed] = simulation.run();
        results[policy][seed].policy = config.policies[policy];
      } catch (...) {
        const std::lock_guard<std::mutex> lock(guard);
        if (!failure) failure = std::current_exception();
        next.store(total);
      }
      const std::lock_guard<std::mutex> lock(guard);
      ++done;
      if (config.progress) config.progress(done, total);
    }
  };
  const size_t threads = std::clamp<size_t>(config.threads, 1, std::max<size_t>(total, 1));
  std::vector<std::thread> pool;
  for (size_t i = 1; i < threads; ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  if (failure) std::rethrow_exception(failure);
  return results;
}

}  // namespace hexagent::sim
