/*
 * Older and newer callers: every struct with a struct_size, given as no release had it, as this one
 * has it, and as a later one might.
 */
#include "fixture.h"

#define SURPLUS 32u /* bytes that a later release might have added */

/* Room for any sized struct and its surplus. */
typedef union room {
  uint32_t struct_size;
  unsigned char bytes[512];
  double alignment;
} room;

static room with_surplus(const void* record, uint32_t size, unsigned char surplus) {
  room larger;
  memset(&larger, 0, sizeof(larger));
  memcpy(larger.bytes, record, size);
  larger.struct_size = size + SURPLUS;
  larger.bytes[size + SURPLUS - 1] = surplus;
  return larger;
}

typedef hexagent_status (*pass_record)(const fixture* self, const void* record,
                                       hexagent_error* error);

/* Inputs: too short, exact, longer with zeros, longer with something in it. */
static void check_input(const fixture* self, const void* record, uint32_t size, pass_record pass) {
  hexagent_error error = empty_error();
  assert_int_equal(pass(self, record, &error), HEXAGENT_OK);
  const room zeros = with_surplus(record, size, 0);
  assert_int_equal(pass(self, zeros.bytes, &error), HEXAGENT_OK);
  const room more = with_surplus(record, size, 1);
  assert_int_equal(pass(self, more.bytes, &error), HEXAGENT_E_TOO_NEW);
  assert_int_equal(error.field, HEXAGENT_FIELD_STRUCT_SIZE);
  room shorter = zeros;
  const uint32_t sizes[] = {0, 1, 4, size - 1};
  for (uint32_t i = 0; i < COUNT_OF(sizes); ++i) {
    shorter.struct_size = sizes[i];
    assert_int_equal(pass(self, shorter.bytes, &error), HEXAGENT_E_STRUCT_SIZE);
    assert_int_equal(error.field, HEXAGENT_FIELD_STRUCT_SIZE);
  }
  assert_int_equal(pass(self, NULL, &error), HEXAGENT_E_ARGUMENT);
}

static hexagent_status pass_profile(const fixture* self, const void* record,
                                    hexagent_error* error) {
  return hexagent_profile_set(self->scheduler, record, 1, error);
}

static hexagent_status pass_model(const fixture* self, const void* record, hexagent_error* error) {
  return hexagent_model_set(self->scheduler, record, 1, error);
}

static hexagent_status pass_worker(const fixture* self, const void* record, hexagent_error* error) {
  return hexagent_worker_set(self->scheduler, record, 1, error);
}

static hexagent_status pass_link(const fixture* self, const void* record, hexagent_error* error) {
  return hexagent_link_set(self->scheduler, record, 1, error);
}

static hexagent_status pass_gpu(const fixture* self, const void* record, hexagent_error* error) {
  (void)self;
  const hexagent_model model = derivable_model();
  hexagent_profile profile;
  memset(&profile, 0, sizeof(profile));
  profile.struct_size = sizeof(profile);
  return hexagent_profile_derive(record, &model, 1, &profile, error);
}

static hexagent_status pass_derived_model(const fixture* self, const void* record,
                                          hexagent_error* error) {
  (void)self;
  const hexagent_gpu gpu = good_gpu();
  hexagent_profile profile;
  memset(&profile, 0, sizeof(profile));
  profile.struct_size = sizeof(profile);
  return hexagent_profile_derive(&gpu, record, 1, &profile, error);
}

static void inputs_of_older_and_newer_callers_follow_the_rule(void** state) {
  const fixture* self = *state;
  const hexagent_profile profile = good_profile(self);
  const hexagent_model model = good_model(self);
  const hexagent_worker worker = good_worker(self, 1, HEXAGENT_ROLE_BOTH);
  const hexagent_link link = good_link(self);
  const hexagent_gpu gpu = good_gpu();
  const hexagent_model derivable = derivable_model();
  check_input(self, &profile, sizeof(profile), pass_profile);
  check_input(self, &model, sizeof(model), pass_model);
  check_input(self, &worker, sizeof(worker), pass_worker);
  check_input(self, &link, sizeof(link), pass_link);
  check_input(self, &gpu, sizeof(gpu), pass_gpu);
  check_input(self, &derivable, sizeof(derivable), pass_derived_model);
}

typedef hexagent_status (*ask)(const fixture* self, void* answer);

/*
 * Outputs: shorter than in the first release is refused; a longer one gets zeros where this library
 * knows nothing.
 */
static void check_output(const fixture* self, uint32_t first_size, uint32_t size, ask question) {
  room answer;
  memset(&answer, 0xee, sizeof(answer));
  answer.struct_size = size;
  assert_int_equal(question(self, answer.bytes), HEXAGENT_OK);
  assert_int_equal(answer.struct_size, size);
  assert_int_equal(answer.bytes[size], 0xee); /* nothing is written beyond */
  answer.struct_size = size + SURPLUS;
  assert_int_equal(question(self, answer.bytes), HEXAGENT_OK);
  assert_int_equal(answer.struct_size, size + SURPLUS);
  for (uint32_t i = 0; i < SURPLUS; ++i) assert_int_equal(answer.bytes[size + i], 0);
  assert_int_equal(answer.bytes[size + SURPLUS], 0xee);
  const uint32_t sizes[] = {0, 4, first_size - 1};
  for (uint32_t i = 0; i < COUNT_OF(sizes); ++i) {
    memset(&answer, 0xee, sizeof(answer));
    answer.struct_size = sizes[i];
    assert_int_equal(question(self, answer.bytes), HEXAGENT_E_STRUCT_SIZE);
    assert_int_equal(answer.bytes[4], 0xee);
  }
  memset(&answer, 0xee, sizeof(answer));
  answer.struct_size = first_size;
  assert_int_equal(question(self, answer.bytes), HEXAGENT_OK);
  assert_int_equal(answer.bytes[first_size], 0xee); /* an older caller gets what it knows */
  assert_int_equal(question(self, NULL), HEXAGENT_E_ARGUMENT);
}

#define STATS_FIRST_SIZE 144u /* three counts came later */

static hexagent_status ask_stats(const fixture* self, void* answer) {
  return hexagent_stats_read(self->scheduler, answer);
}

static hexagent_status ask_config(const fixture* self, void* answer) {
  (void)self;
  return hexagent_config_describe(0, answer);
}

static hexagent_status ask_builtin(const fixture* self, void* answer) {
  return hexagent_profile_builtin(self->scheduler, "H100-80G", "llama-3.1-70b", 4, answer);
}

static hexagent_status ask_derived(const fixture* self, void* answer) {
  (void)self;
  const hexagent_gpu gpu = good_gpu();
  const hexagent_model model = derivable_model();
  return hexagent_profile_derive(&gpu, &model, 1, answer, NULL);
}

static hexagent_status ask_forecast(const fixture* self, void* answer) {
  const hexagent_workflow workflow = good_workflow(1);
  return hexagent_what_if(self->scheduler, &workflow, NULL, 0, NULL, 0, NULL, 0, answer);
}

static void outputs_to_older_and_newer_callers_follow_the_rule(void** state) {
  const fixture* self = *state;
  check_output(self, STATS_FIRST_SIZE, sizeof(hexagent_stats), ask_stats);
  check_output(self, sizeof(hexagent_config_info), sizeof(hexagent_config_info), ask_config);
  check_output(self, sizeof(hexagent_profile), sizeof(hexagent_profile), ask_builtin);
  check_output(self, sizeof(hexagent_profile), sizeof(hexagent_profile), ask_derived);
  check_output(self, sizeof(hexagent_forecast), sizeof(hexagent_forecast), ask_forecast);
}

static void questions_check_the_answers_size_before_anything_else(void** state) {
  const fixture* self = *state;
  room answer;
  memset(&answer, 0, sizeof(answer));
  assert_int_equal(hexagent_workflow_query(self->scheduler, 1, (void*)answer.bytes),
                   HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(hexagent_worker_query(self->scheduler, 1, (void*)answer.bytes),
                   HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(hexagent_workflow_query(self->scheduler, 1, NULL), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_worker_query(self->scheduler, 1, NULL), HEXAGENT_E_ARGUMENT);
}

static void a_call_with_a_bad_error_struct_does_nothing(void** state) {
  const fixture* self = *state;
  const hexagent_profile profile = good_profile(self);
  hexagent_error error = empty_error();
  error.struct_size = sizeof(error) - 1;
  error.status = 12345;
  hexagent_config* config = hexagent_config_create();
  assert_non_null(config);
  assert_null(hexagent_open(NULL, HEXAGENT_VERSION, &error));
  assert_int_equal(hexagent_config_set(config, "learning", "0", &error), HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(hexagent_configure(self->scheduler, "learning", "0", &error),
                   HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(hexagent_profile_set(self->scheduler, &profile, 1, &error),
                   HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(pass_gpu(self, NULL, &error), HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(error.status, 12345);
  assert_int_equal(hexagent_step(self->scheduler, 1), 0); /* nothing was queued */
  hexagent_config_free(config);
}

static void a_longer_error_struct_is_cleared_beyond_what_is_known(void** state) {
  const fixture* self = *state;
  room larger;
  memset(&larger, 0xee, sizeof(larger));
  larger.struct_size = sizeof(hexagent_error) + SURPLUS;
  assert_int_equal(hexagent_worker_set(self->scheduler, NULL, 1, (void*)larger.bytes),
                   HEXAGENT_E_ARGUMENT);
  hexagent_error error;
  memcpy(&error, larger.bytes, sizeof(error));
  assert_int_equal(error.struct_size, sizeof(error) + SURPLUS);
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  assert_true(strlen(error.text) > 0);
  assert_int_equal(larger.bytes[sizeof(error)], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(inputs_of_older_and_newer_callers_follow_the_rule,
                                      fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(outputs_to_older_and_newer_callers_follow_the_rule,
                                      fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(questions_check_the_answers_size_before_anything_else,
                                      fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(a_call_with_a_bad_error_struct_does_nothing, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(a_longer_error_struct_is_cleared_beyond_what_is_known,
                                      fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
