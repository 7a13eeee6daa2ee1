/*
 * A step that breaks in a scheduler with a journal, a rescue file and a log: each keeps its part,
 * and the journal opens again. Memory that runs out while a worker is taken stands in for a bug.
 * What a journal brings back is no news: the log does not tell it a second time.
 */
#define _GNU_SOURCE
#include <hexagent/log.h>
#include <sys/stat.h>

#include "failing_allocator.h"
#include "journal.h"

typedef struct heard {
  uint32_t failures; /* lines that name the rescue file */
  uint32_t lost;     /* lines about a lost worker */
  char rescue[256];  /* the file's path */
} heard;

static void hear(void* user_data, uint32_t level, int64_t time_ns, const char* text) {
  heard* self = user_data;
  const char* file = strstr(text, "; see ");
  (void)time_ns;
  if (level == HEXAGENT_LOG_ERROR && file != NULL) {
    ++self->failures;
    snprintf(self->rescue, sizeof(self->rescue), "%s", file + strlen("; see "));
  }
  if (level == HEXAGENT_LOG_WARNING && strstr(text, " is lost") != NULL) ++self->lost;
}

/* By hand, with all three. */
static void open_watched(fixture* self, const folder* at, heard* told) {
  char prefix[128];
  snprintf(prefix, sizeof(prefix), "%s/rescue", at->path);
  hexagent_config* config = hexagent_config_create();
  assert_non_null(config);
  assert_int_equal(hexagent_config_set(config, "journal", at->path, NULL), HEXAGENT_OK);
  assert_int_equal(hexagent_config_set(config, "rescue_prefix", prefix, NULL), HEXAGENT_OK);
  assert_int_equal(hexagent_config_log(config, HEXAGENT_LOG_INFO, hear, told), HEXAGENT_OK);
  for (uint32_t i = 0; i < COUNT_OF(kSmall); ++i) {
    assert_int_equal(hexagent_config_set(config, kSmall[i].key, kSmall[i].value, NULL),
                     HEXAGENT_OK);
  }
  hexagent_error error = empty_error();
  memset(self, 0, sizeof(*self));
  self->scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  if (self->scheduler == NULL) print_error("open: %s\n", error.text);
  hexagent_config_free(config);
  assert_non_null(self->scheduler);
  self->gpu = intern(self->scheduler, "test-gpu");
  self->model = intern(self->scheduler, "test-model");
}

static void set_worker(const fixture* self, uint32_t id) {
  const hexagent_worker worker = good_worker(self, id, HEXAGENT_ROLE_BOTH);
  assert_int_equal(hexagent_worker_set(self->scheduler, &worker, id, NULL), HEXAGENT_OK);
}

/* One step that takes the profile and worker 1. */
static void first_step(const fixture* self) {
  const hexagent_profile profile = good_profile(self);
  assert_int_equal(hexagent_profile_set(self->scheduler, &profile, 1, NULL), HEXAGENT_OK);
  set_worker(self, 1);
  assert_int_equal(hexagent_step(self->scheduler, STEP_NS), 2);
}

/* The `k`-th allocation of the step that takes worker 2 fails; 1 if that broke it, 0 if the step
 * did not notice, -1 if there were not as many. */
static int break_second_step(const fixture* self, uint64_t k) {
  set_worker(self, 2);
  allocator_fail(k);
  const int32_t answer = hexagent_step(self->scheduler, 2 * STEP_NS);
  const int failed = allocator_failed();
  allocator_fail(0);
  if (answer == HEXAGENT_E_POISONED) return 1;
  assert_true(answer >= 0);
  return failed ? 0 : -1;
}

static void expect_rescue_text(const char* path) {
  char text[8192];
  FILE* file = fopen(path, "r");
  assert_non_null(file);
  const size_t size = fread(text, 1, sizeof(text) - 1, file);
  fclose(file);
  text[size] = '\0';
  assert_non_null(strstr(text, "failed: an exception in the middle of a step"));
  assert_non_null(strstr(text, "step_ns 20000000\n"));
  assert_non_null(strstr(text, "\nworkers: id"));
  assert_string_equal(text + size - 4, "end\n");
}

/* The journal has the first step, the second one counts for nothing; then it goes on. */
static void expect_journal(const folder* at) {
  static hexagent_decision decisions[64];
  hexagent_replay_info end;
  assert_int_equal(replay_all(at->path, decisions, COUNT_OF(decisions), &end), 2);
  fixture again;
  heard told;
  memset(&told, 0, sizeof(told));
  open_watched(&again, at, &told);
  const hexagent_journal_info journal = journal_of(again.scheduler);
  assert_int_equal(journal.recovered_steps, 1);
  assert_int_equal(journal.recovered_inputs, 2);
  assert_int_equal(journal.closed, 0);
  hexagent_worker_info info = {.struct_size = sizeof(info)};
  assert_int_equal(hexagent_worker_query(again.scheduler, 1, &info), HEXAGENT_OK);
  assert_int_equal(hexagent_worker_query(again.scheduler, 2, &info), HEXAGENT_E_UNKNOWN_WORKER);
  set_worker(&again, 2);
  assert_int_equal(hexagent_step(again.scheduler, 3 * STEP_NS), 1);
  hexagent_close(again.scheduler);
  assert_int_equal(told.failures, 0);
}

static void empty_folder(const folder* at) {
  void* state = NULL;
  folder* copy = malloc(sizeof(*copy));
  assert_non_null(copy);
  *copy = *at;
  state = copy;
  assert_int_equal(folder_teardown(&state), 0);
  assert_int_equal(mkdir(at->path, 0700), 0);
}

static void a_broken_step_leaves_the_journal_before_it_and_a_rescue_file(void** state) {
  const folder* at = *state;
  int broke = 0;
  uint32_t breakages = 0;
  for (uint64_t k = 1; broke >= 0; ++k) {
    fixture self;
    heard told;
    memset(&told, 0, sizeof(told));
    open_watched(&self, at, &told);
    first_step(&self);
    broke = break_second_step(&self, k);
    hexagent_close(self.scheduler);
    assert_int_equal(told.failures, broke == 1);
    if (broke == 1) {
      ++breakages;
      expect_rescue_text(told.rescue);
      assert_int_equal(unlink(told.rescue), 0);
      expect_journal(at);
    }
    empty_folder(at);
  }
  assert_true(breakages > 0);
}

static void what_a_journal_brings_back_is_not_told_again(void** state) {
  const folder* at = *state;
  fixture self;
  heard told;
  memset(&told, 0, sizeof(told));
  open_watched(&self, at, &told);
  first_step(&self);
  assert_int_equal(hexagent_worker_lost(self.scheduler, 1, 1, 3), HEXAGENT_OK);
  assert_true(hexagent_step(self.scheduler, 2 * STEP_NS) >= 0);
  hexagent_close(self.scheduler);
  assert_int_equal(told.lost, 1);
  memset(&told, 0, sizeof(told));
  open_watched(&self, at, &told);
  set_worker(&self, 2);
  assert_true(hexagent_step(self.scheduler, 3 * STEP_NS) >= 0);
  assert_int_equal(told.lost, 0);
  assert_int_equal(hexagent_worker_lost(self.scheduler, 2, 1, 4), HEXAGENT_OK);
  assert_true(hexagent_step(self.scheduler, 4 * STEP_NS) >= 0);
  hexagent_close(self.scheduler);
  assert_int_equal(told.lost, 1);
}

int main(void) {
  allocator_install();
  const struct CMUnitTest tests[] = {
      FOLDER_TEST(a_broken_step_leaves_the_journal_before_it_and_a_rescue_file),
      FOLDER_TEST(what_a_journal_brings_back_is_not_told_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
