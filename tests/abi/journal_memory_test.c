/*
 * Memory runs out at the k-th allocation in the life of a scheduler with a journal, for every k:
 * opening, recording, questions, closing with a snapshot, recovering. A call says so and works when
 * it is repeated, or the journal has ended and says so. What was called acknowledged is there when
 * the folder is opened again, whatever failed, and nothing is leaked.
 */
#define _GNU_SOURCE
#include "failing_allocator.h"
#include "journal.h"

#define WORKFLOWS 3u

/* How one life went. */
typedef struct run {
  const char* path;
  int failed_to_say; /* a call failed otherwise than by HEXAGENT_E_NO_MEMORY */
  int acknowledged[WORKFLOWS + 1];
} run;

static const setting kMore[] = {{"journal_full_decisions", "1"}, {"decisions_max", "1024"}};

/* Opens the folder, if need be at the second time. */
static hexagent_scheduler* open_again(const run* self) {
  hexagent_error error;
  for (int tries = 0; tries < 2; ++tries) {
    hexagent_config* config = hexagent_config_create();
    if (config == NULL) continue;
    hexagent_status status = HEXAGENT_OK;
    const setting own[] = {{"journal", self->path}, {"journal_durability", "before_accepted"}};
    for (uint32_t i = 0; i < COUNT_OF(own) && status == HEXAGENT_OK; ++i) {
      status = hexagent_config_set(config, own[i].key, own[i].value, NULL);
    }
    for (uint32_t i = 0; i < COUNT_OF(kSmall) && status == HEXAGENT_OK; ++i) {
      status = hexagent_config_set(config, kSmall[i].key, kSmall[i].value, NULL);
    }
    for (uint32_t i = 0; i < COUNT_OF(kMore) && status == HEXAGENT_OK; ++i) {
      status = hexagent_config_set(config, kMore[i].key, kMore[i].value, NULL);
    }
    error = empty_error();
    hexagent_scheduler* scheduler =
        status == HEXAGENT_OK ? hexagent_open(config, HEXAGENT_VERSION, &error) : NULL;
    hexagent_config_free(config);
    if (scheduler != NULL) return scheduler;
    if (status == HEXAGENT_OK) status = error.status;
    assert_int_equal(status, HEXAGENT_E_NO_MEMORY);
  }
  fail_msg("cannot be opened");
  return NULL;
}

/* A workflow begins in a step of its own; is it called acknowledged? */
static int begin_one(hexagent_scheduler* scheduler, uint64_t id, int64_t now_ns) {
  const hexagent_workflow workflow = good_workflow(id);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_workflow_begin(scheduler, &workflow, 1, &result), 1);
  assert_true(hexagent_step(scheduler, now_ns) > 0);
  hexagent_decision decisions[4];
  const int32_t count = hexagent_poll(scheduler, decisions, 4);
  assert_int_equal(count, 1);
  assert_int_equal(decisions[0].kind, HEXAGENT_DECISION_ACCEPTED);
  return decisions[0].status == HEXAGENT_OK;
}

static void ask(run* self, hexagent_scheduler* scheduler) {
  const int32_t name = hexagent_name(scheduler, "some-name", 9);
  if (name < 0 && name != HEXAGENT_E_NO_MEMORY) self->failed_to_say = 1;
  const hexagent_resync resync = {.worker = 1, .incarnation = 1};
  hexagent_held_call held[40];
  memset(held, 0, sizeof(held));
  for (uint32_t i = 0; i < COUNT_OF(held); ++i) held[i].workflow = held[i].call = i + 1;
  const hexagent_status status = hexagent_worker_resync(scheduler, &resync, held, 40, NULL);
  if (status != HEXAGENT_OK && status != HEXAGENT_E_NO_MEMORY) self->failed_to_say = 1;
  hexagent_journal_info info = {.struct_size = sizeof(info)};
  const hexagent_status journal = hexagent_journal_query(scheduler, &info);
  if (journal != HEXAGENT_OK && journal != HEXAGENT_E_NO_MEMORY) self->failed_to_say = 1;
}

static void live_once(run* self) {
  for (uint64_t id = 1; id <= WORKFLOWS; ++id) {
    hexagent_scheduler* scheduler = open_again(self);
    self->acknowledged[id] = begin_one(scheduler, id, (int64_t)id * 1000);
    ask(self, scheduler);
    assert_true(hexagent_step(scheduler, (int64_t)id * 1000 + 1) >= 0);
    hexagent_close(scheduler);
  }
}

static uint32_t acknowledged_and_there(const run* self) {
  hexagent_scheduler* scheduler = open_again(self);
  uint32_t count = 0;
  for (uint64_t id = 1; id <= WORKFLOWS; ++id) {
    hexagent_workflow_info info = {.struct_size = sizeof(info)};
    const hexagent_status status = hexagent_workflow_query(scheduler, id, &info);
    if (!self->acknowledged[id]) continue;
    if (status != HEXAGENT_OK) fail_msg("workflow %d was acknowledged and is lost", (int)id);
    ++count;
  }
  hexagent_close(scheduler);
  return count;
}

static void a_journal_keeps_its_word_whatever_allocation_fails(void** state) {
  (void)state;
  const int64_t before = allocator_live();
  int failed = 1;
  uint64_t k = 0;
  uint32_t kept = 0;
  while (failed) {
    folder* at = calloc(1, sizeof(*at));
    assert_non_null(at);
    /* In memory if possible: a disk takes minutes to sync so many lives. */
    if (folder_make(at, "/dev/shm") != 0) assert_int_equal(folder_make(at, "/tmp"), 0);
    run self = {.path = at->path};
    allocator_fail(++k);
    live_once(&self);
    failed = allocator_failed();
    allocator_fail(0);
    assert_false(self.failed_to_say);
    kept = acknowledged_and_there(&self);
    if (kept + 1 < WORKFLOWS) fail_msg("allocation %d: %d are acknowledged", (int)k, (int)kept);
    assert_int_equal(folder_teardown((void**)&at), 0);
    if (allocator_live() != before) fail_msg("allocation %d: memory was leaked", (int)k);
  }
  assert_int_equal(kept, WORKFLOWS);
  assert_true(k > 100);
}

int main(void) {
  allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_journal_keeps_its_word_whatever_allocation_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
