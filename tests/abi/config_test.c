/* Configuration: describing keys, setting them before open and while running. */
#include <stdio.h>

#include "fixture.h"

static hexagent_config_info describe(uint32_t index, hexagent_status* status) {
  hexagent_config_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  *status = hexagent_config_describe(index, &info);
  return info;
}

static int open_config(void** state) {
  *state = hexagent_config_create();
  return *state == NULL ? -1 : 0;
}

static int free_config(void** state) {
  hexagent_config_free(*state);
  return 0;
}

static void every_key_described_takes_its_own_default(void** state) {
  hexagent_status status = HEXAGENT_OK;
  uint32_t count = 0;
  for (;; ++count) {
    const hexagent_config_info info = describe(count, &status);
    if (status != HEXAGENT_OK) break;
    assert_true(strlen(info.key) > 0);
    assert_true(strlen(info.text) > 10);
    assert_int_equal(info.text[strlen(info.text) - 1], '.'); /* none is cut short */
    assert_int_equal(hexagent_config_set(*state, info.key, info.default_value, NULL), HEXAGENT_OK);
  }
  assert_int_equal(status, HEXAGENT_E_RANGE);
  assert_true(count > 10);
  hexagent_scheduler* scheduler = hexagent_open(*state, HEXAGENT_VERSION, NULL);
  assert_non_null(scheduler);
  hexagent_close(scheduler);
}

static void bounds_are_taken_and_what_lies_beyond_is_refused(void** state) {
  hexagent_status status = HEXAGENT_OK;
  for (uint32_t i = 0;; ++i) {
    const hexagent_config_info info = describe(i, &status);
    if (status != HEXAGENT_OK) break;
    if (info.minimum == info.maximum) continue; /* takes a name */
    char value[64];
    snprintf(value, sizeof(value), "%.17g", info.maximum);
    assert_int_equal(hexagent_config_set(*state, info.key, value, NULL), HEXAGENT_OK);
    snprintf(value, sizeof(value), "%.17g", info.maximum + 1.0);
    assert_int_equal(hexagent_config_set(*state, info.key, value, NULL), HEXAGENT_E_RANGE);
    snprintf(value, sizeof(value), "%.17g", info.minimum - 1.0);
    assert_int_equal(hexagent_config_set(*state, info.key, value, NULL), HEXAGENT_E_RANGE);
  }
}

static void errors_name_key_value_and_bounds(void** state) {
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_config_set(*state, "workflows_max", "0", &error), HEXAGENT_E_RANGE);
  assert_int_equal(error.status, HEXAGENT_E_RANGE);
  assert_int_equal(error.field, HEXAGENT_FIELD_VALUE);
  assert_non_null(strstr(error.text, "workflows_max = \"0\""));
  assert_non_null(strstr(error.text, "from 1 to 4194304"));

  assert_int_equal(hexagent_config_set(*state, "wokflows_max", "5", &error), HEXAGENT_E_KEY);
  assert_int_equal(error.field, HEXAGENT_FIELD_KEY);
  assert_non_null(strstr(error.text, "wokflows_max"));

  assert_int_equal(hexagent_config_set(*state, "policy", "best", &error), HEXAGENT_E_KEY);
  assert_int_equal(error.field, HEXAGENT_FIELD_VALUE);
  assert_non_null(strstr(error.text, "best"));
  assert_non_null(strstr(error.text, "fcfs"));         /* the names that would do */
  assert_non_null(strstr(error.text, "pulled-queue")); /* all of them */

  assert_int_equal(hexagent_config_set(*state, "policy", "fcfs", &error), HEXAGENT_OK);
  assert_int_equal(error.status, HEXAGENT_OK);
  assert_int_equal(error.field, HEXAGENT_FIELD_NONE);
  assert_string_equal(error.text, "");
}

static void overlong_text_is_cut_and_terminated(void** state) {
  char key[2000];
  memset(key, 'k', sizeof(key) - 1);
  key[sizeof(key) - 1] = '\0';
  hexagent_error error = empty_error();
  memset(error.text, '#', sizeof(error.text));
  assert_int_equal(hexagent_config_set(*state, key, key, &error), HEXAGENT_E_KEY);
  assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

static void null_arguments_are_refused(void** state) {
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_config_set(NULL, "policy", "fcfs", &error), HEXAGENT_E_ARGUMENT);
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_config_set(*state, NULL, "fcfs", &error), HEXAGENT_E_ARGUMENT);
  assert_int_equal(error.field, HEXAGENT_FIELD_KEY);
  assert_int_equal(hexagent_config_set(*state, "policy", NULL, &error), HEXAGENT_E_ARGUMENT);
  assert_int_equal(error.field, HEXAGENT_FIELD_VALUE);
  assert_int_equal(hexagent_config_describe(0, NULL), HEXAGENT_E_ARGUMENT);
  hexagent_config_free(NULL);
}

static void only_live_keys_change_while_running(void** state) {
  const fixture* self = *state;
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_configure(self->scheduler, "calls_max", "50", &error),
                   HEXAGENT_E_STATE);
  assert_int_equal(error.field, HEXAGENT_FIELD_KEY);
  assert_non_null(strstr(error.text, "calls_max"));
  assert_int_equal(hexagent_configure(self->scheduler, "nonsense", "50", &error), HEXAGENT_E_KEY);
  assert_int_equal(hexagent_configure(self->scheduler, "retry_max", "x", &error), HEXAGENT_E_RANGE);
  assert_int_equal(error.field, HEXAGENT_FIELD_VALUE);
  assert_int_equal(hexagent_configure(self->scheduler, NULL, "1", &error), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_configure(NULL, "retry_max", "1", &error), HEXAGENT_E_ARGUMENT);
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_configure(self->scheduler, "retry_max", "1", &error), HEXAGENT_OK);
  assert_int_equal(error.status, HEXAGENT_OK);

  hexagent_decision decision;
  assert_int_equal(hexagent_step(self->scheduler, 1), 1); /* the refused ones were never queued */
  assert_int_equal(hexagent_poll(self->scheduler, &decision, 1), 1);
  assert_int_equal(decision.kind, HEXAGENT_DECISION_ACCEPTED);
}

static void driving_is_chosen_at_open_and_not_later(void** state) {
  const fixture* self = *state;
  hexagent_config* config = hexagent_config_create();
  assert_non_null(config);
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_config_set(config, "driving", "fast", &error), HEXAGENT_E_KEY);
  assert_int_equal(error.field, HEXAGENT_FIELD_VALUE);
  assert_non_null(strstr(error.text, "fast"));
  assert_non_null(strstr(error.text, "manual, thread, loop"));
  assert_int_equal(hexagent_config_set(config, "driving", "loop", &error), HEXAGENT_OK);
  assert_int_equal(error.status, HEXAGENT_OK);
  hexagent_config_free(config);
  assert_int_equal(hexagent_configure(self->scheduler, "driving", "thread", &error),
                   HEXAGENT_E_STATE);
  assert_int_equal(error.field, HEXAGENT_FIELD_KEY);
  assert_non_null(strstr(error.text, "not live"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_key_described_takes_its_own_default, open_config,
                                      free_config),
      cmocka_unit_test_setup_teardown(bounds_are_taken_and_what_lies_beyond_is_refused, open_config,
                                      free_config),
      cmocka_unit_test_setup_teardown(errors_name_key_value_and_bounds, open_config, free_config),
      cmocka_unit_test_setup_teardown(overlong_text_is_cut_and_terminated, open_config,
                                      free_config),
      cmocka_unit_test_setup_teardown(null_arguments_are_refused, open_config, free_config),
      cmocka_unit_test_setup_teardown(only_live_keys_change_while_running, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(driving_is_chosen_at_open_and_not_later, fixture_setup,
                                      fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
