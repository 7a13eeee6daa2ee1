// `hexagent compare` and `hexagent simulate`: policies on one cell, as table, JSON, CSV and SVG.
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "sim/bounds/bounds.h"
#include "sim/report/json.h"
#include "sim/report/progress.h"
#include "sim/report/svg.h"
#include "sim/report/table.h"
#include "sim/study/parallel.h"
#include "sim/study/runner.h"
#include "sim/study/statistics.h"
#include "tool/cell_options.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

struct CompareOptions {
  CellOptions cell;
  sim::ClairvoyantEffort effort;
  bool bounds = false;
  std::string policies =
      "default,hexagent,workflow-fcfs-scaled,llf-scaled,atlas-scaled,fcfs-scaled";
  std::string json;
  std::string csv;
  std::string workflows_csv;
  std::string svg;
};

void write_file(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error(path + ": cannot be written");
}

// A wrong path is told before the hours that a simulation can take, not after them.
void check_writable(const std::string& path) {
  if (path.empty()) return;
  const std::ofstream file(path, std::ios::binary | std::ios::app);
  if (!file) throw std::runtime_error(path + ": cannot be written");
}

std::vector<sim::SeedBounds> compute_bounds(const sim::Cell& cell,
                                            const std::vector<uint64_t>& seeds,
                                            const CompareOptions& options) {
  std::vector<sim::SeedBounds> bounds(seeds.size());
  sim::run_tasks(seeds.size(), options.cell.threads,
                 [&](size_t i) { bounds[i] = sim::seed_bounds(cell, seeds[i], options.effort); });
  return bounds;
}

void run_compare(CompareOptions* options) {
  options->cell.finish();
  const sim::Cell cell = sim::prepare_cell(options->cell.request);
  sim::RunnerConfig config;
  config.policies = split_list(options->policies);
  if (config.policies.empty()) throw std::invalid_argument("--policy names no policy");
  for (const std::string* path :
       {&options->json, &options->csv, &options->workflows_csv, &options->svg}) {
    check_writable(*path);
  }
  config.seeds = options->cell.seed_list();
  config.threads = options->cell.threads;
  sim::Progress progress("simulating");
  config.progress = [&](size_t done, size_t total) { progress.update(done, total); };
  const auto results = sim::run_cell(cell, config);
  progress.finish();
  sim::Comparison comparison = sim::summarise(sim::describe_cell(cell, config.seeds), results);
  if (options->bounds) {
    sim::add_bounds(compute_bounds(cell, config.seeds, *options), &comparison);
  }
  std::fputs(sim::comparison_table(comparison).c_str(), stdout);
  std::fputs(sim::bounds_table(comparison).c_str(), stdout);
  write_file(options->json, sim::comparison_json(comparison));
  write_file(options->csv, sim::comparison_csv(comparison));
  write_file(options->workflows_csv, sim::workflows_csv(results));
  write_file(options->svg, sim::attainment_svg(comparison, results));
}

void add_outputs(CLI::App* command, CompareOptions* options) {
  command->add_option("--json", options->json, "Write the result as JSON");
  command->add_option("--csv", options->csv, "Write one row a policy");
  command->add_option("--workflows-csv", options->workflows_csv, "Write one row a workflow");
  command->add_option("--svg", options->svg, "Write the attainment plot");
}

}  // namespace

void add_compare(CLI::App* app) {
  CLI::App* command = app->add_subcommand("compare", "Compares policies on one simulated cell");
  auto options = std::make_shared<CompareOptions>();
  options->cell.add_to(command);
  command
      ->add_option(
          "--policy", options->policies,
          "Policies, the first against all others; a policy may carry settings of its own: "
          "name@key=value")
      ->capture_default_str();
  command->add_flag("--bounds", options->bounds,
                    "Compute the clairvoyant and the fluid bound of every seed as well (slow)");
  command
      ->add_option("--bound-search", options->effort.search_steps,
                   "Steps of each order-perturbation search; the full bound has 5000")
      ->capture_default_str();
  add_outputs(command, options.get());
  command->callback([options] { run_compare(options.get()); });
}

void add_simulate(CLI::App* app) {
  CLI::App* command = app->add_subcommand("simulate", "Runs one policy on one simulated cell");
  auto options = std::make_shared<CompareOptions>();
  options->policies = "default";
  options->cell.seeds = 1;
  options->cell.add_to(command);
  command->add_option("--policy", options->policies, "Policy")->capture_default_str();
  add_outputs(command, options.get());
  command->callback([options] { run_compare(options.get()); });
}

}  // namespace hexagent::tool
