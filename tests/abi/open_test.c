/* Opening, closing, names and labels; the process's own accidents: fork, want of memory, two
 * handles. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* reserves more address space than any limit below allows */
#else
#define SANITIZED 0
#endif

static void a_scheduler_opens_with_defaults_and_closes(void** state) {
  (void)state;
  hexagent_error error = empty_error();
  hexagent_scheduler* scheduler = hexagent_open(NULL, HEXAGENT_VERSION, &error);
  assert_non_null(scheduler);
  assert_int_equal(error.status, HEXAGENT_OK);
  assert_string_equal(error.text, "");
  hexagent_close(scheduler);
  hexagent_close(NULL);
}

static void a_foreign_header_is_refused(void** state) {
  (void)state;
  const uint32_t wrong[] = {0, HEXAGENT_VERSION + (1u << 8), HEXAGENT_VERSION + (1u << 16)};
  for (uint32_t i = 0; i < COUNT_OF(wrong); ++i) {
    hexagent_error error = empty_error();
    assert_null(hexagent_open(NULL, wrong[i], &error));
    assert_int_equal(error.status, HEXAGENT_E_VERSION);
    assert_true(strlen(error.text) > 0);
    assert_null(hexagent_open(NULL, wrong[i], NULL));
  }
  hexagent_scheduler* scheduler = hexagent_open(NULL, HEXAGENT_VERSION + 1, NULL);
  assert_non_null(scheduler); /* a patch release has the same ABI */
  hexagent_close(scheduler);
}

static void names_keep_their_ids_and_texts(void** state) {
  const fixture* self = *state;
  char text[256];
  const uint32_t name = intern(self->scheduler, "text-to-sql");
  assert_int_equal(intern(self->scheduler, "text-to-sql"), name);
  assert_int_equal(hexagent_name_text(self->scheduler, name, text, sizeof(text)), HEXAGENT_OK);
  assert_string_equal(text, "text-to-sql");
  assert_int_equal(hexagent_name_text(self->scheduler, name, text, 12), HEXAGENT_OK);
  assert_int_equal(hexagent_name_text(self->scheduler, name, text, 11), HEXAGENT_E_BUFFER);
  assert_int_equal(hexagent_name_text(self->scheduler, name, NULL, 0), HEXAGENT_E_BUFFER);
  assert_int_equal(hexagent_name_text(self->scheduler, name, NULL, 5), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_name_text(self->scheduler, 0, text, sizeof(text)), HEXAGENT_E_NAME);
  assert_int_equal(hexagent_name_text(self->scheduler, 99999, text, sizeof(text)), HEXAGENT_E_NAME);
  assert_int_equal(hexagent_name_text(NULL, name, text, sizeof(text)), HEXAGENT_E_ARGUMENT);
}

static void malformed_names_are_refused(void** state) {
  const fixture* self = *state;
  char text[256];
  memset(text, 'x', sizeof(text));
  assert_int_equal(hexagent_name(self->scheduler, "", 0), HEXAGENT_E_NAME);
  assert_int_equal(hexagent_name(self->scheduler, text, 256), HEXAGENT_E_NAME);
  assert_int_equal(hexagent_name(self->scheduler, "\xff", 1), HEXAGENT_E_NAME);
  assert_int_equal(hexagent_name(self->scheduler, NULL, 3), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_name(NULL, "a", 1), HEXAGENT_E_ARGUMENT);
  assert_true(hexagent_name(self->scheduler, text, 255) > 0);
}

static void the_name_table_fills_up_and_says_so(void** state) {
  (void)state;
  fixture self;
  fixture_open(&self, "names_max", "16"); /* takes four itself */
  for (int i = 4; i < 16; ++i) {
    char text[24];
    snprintf(text, sizeof(text), "n%d", i);
    assert_true(hexagent_name(self.scheduler, text, (uint32_t)strlen(text)) > 0);
  }
  assert_int_equal(hexagent_name(self.scheduler, "one more", 8), HEXAGENT_E_FULL);
  assert_true(hexagent_name(self.scheduler, "n4", 2) > 0);
  hexagent_close(self.scheduler);
}

static void there_are_sixty_four_labels(void** state) {
  const fixture* self = *state;
  for (int32_t i = 0; i < 64; ++i) {
    char text[24];
    snprintf(text, sizeof(text), "label%d", (int)i);
    assert_int_equal(hexagent_label(self->scheduler, text, (uint32_t)strlen(text)), i);
  }
  assert_int_equal(hexagent_label(self->scheduler, "one more", 8), HEXAGENT_E_FULL);
  assert_int_equal(hexagent_label(self->scheduler, "label63", 7), 63);
  assert_int_equal(hexagent_label(self->scheduler, "", 0), HEXAGENT_E_NAME);
  assert_int_equal(hexagent_label(self->scheduler, NULL, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_label(NULL, "a", 1), HEXAGENT_E_ARGUMENT);
}

static void two_schedulers_live_side_by_side(void** state) {
  const fixture* first = *state;
  fixture second;
  fixture_open(&second, "policy", "fcfs");
  intern(second.scheduler, "only here");
  char text[64];
  assert_int_equal(hexagent_name_text(second.scheduler, 5, text, sizeof(text)), HEXAGENT_OK);
  assert_int_equal(hexagent_name_text(first->scheduler, 5, text, sizeof(text)), HEXAGENT_E_NAME);
  /* Each has its own clock, queue and decisions. */
  assert_int_equal(hexagent_step(first->scheduler, 1000), 0);
  assert_int_equal(hexagent_step(second.scheduler, 10), 0);
  assert_int_equal(hexagent_worker_lost(second.scheduler, 1, 1, 7), HEXAGENT_OK);
  assert_int_equal(hexagent_step(first->scheduler, 1001), 0);
  assert_int_equal(hexagent_step(second.scheduler, 11), 1);
  hexagent_close(second.scheduler);
  assert_int_equal(hexagent_step(first->scheduler, 1002), 0);
}

/* Runs in the child: 0 if everything but close says FORKED. */
static int use_parents_handle(hexagent_scheduler* scheduler) {
  hexagent_decision decision;
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  hexagent_error error = empty_error();
  const hexagent_workflow workflow = good_workflow(1);
  hexagent_status result = HEXAGENT_OK;
  if (hexagent_step(scheduler, 1) != HEXAGENT_E_FORKED) return 1;
  if (hexagent_poll(scheduler, &decision, 1) != HEXAGENT_E_FORKED) return 2;
  if (hexagent_next_timer(scheduler) != HEXAGENT_E_FORKED) return 3;
  if (hexagent_name(scheduler, "a", 1) != HEXAGENT_E_FORKED) return 4;
  if (hexagent_stats_read(scheduler, &stats) != HEXAGENT_E_FORKED) return 5;
  if (hexagent_workflow_begin(scheduler, &workflow, 1, &result) != HEXAGENT_E_FORKED) return 6;
  if (result != HEXAGENT_E_FORKED) return 7;
  if (hexagent_configure(scheduler, "learning", "0", &error) != HEXAGENT_E_FORKED) return 8;
  if (error.status != HEXAGENT_E_FORKED) return 9;
  if (hexagent_worker_lost(scheduler, 1, 1, 1) != HEXAGENT_E_FORKED) return 10;
  hexagent_close(scheduler);
  return 0;
}

static int exit_code_of(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_forked_child_can_only_close(void** state) {
  const fixture* self = *state;
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(use_parents_handle(self->scheduler));
  assert_int_equal(exit_code_of(child), 0);
  assert_int_equal(hexagent_step(self->scheduler, 1), 0); /* the parent goes on */
}

/* Runs in a child: 0 if a scheduler beyond the memory allowed is refused, and a smaller one is not.
 */
static int open_without_memory(void) {
  const struct rlimit limit = {1u << 30, 1u << 30};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return 1;
  hexagent_config* config = hexagent_config_create();
  if (config == NULL) return 2;
  if (hexagent_config_set(config, "intake_bytes", "1073741824", NULL) != HEXAGENT_OK) return 3;
  hexagent_error error = empty_error();
  if (hexagent_open(config, HEXAGENT_VERSION, &error) != NULL) return 4;
  if (error.status != HEXAGENT_E_NO_MEMORY) return 5;
  if (hexagent_config_set(config, "intake_bytes", "1048576", NULL) != HEXAGENT_OK) return 6;
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  if (scheduler == NULL || error.status != HEXAGENT_OK) return 7;
  hexagent_close(scheduler);
  hexagent_config_free(config);
  return 0;
}

static void want_of_memory_at_open_is_an_answer(void** state) {
  (void)state;
  if (SANITIZED) skip();
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(open_without_memory());
  assert_int_equal(exit_code_of(child), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_scheduler_opens_with_defaults_and_closes),
      cmocka_unit_test(a_foreign_header_is_refused),
      cmocka_unit_test_setup_teardown(names_keep_their_ids_and_texts, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(malformed_names_are_refused, fixture_setup, fixture_teardown),
      cmocka_unit_test(the_name_table_fills_up_and_says_so),
      cmocka_unit_test_setup_teardown(there_are_sixty_four_labels, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(two_schedulers_live_side_by_side, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(a_forked_child_can_only_close, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test(want_of_memory_at_open_is_an_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
