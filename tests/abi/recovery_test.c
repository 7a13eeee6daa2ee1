/*
 * Lost workers, failures, cancellation, holds and idle workflows: what is planned again, what is
 * told, and that nothing else is disturbed.
 */
#include "cluster.h"

/* Workflow 1 with call 1 dispatched; the prefill worker it went to. */
static uint32_t dispatch_one(cluster* self) {
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  cluster_step(self);
  const hexagent_decision* prefill = find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_non_null(prefill);
  return prefill->worker;
}

/* ... and decoding; the decode worker. */
static uint32_t decode_one(cluster* self) {
  dispatch_one(self);
  report_done(self, 1, 1, HEXAGENT_PHASE_PREFILL);
  cluster_step(self);
  report_done(self, 1, 1, HEXAGENT_PHASE_TRANSFER);
  cluster_step(self);
  const hexagent_decision* decode = find_decision(self, HEXAGENT_DECISION_DECODE, 1, 1);
  assert_non_null(decode);
  return decode->worker;
}

static void lose(cluster* self, uint32_t worker) {
  assert_int_equal(hexagent_worker_lost(self->base.scheduler, worker, 1, 4711), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
}

static void expect_done(const cluster* self, uint64_t workflow, uint64_t call,
                        hexagent_status status) {
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_CALL_DONE, workflow, call);
  assert_non_null(done);
  assert_int_equal(done->status, status);
  assert_int_equal(count_decisions(self, HEXAGENT_DECISION_CALL_DONE, workflow, call), 1);
}

static void calls_of_a_lost_prefill_worker_are_planned_again_elsewhere(void** state) {
  cluster* self = *state;
  const uint32_t lost = dispatch_one(self);
  lose(self, lost);
  const hexagent_decision* again = find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_non_null(again);
  assert_int_equal(again->attempt, 2);
  assert_int_equal(again->worker, 3 - lost);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void calls_of_a_lost_decode_worker_are_planned_again_elsewhere(void** state) {
  cluster* self = *state;
  const uint32_t lost = decode_one(self);
  lose(self, lost);
  const hexagent_decision* again = find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_int_equal(again->attempt, 2);
  assert_int_equal(again->peer_worker, 23 - lost); /* the other of 11 and 12 */
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_late_report_of_the_lost_worker_is_stale(void** state) {
  cluster* self = *state;
  const uint32_t lost = dispatch_one(self);
  lose(self, lost);
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  report.worker = lost;
  report.attempt = 1;
  send_report(self, report);
  cluster_step(self);
  expect_refused(self, report.user_data, HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_new_incarnation_loses_the_old_ones_calls(void** state) {
  cluster* self = *state;
  const uint32_t restarted = dispatch_one(self);
  hexagent_worker worker = good_worker(&self->base, restarted, HEXAGENT_ROLE_PREFILL);
  worker.incarnation = 2;
  assert_int_equal(hexagent_worker_set(self->base.scheduler, &worker, 4711, NULL), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
  assert_int_equal(find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1)->attempt, 2);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_stream_that_has_begun_is_not_started_again_unseen(void** state) {
  cluster* self = *state;
  const uint32_t lost = decode_one(self);
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_DECODE);
  report.outcome = HEXAGENT_OUTCOME_PROGRESS;
  report.tokens = 3;
  send_report(self, report);
  cluster_step(self);
  lose(self, lost);
  expect_done(self, 1, 1, HEXAGENT_E_WORKER_LOST);
  assert_int_equal(count_decisions(self, HEXAGENT_DECISION_PREFILL, 1, 1), 1);
  finish_bystander(self);
}

static void without_retries_a_lost_worker_fails_its_calls(void** state) {
  (void)state;
  cluster* self = cluster_open("retry_max", "0");
  add_four_workers(self);
  const uint32_t lost = dispatch_one(self);
  submit_simple(self, 1, 2, 1);
  lose(self, lost);
  expect_done(self, 1, 1, HEXAGENT_E_WORKER_LOST);
  expect_done(self, 1, 2, HEXAGENT_E_DEAD_DEPENDENCY);
  begin_workflow(self, 2); /* the other workers go on */
  submit_simple(self, 2, 1, 0);
  cluster_step(self);
  finish_call(self, 2, 1);
  cluster_close(self);
}

static void a_failure_is_retried_until_the_retries_are_used_up(void** state) {
  cluster* self = *state; /* retry_max is 2 */
  dispatch_one(self);
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  report.outcome = HEXAGENT_OUTCOME_FAILED;
  for (uint32_t attempt = 1; attempt <= 3; ++attempt) {
    assert_int_equal(find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1)->attempt, attempt);
    assert_null(find_decision(self, HEXAGENT_DECISION_CALL_DONE, 1, 1));
    send_report(self, report);
    cluster_step(self);
  }
  expect_done(self, 1, 1, HEXAGENT_E_CALL_FAILED);
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 1), HEXAGENT_STATE_FAILED);
  submit_simple(self, 1, 2, 1);
  cluster_step(self);
  expect_refused(self, call_user_data(1, 2), HEXAGENT_E_DEAD_DEPENDENCY, HEXAGENT_FIELD_DEPS);
  finish_bystander(self);
}

static void cancelling_a_call_takes_those_that_wait_for_it_along(void** state) {
  cluster* self = *state;
  const uint32_t worker = dispatch_one(self);
  submit_simple(self, 1, 2, 1);
  submit_simple(self, 1, 3, 2);
  submit_simple(self, 1, 4, 0);
  cluster_step(self);
  assert_int_equal(hexagent_call_cancel(self->base.scheduler, 1, 1, 4711), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
  const hexagent_decision* abort_one = find_decision(self, HEXAGENT_DECISION_ABORT, 1, 1);
  assert_non_null(abort_one);
  assert_int_equal(abort_one->worker, worker);
  expect_done(self, 1, 1, HEXAGENT_E_CANCELLED);
  expect_done(self, 1, 2, HEXAGENT_E_DEAD_DEPENDENCY);
  expect_done(self, 1, 3, HEXAGENT_E_DEAD_DEPENDENCY);
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 1), HEXAGENT_STATE_CANCELLED);
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 3), HEXAGENT_STATE_CANCELLED);
  const uint32_t before = self->count;
  hexagent_report aborted = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  aborted.outcome = HEXAGENT_OUTCOME_ABORTED;
  send_report(self, aborted); /* the engine's answer to the ABORT needs none */
  cluster_step(self);
  assert_int_equal(self->count, before);
  finish_call(self, 1, 4);
  finish_bystander(self);
}

static void what_cannot_be_cancelled_is_refused(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  finish_call(self, 1, 1);
  assert_int_equal(hexagent_call_cancel(self->base.scheduler, 77, 1, 4711), HEXAGENT_OK);
  assert_int_equal(hexagent_call_cancel(self->base.scheduler, 1, 77, 4712), HEXAGENT_OK);
  assert_int_equal(hexagent_call_cancel(self->base.scheduler, 1, 1, 4713), HEXAGENT_OK);
  assert_int_equal(hexagent_workflow_cancel(self->base.scheduler, 77, 4714), HEXAGENT_OK);
  assert_int_equal(hexagent_workflow_end(self->base.scheduler, 77, 4715), HEXAGENT_OK);
  cluster_step(self);
  expect_refused(self, 4711, HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW);
  expect_refused(self, 4712, HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL);
  expect_refused(self, 4713, HEXAGENT_E_STATE, HEXAGENT_FIELD_CALL);
  expect_refused(self, 4714, HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW);
  expect_refused(self, 4715, HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW);
  finish_bystander(self);
}

static void cancelling_a_workflow_ends_all_of_it(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  submit_simple(self, 1, 2, 1);
  cluster_step(self);
  assert_int_equal(hexagent_workflow_cancel(self->base.scheduler, 1, 4711), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
  assert_non_null(find_decision(self, HEXAGENT_DECISION_ABORT, 1, 1));
  expect_done(self, 1, 1, HEXAGENT_E_CANCELLED);
  assert_non_null(find_decision(self, HEXAGENT_DECISION_CALL_DONE, 1, 2));
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_WORKFLOW_DONE, 1, 0);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_E_CANCELLED);
  assert_int_equal(done->user_data, 1);
  begin_workflow(self, 1); /* the id is free again */
  cluster_step(self);
  assert_null(find_verdict(self, HEXAGENT_DECISION_REFUSED, 1));
  finish_bystander(self);
}

static void a_held_call_waits_until_it_is_ready(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  hexagent_call held = good_call(&self->base, 1, 1);
  held.flags = HEXAGENT_CALL_HELD;
  submit_call(self, held, NULL, 0);
  cluster_step(self);
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 1), HEXAGENT_STATE_HELD);
  finish_bystander(self);
  assert_null(find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1));
  assert_int_equal(hexagent_ready(self->base.scheduler, 1, 1, 4711), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
  assert_int_equal(hexagent_ready(self->base.scheduler, 1, 1, 4712), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4712); /* saying it twice does nothing */
  finish_call(self, 1, 1);
  assert_int_equal(count_decisions(self, HEXAGENT_DECISION_PREFILL, 1, 1), 1);
}

static void ready_before_the_dependencies_is_remembered(void** state) {
  cluster* self = *state;
  const uint64_t deps[1] = {1};
  dispatch_one(self);
  hexagent_call held = good_call(&self->base, 1, 2);
  held.flags = HEXAGENT_CALL_HELD;
  submit_call(self, held, deps, 1);
  assert_int_equal(hexagent_ready(self->base.scheduler, 1, 2, 4711), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 2), HEXAGENT_STATE_WAITING);
  finish_call(self, 1, 1);
  finish_call(self, 1, 2);
  finish_bystander(self);
}

static void ready_for_what_is_unknown_or_over_is_refused(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  assert_int_equal(hexagent_call_cancel(self->base.scheduler, 1, 1, 4710), HEXAGENT_OK);
  assert_int_equal(hexagent_ready(self->base.scheduler, 77, 1, 4711), HEXAGENT_OK);
  assert_int_equal(hexagent_ready(self->base.scheduler, 1, 77, 4712), HEXAGENT_OK);
  assert_int_equal(hexagent_ready(self->base.scheduler, 1, 1, 4713), HEXAGENT_OK);
  cluster_step(self);
  expect_refused(self, 4711, HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW);
  expect_refused(self, 4712, HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL);
  expect_refused(self, 4713, HEXAGENT_E_STATE, HEXAGENT_FIELD_CALL);
  finish_bystander(self);
}

static void an_idle_workflow_expires_at_its_timer(void** state) {
  (void)state;
  cluster* self = cluster_open("workflow_idle_ttl_s", "5");
  add_four_workers(self);
  begin_workflow(self, 1);
  cluster_step(self);
  const int64_t timer = hexagent_next_timer(self->base.scheduler);
  assert_true(timer == self->now_ns + 5000000000);
  self->now_ns = timer - STEP_NS - 1; /* the step adds STEP_NS */
  cluster_step(self);
  assert_null(find_decision(self, HEXAGENT_DECISION_WORKFLOW_DONE, 1, 0));
  self->now_ns = timer - STEP_NS;
  cluster_step(self);
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_WORKFLOW_DONE, 1, 0);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_E_EXPIRED);
  assert_true(hexagent_next_timer(self->base.scheduler) == INT64_MAX);
  cluster_close(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CLUSTER_TEST(calls_of_a_lost_prefill_worker_are_planned_again_elsewhere),
      CLUSTER_TEST(calls_of_a_lost_decode_worker_are_planned_again_elsewhere),
      CLUSTER_TEST(a_late_report_of_the_lost_worker_is_stale),
      CLUSTER_TEST(a_new_incarnation_loses_the_old_ones_calls),
      CLUSTER_TEST(a_stream_that_has_begun_is_not_started_again_unseen),
      cmocka_unit_test(without_retries_a_lost_worker_fails_its_calls),
      CLUSTER_TEST(a_failure_is_retried_until_the_retries_are_used_up),
      CLUSTER_TEST(cancelling_a_call_takes_those_that_wait_for_it_along),
      CLUSTER_TEST(what_cannot_be_cancelled_is_refused),
      CLUSTER_TEST(cancelling_a_workflow_ends_all_of_it),
      CLUSTER_TEST(a_held_call_waits_until_it_is_ready),
      CLUSTER_TEST(ready_before_the_dependencies_is_remembered),
      CLUSTER_TEST(ready_for_what_is_unknown_or_over_is_refused),
      cmocka_unit_test(an_idle_workflow_expires_at_its_timer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
