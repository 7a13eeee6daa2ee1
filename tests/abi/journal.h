/*
 * Schedulers with a journal: a folder that goes away again, opening in each mode of driving, a life
 * to live that depends on nothing but what was polled, and reading the journal back.
 */
#ifndef TESTS_ABI_JOURNAL_H
#define TESTS_ABI_JOURNAL_H

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "cluster.h"
#include "driven.h"

typedef struct folder {
  char path[64];
} folder;

/* A new folder below `parent`. */
static inline int folder_make(folder* self, const char* parent) {
  snprintf(self->path, sizeof(self->path), "%s/hexagent-journal-XXXXXX", parent);
  return mkdtemp(self->path) == NULL ? -1 : 0;
}

static inline int folder_setup(void** state) {
  folder* self = calloc(1, sizeof(*self));
  if (self == NULL || folder_make(self, "/tmp") != 0) return -1;
  *state = self;
  return 0;
}

static inline int folder_teardown(void** state) {
  folder* self = *state;
  char name[400];
  DIR* listing = opendir(self->path);
  while (listing != NULL) {
    const struct dirent* entry = readdir(listing);
    if (entry == NULL) break;
    snprintf(name, sizeof(name), "%s/%s", self->path, entry->d_name);
    if (entry->d_name[0] != '.') unlink(name);
  }
  if (listing != NULL) closedir(listing);
  const int status = rmdir(self->path);
  free(self);
  return status;
}

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

/* As driven_open(), but answers NULL with the reason instead of failing the test. */
static inline hexagent_scheduler* try_open(const char* path, const char* driving,
                                           const char* durability, const setting* more,
                                           uint32_t count, hexagent_error* error) {
  hexagent_config* config = hexagent_config_create();
  assert_non_null(config);
  const setting own[] = {
      {"driving", driving}, {"journal", path}, {"journal_durability", durability}};
  for (uint32_t i = 0; i < COUNT_OF(own); ++i) {
    assert_int_equal(hexagent_config_set(config, own[i].key, own[i].value, NULL), HEXAGENT_OK);
  }
  for (uint32_t i = 0; i < COUNT_OF(kSmall); ++i) {
    assert_int_equal(hexagent_config_set(config, kSmall[i].key, kSmall[i].value, NULL),
                     HEXAGENT_OK);
  }
  for (uint32_t i = 0; i < count; ++i) {
    assert_int_equal(hexagent_config_set(config, more[i].key, more[i].value, NULL), HEXAGENT_OK);
  }
  *error = empty_error();
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, error);
  hexagent_config_free(config);
  assert_true((scheduler != NULL) == (error->status == HEXAGENT_OK));
  return scheduler;
}

/* Names are interned in another order each time the folder is opened again. */
static inline void journalled_open(fixture* self, const char* path, const char* driving,
                                   const char* durability) {
  hexagent_error error;
  memset(self, 0, sizeof(*self));
  self->scheduler = try_open(path, driving, durability, NULL, 0, &error);
  if (self->scheduler == NULL) print_error("open: %s\n", error.text);
  assert_non_null(self->scheduler);
  self->gpu = intern(self->scheduler, "test-gpu");
  self->model = intern(self->scheduler, "test-model");
}

static inline hexagent_journal_info journal_of(hexagent_scheduler* scheduler) {
  hexagent_journal_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  assert_int_equal(hexagent_journal_query(scheduler, &info), HEXAGENT_OK);
  return info;
}

/* One round of a life by hand: what the decisions polled last ask for is reported, a workflow of
 * two calls begins, a step is made, its decisions are polled. */
typedef struct life {
  fixture base;
  uint64_t round;
  uint64_t refused; /* decisions of that kind so far */
  int64_t now_ns;
  hexagent_decision last[LOG_MAX];
  uint32_t count;
} life;

static inline void report_for(life* self, const hexagent_decision* decision) {
  uint32_t phase = 0;
  if (decision->kind == HEXAGENT_DECISION_PREFILL) phase = HEXAGENT_PHASE_PREFILL;
  if (decision->kind == HEXAGENT_DECISION_TRANSFER) phase = HEXAGENT_PHASE_TRANSFER;
  if (decision->kind == HEXAGENT_DECISION_DECODE) phase = HEXAGENT_PHASE_DECODE;
  if (phase == 0) return;
  hexagent_report report = good_report(decision->workflow, decision->call, phase);
  if (phase == HEXAGENT_PHASE_DECODE) report.tokens = 20;
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_complete(self->base.scheduler, &report, 1, &result), 1);
}

static inline void add_cluster(life* self) {
  hexagent_scheduler* scheduler = self->base.scheduler;
  const hexagent_profile profile = good_profile(&self->base);
  assert_int_equal(hexagent_profile_set(scheduler, &profile, 1, NULL), HEXAGENT_OK);
  for (uint32_t id = 1; id <= 4; ++id) {
    const uint32_t role = id <= 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    const hexagent_worker worker = good_worker(&self->base, id, role);
    assert_int_equal(hexagent_worker_set(scheduler, &worker, 1 + id, NULL), HEXAGENT_OK);
  }
}

static inline void live_round(life* self) {
  hexagent_scheduler* scheduler = self->base.scheduler;
  ++self->round;
  self->now_ns += STEP_NS;
  for (uint32_t i = 0; i < self->count; ++i) report_for(self, &self->last[i]);
  if (self->round == 1) add_cluster(self);
  const hexagent_workflow workflow = good_workflow(self->round);
  hexagent_status results[2];
  assert_int_equal(hexagent_workflow_begin(scheduler, &workflow, 1, results), 1);
  hexagent_call calls[2] = {good_call(&self->base, self->round, 1),
                            good_call(&self->base, self->round, 2)};
  calls[0].prompt_tokens = 100 + (uint32_t)(self->round * 37 % 900);
  calls[1].deps_count = 1;
  const uint64_t dep = 1;
  assert_int_equal(hexagent_submit(scheduler, calls, 2, &dep, 1, NULL, 0, results), 2);
  assert_true(hexagent_step(scheduler, self->now_ns) >= 0);
  const int32_t polled = hexagent_poll(scheduler, self->last, LOG_MAX);
  assert_true(polled >= 0);
  self->count = (uint32_t)polled;
  for (uint32_t i = 0; i < self->count; ++i) {
    if (self->last[i].kind == HEXAGENT_DECISION_REFUSED) ++self->refused;
  }
}

static inline void life_open(life* self, const char* path, const char* durability) {
  journalled_open(&self->base, path, "manual", durability);
}

static inline hexagent_replay_info empty_replay_info(void) {
  hexagent_replay_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  return info;
}

/* All decisions that a replay of the journal makes, which must be the recorded ones. */
static inline uint32_t replay_all(const char* path, hexagent_decision* decisions, uint32_t capacity,
                                  hexagent_replay_info* end) {
  hexagent_error error = empty_error();
  hexagent_replay* replay = hexagent_replay_open(path, HEXAGENT_VERSION, &error);
  if (replay == NULL) print_error("replay: %s\n", error.text);
  assert_non_null(replay);
  uint32_t count = 0;
  *end = empty_replay_info();
  for (;;) {
    const int32_t more = hexagent_replay_step(replay, end, &error);
    if (more < 0) print_error("replay: %s\n", error.text);
    assert_true(more >= 0);
    if (more == 0) break;
    assert_int_equal(end->different, 0);
    const int32_t got = hexagent_replay_decisions(replay, 0, decisions + count, capacity - count);
    assert_true(got >= 0);
    count += (uint32_t)got;
    assert_true(count < capacity);
  }
  hexagent_replay_close(replay);
  return count;
}

#endif /* TESTS_ABI_JOURNAL_H */
