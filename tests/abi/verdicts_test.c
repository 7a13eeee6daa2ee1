/*
 * Verdicts on workflows, calls and workers: what makes no sense is refused with its own status and
 * field, and a call beside it proceeds undisturbed.
 */
#include "cluster.h"

/* Submits call 1:1 as changed by the test, expects a refusal, and brings the bystander home. */
static void expect_call_refused(cluster* self, hexagent_call call, const uint64_t* deps,
                                uint32_t count, hexagent_status status, uint32_t field) {
  submit_call(self, call, deps, count);
  cluster_step(self);
  expect_refused(self, call.user_data, status, field);
  assert_null(find_decision(self, HEXAGENT_DECISION_PREFILL, call.workflow, call.call));
  finish_bystander(self);
}

static void a_call_of_an_unknown_workflow_is_refused(void** state) {
  cluster* self = *state;
  expect_call_refused(self, good_call(&self->base, 77, 1), NULL, 0, HEXAGENT_E_UNKNOWN_WORKFLOW,
                      HEXAGENT_FIELD_WORKFLOW);
}

static void a_workflow_id_in_use_is_refused(void** state) {
  cluster* self = *state;
  hexagent_workflow workflow = good_workflow(BYSTANDER);
  workflow.user_data = 4711;
  hexagent_status result = HEXAGENT_OK;
  assert_int_equal(hexagent_workflow_begin(self->base.scheduler, &workflow, 1, &result), 1);
  cluster_step(self);
  expect_refused(self, 4711, HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_WORKFLOW);
  finish_bystander(self);
}

static void a_workflow_from_the_future_is_refused(void** state) {
  cluster* self = *state;
  hexagent_workflow workflow = good_workflow(1);
  workflow.arrival_ns = self->now_ns + 100 * (int64_t)STEP_NS;
  hexagent_status result = HEXAGENT_OK;
  assert_int_equal(hexagent_workflow_begin(self->base.scheduler, &workflow, 1, &result), 1);
  cluster_step(self);
  expect_refused(self, 1, HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME);
  finish_bystander(self);
}

static void a_call_id_in_use_is_refused(void** state) {
  cluster* self = *state;
  hexagent_call call = good_call(&self->base, BYSTANDER, 1);
  call.user_data = 4711;
  submit_call(self, call, NULL, 0);
  cluster_step(self);
  expect_refused(self, 4711, HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_CALL);
  finish_bystander(self);
}

static void a_call_that_depends_on_itself_is_a_cycle(void** state) {
  cluster* self = *state;
  const uint64_t deps[1] = {1};
  begin_workflow(self, 1);
  expect_call_refused(self, good_call(&self->base, 1, 1), deps, 1, HEXAGENT_E_CYCLE,
                      HEXAGENT_FIELD_DEPS);
}

static void calls_that_wait_for_each_other_never_get_in(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 2);
  submit_simple(self, 1, 2, 1);
  cluster_step(self);
  expect_refused(self, call_user_data(1, 1), HEXAGENT_E_UNKNOWN_DEPENDENCY, HEXAGENT_FIELD_DEPS);
  expect_refused(self, call_user_data(1, 2), HEXAGENT_E_UNKNOWN_DEPENDENCY, HEXAGENT_FIELD_DEPS);
  finish_bystander(self);
}

static void an_unknown_dependency_is_refused(void** state) {
  cluster* self = *state;
  const uint64_t deps[2] = {1, 55};
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  expect_call_refused(self, good_call(&self->base, 1, 2), deps, 2, HEXAGENT_E_UNKNOWN_DEPENDENCY,
                      HEXAGENT_FIELD_DEPS);
}

static void a_call_of_another_workflow_is_no_dependency(void** state) {
  cluster* self = *state;
  const uint64_t deps[1] = {1}; /* exists, but in the bystander's workflow */
  begin_workflow(self, 1);
  expect_call_refused(self, good_call(&self->base, 1, 2), deps, 1, HEXAGENT_E_UNKNOWN_DEPENDENCY,
                      HEXAGENT_FIELD_DEPS);
}

static void a_cancelled_dependency_is_dead(void** state) {
  cluster* self = *state;
  const uint64_t deps[1] = {1};
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  cluster_step(self);
  assert_int_equal(hexagent_call_cancel(self->base.scheduler, 1, 1, 4711), HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
  expect_call_refused(self, good_call(&self->base, 1, 2), deps, 1, HEXAGENT_E_DEAD_DEPENDENCY,
                      HEXAGENT_FIELD_DEPS);
}

static void a_finished_dependency_counts_as_satisfied(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  cluster_step(self);
  finish_call(self, 1, 1);
  submit_simple(self, 1, 2, 1);
  cluster_step(self);
  expect_accepted(self, call_user_data(1, 2));
  finish_call(self, 1, 2);
  finish_bystander(self);
}

static void a_call_waits_for_all_of_its_dependencies(void** state) {
  cluster* self = *state;
  const uint64_t deps[2] = {1, 2};
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  submit_simple(self, 1, 2, 0);
  submit_call(self, good_call(&self->base, 1, 3), deps, 2);
  cluster_step(self);
  finish_call(self, 1, 1);
  assert_int_equal(hexagent_call_state(self->base.scheduler, 1, 3), HEXAGENT_STATE_WAITING);
  assert_null(find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 3));
  finish_call(self, 1, 2);
  finish_call(self, 1, 3);
  finish_bystander(self);
}

static void nothing_is_added_to_a_workflow_that_has_ended(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  assert_int_equal(hexagent_workflow_end(self->base.scheduler, 1, 4711), HEXAGENT_OK);
  expect_call_refused(self, good_call(&self->base, 1, 2), NULL, 0, HEXAGENT_E_ENDED,
                      HEXAGENT_FIELD_WORKFLOW);
}

static void nothing_comes_after_the_last_call(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  hexagent_call last = good_call(&self->base, 1, 1);
  last.flags = HEXAGENT_CALL_LAST;
  submit_call(self, last, NULL, 0);
  expect_call_refused(self, good_call(&self->base, 1, 2), NULL, 0, HEXAGENT_E_ENDED,
                      HEXAGENT_FIELD_WORKFLOW);
  finish_call(self, 1, 1);
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_WORKFLOW_DONE, 1, 0);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_OK);
}

static void a_call_longer_than_the_context_is_refused(void** state) {
  cluster* self = *state;
  hexagent_model model = good_model(&self->base);
  model.max_context_tokens = 1000;
  assert_int_equal(hexagent_model_set(self->base.scheduler, &model, 4711, NULL), HEXAGENT_OK);
  begin_workflow(self, 1);
  hexagent_call call = good_call(&self->base, 1, 1);
  call.prompt_tokens = 951; /* and 50 of output */
  expect_call_refused(self, call, NULL, 0, HEXAGENT_E_TOO_LONG, HEXAGENT_FIELD_PROMPT_TOKENS);
  call.prompt_tokens = 950;
  call.user_data = 4712;
  submit_call(self, call, NULL, 0);
  cluster_step(self);
  expect_accepted(self, 4712);
}

static void a_call_no_worker_can_ever_hold_is_refused(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  hexagent_call call = good_call(&self->base, 1, 1);
  call.prompt_tokens = TEST_KV_TOKENS + 1;
  expect_call_refused(self, call, NULL, 0, HEXAGENT_E_NEVER_FITS, HEXAGENT_FIELD_PROMPT_TOKENS);
}

static void a_model_nobody_serves_is_refused(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  hexagent_call call = good_call(&self->base, 1, 1);
  call.model = self->base.other_model;
  expect_call_refused(self, call, NULL, 0, HEXAGENT_E_NO_WORKER, HEXAGENT_FIELD_MODEL);
}

static void labels_nobody_has_are_refused(void** state) {
  cluster* self = *state;
  const int32_t bit = hexagent_label(self->base.scheduler, "lora-7", 6);
  assert_true(bit >= 0);
  begin_workflow(self, 1);
  hexagent_call call = good_call(&self->base, 1, 1);
  call.labels_required = (uint64_t)1 << bit;
  expect_call_refused(self, call, NULL, 0, HEXAGENT_E_NO_WORKER, HEXAGENT_FIELD_LABELS);
}

static void a_pool_that_drains_takes_no_new_calls(void** state) {
  cluster* self = *state;
  begin_workflow(self, 1);
  finish_bystander(self);
  assert_int_equal(hexagent_worker_drain(self->base.scheduler, 1, 1, 4711), HEXAGENT_OK);
  assert_int_equal(hexagent_worker_drain(self->base.scheduler, 2, 0, 4712), HEXAGENT_OK);
  submit_simple(self, 1, 1, 0);
  cluster_step(self);
  expect_accepted(self, 4711);
  expect_accepted(self, 4712);
  expect_refused(self, call_user_data(1, 1), HEXAGENT_E_NO_WORKER, HEXAGENT_FIELD_MODEL);
}

static void an_unknown_worker_is_refused(void** state) {
  cluster* self = *state;
  assert_int_equal(hexagent_worker_drain(self->base.scheduler, 99, 1, 4711), HEXAGENT_OK);
  assert_int_equal(hexagent_worker_lost(self->base.scheduler, 99, 1, 4712), HEXAGENT_OK);
  hexagent_heartbeat heartbeat = good_heartbeat(99);
  heartbeat.user_data = 4713;
  assert_int_equal(hexagent_heartbeat_submit(self->base.scheduler, &heartbeat, 1), 1);
  cluster_step(self);
  for (uint64_t user_data = 4711; user_data <= 4713; ++user_data) {
    expect_refused(self, user_data, HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER);
  }
  finish_bystander(self);
}

static void news_of_an_old_incarnation_is_stale(void** state) {
  cluster* self = *state;
  assert_int_equal(hexagent_worker_drain(self->base.scheduler, 1, 7, 4711), HEXAGENT_OK);
  assert_int_equal(hexagent_worker_lost(self->base.scheduler, 1, 7, 4712), HEXAGENT_OK);
  hexagent_heartbeat heartbeat = good_heartbeat(1);
  heartbeat.user_data = 4713;
  heartbeat.incarnation = 7;
  assert_int_equal(hexagent_heartbeat_submit(self->base.scheduler, &heartbeat, 1), 1);
  cluster_step(self);
  for (uint64_t user_data = 4711; user_data <= 4713; ++user_data) {
    expect_refused(self, user_data, HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION);
  }
  finish_bystander(self);
}

static void a_worker_without_a_profile_is_refused(void** state) {
  cluster* self = *state;
  hexagent_worker worker = good_worker(&self->base, 99, HEXAGENT_ROLE_BOTH);
  worker.tensor_parallel = 8;
  assert_int_equal(hexagent_worker_set(self->base.scheduler, &worker, 4711, NULL), HEXAGENT_OK);
  cluster_step(self);
  expect_refused(self, 4711, HEXAGENT_E_UNKNOWN_PROFILE, HEXAGENT_FIELD_PROFILE);
  finish_bystander(self);
}

static void a_live_worker_keeps_its_role(void** state) {
  cluster* self = *state;
  const hexagent_worker worker = good_worker(&self->base, 1, HEXAGENT_ROLE_DECODE);
  assert_int_equal(hexagent_worker_set(self->base.scheduler, &worker, 4711, NULL), HEXAGENT_OK);
  cluster_step(self);
  expect_refused(self, 4711, HEXAGENT_E_STATE, HEXAGENT_FIELD_ROLE);
  finish_bystander(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CLUSTER_TEST(a_call_of_an_unknown_workflow_is_refused),
      CLUSTER_TEST(a_workflow_id_in_use_is_refused),
      CLUSTER_TEST(a_workflow_from_the_future_is_refused),
      CLUSTER_TEST(a_call_id_in_use_is_refused),
      CLUSTER_TEST(a_call_that_depends_on_itself_is_a_cycle),
      CLUSTER_TEST(calls_that_wait_for_each_other_never_get_in),
      CLUSTER_TEST(an_unknown_dependency_is_refused),
      CLUSTER_TEST(a_call_of_another_workflow_is_no_dependency),
      CLUSTER_TEST(a_cancelled_dependency_is_dead),
      CLUSTER_TEST(a_finished_dependency_counts_as_satisfied),
      CLUSTER_TEST(a_call_waits_for_all_of_its_dependencies),
      CLUSTER_TEST(nothing_is_added_to_a_workflow_that_has_ended),
      CLUSTER_TEST(nothing_comes_after_the_last_call),
      CLUSTER_TEST(a_call_longer_than_the_context_is_refused),
      CLUSTER_TEST(a_call_no_worker_can_ever_hold_is_refused),
      CLUSTER_TEST(a_model_nobody_serves_is_refused),
      CLUSTER_TEST(labels_nobody_has_are_refused),
      CLUSTER_TEST(a_pool_that_drains_takes_no_new_calls),
      CLUSTER_TEST(an_unknown_worker_is_refused),
      CLUSTER_TEST(news_of_an_old_incarnation_is_stale),
      CLUSTER_TEST(a_worker_without_a_profile_is_refused),
      CLUSTER_TEST(a_live_worker_keeps_its_role),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
