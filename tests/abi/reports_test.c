/*
 * Reports: what follows from them, and what becomes of those that are late, twice, out of order, or
 * about something else.
 */
#include "cluster.h"

#define REPORT 0xbeef /* user_data of good_report() */

/* Workflow 1 with call 1 dispatched, beside the bystander. */
static const hexagent_decision* dispatch_one(cluster* self) {
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  cluster_step(self);
  const hexagent_decision* prefill = find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1);
  assert_non_null(prefill);
  return prefill;
}

static void expect_report_refused(cluster* self, hexagent_report report, hexagent_status status,
                                  uint32_t field) {
  const uint32_t before = self->count;
  send_report(self, report);
  cluster_step(self);
  expect_refused(self, REPORT, status, field);
  assert_int_equal(self->count, before + 1); /* and nothing else came of it */
}

static void a_call_goes_through_all_phases_with_expected_values(void** state) {
  cluster* self = *state;
  const hexagent_decision* prefill = dispatch_one(self);
  assert_int_equal(prefill->user_data, call_user_data(1, 1));
  assert_int_equal(prefill->tokens, 100);
  assert_int_equal(prefill->attempt, 1);
  assert_int_equal(prefill->incarnation, 1);
  assert_true(prefill->worker == 1 || prefill->worker == 2);
  assert_true(prefill->peer_worker == 11 || prefill->peer_worker == 12);
  report_done(self, 1, 1, HEXAGENT_PHASE_PREFILL);
  cluster_step(self);
  const hexagent_decision* transfer = find_decision(self, HEXAGENT_DECISION_TRANSFER, 1, 1);
  assert_non_null(transfer);
  assert_int_equal(transfer->worker, prefill->worker);
  assert_true(transfer->peer_worker == 11 || transfer->peer_worker == 12);
  report_done(self, 1, 1, HEXAGENT_PHASE_TRANSFER);
  cluster_step(self);
  const hexagent_decision* decode = find_decision(self, HEXAGENT_DECISION_DECODE, 1, 1);
  assert_non_null(decode);
  assert_int_equal(decode->worker, transfer->peer_worker);
  assert_int_equal(decode->peer_worker, prefill->worker);
  report_done(self, 1, 1, HEXAGENT_PHASE_DECODE);
  cluster_step(self);
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_CALL_DONE, 1, 1);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_OK);
  assert_int_equal(done->user_data, call_user_data(1, 1));
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 1), HEXAGENT_STATE_DONE);
  finish_bystander(self);
}

static void decisions_are_numbered_without_gaps(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  finish_call(self, 1, 1);
  finish_bystander(self);
  for (uint32_t i = 0; i < self->count; ++i) assert_int_equal(self->log[i].sequence, i + 1);
}

static void a_report_about_something_unknown_is_refused(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  expect_report_refused(self, good_report(77, 1, HEXAGENT_PHASE_PREFILL),
                        HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW);
  expect_report_refused(self, good_report(1, 77, HEXAGENT_PHASE_PREFILL), HEXAGENT_E_UNKNOWN_CALL,
                        HEXAGENT_FIELD_CALL);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_report_that_comes_twice_is_refused(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  report_done(self, 1, 1, HEXAGENT_PHASE_PREFILL);
  cluster_step(self);
  expect_report_refused(self, good_report(1, 1, HEXAGENT_PHASE_PREFILL), HEXAGENT_E_DUPLICATE,
                        HEXAGENT_FIELD_PHASE);
  report_done(self, 1, 1, HEXAGENT_PHASE_TRANSFER);
  cluster_step(self);
  expect_report_refused(self, good_report(1, 1, HEXAGENT_PHASE_TRANSFER), HEXAGENT_E_DUPLICATE,
                        HEXAGENT_FIELD_PHASE);
  assert_int_equal(count_decisions(self, HEXAGENT_DECISION_DECODE, 1, 1), 1);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_report_after_the_end_of_its_call_is_refused(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  finish_call(self, 1, 1);
  expect_report_refused(self, good_report(1, 1, HEXAGENT_PHASE_DECODE), HEXAGENT_E_DUPLICATE,
                        HEXAGENT_FIELD_CALL);
  assert_int_equal(count_decisions(self, HEXAGENT_DECISION_CALL_DONE, 1, 1), 1);
  finish_bystander(self);
}

static void a_report_about_a_call_that_was_not_sent_is_refused(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  hexagent_call held = good_call(&self->base, 1, 1);
  held.flags = HEXAGENT_CALL_HELD;
  submit_call(self, held, NULL, 0);
  cluster_step(self);
  expect_report_refused(self, good_report(1, 1, HEXAGENT_PHASE_PREFILL), HEXAGENT_E_STATE,
                        HEXAGENT_FIELD_CALL);
  finish_bystander(self);
}

static void phases_that_were_not_reported_are_inferred(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  report_done(self, 1, 1, HEXAGENT_PHASE_DECODE);
  cluster_step(self);
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_CALL_DONE, 1, 1);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_OK);
  assert_null(find_decision(self, HEXAGENT_DECISION_TRANSFER, 1, 1));
  assert_null(find_decision(self, HEXAGENT_DECISION_DECODE, 1, 1));
  finish_bystander(self);
}

static void a_report_of_another_worker_or_attempt_is_stale(void** state) {
  cluster* self = *state;
  const hexagent_decision* prefill = dispatch_one(self);
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  report.worker = 3 - prefill->worker; /* the other of 1 and 2 */
  expect_report_refused(self, report, HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER);
  report = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  report.incarnation = 7;
  expect_report_refused(self, report, HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION);
  report = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  report.attempt = 2;
  expect_report_refused(self, report, HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_report_from_the_future_is_refused(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  report.end_ns = self->now_ns + 100 * (int64_t)STEP_NS;
  expect_report_refused(self, report, HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME);
  report.end_ns = self->now_ns;
  report.start_ns = self->now_ns + 1; /* ends before it starts */
  expect_report_refused(self, report, HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void more_tokens_than_allowed_are_refused(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_DECODE);
  report.tokens = 51; /* of 50 */
  expect_report_refused(self, report, HEXAGENT_E_RANGE, HEXAGENT_FIELD_TOKENS);
  report = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  report.cached_tokens = 101; /* of 100 */
  report.flags = HEXAGENT_REPORT_CACHED_TOKENS;
  expect_report_refused(self, report, HEXAGENT_E_RANGE, HEXAGENT_FIELD_TOKENS);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

/* A cluster whose prefill worker binds the decode worker only afterwards. */
static cluster* open_late_binding(void) {
  cluster* self = cluster_open("policy", "default");
  hexagent_worker prefill = good_worker(&self->base, 1, HEXAGENT_ROLE_PREFILL);
  prefill.binding = HEXAGENT_BINDING_PREFILL_END;
  add_worker(self, prefill);
  add_worker(self, good_worker(&self->base, 11, HEXAGENT_ROLE_DECODE));
  cluster_step(self);
  return self;
}

static void a_report_that_skips_what_must_come_first_is_out_of_order(void** state) {
  (void)state;
  cluster* self = open_late_binding();
  start_bystander(self);
  dispatch_one(self);
  expect_report_refused(self, good_report(1, 1, HEXAGENT_PHASE_DECODE), HEXAGENT_E_ORDER,
                        HEXAGENT_FIELD_PHASE);
  expect_report_refused(self, good_report(1, 1, HEXAGENT_PHASE_TRANSFER), HEXAGENT_E_ORDER,
                        HEXAGENT_FIELD_PHASE);
  finish_call(self, 1, 1);
  finish_bystander(self);
  cluster_close(self);
}

static void a_call_that_runs_in_one_place_has_no_transfer(void** state) {
  (void)state;
  cluster* self = cluster_open(NULL, NULL);
  add_worker(self, good_worker(&self->base, 1, HEXAGENT_ROLE_BOTH));
  cluster_step(self);
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  cluster_step(self);
  const hexagent_decision* local = find_decision(self, HEXAGENT_DECISION_LOCAL, 1, 1);
  assert_non_null(local);
  assert_int_equal(local->worker, 1);
  assert_int_equal(local->peer_worker, 0);
  expect_report_refused(self, good_report(1, 1, HEXAGENT_PHASE_TRANSFER), HEXAGENT_E_ORDER,
                        HEXAGENT_FIELD_PHASE);
  finish_call(self, 1, 1);
  cluster_close(self);
}

static void progress_is_taken_without_a_word(void** state) {
  cluster* self = *state;
  dispatch_one(self);
  report_done(self, 1, 1, HEXAGENT_PHASE_PREFILL);
  cluster_step(self);
  report_done(self, 1, 1, HEXAGENT_PHASE_TRANSFER);
  cluster_step(self);
  const uint32_t before = self->count;
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_DECODE);
  report.outcome = HEXAGENT_OUTCOME_STARTED;
  send_report(self, report);
  report.outcome = HEXAGENT_OUTCOME_PROGRESS;
  report.tokens = 1;
  send_report(self, report);
  report.tokens = 10;
  send_report(self, report);
  cluster_step(self);
  assert_int_equal(self->count, before);
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 1), HEXAGENT_STATE_DECODING);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CLUSTER_TEST(a_call_goes_through_all_phases_with_expected_values),
      CLUSTER_TEST(decisions_are_numbered_without_gaps),
      CLUSTER_TEST(a_report_about_something_unknown_is_refused),
      CLUSTER_TEST(a_report_that_comes_twice_is_refused),
      CLUSTER_TEST(a_report_after_the_end_of_its_call_is_refused),
      CLUSTER_TEST(a_report_about_a_call_that_was_not_sent_is_refused),
      CLUSTER_TEST(phases_that_were_not_reported_are_inferred),
      CLUSTER_TEST(a_report_of_another_worker_or_attempt_is_stale),
      CLUSTER_TEST(a_report_from_the_future_is_refused),
      CLUSTER_TEST(more_tokens_than_allowed_are_refused),
      cmocka_unit_test(a_report_that_skips_what_must_come_first_is_out_of_order),
      cmocka_unit_test(a_call_that_runs_in_one_place_has_no_transfer),
      CLUSTER_TEST(progress_is_taken_without_a_word),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
