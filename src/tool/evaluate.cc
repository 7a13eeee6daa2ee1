// `hexagent evaluate`: a whole suite of cells, kept as records that a later run goes on from, and
// the report made of them.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "sim/report/evaluation_json.h"
#include "sim/report/html_report.h"
#include "sim/report/progress.h"
#include "sim/study/aggregate.h"
#include "sim/study/evaluation.h"
#include "tool/cell_options.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

struct EvaluateOptions {
  std::string suite;
  std::string out;
  std::string cells;
  sim::Reduction reduction;
  size_t stop_after = 0;
  uint32_t threads = 0;
  bool list = false;
  bool report_only = false;
};

// The command as it can be given again; what changes no number (threads) is left out.
std::string command_text(const EvaluateOptions& options) {
  std::string text = "hexagent evaluate --suite " + options.suite + " --out " + options.out;
  if (!options.cells.empty()) text += " --cells " + options.cells;
  if (options.reduction.workflows_max > 0) {
    text += " --workflows-max " + std::to_string(options.reduction.workflows_max);
  }
  if (options.reduction.seeds_max > 0) {
    text += " --seeds-max " + std::to_string(options.reduction.seeds_max);
  }
  return text;
}

void print_list(const sim::Suite& suite, const std::vector<sim::CellInfo>& infos) {
  size_t all = 0;
  for (size_t i = 0; i < suite.cells.size(); ++i) {
    const sim::SuiteCell& cell = suite.cells[i];
    const sim::CellInfo& info = infos[i];
    const size_t runs = sim::policies_of(suite, cell, false).size() * cell.seeds.size() +
                        sim::policies_of(suite, cell, true).size() * cell.tuning_seeds.size();
    all += runs;
    std::printf("%s: %zu runs of %u workflows, %s %g of lambda* = %.4g/s (%s-bound)\n    %s\n",
                cell.name.c_str(), runs, info.workflows, info.drain_factor > 0.0 ? "drain" : "load",
                info.drain_factor > 0.0 ? info.drain_factor : info.load, info.lambda_star,
                info.binding_resource.c_str(), cell.why.c_str());
  }
  std::printf("%s: %zu cells, %zu runs\n", suite.name.c_str(), suite.cells.size(), all);
}

void print_summary(const sim::Evaluation& evaluation) {
  std::printf("simulated: %s over rival, geometric mean over cells\n",
              evaluation.suite.subject.c_str());
  for (const sim::Summary& row : evaluation.summaries) {
    if (!row.is_group) continue;
    std::printf("%-12s %-8s %3zu cells  Req95 %.3f [%.3f, %.3f]  Req99 %.3f [%.3f, %.3f]\n",
                row.of.c_str(), sim::name_of(row.kind), row.cells, row.ratio95.value,
                row.ratio95.low, row.ratio95.high, row.ratio99.value, row.ratio99.low,
                row.ratio99.high);
  }
  std::printf("lost with the whole interval: %zu pairs of cell, rival and quantile\n",
              evaluation.losses.size());
  for (const sim::Loss& loss : evaluation.losses) {
    std::printf("  %s Req%d against %s: %.3f [%.3f, %.3f]\n", loss.cell.c_str(), loss.percent,
                loss.policy.c_str(), loss.ratio.value, loss.ratio.low, loss.ratio.high);
  }
}

void write_report(const sim::Suite& suite, const std::vector<sim::CellInfo>& infos,
                  const sim::Manifest& manifest, const std::string& folder) {
  std::map<std::string, std::string> plots;
  const sim::Evaluation evaluation = sim::aggregate(
      suite, infos, folder,
      [&](const sim::CellResult& cell, const std::vector<std::vector<sim::RunResult>>& runs) {
        plots[cell.spec.name] = sim::cell_plot(cell, runs);
      });
  sim::write_whole_file(folder + "/results.json", sim::evaluation_json(evaluation, manifest));
  sim::write_whole_file(folder + "/results.csv", sim::evaluation_csv(evaluation));
  sim::write_whole_file(folder + "/timing.csv", sim::timing_csv(evaluation));
  sim::write_whole_file(folder + "/report.html", sim::evaluation_html(evaluation, manifest, plots));
  print_summary(evaluation);
  std::printf("%s/report.html\n", folder.c_str());
}

void run_evaluate(const EvaluateOptions& options) {
  const sim::Suite whole = sim::load_suite(sim::find_suite_file(options.suite));
  const sim::Suite suite =
      sim::reduce(sim::select_cells(whole, split_list(options.cells)), options.reduction);
  if (options.out.empty() && !options.list) throw std::invalid_argument("--out is required");
  const uint32_t threads =
      options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  const std::vector<sim::CellInfo> infos = sim::describe_cells(suite, threads);
  if (options.list) return print_list(suite, infos);
  const sim::Manifest manifest =
      sim::make_manifest(whole, options.reduction, command_text(options));
  sim::settle_manifest(options.out, manifest);
  if (options.report_only) return write_report(suite, infos, manifest, options.out);
  sim::Progress progress(suite.name, sim::Progress::Elsewhere::kLines);
  sim::EvaluationOptions run;
  run.folder = options.out;
  run.threads = threads;
  run.stop_after = options.stop_after;
  run.progress = [&](const sim::EvaluationProgress& now) {
    const double share = now.work_total > 0.0 ? now.work_done / now.work_total : 1.0;
    progress.update(now.done, now.total, share,
                    now.finished_cell.empty() ? "" : now.finished_cell + " done");
  };
  const sim::EvaluationOutcome outcome = sim::run_evaluation(suite, infos, run);
  progress.finish();
  if (!outcome.complete()) {
    std::printf(
        "%zu of %zu runs are done; the same command goes on, --report shows what is whole\n",
        outcome.found + outcome.run, outcome.total);
    return;
  }
  write_report(suite, infos, manifest, options.out);
}

}  // namespace

void add_evaluate(CLI::App* app) {
  CLI::App* command = app->add_subcommand(
      "evaluate", "Runs a suite of cells and writes its report; goes on where it was stopped");
  auto options = std::make_shared<EvaluateOptions>();
  command->add_option("--suite", options->suite, "smoke, paper, full, ablation, or a suite file")
      ->required();
  command->add_option("--out", options->out, "Folder of records and report");
  command->add_option("--cells", options->cells, "Only these cells, by name, commas between");
  command
      ->add_option("--workflows-max", options->reduction.workflows_max,
                   "For a quick look: at most so many workflows a run; 0 = as the suite says")
      ->capture_default_str();
  command
      ->add_option("--seeds-max", options->reduction.seeds_max,
                   "For a quick look: at most so many seeds a cell; 0 = as the suite says")
      ->capture_default_str();
  command
      ->add_option("--stop-after", options->stop_after,
                   "Stop after so many runs; the same command goes on; 0 = run all")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Runs at a time; 0 = one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_flag("--report", options->report_only,
                    "Run nothing; report on the cells whose runs are all there");
  command->add_flag("--list", options->list, "List the cells and why each is there, run nothing");
  command->callback([options] { run_evaluate(*options); });
}

}  // namespace hexagent::tool
