/* Admission and forecasts, from outside and in every mode of driving. */
#include "driven.h"

static const setting kAdmission[] = {{"admission", "1"}, {"tenant_workflows_max", "1"}};

/* One worker of each role, and a workflow that asks for an end within a millisecond. */
static void set_up(fixture* self, const char* driving) {
  driven_open(self, driving, kAdmission, COUNT_OF(kAdmission));
  const hexagent_profile profile = good_profile(self);
  assert_int_equal(hexagent_profile_set(self->scheduler, &profile, 1, NULL), HEXAGENT_OK);
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    const hexagent_worker worker = good_worker(self, role, role);
    assert_int_equal(hexagent_worker_set(self->scheduler, &worker, 2, NULL), HEXAGENT_OK);
  }
}

static hexagent_workflow hasty(uint64_t id) {
  hexagent_workflow workflow = good_workflow(id);
  workflow.deadline_ns = 1000000;
  return workflow;
}

static hexagent_forecast forecast_of(const fixture* self, const hexagent_workflow* workflow) {
  const hexagent_call call = good_call(self, workflow->workflow, 1);
  hexagent_forecast forecast;
  memset(&forecast, 0, sizeof(forecast));
  forecast.struct_size = sizeof(forecast);
  assert_int_equal(
      hexagent_what_if(self->scheduler, workflow, &call, 1, NULL, 0, NULL, 0, &forecast),
      HEXAGENT_OK);
  return forecast;
}

static void begin(fixture* self, const hexagent_workflow* workflow) {
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_workflow_begin(self->scheduler, workflow, 1, &result), 1);
}

static void expect_told_and_rejected(const char* driving) {
  fixture self;
  set_up(&self, driving);
  turn(self.scheduler); /* in loop driving a question sees what was taken so far */
  const hexagent_workflow workflow = hasty(9);
  const hexagent_forecast forecast = forecast_of(&self, &workflow);
  assert_int_equal(forecast.meets_deadline, 0);
  assert_true(forecast.earliest_deadline_ns > workflow.deadline_ns);

  begin(&self, &workflow);
  const hexagent_call call = good_call(&self, 9, 1);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_submit(self.scheduler, &call, 1, NULL, 0, NULL, 0, &result), 1);
  const hexagent_decision reject = await_kind(self.scheduler, HEXAGENT_DECISION_REJECT);
  assert_int_equal(reject.status, HEXAGENT_E_DEADLINE);
  assert_int_equal(reject.workflow, 9);
  assert_int_equal(reject.user_data, call.user_data);
  assert_true(reject.expected_end_ns > reject.expected_start_ns);
  const hexagent_decision done = await_kind(self.scheduler, HEXAGENT_DECISION_WORKFLOW_DONE);
  assert_int_equal(done.status, HEXAGENT_E_DEADLINE);
  assert_int_equal(stats_of(self.scheduler).rejected, 1);

  hexagent_workflow patient = good_workflow(10);
  begin(&self, &patient);
  patient.workflow = patient.user_data = 11;
  begin(&self, &patient);
  const hexagent_decision bound = await_kind(self.scheduler, HEXAGENT_DECISION_REJECT);
  assert_int_equal(bound.status, HEXAGENT_E_TENANT_LIMIT);
  assert_int_equal(bound.user_data, 11);
  hexagent_close(self.scheduler);
}

static void the_thread_tells_and_rejects(void** state) {
  (void)state;
  expect_told_and_rejected("thread");
}

static void the_loop_tells_and_rejects(void** state) {
  (void)state;
  expect_told_and_rejected("loop");
}

static void a_forecast_commits_nothing(void** state) {
  (void)state;
  fixture self;
  set_up(&self, "thread");
  const hexagent_workflow workflow = hasty(9);
  const hexagent_forecast first = forecast_of(&self, &workflow);
  const hexagent_forecast second = forecast_of(&self, &workflow);
  assert_int_equal(first.horizon_ns, second.horizon_ns);
  assert_int_equal(first.earliest_deadline_ns, second.earliest_deadline_ns);
  assert_int_equal(stats_of(self.scheduler).workflows_live, 0);
  assert_int_equal(hexagent_call_state(self.scheduler, 9, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
  hexagent_close(self.scheduler);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_thread_tells_and_rejects),
      cmocka_unit_test(the_loop_tells_and_rejects),
      cmocka_unit_test(a_forecast_commits_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
