// Bounds of a seed: records, what they say of policies, and the clairvoyant runs behind them.
#include "sim/bounds/bounds.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/input_error.h"
#include "sim/run/simulation.h"
#include "sim/study/statistics.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::sim;  // NOLINT: a test of the whole

SeedBounds made(uint64_t seed, double c1, double fluid) {
  SeedBounds bounds;
  bounds.seed = seed;
  bounds.c1_95 = c1;
  bounds.c1_99 = 1.5 * c1;
  bounds.c2_95 = bounds.c2_99 = c1;
  bounds.fluid_95 = bounds.fluid_99 = fluid;
  bounds.schedule95 = "stretch/window/3";
  bounds.schedule99 = "edf:1.500/at_ready/0";
  bounds.search_steps = 7;
  bounds.runs = 30;
  return bounds;
}

void a_record_reads_back_as_itself(void**) {
  SeedBounds bounds = made(101, 1.25, 0.0);
  bounds.c2_99 = INFINITY;
  const std::string text = bounds_text(bounds);
  assert_string_equal(bounds_text(parse_bounds(text, "x")).c_str(), text.c_str());
}

void a_record_cut_anywhere_is_refused(void**) {
  const std::string text = bounds_text(made(101, 1.25, 1.1));
  for (size_t size = 0; size < text.size(); ++size) {
    bool refused = false;
    try {
      parse_bounds(text.substr(0, size), "x");
    } catch (const InputError&) {
      refused = true;
    }
    assert_true(refused);
  }
}

// Seeds 1 and 3 have bounds 1 and 2; Req95 there is 2 and 4: twice the bound on both.
void policies_are_set_against_the_bounds_of_their_seeds(void**) {
  Comparison comparison;
  comparison.cell.seeds = {1, 2, 3};
  comparison.policies.resize(1);
  comparison.policies[0].seed_req95 = {2.0, 100.0, 4.0};
  comparison.policies[0].seed_req99 = {1.5, 100.0, 3.0};
  add_bounds({made(1, 1.0, 0.5), made(3, 2.0, 0.0)}, &comparison);
  const PolicySummary& policy = comparison.policies[0];
  assert_true(std::fabs(policy.over_c1_95.value - 2.0) < 1e-12);
  assert_true(std::fabs(policy.over_c1_99.value - 1.0) < 1e-12);
  assert_true(std::fabs(policy.over_fluid_95.value - 4.0) < 1e-12);
}

Cell captain_cell() {
  CellRequest request;
  request.traces = {std::string(HEXAGENT_TEST_DATA) + "/traces/multiagent_captain.jsonl.gz"};
  request.cluster = "small";
  request.load = 0.6;
  request.workflows = 30;
  return prepare_cell(request);
}

// Every measured workflow ends, under both orders, and they are those of any other policy.
void clairvoyant_runs_serve_the_same_workflows(void**) {
  const Cell cell = captain_cell();
  Simulation plain(cell.run("default", 1));
  const RunResult wanted = plain.run();
  for (const auto order : {Clairvoyance::Order::kFinalStretch, Clairvoyance::Order::kDeadline}) {
    Simulation told(clairvoyant_run(cell, {order, true, 3.0, 1.5}, 1));
    const RunResult run = told.run();
    assert_int_equal(run.unfinished, 0);
    size_t at = 0;
    for (const WorkflowRecord& record : run.workflows) {
      if (!record.measured) continue;
      while (at < wanted.workflows.size() && wanted.workflows[at].index < record.index) ++at;
      assert_true(at < wanted.workflows.size());
      assert_true(wanted.workflows[at].arrival_s == record.arrival_s);
      assert_true(wanted.workflows[at].horizon_s == record.horizon_s);
    }
  }
}

void the_search_never_makes_the_bound_worse(void**) {
  const Cell cell = captain_cell();
  ClairvoyantEffort effort;
  effort.prices = {1.0};
  effort.bisections = 1;
  const ClairvoyantBound without = clairvoyant_bound(cell, 1, effort);
  effort.search_steps = 6;
  const ClairvoyantBound with = clairvoyant_bound(cell, 1, effort);
  assert_true(with.c1.req95 <= without.c1.req95 && with.c1.req99 <= without.c1.req99);
  assert_true(with.c2.req95 <= with.c1.req95 && with.c2.req99 <= with.c1.req99);
  assert_true(without.c2.req95 == without.c1.req95);
  assert_int_equal(with.runs, without.runs + 12);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_record_reads_back_as_itself),
      cmocka_unit_test(a_record_cut_anywhere_is_refused),
      cmocka_unit_test(policies_are_set_against_the_bounds_of_their_seeds),
      cmocka_unit_test(clairvoyant_runs_serve_the_same_workflows),
      cmocka_unit_test(the_search_never_makes_the_bound_worse),
  };
  return cmocka_run_group_tests_name("bounds", tests, nullptr, nullptr);
}
