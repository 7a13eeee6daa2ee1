// Evaluation: see evaluation.h.
#include "sim/study/evaluation.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "sim/run/gateway.h"
#include "sim/study/parallel.h"
#include "sim/study/runner.h"

namespace hexagent::sim {
namespace {

struct Task {
  size_t cell = 0;
  Unit unit;
};

// Cells made ready when their first unit begins and dropped after their last: a suite's traces
// together would not always fit.
class CellShelf {
 public:
  explicit CellShelf(const Suite& suite) : suite_(suite), places_(suite.cells.size()) {}

  std::shared_ptr<const Cell> take(size_t cell) {
    Place& place = places_[cell];
    const std::lock_guard<std::mutex> lock(place.guard);
    if (!place.cell) {
      place.cell = std::make_shared<const Cell>(prepare_cell(suite_.cells[cell].request));
    }
    return place.cell;
  }
  void drop(size_t cell) {
    Place& place = places_[cell];
    const std::lock_guard<std::mutex> lock(place.guard);
    place.cell.reset();
  }

 private:
  struct Place {
    std::mutex guard;
    std::shared_ptr<const Cell> cell;
  };
  const Suite& suite_;
  std::vector<Place> places_;
};

void add_units(const Suite& suite, size_t index, const std::vector<uint64_t>& seeds, bool tuning,
               std::vector<Task>* tasks) {
  const SuiteCell& cell = suite.cells[index];
  const std::vector<std::string> policies = policies_of(suite, cell, tuning);
  for (const uint64_t seed : seeds) {
    for (const std::string& policy : policies) tasks->push_back({index, {cell.name, policy, seed}});
  }
}

// Calls that a unit simulates at least: what time it will take is roughly proportional.
double work_of(const CellInfo& info) {
  return (info.warmup_s * info.rate_per_s + info.workflows) * info.calls_mean;
}

std::string unit_text(const Unit& unit) {
  return "cell " + unit.cell + ", policy " + unit.policy + ", seed " + std::to_string(unit.seed);
}

// What is shared by the threads of one evaluation.
struct Tally {
  std::mutex guard;
  EvaluationProgress progress;
  std::vector<size_t> left;  // by cell
};

}  // namespace

Suite select_cells(Suite suite, const std::vector<std::string>& names) {
  if (names.empty()) return suite;
  std::vector<SuiteCell> chosen;
  for (const std::string& name : names) {
    const auto found = std::find_if(suite.cells.begin(), suite.cells.end(),
                                    [&](const SuiteCell& cell) { return cell.name == name; });
    if (found == suite.cells.end()) {
      throw std::invalid_argument("suite " + suite.name + " has no cell " + name);
    }
    chosen.push_back(*found);
  }
  suite.cells = std::move(chosen);
  return suite;
}

Suite reduce(Suite suite, const Reduction& reduction) {
  for (SuiteCell& cell : suite.cells) {
    if (reduction.workflows_max > 0) {
      cell.request.workflows = std::min(cell.request.workflows, reduction.workflows_max);
    }
    for (std::vector<uint64_t>* seeds : {&cell.seeds, &cell.tuning_seeds}) {
      if (reduction.seeds_max > 0 && seeds->size() > reduction.seeds_max) {
        seeds->resize(reduction.seeds_max);
      }
    }
  }
  return suite;
}

std::vector<CellInfo> describe_cells(const Suite& suite, uint32_t threads) {
  std::vector<CellInfo> infos(suite.cells.size());
  run_tasks(suite.cells.size(), threads, [&](size_t index) {
    const SuiteCell& cell = suite.cells[index];
    try {
      infos[index] = describe_cell(prepare_cell(cell.request), cell.seeds);
      ArrivalProcess::parse(cell.request.arrivals);
      check_policy(split_policy(suite.subject).name, cell.request.settings);
    } catch (const std::exception& error) {
      throw std::runtime_error(suite.path + ": cell " + cell.name + ": " + error.what());
    }
  });
  return infos;
}

EvaluationOutcome run_evaluation(const Suite& suite, const std::vector<CellInfo>& infos,
                                 const EvaluationOptions& options) {
  std::vector<Task> tasks;
  for (size_t cell = 0; cell < suite.cells.size(); ++cell) {
    add_units(suite, cell, suite.cells[cell].tuning_seeds, true, &tasks);
    add_units(suite, cell, suite.cells[cell].seeds, false, &tasks);
  }
  EvaluationOutcome outcome;
  outcome.total = tasks.size();
  const UnitStore store(options.folder);
  std::erase_if(tasks, [&](const Task& task) {
    RunResult run;
    return store.load(task.unit, &run);
  });
  outcome.found = outcome.total - tasks.size();
  if (options.stop_after > 0 && tasks.size() > options.stop_after) {
    tasks.resize(options.stop_after);
  }
  Tally tally;
  tally.progress.done = outcome.found;
  tally.progress.total = outcome.total;
  tally.left.resize(suite.cells.size());
  for (const Task& task : tasks) {
    ++tally.left[task.cell];
    tally.progress.work_total += work_of(infos[task.cell]);
  }
  if (options.progress) options.progress(tally.progress);
  CellShelf shelf(suite);
  run_tasks(tasks.size(), options.threads, [&](size_t index) {
    const Task& task = tasks[index];
    try {
      store.save(task.unit, run_unit(*shelf.take(task.cell), task.unit.policy, task.unit.seed));
    } catch (const std::exception& error) {
      throw std::runtime_error(unit_text(task.unit) + ": " + error.what());
    }
    const std::lock_guard<std::mutex> lock(tally.guard);
    const bool last = --tally.left[task.cell] == 0;
    if (last) shelf.drop(task.cell);
    ++tally.progress.done;
    tally.progress.work_done += work_of(infos[task.cell]);
    tally.progress.finished_cell = last ? task.unit.cell : "";
    if (options.progress) options.progress(tally.progress);
  });
  outcome.run = tasks.size();
  return outcome;
}

}  // namespace hexagent::sim
