// Tests of requirements, bootstrap means, ratios and the mark of overload, by hand-made numbers.
#include "sim/study/statistics.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <limits>
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

double requirement_of_count(int count, double q) {
  std::vector<double> stretches;
  for (int i = count; i > 0; --i) stretches.push_back(i);
  return requirement(stretches, q);
}

void requirement_is_the_stretch_of_rank_ceil_q_n(void**) {
  assert_true(requirement_of_count(20, 0.95) == 19.0);
  assert_true(requirement_of_count(20, 0.99) == 20.0);
  assert_true(requirement_of_count(21, 0.95) == 20.0);  // ceil(19.95)
  assert_true(requirement_of_count(100, 0.95) == 95.0);
  assert_true(requirement_of_count(1, 0.5) == 1.0);
  assert_true(std::isinf(requirement_of_count(0, 0.5)));
}

Interval mean_of(const std::vector<double>& values) { return bootstrap_mean(values); }

void means_over_seeds_are_geometric_with_an_interval_within_the_values(void**) {
  const Interval two = mean_of({2.0, 8.0});
  assert_true(near(two.value, 4.0));
  assert_true(near(two.low, 2.0) && near(two.high, 8.0));
  const Interval one = mean_of({3.0});
  assert_true(near(one.value, 3.0) && one.low == one.value && one.high == one.value);
  assert_true(std::isinf(mean_of({1.0, kInf}).value));
}

std::vector<double> ratios_of(const std::vector<double>& subject, const std::vector<double>& rival,
                              double bound) {
  return seed_ratios(subject, rival, bound);
}

bool ratios_are(const std::vector<double>& subject, const std::vector<double>& rival, double bound,
                const std::vector<double>& wanted) {
  return ratios_of(subject, rival, bound) == wanted;
}

void a_rival_without_a_finite_req_counts_as_its_bound_and_no_more_than_a_tie(void**) {
  assert_true(ratios_are({1.0, 3.0}, {2.0, 2.0}, 0.0, {0.5, 1.5}));
  assert_true(ratios_are({1.0, 2.0}, {kInf, 4.0}, 5.0, {0.2, 0.5}));
  assert_true(ratios_are({7.0}, {kInf}, 5.0, {1.0}));
  assert_true(ratios_are({1.0, 2.0}, {kInf, 4.0}, 0.0, {0.5}));   // no bound: says nothing
  assert_true(ratios_are({kInf, 2.0}, {kInf, 4.0}, 5.0, {0.5}));  // both: says nothing
  assert_true(ratios_are({kInf}, {4.0}, 5.0, {kInf}));
}

struct OverCells {
  Interval even;
  Interval spread;
  bool none = false;
  bool infinite = false;
};

OverCells over_cells() {
  OverCells result;
  result.even = bootstrap_cells({{0.5, 0.5}, {0.5}, {}});
  // Cell means 1 and 4; a resample of cells gives 1, 2 or 4.
  result.spread = bootstrap_cells({{0.5, 2.0}, {4.0, 4.0}});
  result.none = std::isnan(bootstrap_cells({{}, {}}).value);
  result.infinite = std::isinf(bootstrap_cells({{1.0}, {kInf}}).value);
  return result;
}

void means_over_cells_weigh_cells_alike_and_draw_cells_then_seeds(void**) {
  const OverCells result = over_cells();
  assert_true(near(result.even.value, 0.5) && near(result.even.low, 0.5));
  assert_true(near(result.spread.value, 2.0));
  // The first cell twice with 0.5 alone is 1 in 64 resamples, below the 2.5 % that are cut off;
  // next comes 0.5 beside 1.
  assert_true(near(result.spread.low, std::sqrt(0.5)) && near(result.spread.high, 4.0));
  assert_true(result.none);
  assert_true(result.infinite);
}

PolicySummary summary_of(const std::vector<std::vector<double>>& seeds) {
  std::vector<RunResult> runs;
  for (const std::vector<double>& stretches : seeds) runs.push_back(made_run("p", 1, stretches));
  return summarise({}, {runs}).policies.front();
}

struct Growth {
  double value = 0.0;
  bool overload = false;
};

Growth growth_of(const std::vector<std::vector<double>>& seeds) {
  const PolicySummary summary = summary_of(seeds);
  return {summary.growth, summary.overload};
}

void growth_is_that_of_the_last_third_over_seeds(void**) {
  // Thirds of two: Req95 is the larger of the two.
  const Growth grown = growth_of({{1, 2, 9, 9, 1, 3}, {1, 2, 9, 9, 3, 1}});
  assert_true(near(grown.value, 1.5) && grown.overload);
  const Growth one_seed_alone = growth_of({{1, 2, 9, 9, 1, 3}, {1, 2, 9, 9, 1, 2}});
  assert_true(near(one_seed_alone.value, std::sqrt(1.5)) && !one_seed_alone.overload);
  assert_true(growth_of({{1, 2, 9, 9, kInf, 3}}).overload);
}

struct Whole {
  double req95 = 0.0;
  double mean = 0.0;
  double p50 = 0.0;
  double max = 0.0;
  double jain = 0.0;
  double class_a = 0.0;
  double class_b = 0.0;
};

Whole whole() {
  PolicySummary summary = summary_of({{1, 2, 3, 4}});
  return {summary.req95.value,
          summary.mean,
          summary.p50,
          summary.max,
          summary.jain,
          summary.class_req95["a"],
          summary.class_req95["b"]};
}

void a_summary_holds_what_its_stretches_say(void**) {
  const Whole result = whole();
  assert_true(near(result.req95, 4.0) && near(result.mean, 2.5) && near(result.p50, 2.0));
  assert_true(near(result.max, 4.0));
  assert_true(near(result.jain, 100.0 / (4.0 * 30.0)));  // (1+2+3+4)^2 / (4 (1+4+9+16))
  assert_true(near(result.class_a, 3.0) && near(result.class_b, 4.0));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(requirement_is_the_stretch_of_rank_ceil_q_n),
      cmocka_unit_test(means_over_seeds_are_geometric_with_an_interval_within_the_values),
      cmocka_unit_test(a_rival_without_a_finite_req_counts_as_its_bound_and_no_more_than_a_tie),
      cmocka_unit_test(means_over_cells_weigh_cells_alike_and_draw_cells_then_seeds),
      cmocka_unit_test(growth_is_that_of_the_last_third_over_seeds),
      cmocka_unit_test(a_summary_holds_what_its_stretches_say),
  };
  return cmocka_run_group_tests_name("statistics", tests, nullptr, nullptr);
}
