/* Driving by the embedder's loop: one descriptor, hexagent_run_once(), hexagent_poll(). */
#include "driven.h"

static int open_loop(void** state) {
  fixture* self = malloc(sizeof(*self));
  if (self == NULL) return -1;
  driven_open(self, "loop", NULL, 0);
  *state = self;
  return 0;
}

static void a_workflow_runs_to_its_end(void** state) { run_one_workflow(*state); }

static void every_input_of_four_threads_is_answered_once(void** state) {
  const fixture* self = *state;
  check_senders(self->scheduler, 4, 20000);
}

static void other_ways_of_driving_are_refused(void** state) {
  const fixture* self = *state;
  assert_int_equal(hexagent_step(self->scheduler, 1), HEXAGENT_E_STATE);
  assert_true(hexagent_next_timer(self->scheduler) == HEXAGENT_E_STATE);
  fixture manual;
  driven_open(&manual, "manual", NULL, 0);
  assert_int_equal(hexagent_run_once(manual.scheduler, 0), HEXAGENT_E_STATE);
  assert_int_equal(hexagent_event_fd(manual.scheduler), HEXAGENT_E_STATE);
  assert_int_equal(hexagent_step(manual.scheduler, 1), 0);
  hexagent_close(manual.scheduler);
  assert_int_equal(hexagent_run_once(NULL, 0), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_event_fd(NULL), HEXAGENT_E_ARGUMENT);
}

static void the_descriptor_tells_of_inputs_and_of_decisions(void** state) {
  const fixture* self = *state;
  hexagent_scheduler* scheduler = self->scheduler;
  hexagent_decision decisions[8];
  for (int round = 0; round < 3; ++round) {
    assert_false(readable(scheduler, 0));
    assert_int_equal(hexagent_ready(scheduler, 77, 1, 1), HEXAGENT_OK);
    assert_true(readable(scheduler, 0)); /* an input */
    assert_int_equal(hexagent_poll(scheduler, decisions, 8), 0);
    assert_true(readable(scheduler, 0)); /* polling does not take it */
    assert_int_equal(hexagent_run_once(scheduler, 0), 1);
    assert_true(readable(scheduler, 0)); /* a decision */
    assert_int_equal(hexagent_run_once(scheduler, 0), 1);
    assert_true(readable(scheduler, 0)); /* stepping does not take it */
    assert_int_equal(hexagent_poll(scheduler, decisions, 8), 1);
  }
  assert_false(readable(scheduler, 0));
}

static void inputs_beyond_the_budget_keep_it_readable(void** state) {
  const fixture* self = *state;
  hexagent_decision decisions[16];
  for (uint64_t i = 0; i < 10; ++i) {
    assert_int_equal(hexagent_ready(self->scheduler, 77, 1, i), HEXAGENT_OK);
  }
  assert_int_equal(hexagent_run_once(self->scheduler, 4), 4);
  assert_int_equal(hexagent_poll(self->scheduler, decisions, 16), 4);
  assert_true(readable(self->scheduler, 0));
  assert_int_equal(hexagent_run_once(self->scheduler, 4), 4);
  assert_int_equal(hexagent_run_once(self->scheduler, 4), 6);
  assert_int_equal(hexagent_poll(self->scheduler, decisions, 16), 6);
  assert_int_equal(decisions[5].user_data, 9);
  assert_false(readable(self->scheduler, 0));
}

static void timers_make_it_readable(void** state) {
  (void)state;
  fixture self;
  const setting ttl[] = {{"workflow_idle_ttl_s", "1"}};
  driven_open(&self, "loop", ttl, 1);
  const hexagent_workflow workflow = good_workflow(5);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  const int64_t began_ns = hexagent_now();
  assert_int_equal(hexagent_workflow_begin(self.scheduler, &workflow, 1, &result), 1);
  const hexagent_decision done = await_kind(self.scheduler, HEXAGENT_DECISION_WORKFLOW_DONE);
  assert_int_equal(done.status, HEXAGENT_E_EXPIRED);
  assert_true(done.time_ns - began_ns >= 1000000000);
  hexagent_decision decision;
  assert_int_equal(hexagent_poll(self.scheduler, &decision, 1), 0);
  assert_int_equal(hexagent_run_once(self.scheduler, 0), 0);
  assert_false(readable(self.scheduler, 0)); /* no timer is left */
  hexagent_close(self.scheduler);
}

static void too_many_decisions_hold_inputs_back_until_they_are_polled(void** state) {
  (void)state;
  fixture self;
  const setting narrow[] = {{"decisions_max", "1024"}};
  driven_open(&self, "loop", narrow, 1);
  for (uint64_t i = 0; i < 1500; ++i) {
    assert_int_equal(hexagent_ready(self.scheduler, 77, 1, i), HEXAGENT_OK);
  }
  static hexagent_decision decisions[2048];
  assert_int_equal(hexagent_run_once(self.scheduler, 0), HEXAGENT_E_AGAIN);
  assert_int_equal(stats_of(self.scheduler).decisions_waiting, 1024);
  assert_int_equal(hexagent_poll(self.scheduler, decisions, 2048), 1024);
  assert_true(readable(self.scheduler, 0)); /* for the inputs that had to wait */
  assert_int_equal(hexagent_run_once(self.scheduler, 0), 476);
  assert_int_equal(stats_of(self.scheduler).inputs_held_back, 1);
  hexagent_close(self.scheduler);
}

static void shutdown_delivers_what_was_queued_and_then_says_closed(void** state) {
  const fixture* self = *state;
  for (uint64_t i = 0; i < 300; ++i) {
    assert_int_equal(hexagent_ready(self->scheduler, 77, 1, i), HEXAGENT_OK);
  }
  assert_int_equal(hexagent_shutdown(self->scheduler), HEXAGENT_OK);
  assert_int_equal(hexagent_ready(self->scheduler, 77, 1, 1), HEXAGENT_E_CLOSED);
  assert_true(readable(self->scheduler, 0));
  assert_int_equal(poll_to_the_end(self->scheduler), 300);
  assert_int_equal(hexagent_run_once(self->scheduler, 0), HEXAGENT_E_CLOSED);
  assert_true(readable(self->scheduler, 0));
}

static void shutdown_ends_manual_driving_too(void** state) {
  (void)state;
  fixture self;
  driven_open(&self, "manual", NULL, 0);
  assert_int_equal(hexagent_ready(self.scheduler, 77, 1, 1), HEXAGENT_OK);
  assert_int_equal(hexagent_shutdown(self.scheduler), HEXAGENT_OK);
  assert_int_equal(hexagent_ready(self.scheduler, 77, 1, 1), HEXAGENT_E_CLOSED);
  hexagent_decision decision;
  assert_int_equal(hexagent_poll(self.scheduler, &decision, 1), 0); /* not taken yet */
  assert_int_equal(hexagent_step(self.scheduler, 1), 1);
  assert_int_equal(hexagent_poll(self.scheduler, &decision, 1), 1);
  assert_int_equal(hexagent_poll(self.scheduler, &decision, 1), HEXAGENT_E_CLOSED);
  assert_int_equal(hexagent_step(self.scheduler, 2), HEXAGENT_E_CLOSED);
  assert_true(hexagent_next_timer(self.scheduler) == INT64_MAX);
  hexagent_close(self.scheduler);
}

static void the_clock_is_monotonic_and_positive(void** state) {
  (void)state;
  int64_t before_ns = hexagent_now();
  assert_true(before_ns > 0);
  for (int i = 0; i < 1000; ++i) {
    const int64_t now_ns = hexagent_now();
    assert_true(now_ns >= before_ns);
    before_ns = now_ns;
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_workflow_runs_to_its_end),
      TEST(every_input_of_four_threads_is_answered_once),
      TEST(other_ways_of_driving_are_refused),
      TEST(the_descriptor_tells_of_inputs_and_of_decisions),
      TEST(inputs_beyond_the_budget_keep_it_readable),
      cmocka_unit_test(timers_make_it_readable),
      cmocka_unit_test(too_many_decisions_hold_inputs_back_until_they_are_polled),
      TEST(shutdown_delivers_what_was_queued_and_then_says_closed),
      cmocka_unit_test(shutdown_ends_manual_driving_too),
      cmocka_unit_test(the_clock_is_monotonic_and_positive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
