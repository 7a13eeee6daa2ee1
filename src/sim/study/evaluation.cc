// Evaluation: see evaluation.h.
#include "sim/study/evaluation.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "sim/bounds/bounds.h"
#include "sim/run/gateway.h"
#include "sim/study/parallel.h"
#include "sim/study/runner.h"
#include "sim/study/settle.h"
#include "sim/study/sustained.h"

namespace hexagent::sim {
namespace {

struct Task {
  size_t cell = 0;
  Unit unit;
  enum class Kind : uint8_t { kRun, kSustained, kBounds } kind = Kind::kRun;
  bool tuning = false;  // its seed chooses rivals
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
    for (const std::string& policy : policies) {
      tasks->push_back({index, {cell.name, policy, seed}, Task::Kind::kRun, tuning});
    }
  }
}

void add_bounds_units(const SuiteCell& cell, size_t index, std::vector<Task>* tasks) {
  for (size_t i = 0; i < std::min<size_t>(cell.bounds.seeds, cell.seeds.size()); ++i) {
    tasks->push_back({index, {cell.name, "bounds", cell.seeds[i]}, Task::Kind::kBounds});
  }
}

void add_sustained_units(const SuiteCell& cell, size_t index, std::vector<Task>* tasks) {
  for (size_t i = 0; i < std::min<size_t>(cell.sustained.seeds, cell.seeds.size()); ++i) {
    for (const std::string& policy : cell.sustained.policies) {
      tasks->push_back({index, {cell.name, policy, cell.seeds[i]}, Task::Kind::kSustained});
    }
  }
}

// True when the folder holds what the task would make.
bool is_there(const UnitStore& store, const Task& task) {
  RunResult run;
  SustainedLoad sustained;
  SeedBounds bounds;
  switch (task.kind) {
    case Task::Kind::kRun:
      return store.load(task.unit, &run);
    case Task::Kind::kSustained:
      return store.load(task.unit, &sustained);
    case Task::Kind::kBounds:
      break;
  }
  return store.load(task.unit, &bounds);
}

void make(const UnitStore& store, const Task& task, const Cell& cell, const SuiteCell& spec) {
  const Unit& unit = task.unit;
  switch (task.kind) {
    case Task::Kind::kRun:
      return store.save(unit, run_unit(cell, unit.policy, unit.seed));
    case Task::Kind::kSustained:
      return store.save(unit, sustained_load(cell, unit.policy, unit.seed, SustainedRule{}));
    case Task::Kind::kBounds:
      break;
  }
  store.save(unit, seed_bounds(cell, unit.seed, spec.bounds.effort));
}

// Calls that a unit simulates at least: what time it will take is roughly proportional.
double work_of(const CellInfo& info) {
  return (info.warmup_s * info.rate_per_s + info.workflows) * info.calls_mean;
}

// Runs that a unit is made of, as far as they are known before.
double runs_of(const Task& task, const SuiteCell& cell) {
  constexpr double kBisectionRuns = 8.0;
  if (task.kind == Task::Kind::kRun) return 1.0;
  if (task.kind == Task::Kind::kSustained) return kBisectionRuns;
  const ClairvoyantEffort& effort = cell.bounds.effort;
  const double schedules = 2.0 * static_cast<double>(effort.prices.size());
  const double deadlines = effort.deadlines_of_all ? schedules : 2.0;
  return schedules + 2.0 * deadlines * effort.bisections + 2.0 * effort.search_steps;
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

// The suite as the cell's test seeds run it or, while that is not settled, as they may: two of such
// a group at most.
Suite presumed(const Suite& suite, const SuiteCell& cell, const UnitStore& store) {
  if (std::optional<Suite> settled = settle(suite, cell, store)) return *settled;
  Suite guess = suite;
  for (PolicyGroup& group : guess.groups) {
    if (group.strongest_only && group.policies.size() > 2) group.policies.resize(2);
  }
  return guess;
}

// All but the tuning seeds of a cell; what takes longest first, so that no thread is left with it.
std::vector<Task> test_units(const Suite& suite, size_t cell, const UnitStore& store) {
  const SuiteCell& spec = suite.cells[cell];
  std::vector<Task> tasks;
  add_bounds_units(spec, cell, &tasks);
  add_sustained_units(spec, cell, &tasks);
  add_units(presumed(suite, spec, store), cell, spec.seeds, false, &tasks);
  return tasks;
}

std::vector<Task> all_units(const Suite& suite, size_t cell, const UnitStore& store) {
  std::vector<Task> tasks = test_units(suite, cell, store);
  add_units(suite, cell, suite.cells[cell].tuning_seeds, true, &tasks);
  return tasks;
}

double work_of(const Task& task, const Suite& suite, const std::vector<CellInfo>& infos) {
  return work_of(infos[task.cell]) * runs_of(task, suite.cells[task.cell]);
}

void run_units(const Suite& suite, const std::vector<CellInfo>& infos,
               const EvaluationOptions& options, const UnitStore& store,
               const std::vector<Task>& tasks, CellShelf* shelf, Tally* tally) {
  for (const Task& task : tasks) ++tally->left[task.cell];
  run_tasks(tasks.size(), options.threads, [&](size_t index) {
    const Task& task = tasks[index];
    try {
      make(store, task, *shelf->take(task.cell), suite.cells[task.cell]);
    } catch (const std::exception& error) {
      throw std::runtime_error(unit_text(task.unit) + ": " + error.what());
    }
    const std::lock_guard<std::mutex> lock(tally->guard);
    const bool last = --tally->left[task.cell] == 0;
    if (last) shelf->drop(task.cell);
    ++tally->progress.done;
    tally->progress.work_done += work_of(task, suite, infos);
    tally->progress.finished_cell = last && !task.tuning ? task.unit.cell : "";
    if (options.progress) options.progress(tally->progress);
  });
}

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
    if (reduction.seeds_max > 0)
      cell.bounds.seeds = std::min(cell.bounds.seeds, reduction.seeds_max);
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
  const UnitStore store(options.folder);
  const size_t cells = suite.cells.size();
  EvaluationOutcome outcome;
  Tally tally;
  tally.left.resize(cells);
  std::vector<size_t> counted(cells, 0);  // units that test seeds seem to need
  for (size_t cell = 0; cell < cells; ++cell) {
    counted[cell] = test_units(suite, cell, store).size();
    for (const Task& task : all_units(suite, cell, store)) {
      ++outcome.total;
      if (is_there(store, task)) {
        ++outcome.found;
      } else {
        tally.progress.work_total += work_of(task, suite, infos);
      }
    }
  }
  tally.progress.done = outcome.found;
  tally.progress.total = outcome.total;
  if (options.progress) options.progress(tally.progress);
  CellShelf shelf(suite);
  // A cell's tuning seeds run beside the test seeds of the cell before, which then are settled.
  for (size_t stage = 0; stage <= cells; ++stage) {
    std::vector<Task> tasks;
    if (stage > 0) {
      tasks = test_units(suite, stage - 1, store);
      outcome.total = outcome.total + tasks.size() - counted[stage - 1];
      tally.progress.total = outcome.total;
    }
    if (stage < cells) add_units(suite, stage, suite.cells[stage].tuning_seeds, true, &tasks);
    std::erase_if(tasks, [&](const Task& task) { return is_there(store, task); });
    const size_t missing = tasks.size();
    if (options.stop_after > 0) tasks.resize(std::min(missing, options.stop_after - outcome.run));
    run_units(suite, infos, options, store, tasks, &shelf, &tally);
    outcome.run += tasks.size();
    if (tasks.size() < missing) return outcome;
  }
  outcome.total = outcome.found + outcome.run;  // whatever was presumed of unsettled cells
  return outcome;
}

}  // namespace hexagent::sim
