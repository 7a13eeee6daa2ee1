/* Questions: what they refuse. What they answer about running calls is in answers_test.c. */
#include "fixture.h"

static void what_is_unknown_is_told_apart(void** state) {
  const fixture* self = *state;
  hexagent_workflow_info workflow;
  memset(&workflow, 0, sizeof(workflow));
  workflow.struct_size = sizeof(workflow);
  hexagent_worker_info worker;
  memset(&worker, 0, sizeof(worker));
  worker.struct_size = sizeof(worker);
  uint32_t needed = 0;
  hexagent_scheduler* scheduler = self->scheduler;
  assert_int_equal(hexagent_call_state(scheduler, 1, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
  assert_int_equal(hexagent_workflow_query(scheduler, 1, &workflow), HEXAGENT_E_UNKNOWN_WORKFLOW);
  assert_int_equal(hexagent_worker_query(scheduler, 1, &worker), HEXAGENT_E_UNKNOWN_WORKER);
  assert_int_equal(hexagent_explain(scheduler, 1, 1, NULL, 0, &needed),
                   HEXAGENT_E_UNKNOWN_WORKFLOW);
}

static void questions_need_a_handle(void** state) {
  (void)state;
  hexagent_workflow_info workflow;
  hexagent_worker_info worker;
  hexagent_stats stats;
  char text[16];
  assert_int_equal(hexagent_call_state(NULL, 1, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_workflow_query(NULL, 1, &workflow), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_worker_query(NULL, 1, &worker), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_stats_read(NULL, &stats), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_metrics_write(NULL, text, sizeof(text), NULL), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_explain(NULL, 1, 1, text, sizeof(text), NULL), HEXAGENT_E_ARGUMENT);
}

static void a_placement_is_asked_for_with_a_sound_call(void** state) {
  const fixture* self = *state;
  hexagent_scheduler* scheduler = self->scheduler;
  hexagent_placement placement;
  hexagent_call call = good_call(self, 1, 1);
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 0, &placement, 1),
                   HEXAGENT_E_NO_WORKER);
  call.deps_offset = 70; /* deps are ignored */
  call.deps_count = 70;
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 0, &placement, 1),
                   HEXAGENT_E_NO_WORKER);
  assert_int_equal(hexagent_placement_query(scheduler, NULL, NULL, 0, &placement, 1),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 1, &placement, 1),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 0, NULL, 1),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_placement_query(NULL, &call, NULL, 0, &placement, 1),
                   HEXAGENT_E_ARGUMENT);
  call.prefixes_count = 1;
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 0, &placement, 1),
                   HEXAGENT_E_ARGUMENT);
  call = good_call(self, 1, 1);
  call.prompt_tokens = 0;
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 0, &placement, 1),
                   HEXAGENT_E_RANGE);
  call = good_call(self, 1, 1);
  call.model = 999;
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 0, &placement, 1),
                   HEXAGENT_E_NAME);
}

static void a_forecast_is_asked_for_with_sound_records(void** state) {
  const fixture* self = *state;
  hexagent_scheduler* scheduler = self->scheduler;
  hexagent_forecast forecast;
  memset(&forecast, 0, sizeof(forecast));
  forecast.struct_size = sizeof(forecast);
  hexagent_workflow workflow = good_workflow(1);
  hexagent_call call = good_call(self, 1, 1);
  assert_int_equal(hexagent_what_if(scheduler, NULL, &call, 1, NULL, 0, NULL, 0, &forecast),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_what_if(scheduler, &workflow, NULL, 1, NULL, 0, NULL, 0, &forecast),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_what_if(scheduler, &workflow, &call, HEXAGENT_BATCH_MAX + 1, NULL, 0,
                                    NULL, 0, &forecast),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_what_if(scheduler, &workflow, &call, 1, NULL, 1, NULL, 0, &forecast),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_what_if(scheduler, &workflow, &call, 1, NULL, 0, NULL, 0, NULL),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_what_if(NULL, &workflow, &call, 1, NULL, 0, NULL, 0, &forecast),
                   HEXAGENT_E_ARGUMENT);
  call.workflow = 2; /* not of this workflow */
  assert_int_equal(hexagent_what_if(scheduler, &workflow, &call, 1, NULL, 0, NULL, 0, &forecast),
                   HEXAGENT_E_ARGUMENT);
  call = good_call(self, 1, 1);
  call.prompt_tokens = 0;
  assert_int_equal(hexagent_what_if(scheduler, &workflow, &call, 1, NULL, 0, NULL, 0, &forecast),
                   HEXAGENT_E_RANGE);
  workflow.tier = 9;
  assert_int_equal(hexagent_what_if(scheduler, &workflow, NULL, 0, NULL, 0, NULL, 0, &forecast),
                   HEXAGENT_E_RANGE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(what_is_unknown_is_told_apart),
      cmocka_unit_test(questions_need_a_handle),
      TEST(a_placement_is_asked_for_with_a_sound_call),
      TEST(a_forecast_is_asked_for_with_sound_records),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
