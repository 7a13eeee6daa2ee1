// Runs made by hand for tests of what is computed from them.
#pragma once

#include <string>
#include <vector>

#include "sim/study/result.h"

namespace hexagent::sim {

// A run whose measured workflows have these stretches, in the order of arrival. H is 2 s, arrivals
// are a second apart; every second workflow is of class b, the others of a.
inline RunResult made_run(const std::string& policy, uint64_t seed,
                          const std::vector<double>& stretches) {
  RunResult run;
  run.policy = policy;
  run.seed = seed;
  run.class_names = {"a", "b"};
  for (size_t i = 0; i < stretches.size(); ++i) {
    WorkflowRecord record;
    record.index = 10 + i;
    record.class_index = static_cast<uint32_t>(i % 2);
    record.arrival_s = static_cast<double>(i);
    record.horizon_s = 2.0;
    record.completion_s = 2.0 * stretches[i];
    record.measured = true;
    run.workflows.push_back(record);
  }
  return run;
}

}  // namespace hexagent::sim
