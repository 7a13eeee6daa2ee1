// `hexagent sustained`: the largest load at which each policy's Req95 is at most 2.5, on one cell.
#include "sim/study/sustained.h"

#include <cstdio>
#include <memory>
#include <stdexcept>

#include "sim/report/table.h"
#include "sim/study/parallel.h"
#include "tool/cell_options.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

struct SustainedOptions {
  CellOptions cell;
  sim::SustainedRule rule;
  std::string policies = "default,hexagent,llf-scaled";
};

void run_sustained(SustainedOptions* options) {
  options->cell.finish();
  const sim::Cell cell = sim::prepare_cell(options->cell.request);
  const std::vector<std::string> policies = split_list(options->policies);
  if (policies.empty()) throw std::invalid_argument("--policy names no policy");
  const std::vector<uint64_t> seeds = options->cell.seed_list();
  std::vector<sim::SustainedLoad> loads(policies.size() * seeds.size());
  sim::run_tasks(loads.size(), options->cell.threads, [&](size_t i) {
    loads[i] = sim::sustained_load(cell, policies[i / seeds.size()], seeds[i % seeds.size()],
                                   options->rule);
  });
  std::fputs(sim::sustained_table(sim::summarise_sustained(loads), options->rule.req95_max).c_str(),
             stdout);
}

}  // namespace

void add_sustained(CLI::App* app) {
  CLI::App* command = app->add_subcommand(
      "sustained", "Finds the largest load at which Req95 stays below a bound, by bisection");
  auto options = std::make_shared<SustainedOptions>();
  options->cell.add_to(command);
  command->add_option("--policy", options->policies, "Policies, the first against all others")
      ->capture_default_str();
  command->add_option("--req95-max", options->rule.req95_max, "Largest Req95 that counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->callback([options] { run_sustained(options.get()); });
}

}  // namespace hexagent::tool
