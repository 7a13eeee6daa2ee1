/*
 * Schedulers that are not stepped by hand: opening them, waiting on their descriptor, collecting
 * what they decide. Waits are on conditions; a condition that does not come within the patience is
 * a failure.
 */
#ifndef TESTS_ABI_DRIVEN_H
#define TESTS_ABI_DRIVEN_H

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "fixture.h"

#define PATIENCE_MS 60000 /* sanitizers on a busy machine are slow */

typedef struct setting {
  const char* key;
  const char* value;
} setting;

/* Small tables, so that opening is quick and debug builds can audit them at every step. */
static const setting kSmall[] = {
    {"workflows_max", "256"}, {"calls_max", "1024"}, {"workers_max", "8"}, {"groups_max", "16"}};

static inline void driven_open(fixture* self, const char* driving, const setting* more,
                               uint32_t count) {
  hexagent_config* config = hexagent_config_create();
  assert_non_null(config);
  assert_int_equal(hexagent_config_set(config, "driving", driving, NULL), HEXAGENT_OK);
  for (uint32_t i = 0; i < COUNT_OF(kSmall); ++i) {
    assert_int_equal(hexagent_config_set(config, kSmall[i].key, kSmall[i].value, NULL),
                     HEXAGENT_OK);
  }
  for (uint32_t i = 0; i < count; ++i) {
    assert_int_equal(hexagent_config_set(config, more[i].key, more[i].value, NULL), HEXAGENT_OK);
  }
  memset(self, 0, sizeof(*self));
  hexagent_error error = empty_error();
  self->scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  hexagent_config_free(config);
  if (self->scheduler == NULL) print_error("open: %s\n", error.text);
  assert_non_null(self->scheduler);
  self->gpu = intern(self->scheduler, "test-gpu");
  self->model = intern(self->scheduler, "test-model");
  self->other_model = intern(self->scheduler, "other-model");
  self->word = intern(self->scheduler, "word");
}

/* 1 if the descriptor is readable within the time. */
static inline int readable(hexagent_scheduler* scheduler, int timeout_ms) {
  struct pollfd entry = {hexagent_event_fd(scheduler), POLLIN, 0};
  return entry.fd >= 0 && poll(&entry, 1, timeout_ms) == 1 && (entry.revents & POLLIN) != 0;
}

/* In loop driving, does what there is to do. */
static inline void turn(hexagent_scheduler* scheduler) {
  const int32_t answer = hexagent_run_once(scheduler, 0);
  assert_true(answer >= 0 || answer == HEXAGENT_E_STATE || answer == HEXAGENT_E_AGAIN ||
              answer == HEXAGENT_E_CLOSED);
}

/* The next decision, waited for. */
static inline hexagent_decision next_decision(hexagent_scheduler* scheduler) {
  hexagent_decision decision;
  memset(&decision, 0, sizeof(decision));
  for (;;) {
    turn(scheduler);
    const int32_t count = hexagent_poll(scheduler, &decision, 1);
    assert_true(count >= 0);
    if (count == 1) return decision;
    assert_true(readable(scheduler, PATIENCE_MS));
  }
}

/* The next decision of this kind; others are passed over. */
static inline hexagent_decision await_kind(hexagent_scheduler* scheduler, uint32_t kind) {
  for (;;) {
    const hexagent_decision decision = next_decision(scheduler);
    if (decision.kind == kind) return decision;
  }
}

/* Polls until E_CLOSED; how many decisions that gave. */
static inline uint64_t poll_to_the_end(hexagent_scheduler* scheduler) {
  static hexagent_decision decisions[256];
  uint64_t total = 0;
  for (;;) {
    turn(scheduler);
    const int32_t count = hexagent_poll(scheduler, decisions, 256);
    if (count == HEXAGENT_E_CLOSED) return total;
    assert_true(count >= 0);
    total += (uint64_t)count;
    if (count == 0) assert_true(readable(scheduler, PATIENCE_MS));
  }
}

static inline hexagent_stats stats_of(hexagent_scheduler* scheduler) {
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  assert_int_equal(hexagent_stats_read(scheduler, &stats), HEXAGENT_OK);
  return stats;
}

/* A thread that sends `ready` for a workflow nobody knows: each is answered by one REFUSED. */
typedef struct sender {
  hexagent_scheduler* scheduler;
  uint64_t first; /* user_data of the first */
  uint64_t count;
  pthread_t thread;
  hexagent_status wrong; /* an answer that is neither OK nor AGAIN */
} sender;

static inline void* send_all(void* argument) {
  sender* self = argument;
  for (uint64_t i = 0; i < self->count;) {
    const hexagent_status status = hexagent_ready(self->scheduler, 77, 1, self->first + i);
    if (status == HEXAGENT_OK) {
      ++i;
    } else if (status == HEXAGENT_E_AGAIN) {
      sched_yield();
    } else {
      self->wrong = status;
      return NULL;
    }
  }
  return NULL;
}

static inline void start_sender(sender* self, hexagent_scheduler* scheduler, uint64_t first,
                                uint64_t count) {
  memset(self, 0, sizeof(*self));
  self->scheduler = scheduler;
  self->first = first;
  self->count = count;
  assert_int_equal(pthread_create(&self->thread, NULL, send_all, self), 0);
}

static inline void join_sender(sender* self) {
  assert_int_equal(pthread_join(self->thread, NULL), 0);
  assert_int_equal(self->wrong, HEXAGENT_OK);
}

/*
 * `senders` threads, each input answered exactly once: user_data of each sender's inputs come in
 * order, sequence numbers without a gap.
 */
static inline void check_senders(hexagent_scheduler* scheduler, uint32_t senders, uint64_t count) {
  sender threads[8];
  uint64_t next[8] = {0};
  assert_true(senders <= 8);
  for (uint32_t i = 0; i < senders; ++i) {
    start_sender(&threads[i], scheduler, (uint64_t)i << 32, count);
  }
  static hexagent_decision decisions[512];
  uint64_t sequence = 0;
  for (uint64_t total = 0; total < senders * count;) {
    turn(scheduler);
    const int32_t polled = hexagent_poll(scheduler, decisions, 512);
    assert_true(polled >= 0);
    if (polled == 0) assert_true(readable(scheduler, PATIENCE_MS));
    for (int32_t i = 0; i < polled; ++i) {
      const uint64_t who = decisions[i].user_data >> 32;
      assert_true(who < senders);
      if (decisions[i].user_data != (who << 32) + next[who]) fail_msg("out of order or lost");
      if (sequence != 0 && decisions[i].sequence != sequence + 1) fail_msg("a sequence gap");
      sequence = decisions[i].sequence;
      ++next[who];
    }
    total += (uint64_t)polled;
  }
  for (uint32_t i = 0; i < senders; ++i) join_sender(&threads[i]);
  assert_int_equal(hexagent_poll(scheduler, decisions, 1), 0);
}

/* A cluster of two and one call, run to its end by reports. */
static inline void run_one_workflow(fixture* self) {
  hexagent_scheduler* scheduler = self->scheduler;
  const hexagent_profile profile = good_profile(self);
  assert_int_equal(hexagent_profile_set(scheduler, &profile, 1, NULL), HEXAGENT_OK);
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    const hexagent_worker worker = good_worker(self, role, role);
    assert_int_equal(hexagent_worker_set(scheduler, &worker, 2, NULL), HEXAGENT_OK);
  }
  hexagent_workflow workflow = good_workflow(5);
  workflow.arrival_ns = hexagent_now(); /* must not lie in the library's future */
  hexagent_call call = good_call(self, 5, 1);
  call.flags = HEXAGENT_CALL_LAST;
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_workflow_begin(scheduler, &workflow, 1, &result), 1);
  assert_int_equal(hexagent_submit(scheduler, &call, 1, NULL, 0, NULL, 0, &result), 1);
  const uint32_t kinds[] = {HEXAGENT_DECISION_PREFILL, HEXAGENT_DECISION_TRANSFER,
                            HEXAGENT_DECISION_DECODE};
  for (uint32_t phase = HEXAGENT_PHASE_PREFILL; phase <= HEXAGENT_PHASE_DECODE; ++phase) {
    const hexagent_decision decision = await_kind(scheduler, kinds[phase - 1]);
    assert_int_equal(decision.call, 1);
    assert_true(decision.time_ns > 0 && decision.time_ns <= hexagent_now());
    hexagent_report report = good_report(5, 1, phase);
    report.start_ns = decision.time_ns;
    report.end_ns = hexagent_now();
    assert_int_equal(hexagent_complete(scheduler, &report, 1, &result), 1);
  }
  const hexagent_decision done = await_kind(scheduler, HEXAGENT_DECISION_WORKFLOW_DONE);
  assert_int_equal(done.workflow, 5);
  assert_int_equal(done.status, HEXAGENT_OK);
}

#endif /* TESTS_ABI_DRIVEN_H */
