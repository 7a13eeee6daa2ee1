/* The log from outside: a host's callback in every mode of driving. */
#include <hexagent/log.h>
#include <stdatomic.h>

#include "driven.h"

typedef struct heard {
  atomic_uint lost;
  atomic_uint opened;
  atomic_uint others;
} heard;

static void hear(void* user_data, uint32_t level, int64_t time_ns, const char* text) {
  heard* self = user_data;
  (void)time_ns;
  if (strstr(text, "worker 1 is lost, with 0 calls") != NULL && level == HEXAGENT_LOG_WARNING) {
    atomic_fetch_add(&self->lost, 1);
  } else if (strstr(text, "opened") != NULL && level == HEXAGENT_LOG_INFO) {
    atomic_fetch_add(&self->opened, 1);
  } else {
    atomic_fetch_add(&self->others, 1);
  }
}

static void expect_told(const char* driving, uint32_t level, unsigned opened) {
  heard told;
  memset(&told, 0, sizeof(told));
  hexagent_config* config = hexagent_config_create();
  assert_int_equal(hexagent_config_set(config, "driving", driving, NULL), HEXAGENT_OK);
  assert_int_equal(hexagent_config_log(config, level, hear, &told), HEXAGENT_OK);
  fixture self;
  memset(&self, 0, sizeof(self));
  self.scheduler = hexagent_open(config, HEXAGENT_VERSION, NULL);
  hexagent_config_free(config);
  assert_non_null(self.scheduler);
  assert_int_equal(atomic_load(&told.opened), opened);
  self.gpu = intern(self.scheduler, "test-gpu");
  self.model = intern(self.scheduler, "test-model");
  const hexagent_profile profile = good_profile(&self);
  assert_int_equal(hexagent_profile_set(self.scheduler, &profile, 1, NULL), HEXAGENT_OK);
  const hexagent_worker worker = good_worker(&self, 1, HEXAGENT_ROLE_PREFILL);
  assert_int_equal(hexagent_worker_set(self.scheduler, &worker, 2, NULL), HEXAGENT_OK);
  assert_int_equal(hexagent_worker_lost(self.scheduler, 1, 1, 3), HEXAGENT_OK);
  if (strcmp(driving, "manual") == 0) {
    assert_true(hexagent_step(self.scheduler, 1) >= 0);
  } else {
    while (await_kind(self.scheduler, HEXAGENT_DECISION_ACCEPTED).user_data != 3) {
    }
  }
  hexagent_close(self.scheduler); /* the library's thread has ended: all was told */
  assert_int_equal(atomic_load(&told.lost), 1);
  assert_int_equal(atomic_load(&told.others), 0);
}

static void a_lost_worker_is_told_in_every_mode(void** state) {
  (void)state;
  expect_told("manual", HEXAGENT_LOG_WARNING, 0);
  expect_told("loop", HEXAGENT_LOG_WARNING, 0);
  expect_told("thread", HEXAGENT_LOG_WARNING, 0);
}

static void the_opening_is_told_before_open_returns(void** state) {
  (void)state;
  expect_told("manual", HEXAGENT_LOG_INFO, 1);
  expect_told("thread", HEXAGENT_LOG_INFO, 1);
}

static void a_rescue_prefix_is_a_key_of_the_configuration(void** state) {
  (void)state;
  char longer[130];
  memset(longer, 'a', sizeof(longer) - 1);
  longer[sizeof(longer) - 1] = '\0';
  hexagent_config* config = hexagent_config_create();
  assert_int_equal(hexagent_config_set(config, "rescue_prefix", "/tmp/x", NULL), HEXAGENT_OK);
  assert_int_equal(hexagent_config_set(config, "rescue_prefix", longer, NULL), HEXAGENT_E_RANGE);
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, NULL);
  hexagent_config_free(config);
  assert_int_equal(hexagent_configure(scheduler, "rescue_prefix", "x", NULL), HEXAGENT_E_STATE);
  hexagent_close(scheduler);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lost_worker_is_told_in_every_mode),
      cmocka_unit_test(the_opening_is_told_before_open_returns),
      cmocka_unit_test(a_rescue_prefix_is_a_key_of_the_configuration),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
