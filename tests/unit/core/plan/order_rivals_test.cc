// Orders that look ahead: srpt, gittins, kairos and hexgen-flow, against values worked out by hand.
#include "unit/core/plan/order_key.h"

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

// Arrived at 100 s; 4 s of what is revealed remain; 15 s in all were expected at first.
Workflow workflow() {
  Workflow workflow;
  workflow.arrival = kArrival;
  workflow.remaining_s = 4.0;
  workflow.expected_s = 15.0;
  return workflow;
}

// Ready 5 s after that, 2 s alone; 12 s of work and 10 s of path ahead, 3 s of work done before.
Call call() {
  Call call;
  call.times.ready = kArrival + 5 * kSecondNs;
  call.standalone_s = 2.0;
  call.tail_s = 2.0;
  call.ahead = {12.0, 10.0, 8.0, 6.0};
  call.ahead_work_done_s = 3.0;
  return call;
}

void srpt_is_the_expected_work_less_what_was_done_since(void**) {
  Workflow owner = workflow();
  owner.work_done_s = 3.0;
  assert_true(near(key(srpt_order(), owner, call(), 6), -12.0));
  owner.work_done_s = 8.0;  // siblings have ended meanwhile
  assert_true(near(key(srpt_order(), owner, call(), 6), -7.0));
  owner.work_done_s = 80.0;  // more than was expected: what is known to be left
  assert_true(near(key(srpt_order(), owner, call(), 6), -4.0));
  owner.remaining_s = 0.0;
  assert_true(near(key(srpt_order(), owner, call(), 6), -2.0));
}

void srpt_puts_the_workflow_with_less_ahead_first_until_it_has_more(void**) {
  Call less = call();
  less.ahead.work_s = 11.0;
  Workflow owner = workflow();
  owner.work_done_s = 3.0;
  assert_true(key(srpt_order(), owner, less, 6) > key(srpt_order(), owner, call(), 6));
  less.ahead.work_s = 12.0;
  assert_true(key(srpt_order(), owner, less, 6) == key(srpt_order(), owner, call(), 6));
  less.ahead.work_s = 13.0;
  assert_true(key(srpt_order(), owner, less, 6) < key(srpt_order(), owner, call(), 6));
}

void gittins_goes_by_the_rank_and_not_by_the_mean(void**) {
  Call chance = call();
  chance.ahead = {20.0, 20.0, 20.0, 3.0};
  assert_true(near(key(gittins_order(), workflow(), call(), 6), -6.0));
  assert_true(key(gittins_order(), workflow(), chance, 6) >
              key(gittins_order(), workflow(), call(), 6));
  chance.ahead.rank_s = 7.0;
  assert_true(key(gittins_order(), workflow(), chance, 6) <
              key(gittins_order(), workflow(), call(), 6));
}

void kairos_puts_the_agent_nearer_to_the_end_first(void**) {
  Workflow later = workflow();
  later.arrival += 50 * kSecondNs;
  Call nearer = call();
  nearer.ahead.stage_path_s = 5.0;
  assert_true(key(kairos_order(), later, nearer, 99) > key(kairos_order(), workflow(), call(), 99));
  nearer.ahead.stage_path_s = 12.0;
  assert_true(key(kairos_order(), later, nearer, 99) < key(kairos_order(), workflow(), call(), 99));
}

void within_an_agent_kairos_goes_by_the_start_of_the_application(void**) {
  Workflow later = workflow();
  later.arrival += kSecondNs / 1000;
  Call same = call();
  same.ahead.stage_path_s *= 1.01;  // learnt a little between the two calls
  same.times.ready = 0;
  assert_true(key(kairos_order(), workflow(), call(), 9) > key(kairos_order(), later, same, 9));
  assert_true(key(kairos_order(), later, call(), 9) == key(kairos_order(), later, same, 9));
}

void hexgen_flow_is_the_negative_laxity_against_a_share_of_what_is_left(void**) {
  // 4 * 15 s allowed, 5 s gone when ready: 55 s left, of which the call's share is 2 of 10 s.
  assert_true(near(key(hexgen_flow_order(), workflow(), call(), 5), 2.0 - 11.0));
  assert_true(near(key(hexgen_flow_order(), workflow(), call(), 9), 2.0 - 11.0 + 4.0));
  Settings tight;
  tight.hexgen_slo_scale = 1.0;
  assert_true(near(key(hexgen_flow_order(), workflow(), call(), 5, 0.0, tight), 2.0 - 2.0));
  Workflow owner = workflow();
  owner.deadline = kArrival + 25 * kSecondNs;  // the caller's counts before any scale
  assert_true(near(key(hexgen_flow_order(), owner, call(), 5), 2.0 - 4.0));
}

void hexgen_flow_puts_the_last_call_of_a_late_workflow_first(void**) {
  Call last = call();
  last.ahead.path_s = 2.0;  // all the time that is left is its own
  assert_true(near(key(hexgen_flow_order(), workflow(), last, 5), 2.0 - 55.0));
  assert_true(key(hexgen_flow_order(), workflow(), last, 5) <
              key(hexgen_flow_order(), workflow(), call(), 5));
  last.times.ready = kArrival + 70 * kSecondNs;  // ten seconds late
  assert_true(near(key(hexgen_flow_order(), workflow(), last, 70), 2.0 + 10.0));
  assert_true(key(hexgen_flow_order(), workflow(), last, 70) >
              key(hexgen_flow_order(), workflow(), call(), 5));
}

void what_is_revealed_bounds_what_is_expected(void**) {
  Call long_tail = call();
  long_tail.tail_s = 20.0;
  assert_true(near(key(hexgen_flow_order(), workflow(), long_tail, 5), 2.0 - 5.5));
}

void they_look_ahead_and_no_time_alone_reorders_them(void**) {
  Call other = call();
  other.ahead = {1.0, 40.0, 2.0, 9.0};
  other.times.ready += kSecondNs;
  const Order* const orders[] = {&srpt_order(), &gittins_order(), &kairos_order(),
                                 &hexgen_flow_order()};
  for (const Order* order : orders) {
    assert_true(order->uses_foresight());
    assert_true(order->projection() == Projection::kNone);
    assert_false(order->changes_with_time());
    const double before = key(*order, workflow(), call(), 7) - key(*order, workflow(), other, 7);
    assert_true(
        near(before, key(*order, workflow(), call(), 99) - key(*order, workflow(), other, 99)));
  }
  assert_false(fcfs_order().uses_foresight() || stretch_order().uses_foresight());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(srpt_is_the_expected_work_less_what_was_done_since),
      cmocka_unit_test(srpt_puts_the_workflow_with_less_ahead_first_until_it_has_more),
      cmocka_unit_test(gittins_goes_by_the_rank_and_not_by_the_mean),
      cmocka_unit_test(kairos_puts_the_agent_nearer_to_the_end_first),
      cmocka_unit_test(within_an_agent_kairos_goes_by_the_start_of_the_application),
      cmocka_unit_test(hexgen_flow_is_the_negative_laxity_against_a_share_of_what_is_left),
      cmocka_unit_test(hexgen_flow_puts_the_last_call_of_a_late_workflow_first),
      cmocka_unit_test(what_is_revealed_bounds_what_is_expected),
      cmocka_unit_test(they_look_ahead_and_no_time_alone_reorders_them),
  };
  return cmocka_run_group_tests_name("order_rivals", tests, nullptr, nullptr);
}
