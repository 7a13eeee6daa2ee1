// The fluid bound: hand-worked instances, and that no policy is below it on a truth without jitter.
#include "sim/bounds/fluid.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/study/runner.h"
#include "sim/study/statistics.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::sim;  // NOLINT: a test of the whole

// H is 1 s, so that alpha is in seconds.
FluidWorkflow one(double arrival_s, double floor_s, double work_s, size_t resource = 0) {
  FluidWorkflow workflow;
  workflow.arrival_s = arrival_s;
  workflow.horizon_s = 1.0;
  workflow.floor_s = floor_s;
  workflow.work_s[resource] = work_s;
  return workflow;
}

void assert_alpha(const std::vector<FluidWorkflow>& workflows, double q, double wanted) {
  const double alpha = fluid_requirement(workflows, q);
  if (alpha > wanted || alpha < wanted * 0.998) fail_msg("%.5f is not %.5f", alpha, wanted);
}

void without_contention_the_floors_decide(void**) {
  assert_alpha({one(0, 0.5, 0), one(0, 0.7, 0)}, 1.0, 0.7);
  assert_alpha({one(0, 0.5, 0), one(0, 0.7, 0)}, 0.5, 0.5);
}

void work_due_together_has_to_fit(void**) {
  assert_alpha({one(0, 0.5, 2), one(0, 0.5, 2)}, 1.0, 4.0);
  assert_alpha({one(0, 0.5, 2, 3), one(0, 0.5, 2, 3)}, 1.0, 4.0);
}

void different_resources_do_not_add_up(void**) {
  assert_alpha({one(0, 0.5, 2, 0), one(0, 0.5, 2, 1)}, 1.0, 2.0);
}

void the_share_that_may_be_late_is_the_largest_work(void**) {
  assert_alpha({one(0, 0.5, 1), one(0, 0.5, 5)}, 0.5, 1.0);
}

void work_far_apart_does_not_add_up(void**) {
  assert_alpha({one(0, 0.5, 2), one(10, 0.5, 2)}, 1.0, 2.0);
}

// 3 s of work within 1 s of arrivals: the last is due at 1 + alpha.
void an_interval_may_begin_before_the_last_arrival(void**) {
  assert_alpha({one(0, 0.5, 1.5), one(1, 0.5, 1.5)}, 1.0, 2.0);
}

// A workflow that is late by its floor uses up the share of late ones.
void late_by_floor_counts_as_late(void**) {
  assert_alpha({one(0, 9.0, 5), one(0, 0.5, 3), one(0, 0.5, 3)}, 2.0 / 3.0, 6.0);
}

CellRequest strict_cell(double drain) {
  CellRequest request;
  request.traces = {std::string(HEXAGENT_TEST_DATA) + "/traces/multiagent_captain.jsonl.gz"};
  request.cluster = "small";
  request.cluster_lines = {"iteration_jitter 0"};
  request.load = drain > 0.0 ? 0.4 : 0.7;
  request.drain_factor = drain;
  request.workflows = 40;
  return request;
}

void assert_no_policy_below(double drain) {
  const Cell cell = prepare_cell(strict_cell(drain));
  for (const uint64_t seed : {1u, 2u}) {
    const FluidBound bound = *fluid_bound(cell, seed);
    assert_true(bound.req95 > 0.3);
    assert_true(bound.req99 >= bound.req95);
    for (const char* policy : {"default", "hexagent", "workflow-fcfs", "srpt/impact/window"}) {
      const std::vector<double> stretches = measured_stretches(run_unit(cell, policy, seed));
      assert_true(requirement(stretches, 0.95) >= bound.req95);
      assert_true(requirement(stretches, 0.99) >= bound.req99);
    }
  }
}

void no_policy_is_below_in_a_steady_cell(void**) { assert_no_policy_below(0.0); }

void no_policy_is_below_in_a_drain(void**) { assert_no_policy_below(3.0); }

struct Light {
  double bound = 0.0;
  double least = 0.0;  // that the default policy requires
};

// Links slow enough that transfers weigh, and so few workflows that floors decide.
Light light(const char* transfer) {
  CellRequest request = strict_cell(0.0);
  request.load = 0.1;
  request.cluster_lines.push_back("nic_gbit_per_s 25");
  request.cluster_lines.push_back(transfer);
  const Cell cell = prepare_cell(request);
  return {fluid_bound(cell, 1)->req95,
          requirement(measured_stretches(run_unit(cell, "default", 1)), 0.95)};
}

void floors_are_lower_where_layers_are_sent_early(void**) {
  const Light after = light("transfer after_prefill");
  const Light early = light("transfer layerwise");
  assert_true(early.bound < 0.99 * after.bound);
  assert_true(early.least >= early.bound && early.least < 1.7 * early.bound);
}

void every_workflow_is_above_its_floor(void**) {
  const Cell cell = prepare_cell(strict_cell(0.0));
  const std::vector<FluidWorkflow> workflows = fluid_workflows(cell, 1);
  const RunResult run = run_unit(cell, "default", 1);
  size_t at = 0;
  for (const WorkflowRecord& record : run.workflows) {
    if (!record.measured) continue;
    assert_true(at < workflows.size());
    assert_true(std::fabs(workflows[at].arrival_s - record.arrival_s) < 1e-6);
    assert_true(std::fabs(workflows[at].horizon_s - record.horizon_s) < 1e-9);
    assert_true(workflows[at].floor_s <= record.completion_s);
    ++at;
  }
  assert_int_equal(at, workflows.size());
}

void a_closed_loop_has_no_fluid_bound(void**) {
  CellRequest request = strict_cell(0.0);
  request.closed_loop = true;
  assert_false(fluid_bound(prepare_cell(request), 1).has_value());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(without_contention_the_floors_decide),
      cmocka_unit_test(work_due_together_has_to_fit),
      cmocka_unit_test(different_resources_do_not_add_up),
      cmocka_unit_test(the_share_that_may_be_late_is_the_largest_work),
      cmocka_unit_test(work_far_apart_does_not_add_up),
      cmocka_unit_test(an_interval_may_begin_before_the_last_arrival),
      cmocka_unit_test(late_by_floor_counts_as_late),
      cmocka_unit_test(no_policy_is_below_in_a_steady_cell),
      cmocka_unit_test(no_policy_is_below_in_a_drain),
      cmocka_unit_test(floors_are_lower_where_layers_are_sent_early),
      cmocka_unit_test(every_workflow_is_above_its_floor),
      cmocka_unit_test(a_closed_loop_has_no_fluid_bound),
  };
  return cmocka_run_group_tests_name("fluid bound", tests, nullptr, nullptr);
}
