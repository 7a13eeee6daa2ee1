/*
 * Opening a scheduler with a journal: its keys, what stands in the way, and a life that goes on
 * over restarts as if there had been none. Driven by hand; the other modes are in
 * journal_driving_test.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "journal.h"

static hexagent_decision all[1u << 16];
static hexagent_decision replayed[1u << 16];

static void the_keys_of_the_journal_are_checked_and_named(void** state) {
  (void)state;
  static const struct {
    const char* key;
    const char* value;
    hexagent_status status;
    const char* text;
  } bad[] = {
      {"journal_durability", "always", HEXAGENT_E_KEY, "none, interval, before_accepted"},
      {"journal_sync_interval_s", "0", HEXAGENT_E_RANGE, "from 0.001 to 3600"},
      {"journal_sync_interval_s", "fast", HEXAGENT_E_RANGE, "from 0.001 to 3600"},
      {"journal_segment_bytes", "1", HEXAGENT_E_RANGE, "from 65536 to"},
      {"journal_full_decisions", "2", HEXAGENT_E_RANGE, "from 0 to 1"},
  };
  hexagent_config* config = hexagent_config_create();
  assert_non_null(config);
  for (uint32_t i = 0; i < COUNT_OF(bad); ++i) {
    hexagent_error error = empty_error();
    assert_int_equal(hexagent_config_set(config, bad[i].key, bad[i].value, &error), bad[i].status);
    assert_int_equal(error.field, HEXAGENT_FIELD_VALUE);
    assert_non_null(strstr(error.text, bad[i].key));
    assert_non_null(strstr(error.text, bad[i].text));
  }
  char path[5000];
  memset(path, 'x', sizeof(path) - 1);
  path[sizeof(path) - 1] = '\0';
  assert_int_equal(hexagent_config_set(config, "journal", path, NULL), HEXAGENT_E_RANGE);
  hexagent_config_free(config);
}

static void a_scheduler_without_a_journal_says_so(void** state) {
  (void)state;
  fixture self;
  fixture_open(&self, NULL, NULL);
  hexagent_journal_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  assert_int_equal(hexagent_journal_query(self.scheduler, &info), HEXAGENT_E_STATE);
  assert_int_equal(hexagent_journal_query(self.scheduler, NULL), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_configure(self.scheduler, "journal", "x", NULL), HEXAGENT_E_STATE);
  hexagent_close(self.scheduler);
}

static void a_folder_that_cannot_be_made_is_told_with_its_path(void** state) {
  (void)state;
  hexagent_error error;
  assert_null(try_open("/nonexistent/a/b", "manual", "interval", NULL, 0, &error));
  assert_int_equal(error.status, HEXAGENT_E_IO);
  assert_non_null(strstr(error.text, "/nonexistent/a/b: create: No such file"));
}

static void two_schedulers_never_have_one_journal(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "none");
  hexagent_error error;
  assert_null(try_open(at->path, "thread", "none", NULL, 0, &error));
  assert_int_equal(error.status, HEXAGENT_E_BUSY);
  assert_non_null(strstr(error.text, at->path));
  live_round(&self); /* the first one is not disturbed */
  hexagent_close(self.base.scheduler);
  hexagent_scheduler* second = try_open(at->path, "thread", "none", NULL, 0, &error);
  assert_non_null(second);
  hexagent_close(second);
}

static void other_limits_are_refused_and_other_queues_and_live_keys_are_not(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "none");
  live_round(&self);
  hexagent_close(self.base.scheduler);
  hexagent_error error;
  const setting limit[] = {{"calls_max", "2048"}};
  assert_null(try_open(at->path, "manual", "none", limit, 1, &error));
  assert_int_equal(error.status, HEXAGENT_E_STATE);
  assert_non_null(strstr(error.text, "calls_max"));
  const setting others[] = {
      {"intake_bytes", "65536"}, {"decisions_max", "1024"}, {"retry_max", "7"}};
  hexagent_scheduler* scheduler = try_open(at->path, "manual", "none", others, 3, &error);
  assert_non_null(scheduler);
  hexagent_decision decision;
  assert_int_equal(hexagent_step(scheduler, self.now_ns + 1), 1);
  assert_int_equal(hexagent_poll(scheduler, &decision, 1), 1);
  assert_int_equal(decision.kind, HEXAGENT_DECISION_ACCEPTED); /* retry_max has changed */
  assert_int_equal(decision.user_data, 0);
  hexagent_close(scheduler);
  scheduler = try_open(at->path, "manual", "none", others, 3, &error);
  assert_non_null(scheduler);
  assert_int_equal(hexagent_step(scheduler, self.now_ns + 2), 0); /* and needs no change now */
  hexagent_close(scheduler);
}

static void a_damaged_journal_is_told_with_file_and_offset(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "none");
  for (int i = 0; i < 5; ++i) live_round(&self);
  hexagent_close(self.base.scheduler);
  char name[128];
  snprintf(name, sizeof(name), "%s/0000000001.journal", at->path);
  const int file = open(name, O_RDWR);
  unsigned char byte = 0;
  assert_int_equal(pread(file, &byte, 1, 4000), 1);
  byte ^= 0x20;
  assert_int_equal(pwrite(file, &byte, 1, 4000), 1);
  close(file);
  /* The snapshot at the close would do without that segment. */
  snprintf(name, sizeof(name), "%s/0000000002.snapshot", at->path);
  assert_int_equal(unlink(name), 0);
  hexagent_error error;
  assert_null(try_open(at->path, "manual", "none", NULL, 0, &error));
  assert_int_equal(error.status, HEXAGENT_E_DAMAGED);
  assert_non_null(strstr(error.text, at->path));
  assert_non_null(strstr(error.text, "0000000001.journal"));
}

/* `rounds` rounds, opened anew before every round that `again` divides; all that was polled. */
static uint32_t live(const char* path, uint32_t rounds, uint32_t again) {
  life self;
  memset(&self, 0, sizeof(self));
  uint32_t total = 0;
  life_open(&self, path, "none");
  const fixture first = self.base;
  for (uint32_t i = 0; i < rounds; ++i) {
    if (again != 0 && i > 0 && i % again == 0) {
      hexagent_close(self.base.scheduler);
      life_open(&self, path, "none");
      assert_int_equal(self.base.gpu, first.gpu);
      assert_int_equal(self.base.model, first.model);
      const hexagent_journal_info info = journal_of(self.base.scheduler);
      assert_int_equal(info.recovered_steps, i);
      assert_int_equal(info.recovered_decisions, total);
      assert_int_equal(info.recovered_now_ns, self.now_ns);
      assert_int_equal(info.closed, 1);
    }
    live_round(&self);
    memcpy(all + total, self.last, self.count * sizeof(*all));
    total += self.count;
  }
  assert_int_equal(self.refused, 0);
  hexagent_close(self.base.scheduler);
  return total;
}

static void a_life_over_many_restarts_is_that_of_one_that_had_none(void** state) {
  const folder* at = *state;
  const uint32_t restarted = live(at->path, 60, 7);
  hexagent_replay_info end;
  assert_int_equal(replay_all(at->path, replayed, COUNT_OF(replayed), &end), restarted);
  assert_int_equal(end.closed, 1);
  assert_int_equal(end.step, 60);
  assert_memory_equal(all, replayed, restarted * sizeof(*all));
  void* other = NULL;
  assert_int_equal(folder_setup(&other), 0);
  const uint32_t whole = live(((folder*)other)->path, 60, 0);
  assert_int_equal(folder_teardown(&other), 0);
  assert_int_equal(whole, restarted);
  assert_memory_equal(all, replayed, whole * sizeof(*all));
}

static void a_clock_that_begins_anew_is_moved_behind_the_journal(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  self.now_ns = 5000000000;
  life_open(&self, at->path, "none");
  live_round(&self);
  hexagent_close(self.base.scheduler);
  const int64_t before = self.now_ns;
  life_open(&self, at->path, "none");
  self.now_ns = 0;
  live_round(&self); /* at STEP_NS, with the reports that the round before asks for */
  assert_int_equal(self.refused, 0);
  assert_true(self.count > 0);
  for (uint32_t i = 0; i < self.count; ++i) assert_int_equal(self.last[i].time_ns, STEP_NS);
  const hexagent_journal_info info = journal_of(self.base.scheduler);
  assert_int_equal(info.recovered_now_ns, before);
  assert_int_equal(info.clock_shift_ns, before - STEP_NS);
  assert_int_equal(hexagent_step(self.base.scheduler, STEP_NS - 1), HEXAGENT_E_TIME);
  const int64_t timer = hexagent_next_timer(self.base.scheduler);
  assert_true(timer >= STEP_NS);

  /* Times of reports are of the new clock too; one from before the restart is not held against, but
   * what it says to have measured is not known any more. */
  hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_TRANSFER);
  report.flags = HEXAGENT_REPORT_MEASURED;
  report.bytes = 1000;
  report.start_ns = 1;
  report.end_ns = STEP_NS;
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_complete(self.base.scheduler, &report, 1, &result), 1);
  hexagent_workflow_info workflow;
  memset(&workflow, 0, sizeof(workflow));
  workflow.struct_size = sizeof(workflow);
  assert_int_equal(hexagent_workflow_query(self.base.scheduler, 2, &workflow), HEXAGENT_OK);
  assert_int_equal(workflow.arrival_ns, STEP_NS);
  self.count = 0;
  live_round(&self);
  assert_int_equal(self.refused, 0);
  hexagent_close(self.base.scheduler);
  hexagent_replay_info end;
  assert_true(replay_all(at->path, replayed, COUNT_OF(replayed), &end) > 0);
  assert_int_equal(end.now_ns, before + STEP_NS);
}

static void steps_without_anything_to_do_take_no_room(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "none");
  live_round(&self);
  const uint64_t steps = stats_of(self.base.scheduler).journal_steps;
  for (int i = 1; i <= 100; ++i) {
    assert_true(hexagent_step(self.base.scheduler, self.now_ns + i) >= 0);
  }
  assert_int_equal(stats_of(self.base.scheduler).journal_steps, steps);
  hexagent_close(self.base.scheduler);
}

static void statistics_and_metrics_tell_of_the_journal(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "before_accepted");
  live_round(&self);
  live_round(&self);
  const hexagent_stats stats = stats_of(self.base.scheduler);
  assert_int_equal(stats.journal_steps, 2);
  assert_int_equal(stats.journal_inputs, stats.inputs);
  assert_int_equal(stats.journal_inputs_recovered, 0);
  assert_int_equal(stats.journal_segments, 1);
  assert_int_equal(stats.journal_syncs, 3); /* the header, and each poll */
  assert_int_equal(stats.journal_failures, 0);
  assert_int_equal(stats.journal_sync_age_ns, 0);
  assert_true(stats.journal_bytes > 1000);
  char text[32768];
  assert_int_equal(hexagent_metrics_write(self.base.scheduler, text, sizeof(text), NULL),
                   HEXAGENT_OK);
  assert_non_null(strstr(text, "hexagent_journal_steps_total 2\n"));
  assert_non_null(strstr(text, "hexagent_journal_failures_total 0\n"));
  hexagent_close(self.base.scheduler);
  life_open(&self, at->path, "interval");
  assert_int_equal(stats_of(self.base.scheduler).journal_inputs_recovered, stats.inputs);
  assert_int_equal(stats_of(self.base.scheduler).journal_inputs, 0);
  hexagent_close(self.base.scheduler);
}

static void the_interval_falls_due_as_a_timer(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "interval"); /* 0.1 s */
  live_round(&self);
  const int64_t due = hexagent_next_timer(self.base.scheduler);
  assert_true(due <= self.now_ns + 100000000);
  assert_true(hexagent_step(self.base.scheduler, self.now_ns + 5) >= 0);
  assert_true(stats_of(self.base.scheduler).journal_sync_age_ns >= 5);
  const uint64_t syncs = stats_of(self.base.scheduler).journal_syncs;
  assert_true(hexagent_step(self.base.scheduler, self.now_ns + 100000000) >= 0);
  assert_int_equal(stats_of(self.base.scheduler).journal_syncs, syncs + 1);
  assert_int_equal(stats_of(self.base.scheduler).journal_sync_age_ns, 0);
  assert_true(hexagent_next_timer(self.base.scheduler) > self.now_ns + 100000000);
  hexagent_close(self.base.scheduler);
}

static void shutdown_ends_the_journal_before_the_last_decision_is_polled(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "none");
  live_round(&self);
  assert_int_equal(hexagent_ready(self.base.scheduler, 77, 1, 5), HEXAGENT_OK);
  assert_int_equal(hexagent_shutdown(self.base.scheduler), HEXAGENT_OK);
  assert_int_equal(hexagent_step(self.base.scheduler, self.now_ns + 1), 1);
  assert_int_equal(journal_of(self.base.scheduler).status, HEXAGENT_E_CLOSED);
  hexagent_replay_info end;
  const uint32_t count = replay_all(at->path, replayed, COUNT_OF(replayed), &end);
  assert_int_equal(end.closed, 1);
  hexagent_decision last;
  assert_int_equal(hexagent_poll(self.base.scheduler, &last, 1), 1);
  assert_memory_equal(&last, &replayed[count - 1], sizeof(last));
  assert_int_equal(hexagent_poll(self.base.scheduler, &last, 1), HEXAGENT_E_CLOSED);
  hexagent_close(self.base.scheduler);
}

/* The largest file allowed stands in for a full disk. */
static void a_full_disk_ends_the_journal_and_not_the_scheduler(void** state) {
  const folder* at = *state;
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit usual;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "before_accepted");
  for (int i = 0; i < 10; ++i) live_round(&self);
  const struct rlimit small = {20000, usual.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  uint64_t kept = 0;   /* newest decision of an ACCEPTED that was acknowledged */
  uint64_t failed = 0; /* oldest of one that was not */
  for (int i = 0; i < 100; ++i) {
    live_round(&self);
    for (uint32_t d = 0; d < self.count; ++d) {
      if (self.last[d].kind != HEXAGENT_DECISION_ACCEPTED) continue;
      const hexagent_status status = self.last[d].status;
      assert_true(status == HEXAGENT_OK || status == HEXAGENT_E_IO);
      if (status == HEXAGENT_OK) kept = self.last[d].sequence;
      if (status != HEXAGENT_OK && failed == 0) failed = self.last[d].sequence;
    }
  }
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
  assert_true(kept > 0 && failed > kept); /* none is acknowledged after the failure */
  assert_int_equal(self.refused, 0);      /* the scheduler goes on */
  const hexagent_journal_info info = journal_of(self.base.scheduler);
  assert_int_equal(info.status, HEXAGENT_E_IO);
  assert_non_null(strstr(info.text, ".journal: write: "));
  assert_int_equal(stats_of(self.base.scheduler).journal_failures, 1);
  assert_true(stats_of(self.base.scheduler).journal_inputs_lost > 0);
  hexagent_close(self.base.scheduler);
  life_open(&self, at->path, "before_accepted");
  const uint64_t back = journal_of(self.base.scheduler).recovered_decisions;
  assert_true(back >= kept && back < failed);
  hexagent_close(self.base.scheduler);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_keys_of_the_journal_are_checked_and_named),
      cmocka_unit_test(a_scheduler_without_a_journal_says_so),
      cmocka_unit_test(a_folder_that_cannot_be_made_is_told_with_its_path),
      FOLDER_TEST(two_schedulers_never_have_one_journal),
      FOLDER_TEST(other_limits_are_refused_and_other_queues_and_live_keys_are_not),
      FOLDER_TEST(a_damaged_journal_is_told_with_file_and_offset),
      FOLDER_TEST(a_life_over_many_restarts_is_that_of_one_that_had_none),
      FOLDER_TEST(a_clock_that_begins_anew_is_moved_behind_the_journal),
      FOLDER_TEST(steps_without_anything_to_do_take_no_room),
      FOLDER_TEST(statistics_and_metrics_tell_of_the_journal),
      FOLDER_TEST(the_interval_falls_due_as_a_timer),
      FOLDER_TEST(shutdown_ends_the_journal_before_the_last_decision_is_polled),
      FOLDER_TEST(a_full_disk_ends_the_journal_and_not_the_scheduler),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
