// `hexagent bound`: the bounds of EXPERIMENTS section 6 on one cell, seed by seed, with what was
// tried to get there.
#include <cstdio>
#include <memory>

#include "sim/bounds/clairvoyant.h"
#include "sim/bounds/fluid.h"
#include "tool/cell_options.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

struct BoundOptions {
  CellOptions cell;
  sim::ClairvoyantEffort effort;
  bool quick = false;
};

void run_bound(BoundOptions* options) {
  options->cell.finish();
  options->effort.deadlines_of_all = !options->quick;
  const sim::Cell cell = sim::prepare_cell(options->cell.request);
  for (const uint64_t seed : options->cell.seed_list()) {
    const sim::ClairvoyantBound bound = sim::clairvoyant_bound(
        cell, seed, options->effort,
        [](const sim::ClairvoyantSchedule& schedule, const sim::Attained& attained) {
          std::printf("  %-28s Req95 %.4f  Req99 %.4f\n", sim::describe_schedule(schedule).c_str(),
                      attained.req95, attained.req99);
        });
    std::printf("seed %llu: C1 %.4f/%.4f (%s, %s), C2 %.4f/%.4f, %u runs\n",
                static_cast<unsigned long long>(seed), bound.c1.req95, bound.c1.req99,
                bound.schedule95.c_str(), bound.schedule99.c_str(), bound.c2.req95, bound.c2.req99,
                bound.runs);
    if (const auto fluid = sim::fluid_bound(cell, seed)) {
      std::printf("  fluid %.4f/%.4f\n", fluid->req95, fluid->req99);
    }
  }
}

}  // namespace

void add_bound(CLI::App* app) {
  CLI::App* command =
      app->add_subcommand("bound", "Bounds on what any policy could reach on one simulated cell");
  auto options = std::make_shared<BoundOptions>();
  options->cell.seeds = 1;
  options->cell.add_to(command);
  command
      ->add_option("--search", options->effort.search_steps,
                   "Steps of each order-perturbation search; the full bound has 5000")
      ->capture_default_str();
  command->add_option("--bisections", options->effort.bisections, "Of the deadline of EDF")
      ->capture_default_str();
  command->add_flag("--quick", options->quick,
                    "EDF with the best dispatch and price of final stretch alone");
  command->callback([options] { run_bound(options.get()); });
}

}  // namespace hexagent::tool
