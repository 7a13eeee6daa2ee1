/* Manual driving: time, bounds of the two queues, what comes out of poll. */
#include "fixture.h"

static void time_does_not_run_backwards(void** state) {
  const fixture* self = *state;
  hexagent_scheduler* scheduler = self->scheduler;
  assert_int_equal(hexagent_step(scheduler, -1), HEXAGENT_E_TIME);
  assert_int_equal(hexagent_step(scheduler, 100), 0);
  assert_int_equal(hexagent_step(scheduler, 100), 0);
  assert_int_equal(hexagent_step(scheduler, 99), HEXAGENT_E_TIME);
  assert_int_equal(hexagent_step(scheduler, INT64_MAX), HEXAGENT_E_TIME);
  assert_int_equal(hexagent_step(scheduler, INT64_MIN), HEXAGENT_E_TIME);
  assert_int_equal(hexagent_step(scheduler, 101), 0);
  assert_int_equal(hexagent_step(NULL, 101), HEXAGENT_E_ARGUMENT);
}

static void a_step_refused_takes_no_input(void** state) {
  const fixture* self = *state;
  assert_int_equal(hexagent_step(self->scheduler, 100), 0);
  assert_int_equal(hexagent_worker_lost(self->scheduler, 1, 1, 7), HEXAGENT_OK);
  assert_int_equal(hexagent_step(self->scheduler, 99), HEXAGENT_E_TIME);
  assert_int_equal(hexagent_poll(self->scheduler, NULL, 0), 0);
  assert_int_equal(hexagent_step(self->scheduler, 100), 1);
}

static void verdicts_come_in_order_with_their_user_data(void** state) {
  const fixture* self = *state;
  for (uint64_t i = 1; i <= 10; ++i) {
    assert_int_equal(hexagent_worker_lost(self->scheduler, (uint32_t)i, 1, i), HEXAGENT_OK);
  }
  assert_int_equal(hexagent_step(self->scheduler, 5), 10);
  hexagent_decision decisions[16];
  assert_int_equal(hexagent_poll(self->scheduler, decisions, 4), 4);
  assert_int_equal(hexagent_poll(self->scheduler, decisions + 4, 12), 6);
  assert_int_equal(hexagent_poll(self->scheduler, decisions, 16), 0);
  for (uint64_t i = 1; i <= 10; ++i) {
    assert_int_equal(decisions[i - 1].sequence, i);
    assert_int_equal(decisions[i - 1].user_data, i);
    assert_int_equal(decisions[i - 1].worker, i);
    assert_int_equal(decisions[i - 1].time_ns, 5);
  }
}

static void poll_needs_its_arguments(void** state) {
  const fixture* self = *state;
  hexagent_decision decision;
  assert_int_equal(hexagent_poll(self->scheduler, NULL, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_poll(NULL, &decision, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_poll(self->scheduler, NULL, 0), 0);
}

static void there_is_no_timer_in_an_idle_scheduler(void** state) {
  const fixture* self = *state;
  assert_true(hexagent_next_timer(self->scheduler) == INT64_MAX);
  assert_true(hexagent_next_timer(NULL) == HEXAGENT_E_ARGUMENT);
}

static hexagent_stats read_stats(const fixture* self) {
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  assert_int_equal(hexagent_stats_read(self->scheduler, &stats), HEXAGENT_OK);
  return stats;
}

/* Calls until the queue is full; how many went in. */
static uint32_t fill_intake(const fixture* self) {
  uint32_t queued = 0;
  while (hexagent_ready(self->scheduler, 1, 1, queued) == HEXAGENT_OK) ++queued;
  return queued;
}

static void a_full_intake_queue_says_again_until_a_step_empties_it(void** state) {
  (void)state;
  fixture self;
  fixture_open(&self, "intake_bytes", "65536");
  const uint32_t queued = fill_intake(&self);
  assert_true(queued > 100);
  assert_int_equal(read_stats(&self).intake_rejected, 1);
  hexagent_error error = empty_error();
  const hexagent_worker worker = good_worker(&self, 1, HEXAGENT_ROLE_BOTH);
  assert_int_equal(hexagent_worker_set(self.scheduler, &worker, 1, &error), HEXAGENT_E_AGAIN);
  assert_int_equal(error.status, HEXAGENT_E_AGAIN);
  assert_true(strlen(error.text) > 0);
  assert_int_equal(hexagent_configure(self.scheduler, "learning", "0", &error), HEXAGENT_E_AGAIN);
  const hexagent_heartbeat heartbeat = good_heartbeat(1);
  assert_int_equal(hexagent_heartbeat_submit(self.scheduler, &heartbeat, 1), HEXAGENT_E_AGAIN);
  assert_int_equal(hexagent_workflow_end(self.scheduler, 1, 1), HEXAGENT_E_AGAIN);
  assert_int_equal(read_stats(&self).intake_rejected, 5);
  assert_int_equal(hexagent_step(self.scheduler, 1), queued);
  assert_int_equal(read_stats(&self).inputs, queued);
  assert_int_equal(hexagent_ready(self.scheduler, 1, 1, 1), HEXAGENT_OK);
  hexagent_close(self.scheduler);
}

static void a_batch_keeps_its_order_when_the_queue_fills_up(void** state) {
  (void)state;
  fixture self;
  fixture_open(&self, "intake_bytes", "65536");
  /* Every fourth call is small, the others bring so many dependencies that few of them fit. */
  enum { kCalls = 64, kDeps = 1000 };
  static uint64_t deps[kDeps];
  hexagent_call calls[kCalls];
  hexagent_status results[kCalls];
  for (uint32_t i = 0; i < kCalls; ++i) {
    calls[i] = good_call(&self, 1, i);
    if (i % 4 != 0) calls[i].deps_count = kDeps;
  }
  const int32_t queued =
      hexagent_submit(self.scheduler, calls, kCalls, deps, kDeps, NULL, 0, results);
  assert_true(queued > 0 && queued < kCalls);
  for (int32_t i = 0; i < kCalls; ++i) {
    assert_int_equal(results[i], i < queued ? HEXAGENT_OK : HEXAGENT_E_AGAIN);
  }
  assert_int_equal(read_stats(&self).intake_rejected, kCalls - queued);
  hexagent_close(self.scheduler);
}

static void a_full_decision_queue_leaves_inputs_queued(void** state) {
  (void)state;
  fixture self;
  fixture_open(&self, "decisions_max", "1024");
  const uint32_t inputs = 1500;
  for (uint32_t i = 0; i < inputs; ++i) {
    assert_int_equal(hexagent_worker_lost(self.scheduler, 1, 1, i), HEXAGENT_OK);
  }
  assert_int_equal(hexagent_step(self.scheduler, 1), HEXAGENT_E_AGAIN);
  assert_int_equal(hexagent_step(self.scheduler, 1), HEXAGENT_E_AGAIN);
  assert_int_equal(read_stats(&self).inputs, 1024);
  static hexagent_decision decisions[2048];
  assert_int_equal(hexagent_poll(self.scheduler, decisions, 2048), 1024);
  assert_int_equal(hexagent_step(self.scheduler, 2), inputs - 1024);
  assert_int_equal(hexagent_poll(self.scheduler, decisions + 1024, 1024), inputs - 1024);
  for (uint32_t i = 0; i < inputs; ++i) assert_int_equal(decisions[i].user_data, i);
  hexagent_close(self.scheduler);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(time_does_not_run_backwards),
      TEST(a_step_refused_takes_no_input),
      TEST(verdicts_come_in_order_with_their_user_data),
      TEST(poll_needs_its_arguments),
      TEST(there_is_no_timer_in_an_idle_scheduler),
      cmocka_unit_test(a_full_intake_queue_says_again_until_a_step_empties_it),
      cmocka_unit_test(a_batch_keeps_its_order_when_the_queue_fills_up),
      cmocka_unit_test(a_full_decision_queue_leaves_inputs_queued),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
