// Tests of the numbers of an evaluation from runs made by hand: kinds of cells, the strongest
// rival, ratios, means over cells, losses.
#include "sim/study/aggregate.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "made_run.h"

namespace {

using namespace hexagent::sim;  // NOLINT: all of one header

constexpr double kInf = std::numeric_limits<double>::infinity();

bool near(double left, double right) { return std::abs(left - right) < 1e-12 * std::abs(right); }

// The subject, two rivals in one group, one of them alone in another, and a switch.
Suite suite() {
  Suite result;
  result.name = "made";
  result.subject = "S";
  result.groups = {{"both", "", {"A", "B"}}, {"alone", "", {"B"}}};
  result.ablations = {{"switch", "S@x=0"}};
  return result;
}

SuiteCell spec(const char* name) {
  SuiteCell cell;
  cell.name = name;
  cell.seeds = {101, 102};
  cell.groups = {"both", "alone", kAblationGroup};
  return cell;
}

CellInfo info(double load, double drain, double bound) {
  CellInfo result;
  result.load = load;
  result.drain_factor = drain;
  result.give_up_stretch = bound;
  result.seeds = {101, 102};
  return result;
}

// Two seeds in which all workflows but the one that Req99 is have stretch `q95`.
std::vector<RunResult> runs_of(const char* policy, double q95_first, double q95_second,
                               double q99_factor = 1.0) {
  std::vector<RunResult> runs;
  uint64_t seed = 101;
  for (const double q95 : {q95_first, q95_second}) {
    std::vector<double> stretches(30, q95);
    stretches[15] = q95 * q99_factor;  // one of 30: above the 95th, the 99th itself
    runs.push_back(made_run(policy, seed++, stretches));
  }
  return runs;
}

CellResult made_cell(const char* name, const CellInfo& of) {
  return aggregate_cell(suite(), spec(name), of,
                        {runs_of("S", 1.0, 2.0, 3.0), runs_of("A", 2.0, 2.0),
                         runs_of("B", 1.0, 1.0), runs_of("S@x=0", 2.0, 4.0, 3.0)},
                        {});
}

struct Cell {
  double s95 = 0.0;
  double s99 = 0.0;
  double over_a95 = 0.0;
  double over_a99 = 0.0;
  double low = 0.0;
  double high = 0.0;
  double over_switch = 0.0;
  size_t strongest_of_both = 9;
  bool tuned = true;
};

Cell cell_numbers() {
  const CellResult cell = made_cell("c", info(0.85, 0.0, 0.0));
  return {cell.comparison.policies[0].req95.value,
          cell.comparison.policies[0].req99.value,
          cell.rivals[0].req95.ratio.value,
          cell.rivals[0].req99.ratio.value,
          cell.rivals[0].req95.ratio.low,
          cell.rivals[0].req95.ratio.high,
          cell.rivals[2].req95.ratio.value,
          cell.groups[0].strongest95,
          cell.tuned};
}

void a_cell_has_requirements_and_paired_ratios(void**) {
  const Cell cell = cell_numbers();
  assert_true(near(cell.s95, std::sqrt(2.0)));       // 1 and 2
  assert_true(near(cell.s99, std::sqrt(18.0)));      // 3 and 6
  assert_true(near(cell.over_a95, std::sqrt(0.5)));  // 1/2 and 2/2
  assert_true(near(cell.over_a99, std::sqrt(4.5)));  // 3/2 and 6/2
  assert_true(near(cell.low, 0.5) && near(cell.high, 1.0));
  assert_true(near(cell.over_switch, 0.5));
  assert_int_equal(cell.strongest_of_both, 1);  // B, by the test seeds
  assert_false(cell.tuned);
}

size_t strongest_when_tuned(bool q99) {
  // On tuning seeds A has the lower Req95, B the lower Req99.
  const CellResult cell = aggregate_cell(suite(), spec("c"), info(0.85, 0.0, 0.0),
                                         {runs_of("S", 1.0, 1.0), runs_of("A", 2.0, 2.0),
                                          runs_of("B", 1.0, 1.0), runs_of("S@x=0", 1.0, 1.0)},
                                         {runs_of("A", 1.0, 1.0, 9.0), runs_of("B", 1.5, 1.5)});
  return q99 ? cell.groups[0].strongest99 : cell.groups[0].strongest95;
}

void the_strongest_rival_is_chosen_on_tuning_seeds_for_each_quantile(void**) {
  assert_int_equal(strongest_when_tuned(false), 0);
  assert_int_equal(strongest_when_tuned(true), 1);
}

CellKind kind_of(double load, double drain, double late_factor) {
  std::vector<double> stretches(30, 1.0);
  for (size_t i = 20; i < 30; ++i) stretches[i] = late_factor;
  const std::vector<RunResult> subject = {made_run("S", 101, stretches)};
  const CellResult cell = aggregate_cell(
      suite(), spec("c"), info(load, drain, 0.0),
      {subject, runs_of("A", 1.0, 1.0), runs_of("B", 1.0, 1.0), runs_of("S@x=0", 1.0, 1.0)}, {});
  return cell.kind;
}

void cells_are_of_the_kind_that_load_and_growth_say(void**) {
  assert_true(kind_of(0.7, 0.0, 1.2) == CellKind::kLight);
  assert_true(kind_of(0.85, 0.0, 1.2) == CellKind::kLoaded);
  assert_true(kind_of(0.7, 0.0, 1.3) == CellKind::kOverload);
  assert_true(kind_of(0.85, 2.5, 9.0) == CellKind::kDrain);
}

struct Stopped {
  double ratio = 0.0;
  bool bounded = false;
  bool silent_without_bound = false;
};

Stopped stopped_rival() {
  const auto with = [](double bound) {
    return aggregate_cell(suite(), spec("c"), info(0.85, 0.0, bound),
                          {runs_of("S", 1.0, 1.0), runs_of("A", kInf, kInf), runs_of("B", 1.0, 1.0),
                           runs_of("S@x=0", 1.0, 1.0)},
                          {});
  };
  const PairedRatio pair = with(5.0).rivals[0].req95;
  return {pair.ratio.value, pair.bounded, std::isnan(with(0.0).rivals[0].req95.ratio.value)};
}

void a_rival_that_was_stopped_counts_with_its_bound(void**) {
  const Stopped stopped = stopped_rival();
  assert_true(near(stopped.ratio, 0.2));
  assert_true(stopped.bounded);
  assert_true(stopped.silent_without_bound);
}

struct Means {
  size_t rows = 0;
  double loaded_both = 0.0;
  size_t loaded_cells = 0;
  double drain_alone = 0.0;
  double switched = 0.0;
  size_t losses = 0;
  char first_loss[64] = {};
};

Means means() {
  Evaluation evaluation;
  evaluation.suite = suite();
  evaluation.cells.push_back(made_cell("one", info(0.85, 0.0, 0.0)));
  // Loses to B by half in both seeds, and to A in none.
  evaluation.cells.push_back(aggregate_cell(suite(), spec("two"), info(0.95, 0.0, 0.0),
                                            {runs_of("S", 1.5, 1.5), runs_of("A", 3.0, 3.0),
                                             runs_of("B", 1.0, 1.0), runs_of("S@x=0", 1.5, 1.5)},
                                            {}));
  evaluation.cells.push_back(made_cell("three", info(0.85, 2.5, 0.0)));
  add_summaries(&evaluation);
  Means result;
  result.rows = evaluation.summaries.size();
  for (const Summary& row : evaluation.summaries) {
    if (row.is_group && row.of == "both" && row.kind == CellKind::kLoaded) {
      result.loaded_both = row.ratio95.value;
      result.loaded_cells = row.cells;
    }
    if (!row.is_group && row.of == "A" && row.kind == CellKind::kDrain) {
      result.drain_alone = row.ratio95.value;
    }
  }
  result.switched = evaluation.ablations.front().ratio95.value;
  result.losses = evaluation.losses.size();
  if (!evaluation.losses.empty()) {
    const Loss& loss = evaluation.losses.front();
    std::snprintf(result.first_loss, sizeof result.first_loss, "%s %s %d", loss.cell.c_str(),
                  loss.policy.c_str(), loss.percent);
  }
  return result;
}

void means_are_over_cells_of_one_kind_and_losses_come_largest_first(void**) {
  const Means result = means();
  assert_int_equal(result.rows, 8);  // two groups and two rivals, loaded and drain
  assert_int_equal(result.loaded_cells, 2);
  // Against B: sqrt(2) in cell one, 1.5 in cell two.
  assert_true(near(result.loaded_both, std::sqrt(std::sqrt(2.0) * 1.5)));
  assert_true(near(result.drain_alone, std::sqrt(0.5)));
  assert_true(near(result.switched, std::sqrt(0.5)));  // 1/2 in one, 1 in two
  // Req99 of cells one and three against A and B, of cell two Req95 and Req99 against B.
  assert_int_equal(result.losses, 6);
  assert_string_equal(result.first_loss, "one B 99");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_cell_has_requirements_and_paired_ratios),
      cmocka_unit_test(the_strongest_rival_is_chosen_on_tuning_seeds_for_each_quantile),
      cmocka_unit_test(cells_are_of_the_kind_that_load_and_growth_say),
      cmocka_unit_test(a_rival_that_was_stopped_counts_with_its_bound),
      cmocka_unit_test(means_are_over_cells_of_one_kind_and_losses_come_largest_first),
  };
  return cmocka_run_group_tests_name("aggregate", tests, nullptr, nullptr);
}
