/*
 * A small cluster driven by hand: virtual time, a log of all decisions, and engines that answer
 * when the test says so. The tests of verdicts, reports and recovery stand on it.
 */
#ifndef TESTS_ABI_CLUSTER_H
#define TESTS_ABI_CLUSTER_H

#include "fixture.h"

#define LOG_MAX 1024u
#define STEP_NS 10000000 /* 10 ms */

/* Prefill workers are 1 and 2, decode workers 11 and 12; worker 99 and model other_model are
 * unknown. */
typedef struct cluster {
  fixture base;
  int64_t now_ns;
  hexagent_decision log[LOG_MAX];
  uint32_t count;
} cluster;

/* One step of virtual time; all decisions go to the log. */
static inline void cluster_step(cluster* self) {
  self->now_ns += STEP_NS;
  assert_true(hexagent_step(self->base.scheduler, self->now_ns) >= 0);
  const int32_t polled =
      hexagent_poll(self->base.scheduler, self->log + self->count, LOG_MAX - self->count);
  assert_true(polled >= 0);
  self->count += (uint32_t)polled;
  assert_true(self->count < LOG_MAX);
}

/* The newest decision of this kind with this user_data, or NULL. */
static inline const hexagent_decision* find_verdict(const cluster* self, uint32_t kind,
                                                    uint64_t user_data) {
  for (uint32_t i = self->count; i > 0; --i) {
    const hexagent_decision* decision = &self->log[i - 1];
    if (decision->kind == kind && decision->user_data == user_data) return decision;
  }
  return NULL;
}

/* The newest decision of this kind about a call, or NULL. */
static inline const hexagent_decision* find_decision(const cluster* self, uint32_t kind,
                                                     uint64_t workflow, uint64_t call) {
  for (uint32_t i = self->count; i > 0; --i) {
    const hexagent_decision* decision = &self->log[i - 1];
    if (decision->kind != kind || decision->workflow != workflow) continue;
    if (decision->call == call) return decision;
  }
  return NULL;
}

static inline uint32_t count_decisions(const cluster* self, uint32_t kind, uint64_t workflow,
                                       uint64_t call) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < self->count; ++i) {
    const hexagent_decision* decision = &self->log[i];
    if (decision->kind == kind && decision->workflow == workflow && decision->call == call) {
      ++count;
    }
  }
  return count;
}

static inline void expect_accepted(const cluster* self, uint64_t user_data) {
  assert_null(find_verdict(self, HEXAGENT_DECISION_REFUSED, user_data));
  assert_non_null(find_verdict(self, HEXAGENT_DECISION_ACCEPTED, user_data));
}

static inline void expect_refused(const cluster* self, uint64_t user_data, hexagent_status status,
                                  uint32_t field) {
  const hexagent_decision* decision = find_verdict(self, HEXAGENT_DECISION_REFUSED, user_data);
  assert_non_null(decision);
  if (decision->status != status || decision->field != field) {
    print_error("refused with %s, field \"%s\"\n", hexagent_status_name(decision->status),
                hexagent_field_name(decision->field));
  }
  assert_int_equal(decision->status, status);
  assert_int_equal(decision->field, field);
}

static inline void add_worker(cluster* self, hexagent_worker worker) {
  const uint64_t user_data = 500000 + worker.worker;
  assert_int_equal(hexagent_worker_set(self->base.scheduler, &worker, user_data, NULL),
                   HEXAGENT_OK);
}

static inline void begin_workflow(cluster* self, uint64_t id) {
  const hexagent_workflow workflow = good_workflow(id);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_workflow_begin(self->base.scheduler, &workflow, 1, &result), 1);
}

/* Queues a call with up to `count` dependencies; the verdict comes with the next step. */
static inline void submit_call(cluster* self, hexagent_call call, const uint64_t* deps,
                               uint32_t count) {
  hexagent_status result = HEXAGENT_E_INTERNAL;
  call.deps_count = count;
  assert_int_equal(hexagent_submit(self->base.scheduler, &call, 1, deps, count, NULL, 0, &result),
                   1);
  assert_int_equal(result, HEXAGENT_OK);
}

/* A call with good_call()'s values and one dependency, or none when `dep` is 0. */
static inline void submit_simple(cluster* self, uint64_t workflow, uint64_t id, uint64_t dep) {
  submit_call(self, good_call(&self->base, workflow, id), &dep, dep == 0 ? 0 : 1);
}

static inline uint64_t call_user_data(uint64_t workflow, uint64_t call) {
  return workflow * 1000 + call;
}

/* Queues a report; its verdict or its consequence comes with the next step. */
static inline void send_report(cluster* self, hexagent_report report) {
  hexagent_status result = HEXAGENT_E_INTERNAL;
  assert_int_equal(hexagent_complete(self->base.scheduler, &report, 1, &result), 1);
}

static inline void report_done(cluster* self, uint64_t workflow, uint64_t call, uint32_t phase) {
  hexagent_report report = good_report(workflow, call, phase);
  if (phase == HEXAGENT_PHASE_DECODE) report.tokens = 20;
  send_report(self, report);
}

/* What a good engine would report next for a call in this state; 0 = it has nothing to report. */
static inline uint32_t next_phase(int32_t call_state) {
  switch (call_state) {
    case HEXAGENT_STATE_DISPATCHED:
    case HEXAGENT_STATE_PREFILLING:
      return HEXAGENT_PHASE_PREFILL;
    case HEXAGENT_STATE_TRANSFERRING:
      return HEXAGENT_PHASE_TRANSFER;
    case HEXAGENT_STATE_DECODE_QUEUED:
    case HEXAGENT_STATE_DECODING:
      return HEXAGENT_PHASE_DECODE;
    default:
      return 0;
  }
}

/* Lets a call run through all of its phases; fails when it does not get to its end. */
static inline void finish_call(cluster* self, uint64_t workflow, uint64_t call) {
  for (int i = 0; i < 20; ++i) {
    if (find_decision(self, HEXAGENT_DECISION_CALL_DONE, workflow, call) != NULL) break;
    const int32_t state = hexagent_call_state(self->base.scheduler, workflow, call);
    const uint32_t phase = next_phase(state);
    if (phase != 0) report_done(self, workflow, call, phase);
    cluster_step(self);
  }
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_CALL_DONE, workflow, call);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_OK);
}

/*
 * The bystander: workflow 900 with call 1 dispatched before a test does its mischief, and call 2
 * after it. Both must end well whatever happened beside them.
 */
#define BYSTANDER 900

static inline void start_bystander(cluster* self) {
  begin_workflow(self, BYSTANDER);
  submit_simple(self, BYSTANDER, 1, 0);
  cluster_step(self);
  expect_accepted(self, call_user_data(BYSTANDER, 1));
}

static inline void finish_bystander(cluster* self) {
  submit_simple(self, BYSTANDER, 2, 1);
  assert_int_equal(hexagent_workflow_end(self->base.scheduler, BYSTANDER, 900900), HEXAGENT_OK);
  cluster_step(self);
  finish_call(self, BYSTANDER, 1);
  finish_call(self, BYSTANDER, 2);
  const hexagent_decision* done =
      find_decision(self, HEXAGENT_DECISION_WORKFLOW_DONE, BYSTANDER, 0);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_OK);
}

/* Opens the cluster with one key set (or none) and without workers. */
static inline cluster* cluster_open(const char* key, const char* value) {
  cluster* self = calloc(1, sizeof(*self));
  assert_non_null(self);
  fixture_open(&self->base, key, value);
  self->now_ns = 1000000000;
  const hexagent_profile profile = good_profile(&self->base);
  const hexagent_model model = good_model(&self->base);
  assert_int_equal(hexagent_profile_set(self->base.scheduler, &profile, 500100, NULL), HEXAGENT_OK);
  assert_int_equal(hexagent_model_set(self->base.scheduler, &model, 500101, NULL), HEXAGENT_OK);
  return self;
}

static inline void cluster_close(cluster* self) {
  hexagent_close(self->base.scheduler);
  free(self);
}

static inline void add_four_workers(cluster* self) {
  add_worker(self, good_worker(&self->base, 1, HEXAGENT_ROLE_PREFILL));
  add_worker(self, good_worker(&self->base, 2, HEXAGENT_ROLE_PREFILL));
  add_worker(self, good_worker(&self->base, 11, HEXAGENT_ROLE_DECODE));
  add_worker(self, good_worker(&self->base, 12, HEXAGENT_ROLE_DECODE));
  cluster_step(self);
  expect_accepted(self, 500100);
  expect_accepted(self, 500101);
  expect_accepted(self, 500001);
  expect_accepted(self, 500012);
}

/* Fixtures: four workers and the bystander on its way; in the end the bystander must come through.
 */
static inline int cluster_setup(void** state) {
  cluster* self = cluster_open(NULL, NULL);
  *state = self;
  add_four_workers(self);
  start_bystander(self);
  return 0;
}

static inline int cluster_teardown(void** state) {
  cluster_close(*state);
  return 0;
}

#define CLUSTER_TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

#endif /* TESTS_ABI_CLUSTER_H */
