/*
 * A journal in each mode of driving: the same inputs give the same journal, a restart goes on, a
 * forked child leaves it alone, a killed process loses nothing that was polled.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "journal.h"

static const char* const kModes[] = {"manual", "loop", "thread"};

/* Waits until everything queued was taken, and polls. In manual and loop driving that is a step; a
 * thread answers a question only after the inputs before it. */
static uint32_t settle(fixture* self, hexagent_decision* decisions, uint32_t capacity) {
  const int32_t stepped = hexagent_step(self->scheduler, hexagent_now());
  assert_true(stepped >= 0 || stepped == HEXAGENT_E_STATE);
  turn(self->scheduler);
  (void)stats_of(self->scheduler);
  const int32_t polled = hexagent_poll(self->scheduler, decisions, capacity);
  assert_true(polled >= 0);
  return (uint32_t)polled;
}

/* A cluster and one workflow of two calls to its end, one input a step; id of the workflow. */
static void run_script(fixture* self, uint64_t id) {
  static hexagent_decision decisions[64];
  const hexagent_profile profile = good_profile(self);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_profile_set(self->scheduler, &profile, 1, NULL), HEXAGENT_OK);
  assert_int_equal(settle(self, decisions, 64), 1);
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    const hexagent_worker worker = good_worker(self, role, role);
    assert_int_equal(hexagent_worker_set(self->scheduler, &worker, 2, NULL), HEXAGENT_OK);
    assert_int_equal(settle(self, decisions, 64), 1);
  }
  const hexagent_workflow workflow = good_workflow(id);
  assert_int_equal(hexagent_workflow_begin(self->scheduler, &workflow, 1, &result), 1);
  assert_int_equal(settle(self, decisions, 64), 1);
  for (uint64_t number = 1; number <= 2; ++number) {
    hexagent_call call = good_call(self, id, number);
    if (number == 2) call.flags = HEXAGENT_CALL_LAST;
    assert_int_equal(hexagent_submit(self->scheduler, &call, 1, NULL, 0, NULL, 0, &result), 1);
    assert_int_equal(settle(self, decisions, 64), 2);
    assert_int_equal(decisions[1].kind, HEXAGENT_DECISION_PREFILL);
    for (uint32_t phase = HEXAGENT_PHASE_PREFILL; phase <= HEXAGENT_PHASE_DECODE; ++phase) {
      const hexagent_report report = good_report(id, number, phase);
      assert_int_equal(hexagent_complete(self->scheduler, &report, 1, &result), 1);
      const uint32_t count = settle(self, decisions, 64);
      assert_true(count > 0);
      for (uint32_t i = 0; i < count; ++i) {
        assert_int_not_equal(decisions[i].kind, HEXAGENT_DECISION_REFUSED);
        assert_true(decisions[i].time_ns <= hexagent_now());
      }
    }
  }
  assert_int_equal(decisions[1].kind, HEXAGENT_DECISION_WORKFLOW_DONE);
}

/* Everything of a journal but its times, as text. Steps by time alone in which nothing is decided
 * are times, too: how many there are depends on how long the inputs took to come. */
static void describe_journal(const char* path, char* text, size_t size) {
  hexagent_replay* replay = hexagent_replay_open(path, HEXAGENT_VERSION, NULL);
  assert_non_null(replay);
  size_t used = 0;
  hexagent_replay_info info = empty_replay_info();
  while (hexagent_replay_step(replay, &info, NULL) == 1) {
    assert_int_equal(info.different, 0);
    for (uint32_t i = 0; i < info.inputs_count; ++i) {
      hexagent_input input;
      assert_int_equal(hexagent_replay_input(replay, i, &input, NULL, 0), HEXAGENT_OK);
      used += (size_t)snprintf(text + used, size - used, "%u:%llu ", input.kind,
                               (unsigned long long)input.user_data);
    }
    static hexagent_decision decisions[64];
    const int32_t count = hexagent_replay_decisions(replay, 0, decisions, 64);
    if (info.inputs_count == 0 && count == 0) continue;
    for (int32_t i = 0; i < count; ++i) {
      used += (size_t)snprintf(text + used, size - used, "-> %u %u %d ", decisions[i].kind,
                               decisions[i].worker, decisions[i].status);
    }
    used += (size_t)snprintf(text + used, size - used, "\n");
    assert_true(used < size);
  }
  assert_int_equal(info.closed, 1);
  hexagent_replay_close(replay);
}

static void every_mode_writes_the_same_journal_for_the_same_inputs(void** state) {
  (void)state;
  static char texts[3][16384];
  for (uint32_t mode = 0; mode < COUNT_OF(kModes); ++mode) {
    void* at = NULL;
    assert_int_equal(folder_setup(&at), 0);
    const char* path = ((folder*)at)->path;
    fixture self;
    journalled_open(&self, path, kModes[mode], "before_accepted");
    run_script(&self, 5);
    hexagent_close(self.scheduler);
    describe_journal(path, texts[mode], sizeof(texts[mode]));
    assert_int_equal(folder_teardown(&at), 0);
  }
  assert_true(strlen(texts[0]) > 200);
  assert_string_equal(texts[0], texts[1]);
  assert_string_equal(texts[0], texts[2]);
}

static void a_journal_goes_on_from_mode_to_mode(void** state) {
  const folder* at = *state;
  uint64_t inputs = 0;
  for (uint64_t round = 0; round < 6; ++round) {
    fixture self;
    journalled_open(&self, at->path, kModes[round % 3], "interval");
    const hexagent_journal_info info = journal_of(self.scheduler);
    assert_int_equal(info.recovered_inputs, inputs);
    assert_int_equal(info.clock_shift_ns, 0); /* one machine, one clock */
    run_script(&self, round + 1);
    inputs = stats_of(self.scheduler).inputs;
    hexagent_close(self.scheduler);
  }
}

/* The journal of a machine that ran longer than this one: a clock far ahead of CLOCK_MONOTONIC. */
static void times_are_of_the_usual_clock_also_when_it_began_anew(void** state) {
  const folder* at = *state;
  const int64_t ahead = hexagent_now() + 3600000000000LL;
  for (uint64_t mode = 0; mode < 3; ++mode) {
    fixture self;
    journalled_open(&self, at->path, kModes[mode], "none");
    if (mode == 0) {
      hexagent_decision decision;
      assert_int_equal(hexagent_ready(self.scheduler, 77, 1, 1), HEXAGENT_OK);
      assert_int_equal(hexagent_step(self.scheduler, ahead), 1);
      assert_int_equal(hexagent_poll(self.scheduler, &decision, 1), 1);
    } else {
      assert_true(journal_of(self.scheduler).clock_shift_ns > 3500000000000LL);
      run_script(&self, mode);
    }
    hexagent_close(self.scheduler);
  }
}

static void a_thread_syncs_in_time_without_any_input(void** state) {
  const folder* at = *state;
  fixture self;
  journalled_open(&self, at->path, "thread", "interval");
  const uint64_t syncs = stats_of(self.scheduler).journal_syncs;
  assert_int_equal(hexagent_ready(self.scheduler, 77, 1, 1), HEXAGENT_OK);
  /* Asking wakes the thread, but only its clock can make the interval pass. */
  while (stats_of(self.scheduler).journal_syncs == syncs) sched_yield();
  hexagent_close(self.scheduler);
}

static void a_forked_child_leaves_the_journal_alone(void** state) {
  const folder* at = *state;
  for (uint32_t mode = 0; mode < 3; ++mode) {
    fixture self;
    journalled_open(&self, at->path, kModes[mode], "none");
    run_script(&self, mode + 1);
    const uint64_t inputs = stats_of(self.scheduler).inputs;
    const pid_t child = fork();
    if (child == 0) {
      hexagent_journal_info info;
      memset(&info, 0, sizeof(info));
      info.struct_size = sizeof(info);
      const int forked = hexagent_journal_query(self.scheduler, &info) == HEXAGENT_E_FORKED;
      hexagent_close(self.scheduler);
      _exit(forked ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    run_script(&self, mode + 10);
    const uint64_t more = stats_of(self.scheduler).inputs;
    assert_true(more > inputs);
    hexagent_close(self.scheduler);
    static hexagent_decision decisions[4096];
    hexagent_replay_info end;
    (void)replay_all(at->path, decisions, COUNT_OF(decisions), &end);
    assert_int_equal(end.inputs, more);
    assert_int_equal(end.closed, 1);
  }
}

/* The child: lives until it is killed; every decision goes down the pipe once it was polled. */
static void live_and_tell(const char* path, int pipe_end) {
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, path, "before_accepted");
  for (int i = 0; i < 200; ++i) {
    live_round(&self);
    const size_t size = self.count * sizeof(self.last[0]);
    if (write(pipe_end, self.last, size) != (ssize_t)size) _exit(3);
  }
  for (;;) pause();
}

/* What a killed process had polled, read from its pipe; whole decisions only. */
static uint32_t kill_after(const char* path, uint32_t enough, hexagent_decision* polled,
                           uint32_t capacity) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    live_and_tell(path, ends[1]);
  }
  close(ends[1]);
  size_t bytes = 0;
  int killed = 0;
  for (;;) {
    const ssize_t got = read(ends[0], (char*)polled + bytes, capacity * sizeof(*polled) - bytes);
    if (got <= 0) break;
    bytes += (size_t)got;
    if (!killed && bytes / sizeof(*polled) >= enough) killed = kill(child, SIGKILL) == 0;
  }
  close(ends[0]);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return (uint32_t)(bytes / sizeof(*polled));
}

static void check_after_kill(const char* path, const hexagent_decision* polled, uint32_t count) {
  static hexagent_decision kept[1u << 14];
  hexagent_replay_info end;
  const uint32_t recorded = replay_all(path, kept, COUNT_OF(kept), &end);
  assert_true(recorded >= count);
  assert_memory_equal(kept, polled, count * sizeof(*polled)); /* not only ACCEPTED: everything */
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, path, "before_accepted");
  assert_int_equal(journal_of(self.base.scheduler).recovered_decisions, recorded);
  /* Each acknowledged call is there, and handing it in again changes nothing. */
  uint32_t again = 0;
  for (uint32_t i = 0; i < count && again < 100; ++i) {
    if (polled[i].kind != HEXAGENT_DECISION_ACCEPTED || polled[i].call == 0) continue;
    hexagent_call call = good_call(&self.base, polled[i].workflow, polled[i].call);
    hexagent_status result = HEXAGENT_E_INTERNAL;
    assert_int_equal(hexagent_submit(self.base.scheduler, &call, 1, NULL, 0, NULL, 0, &result), 1);
    ++again;
  }
  assert_true(again > 0);
  assert_true(hexagent_step(self.base.scheduler, end.now_ns + 1) >= 0);
  const int32_t answers = hexagent_poll(self.base.scheduler, self.last, LOG_MAX);
  assert_int_equal(answers, again);
  for (int32_t i = 0; i < answers; ++i) {
    assert_int_equal(self.last[i].kind, HEXAGENT_DECISION_REFUSED);
    assert_int_equal(self.last[i].status, HEXAGENT_E_DUPLICATE);
    assert_int_equal(self.last[i].sequence, recorded + (uint32_t)i + 1);
  }
  hexagent_close(self.base.scheduler);
}

static void a_killed_process_loses_nothing_it_polled_and_decides_nothing_twice(void** state) {
  (void)state;
  static hexagent_decision polled[1u << 14];
  static const uint32_t kEnough[] = {1, 8, 50, 177, 500, 900};
  for (uint32_t i = 0; i < COUNT_OF(kEnough); ++i) {
    void* at = NULL;
    assert_int_equal(folder_setup(&at), 0);
    const char* path = ((folder*)at)->path;
    const uint32_t count = kill_after(path, kEnough[i], polled, COUNT_OF(polled));
    assert_true(count >= kEnough[i]);
    check_after_kill(path, polled, count);
    assert_int_equal(folder_teardown(&at), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_mode_writes_the_same_journal_for_the_same_inputs),
      FOLDER_TEST(a_journal_goes_on_from_mode_to_mode),
      FOLDER_TEST(times_are_of_the_usual_clock_also_when_it_began_anew),
      FOLDER_TEST(a_thread_syncs_in_time_without_any_input),
      FOLDER_TEST(a_forked_child_leaves_the_journal_alone),
      cmocka_unit_test(a_killed_process_loses_nothing_it_polled_and_decides_nothing_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
