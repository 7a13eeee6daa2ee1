/*
 * No wake-up is lost: two producers, a million small inputs each, and the watchdog is the patience
 * with which the consumer waits on the descriptor. A lost wake-up, of the loop thread or of the
 * consumer, leaves something in a queue with everyone asleep.
 */
#include "driven.h"

#define COUNT 1000000

static void check_mode(const char* driving) {
  fixture self;
  driven_open(&self, driving, NULL, 0);
  check_senders(self.scheduler, 2, COUNT);
  hexagent_close(self.scheduler);
}

static void no_wake_up_of_the_librarys_thread_is_lost(void** state) {
  (void)state;
  check_mode("thread");
}

static void no_wake_up_of_the_embedders_loop_is_lost(void** state) {
  (void)state;
  check_mode("loop");
}

/* One at a time, so that both sides fall asleep between any two. */
static void a_ping_at_a_time_wakes_both_sides(void** state) {
  (void)state;
  fixture self;
  driven_open(&self, "thread", NULL, 0);
  hexagent_decision decision;
  for (uint64_t i = 0; i < 20000; ++i) {
    assert_int_equal(hexagent_ready(self.scheduler, 77, 1, i), HEXAGENT_OK);
    assert_true(readable(self.scheduler, PATIENCE_MS));
    assert_int_equal(hexagent_poll(self.scheduler, &decision, 1), 1);
    assert_int_equal(decision.user_data, i);
    assert_int_equal(hexagent_poll(self.scheduler, &decision, 1), 0);
  }
  hexagent_close(self.scheduler);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_wake_up_of_the_librarys_thread_is_lost),
      cmocka_unit_test(no_wake_up_of_the_embedders_loop_is_lost),
      cmocka_unit_test(a_ping_at_a_time_wakes_both_sides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
