// The commands of the `hexagent` tool. Each adds itself to the command line and runs when chosen;
// all report errors by throwing, main() prints them and sets the exit status.
#pragma once

#include <CLI/CLI.hpp>

namespace hexagent::tool {

void add_simulate(CLI::App* app);
void add_compare(CLI::App* app);
void add_evaluate(CLI::App* app);
void add_bound(CLI::App* app);
void add_sustained(CLI::App* app);
void add_validate(CLI::App* app);
void add_bench(CLI::App* app);
void add_policies(CLI::App* app);
void add_replay(CLI::App* app);
void add_trace(CLI::App* app);

// The benchmarks below `hexagent bench`.
void add_bench_ring(CLI::App* bench);
void add_bench_submit(CLI::App* bench);
void add_bench_poll(CLI::App* bench);
void add_bench_end_to_end(CLI::App* bench);
void add_bench_transport(CLI::App* bench);

}  // namespace hexagent::tool
