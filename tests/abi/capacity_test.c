/* Tables fixed at open: full is an answer, and what is in them goes on. */
#include "cluster.h"

static void workflows_beyond_the_limit_are_refused(void** state) {
  (void)state;
  cluster* self = cluster_open("workflows_max", "1");
  add_four_workers(self);
  start_bystander(self);
  begin_workflow(self, 1);
  cluster_step(self);
  expect_refused(self, 1, HEXAGENT_E_FULL, HEXAGENT_FIELD_CAPACITY);
  finish_bystander(self);
  begin_workflow(self, 2); /* there is room again */
  cluster_step(self);
  expect_accepted(self, 2);
  cluster_close(self);
}

static void calls_beyond_the_limit_are_refused(void** state) {
  (void)state;
  cluster* self = cluster_open("calls_max", "16");
  add_four_workers(self);
  begin_workflow(self, 1);
  for (uint64_t id = 1; id <= 17; ++id) submit_simple(self, 1, id, 0);
  cluster_step(self);
  for (uint64_t id = 1; id <= 16; ++id) expect_accepted(self, call_user_data(1, id));
  expect_refused(self, call_user_data(1, 17), HEXAGENT_E_FULL, HEXAGENT_FIELD_CAPACITY);
  for (uint64_t id = 1; id <= 16; ++id) finish_call(self, 1, id);
  cluster_close(self);
}

static void workers_beyond_the_limit_are_refused(void** state) {
  (void)state;
  cluster* self = cluster_open("workers_max", "4");
  add_four_workers(self);
  start_bystander(self);
  add_worker(self, good_worker(&self->base, 5, HEXAGENT_ROLE_PREFILL));
  cluster_step(self);
  expect_refused(self, 500005, HEXAGENT_E_FULL, HEXAGENT_FIELD_CAPACITY);
  finish_bystander(self);
  cluster_close(self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(workflows_beyond_the_limit_are_refused),
      cmocka_unit_test(calls_beyond_the_limit_are_refused),
      cmocka_unit_test(workers_beyond_the_limit_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
