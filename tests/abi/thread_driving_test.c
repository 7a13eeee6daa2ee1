/* Own-thread driving: inputs from any thread, decisions behind a descriptor, nobody steps. */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driven.h"

static int open_thread(void** state) {
  fixture* self = malloc(sizeof(*self));
  if (self == NULL) return -1;
  driven_open(self, "thread", NULL, 0);
  *state = self;
  return 0;
}

static void a_workflow_runs_to_its_end(void** state) {
  fixture* self = *state;
  run_one_workflow(self);
  assert_int_equal(hexagent_poll(self->scheduler, NULL, 0), 0);
}

static void every_input_of_four_threads_is_answered_once(void** state) {
  const fixture* self = *state;
  check_senders(self->scheduler, 4, 20000);
}

static void stepping_by_hand_is_refused(void** state) {
  const fixture* self = *state;
  hexagent_decision decision;
  assert_int_equal(hexagent_step(self->scheduler, 1), HEXAGENT_E_STATE);
  assert_int_equal(hexagent_run_once(self->scheduler, 0), HEXAGENT_E_STATE);
  assert_true(hexagent_next_timer(self->scheduler) == HEXAGENT_E_STATE);
  assert_int_equal(hexagent_poll(self->scheduler, NULL, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_poll(self->scheduler, &decision, 1), 0);
}

static void the_descriptor_is_readable_only_while_decisions_wait(void** state) {
  const fixture* self = *state;
  hexagent_decision decisions[4];
  for (int round = 0; round < 3; ++round) {
    assert_int_equal(hexagent_poll(self->scheduler, decisions, 4), 0);
    assert_false(readable(self->scheduler, 0));
    assert_int_equal(hexagent_ready(self->scheduler, 77, 1, 4), HEXAGENT_OK);
    assert_true(readable(self->scheduler, PATIENCE_MS));
    assert_true(readable(self->scheduler, 0));
    assert_int_equal(hexagent_poll(self->scheduler, decisions, 4), 1);
  }
}

static void timers_fire_without_any_input(void** state) {
  (void)state;
  fixture self;
  const setting ttl[] = {{"workflow_idle_ttl_s", "1"}};
  driven_open(&self, "thread", ttl, 1);
  const hexagent_workflow workflow = good_workflow(5);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  const int64_t began_ns = hexagent_now();
  assert_int_equal(hexagent_workflow_begin(self.scheduler, &workflow, 1, &result), 1);
  const hexagent_decision done = await_kind(self.scheduler, HEXAGENT_DECISION_WORKFLOW_DONE);
  assert_int_equal(done.status, HEXAGENT_E_EXPIRED);
  assert_true(done.time_ns - began_ns >= 1000000000);
  hexagent_close(self.scheduler);
}

/* What can be queued while nobody polls: decisions_max answered ones, and the intake's slots. */
#define ANSWERED 1024u
#define SLOTS 1024u

static void open_narrow(fixture* self) {
  const setting narrow[] = {{"decisions_max", "1024"}, {"intake_bytes", "65536"}};
  driven_open(self, "thread", narrow, 2);
}

static void queue_exactly(hexagent_scheduler* scheduler, uint64_t count) {
  for (uint64_t i = 0; i < count;) {
    const hexagent_status status = hexagent_ready(scheduler, 77, 1, i);
    assert_true(status == HEXAGENT_OK || status == HEXAGENT_E_AGAIN);
    if (status == HEXAGENT_OK) ++i;
  }
}

static void poll_exactly(hexagent_scheduler* scheduler, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const hexagent_decision decision = next_decision(scheduler);
    if (decision.user_data != i) fail_msg("lost or out of order");
  }
}

static void a_full_queue_says_again_and_recovers_when_polled(void** state) {
  (void)state;
  fixture self;
  open_narrow(&self);
  queue_exactly(self.scheduler, ANSWERED + SLOTS);
  for (int i = 0; i < 100; ++i) {
    assert_int_equal(hexagent_ready(self.scheduler, 77, 1, 1), HEXAGENT_E_AGAIN);
  }
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  /* A question must not wait for what only its asker could do. */
  assert_int_equal(hexagent_stats_read(self.scheduler, &stats), HEXAGENT_E_AGAIN);
  poll_exactly(self.scheduler, ANSWERED + SLOTS);
  stats = stats_of(self.scheduler);
  assert_int_equal(stats.inputs, ANSWERED + SLOTS);
  assert_true(stats.intake_rejected >= 100);
  assert_true(stats.inputs_held_back > 0);
  assert_int_equal(stats.decisions_waiting, 0);
  queue_exactly(self.scheduler, 10);
  poll_exactly(self.scheduler, 10);
  hexagent_close(self.scheduler);
}

static void questions_are_answered_while_inputs_must_wait(void** state) {
  (void)state;
  fixture self;
  open_narrow(&self);
  queue_exactly(self.scheduler, ANSWERED + SLOTS / 2);
  for (int i = 0; i < 50; ++i) {
    assert_int_equal(hexagent_call_state(self.scheduler, 1, 1), HEXAGENT_E_UNKNOWN_WORKFLOW);
  }
  const hexagent_stats stats = stats_of(self.scheduler);
  assert_int_equal(stats.inputs, ANSWERED);
  assert_int_equal(stats.decisions_waiting, ANSWERED);
  poll_exactly(self.scheduler, ANSWERED + SLOTS / 2);
  hexagent_close(self.scheduler);
}

static void decisions_beyond_the_ring_wait_in_the_core(void** state) {
  (void)state;
  fixture self;
  const setting wide[] = {{"decisions_max", "16384"}};
  driven_open(&self, "thread", wide, 1);
  queue_exactly(self.scheduler, 16384);
  while (stats_of(self.scheduler).inputs < 16384) sched_yield();
  const hexagent_stats stats = stats_of(self.scheduler);
  assert_int_equal(stats.decisions_waiting, 16384);
  assert_true(stats.decision_ring_full > 0);
  poll_exactly(self.scheduler, 16384);
  hexagent_close(self.scheduler);
}

static void shutdown_delivers_what_was_queued_and_then_says_closed(void** state) {
  const fixture* self = *state;
  queue_exactly(self->scheduler, 5000);
  assert_int_equal(hexagent_shutdown(self->scheduler), HEXAGENT_OK);
  assert_int_equal(hexagent_shutdown(self->scheduler), HEXAGENT_OK);
  assert_int_equal(hexagent_ready(self->scheduler, 77, 1, 1), HEXAGENT_E_CLOSED);
  const hexagent_workflow workflow = good_workflow(5);
  hexagent_status result = HEXAGENT_OK;
  assert_int_equal(hexagent_workflow_begin(self->scheduler, &workflow, 1, &result), 0);
  assert_int_equal(result, HEXAGENT_E_CLOSED);
  assert_int_equal(poll_to_the_end(self->scheduler), 5000);
  hexagent_decision decision;
  assert_int_equal(hexagent_poll(self->scheduler, &decision, 1), HEXAGENT_E_CLOSED);
  assert_true(readable(self->scheduler, 0)); /* for good, like the answer */
  assert_int_equal(stats_of(self->scheduler).inputs, 5000);
}

static void shutdown_wakes_who_waits_for_decisions(void** state) {
  const fixture* self = *state;
  hexagent_decision decision;
  assert_int_equal(hexagent_poll(self->scheduler, &decision, 1), 0);
  assert_int_equal(hexagent_shutdown(self->scheduler), HEXAGENT_OK);
  assert_int_equal(poll_to_the_end(self->scheduler), 0);
}

static void closing_with_work_in_flight_is_orderly(void** state) {
  (void)state;
  for (uint64_t round = 0; round < 50; ++round) {
    fixture self;
    driven_open(&self, "thread", NULL, 0);
    queue_exactly(self.scheduler, round * 40);
    hexagent_close(self.scheduler);
  }
}

static void two_schedulers_live_side_by_side(void** state) {
  fixture* first = *state;
  fixture second;
  driven_open(&second, "thread", NULL, 0);
  queue_exactly(first->scheduler, 100);
  run_one_workflow(&second);
  poll_exactly(first->scheduler, 100);
  hexagent_decision decision;
  assert_int_equal(hexagent_poll(second.scheduler, &decision, 1), 0);
  hexagent_close(second.scheduler);
  queue_exactly(first->scheduler, 100);
  poll_exactly(first->scheduler, 100);
}

/* A thread that submits, and asks about what it has just submitted. */
typedef struct asker {
  const fixture* fixture;
  uint64_t workflow;
  pthread_t thread;
  uint32_t wrong; /* answers that were not as expected */
} asker;

static void* ask_all(void* argument) {
  asker* self = argument;
  hexagent_scheduler* scheduler = self->fixture->scheduler;
  const hexagent_workflow workflow = good_workflow(self->workflow);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  self->wrong += hexagent_workflow_begin(scheduler, &workflow, 1, &result) != 1;
  hexagent_workflow_info info;
  hexagent_stats stats;
  static const uint32_t kSize = 16384;
  char* text = malloc(kSize);
  for (uint64_t id = 1; id <= 40; ++id) {
    hexagent_call call = good_call(self->fixture, self->workflow, id);
    call.flags = HEXAGENT_CALL_HELD;
    self->wrong += hexagent_submit(scheduler, &call, 1, NULL, 0, NULL, 0, &result) != 1;
    /* In order with the inputs: the call is there. */
    self->wrong += hexagent_call_state(scheduler, self->workflow, id) != HEXAGENT_STATE_HELD;
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    self->wrong += hexagent_workflow_query(scheduler, self->workflow, &info) != HEXAGENT_OK;
    self->wrong += info.calls_revealed != id;
    memset(&stats, 0, sizeof(stats));
    stats.struct_size = sizeof(stats);
    self->wrong += hexagent_stats_read(scheduler, &stats) != HEXAGENT_OK;
    self->wrong += stats.calls_live < id;
    self->wrong += hexagent_metrics_write(scheduler, text, kSize, NULL) != HEXAGENT_OK;
    self->wrong +=
        hexagent_explain(scheduler, self->workflow, id, text, kSize, NULL) != HEXAGENT_OK;
  }
  free(text);
  return NULL;
}

static void questions_from_other_threads_see_their_own_inputs(void** state) {
  const fixture* self = *state;
  const hexagent_profile profile = good_profile(self);
  assert_int_equal(hexagent_profile_set(self->scheduler, &profile, 1, NULL), HEXAGENT_OK);
  const hexagent_worker worker = good_worker(self, 1, HEXAGENT_ROLE_BOTH);
  assert_int_equal(hexagent_worker_set(self->scheduler, &worker, 2, NULL), HEXAGENT_OK);
  asker askers[4];
  for (uint64_t i = 0; i < 4; ++i) {
    memset(&askers[i], 0, sizeof(askers[i]));
    askers[i].fixture = self;
    askers[i].workflow = 10 + i;
    assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_all, &askers[i]), 0);
  }
  for (uint64_t i = 0; i < 4; ++i) {
    assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
    assert_int_equal(askers[i].wrong, 0);
  }
}

static void* intern_names(void* argument) {
  hexagent_scheduler* scheduler = argument;
  char text[64];
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) {
      snprintf(text, sizeof(text), "name %d", i);
      const int32_t name = hexagent_name(scheduler, text, (uint32_t)strlen(text));
      char back[64];
      if (name <= 0) return argument;
      if (hexagent_name_text(scheduler, (uint32_t)name, back, sizeof(back)) != HEXAGENT_OK) {
        return argument;
      }
      if (strcmp(text, back) != 0) return argument;
    }
  }
  return NULL;
}

static void names_can_be_interned_by_all_threads_at_once(void** state) {
  const fixture* self = *state;
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, intern_names, self->scheduler), 0);
  }
  for (int i = 0; i < 4; ++i) {
    void* failed = NULL;
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
  }
  assert_int_equal(hexagent_name(self->scheduler, "one more", 8), 4 + 50 + 1);
}

/* Runs in the child: 0 if everything but close says FORKED. */
static int use_parents_handle(hexagent_scheduler* scheduler) {
  hexagent_decision decision;
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  if (hexagent_poll(scheduler, &decision, 1) != HEXAGENT_E_FORKED) return 1;
  if (hexagent_ready(scheduler, 1, 1, 1) != HEXAGENT_E_FORKED) return 2;
  if (hexagent_stats_read(scheduler, &stats) != HEXAGENT_E_FORKED) return 3;
  if (hexagent_event_fd(scheduler) != HEXAGENT_E_FORKED) return 4;
  if (hexagent_shutdown(scheduler) != HEXAGENT_E_FORKED) return 5;
  hexagent_close(scheduler);
  return 0;
}

static int exit_code_of(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_forked_child_can_only_close(void** state) {
  fixture* self = *state;
  queue_exactly(self->scheduler, 10);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(use_parents_handle(self->scheduler));
  assert_int_equal(exit_code_of(child), 0);
  poll_exactly(self->scheduler, 10); /* the parent goes on */
  run_one_workflow(self);
}

/* Runs in a child: 0 if open without descriptors says SYSTEM and tells why. */
static int open_without_descriptors(void) {
  const struct rlimit limit = {4, 4};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  hexagent_config* config = hexagent_config_create();
  const char* const modes[] = {"thread", "loop"};
  for (uint32_t i = 0; i < COUNT_OF(modes); ++i) {
    if (hexagent_config_set(config, "driving", modes[i], NULL) != HEXAGENT_OK) return 2;
    hexagent_error error = empty_error();
    if (hexagent_open(config, HEXAGENT_VERSION, &error) != NULL) return 3;
    if (error.status != HEXAGENT_E_SYSTEM) return 4;
    if (strstr(error.text, "descriptor") == NULL && strstr(error.text, "loop") == NULL) return 5;
  }
  hexagent_config_free(config);
  return 0;
}

static void want_of_descriptors_at_open_is_an_answer(void** state) {
  (void)state;
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(open_without_descriptors());
  assert_int_equal(exit_code_of(child), 0);
}

/* The line of /proc/self/task/<thread>/status that begins with `key`; 0 if there is none. */
static int read_status_line(const char* thread, const char* key, char* line, int size) {
  char path[300];
  snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  int found = 0;
  while (!found && fgets(line, size, file) != NULL) found = strncmp(line, key, strlen(key)) == 0;
  fclose(file);
  return found;
}

static void the_thread_has_a_name_and_blocks_all_signals(void** state) {
  const fixture* self = *state;
  assert_int_equal(stats_of(self->scheduler).inputs, 0); /* it runs: it has answered */
  char line[128];
  int found = 0;
  DIR* tasks = opendir("/proc/self/task");
  assert_non_null(tasks);
  for (const struct dirent* task = readdir(tasks); task != NULL; task = readdir(tasks)) {
    if (!read_status_line(task->d_name, "Name:", line, sizeof(line))) continue;
    if (strcmp(line, "Name:\thexagent\n") != 0) continue;
    assert_true(read_status_line(task->d_name, "SigBlk:", line, sizeof(line)));
    const unsigned long long blocked = strtoull(line + 7, NULL, 16);
    for (int number = 1; number <= 31; ++number) {
      if (number == 9 || number == 19) continue; /* SIGKILL and SIGSTOP cannot be */
      assert_true((blocked >> (number - 1)) & 1);
    }
    ++found;
  }
  closedir(tasks);
  assert_int_equal(found, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_thread, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_workflow_runs_to_its_end),
      TEST(every_input_of_four_threads_is_answered_once),
      TEST(stepping_by_hand_is_refused),
      TEST(the_descriptor_is_readable_only_while_decisions_wait),
      cmocka_unit_test(timers_fire_without_any_input),
      cmocka_unit_test(a_full_queue_says_again_and_recovers_when_polled),
      cmocka_unit_test(questions_are_answered_while_inputs_must_wait),
      cmocka_unit_test(decisions_beyond_the_ring_wait_in_the_core),
      TEST(shutdown_delivers_what_was_queued_and_then_says_closed),
      TEST(shutdown_wakes_who_waits_for_decisions),
      cmocka_unit_test(closing_with_work_in_flight_is_orderly),
      TEST(two_schedulers_live_side_by_side),
      TEST(questions_from_other_threads_see_their_own_inputs),
      TEST(names_can_be_interned_by_all_threads_at_once),
      TEST(a_forked_child_can_only_close),
      cmocka_unit_test(want_of_descriptors_at_open_is_an_answer),
      TEST(the_thread_has_a_name_and_blocks_all_signals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
