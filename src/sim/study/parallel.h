// A pool of threads over independent tasks. Covered by tests/sim/simulation_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace hexagent::sim {

// Runs task(0) to task(count - 1), begun in that order, on `threads` threads (at least one, the
// caller's among them) and returns when all have ended. After an exception no further task begins;
// the first one is thrown on.
void run_tasks(size_t count, uint32_t threads, const std::function<void(size_t)>& task);

}  // namespace hexagent::sim
