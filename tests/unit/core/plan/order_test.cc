// Every order, against values worked out by hand. A larger key is more urgent.
#include "unit/core/plan/order_key.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

// Arrived at 100 s, 10 s alone, of which 4 s remain.
Workflow workflow() {
  Workflow workflow;
  workflow.arrival = kArrival;
  workflow.horizon_s = 10.0;
  workflow.remaining_s = 4.0;
  return workflow;
}

void fcfs_goes_by_the_time_a_call_became_ready(void**) {
  Call early;
  Call late;
  early.times.ready = 5 * kSecondNs;
  late.times.ready = 5 * kSecondNs + 1;
  assert_true(key(fcfs_order(), workflow(), early, 9) > key(fcfs_order(), workflow(), late, 9));
  assert_true(key(fcfs_order(), workflow(), early, 1) == key(fcfs_order(), workflow(), early, 9));
}

void workflow_fcfs_goes_by_the_arrival_of_the_workflow(void**) {
  Workflow later = workflow();
  later.arrival += 1;
  Call early;
  Call late;
  late.times.ready = kSecondNs;
  const Order& order = workflow_fcfs_order();
  assert_true(key(order, workflow(), late, 9) > key(order, later, early, 9));
  assert_true(key(order, workflow(), late, 9) == key(order, workflow(), early, 9));
}

void llf_is_the_negative_laxity(void**) {
  Workflow owner = workflow();
  owner.deadline = owner.arrival + 30 * kSecondNs;
  assert_true(near(key(llf_order(), owner, Call{}, 12, 5), -(30.0 - 12.0 - 5.0)));
  // Without a deadline: llf_scale horizons after arrival.
  Settings settings;
  settings.llf_scale = 2.5;
  assert_true(near(key(llf_order(), workflow(), Call{}, 12, 5, settings), -(25.0 - 12.0 - 5.0)));
}

void atlas_goes_by_level_of_attained_service_then_first_come(void**) {
  Call early;
  Call late;
  early.times.ready = 1 * kSecondNs;
  late.times.ready = 2000 * kSecondNs;
  const Order& order = atlas_order();
  // Levels end at 0.5, 1, 2, 4, 8, 16 and 32 s.
  const double limits[] = {0.5, 1, 2, 4, 8, 16, 32};
  Workflow owner = workflow();
  for (double limit : limits) {
    Workflow above = owner;
    owner.attained_s = limit * 0.999;
    above.attained_s = limit;
    assert_true(key(order, owner, late, 0) > key(order, above, early, 0));
  }
  owner.attained_s = 33;
  Workflow most = owner;
  most.attained_s = 1e6;
  assert_true(key(order, owner, early, 0) == key(order, most, early, 0));
  assert_true(key(order, owner, early, 0) > key(order, most, late, 0));
}

void hexagent_is_elapsed_plus_projected_over_the_horizon(void**) {
  assert_true(near(key(hexagent_order(), workflow(), Call{}, 12, 3), (12.0 + 3.0) / 10.0));
  assert_true(hexagent_order().projection() == Projection::kAlways);
}

void stretch_counts_what_remains_of_the_workflow_without_queues(void**) {
  Call call;
  call.tail_s = 1.0;  // it and what is revealed behind it
  const Order& order = stretch_order();
  assert_true(near(key(order, workflow(), call, 12), (12.0 + 4.0) / 10.0));
  Settings alone;
  alone.sibling_risk = 0;  // each call for itself
  assert_true(near(key(order, workflow(), call, 12, 0, alone), (12.0 + 1.0) / 10.0));
}

void stretch_counts_a_projected_finish_that_is_later_than_that(void**) {
  Call call;
  const Order& order = stretch_order();
  assert_true(order.projection() == Projection::kShortQueues);
  assert_true(key(order, workflow(), call, 12, 4) == key(order, workflow(), call, 12));
  assert_true(near(key(order, workflow(), call, 12, 7), (12.0 + 7.0) / 10.0));
}

void siblings_share_the_risk_of_their_workflow(void**) {
  Call small;
  Call large;
  small.tail_s = 0.1;
  large.tail_s = 4.0;
  const Order& order = stretch_order();
  assert_true(key(order, workflow(), small, 5) == key(order, workflow(), large, 5));
}

// ---- scaled_stretch ----

double scaled(const Workflow& workflow, double after_s, double remaining_s) {
  const TimeNs now = kArrival + static_cast<TimeNs>(after_s * 1e9);
  return scaled_stretch(workflow, remaining_s).at(now);
}

void without_a_deadline_the_target_is_one_horizon(void**) {
  assert_true(near(scaled(workflow(), 30, 10), 4.0));
}

void with_a_deadline_it_is_the_share_of_the_time_allowed(void**) {
  Workflow owner = workflow();
  owner.deadline = owner.arrival + 20 * kSecondNs;
  assert_true(near(scaled(owner, 5, 5), 0.5));
  assert_true(near(scaled(owner, 10, 5), 0.75));
  assert_true(near(scaled(owner, 15, 5), 1.0));  // just met
}

void a_lost_deadline_is_never_the_most_urgent(void**) {
  Workflow owner = workflow();
  owner.deadline = owner.arrival + 20 * kSecondNs;
  assert_true(near(scaled(owner, 15.001, 5), 0.5));
  assert_true(near(scaled(owner, 1e6, 5), 0.5));  // and does not rise any more
}

void an_slo_scale_is_a_share_of_horizons(void**) {
  Workflow owner = workflow();
  owner.slo_scale_milli = 4000;
  assert_true(near(scaled(owner, 10, 10), 0.5));  // 2 of 4 horizons
  assert_true(near(scaled(owner, 35, 10), 0.5));  // lost
  assert_true(near(scaled(owner, 30, 9), 0.975));
}

void a_horizon_of_nothing_divides_by_a_millisecond(void**) {
  Workflow owner = workflow();
  owner.horizon_s = 0.0;
  assert_true(near(scaled(owner, 2, 0), 2000.0));
  owner.deadline = owner.arrival + 1;
  assert_true(scaled(owner, 2, 0) == 0.5);
}

// ---- what the planner must know of them ----

void only_orders_that_change_with_time_say_so(void**) {
  assert_true(stretch_order().changes_with_time() && hexagent_order().changes_with_time());
  const Order* const steady[] = {&fcfs_order(), &workflow_fcfs_order(), &atlas_order()};
  for (const Order* order : steady) {
    assert_false(order->changes_with_time());
    assert_true(order->projection() == Projection::kNone);
  }
  // All laxities shrink alike, so time alone lets no call pass another.
  Workflow longer = workflow();
  longer.horizon_s = 11.0;
  const Order& llf = llf_order();
  assert_false(llf.changes_with_time());
  const double before = key(llf, workflow(), Call{}, 1) - key(llf, longer, Call{}, 1);
  assert_true(near(before, key(llf, workflow(), Call{}, 9) - key(llf, longer, Call{}, 9)));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(fcfs_goes_by_the_time_a_call_became_ready),
      cmocka_unit_test(workflow_fcfs_goes_by_the_arrival_of_the_workflow),
      cmocka_unit_test(llf_is_the_negative_laxity),
      cmocka_unit_test(atlas_goes_by_level_of_attained_service_then_first_come),
      cmocka_unit_test(hexagent_is_elapsed_plus_projected_over_the_horizon),
      cmocka_unit_test(stretch_counts_what_remains_of_the_workflow_without_queues),
      cmocka_unit_test(stretch_counts_a_projected_finish_that_is_later_than_that),
      cmocka_unit_test(siblings_share_the_risk_of_their_workflow),
      cmocka_unit_test(without_a_deadline_the_target_is_one_horizon),
      cmocka_unit_test(with_a_deadline_it_is_the_share_of_the_time_allowed),
      cmocka_unit_test(a_lost_deadline_is_never_the_most_urgent),
      cmocka_unit_test(an_slo_scale_is_a_share_of_horizons),
      cmocka_unit_test(a_horizon_of_nothing_divides_by_a_millisecond),
      cmocka_unit_test(only_orders_that_change_with_time_say_so),
  };
  return cmocka_run_group_tests_name("order", tests, nullptr, nullptr);
}
