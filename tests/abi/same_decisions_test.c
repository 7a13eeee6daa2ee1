/*
 * The same inputs at the same times give the same decisions, byte for byte, whoever drives.
 *
 * Loop and thread driving run on the real clock, so they go first: one input after another, each
 * when the decisions of the one before are there, which tell at what time it was taken. Then the
 * same inputs go by hand, at those times, to a second scheduler. Nothing waits for time to pass.
 */
#include "driven.h"

#define WORKFLOWS 12u
#define INPUTS_MAX 512u
#define DECISIONS_MAX 1024u

enum { PROFILE, WORKER, WORKFLOW, CALL, REPORT };

typedef struct input {
  int kind;
  union {
    hexagent_profile profile;
    hexagent_worker worker;
    hexagent_workflow workflow;
    hexagent_call call;
    hexagent_report report;
  } record;
} input;

/* What went in and what came out. */
typedef struct history {
  fixture base;
  input inputs[INPUTS_MAX];
  uint32_t inputs_count;
  hexagent_decision decisions[DECISIONS_MAX];
  uint32_t decisions_count;
} history;

static void add(history* self, input next) {
  assert_true(self->inputs_count < INPUTS_MAX);
  self->inputs[self->inputs_count++] = next;
}

/* The cluster, and workflows of two calls each that have to wait for each other's prefill. */
static void add_first_inputs(history* self) {
  const fixture* base = &self->base;
  add(self, (input){.kind = PROFILE, .record.profile = good_profile(base)});
  for (uint32_t id = 1; id <= 4; ++id) {
    const uint32_t role = id <= 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    add(self, (input){.kind = WORKER, .record.worker = good_worker(base, id, role)});
  }
  for (uint64_t id = 1; id <= WORKFLOWS; ++id) {
    add(self, (input){.kind = WORKFLOW, .record.workflow = good_workflow(id)});
    for (uint64_t call = 1; call <= 2; ++call) {
      input next = {.kind = CALL, .record.call = good_call(base, id, call)};
      next.record.call.prompt_tokens = (uint32_t)(100 + (id * 3271 + call * 977) % 4000);
      if (call == 2) next.record.call.flags = HEXAGENT_CALL_LAST;
      add(self, next);
    }
  }
}

static void push(hexagent_scheduler* scheduler, const input* next) {
  hexagent_status result = HEXAGENT_OK;
  switch (next->kind) {
    case PROFILE:
      result = hexagent_profile_set(scheduler, &next->record.profile, 1, NULL);
      break;
    case WORKER:
      result = hexagent_worker_set(scheduler, &next->record.worker, 1, NULL);
      break;
    case WORKFLOW:
      assert_int_equal(hexagent_workflow_begin(scheduler, &next->record.workflow, 1, &result), 1);
      break;
    case CALL:
      assert_int_equal(hexagent_submit(scheduler, &next->record.call, 1, NULL, 0, NULL, 0, &result),
                       1);
      break;
    default:
      assert_int_equal(hexagent_complete(scheduler, &next->record.report, 1, &result), 1);
  }
  assert_int_equal(result, HEXAGENT_OK);
}

/* What is dispatched is reported as done, some time later. */
static void log_decision(history* self, const hexagent_decision* decision) {
  assert_true(self->decisions_count < DECISIONS_MAX);
  self->decisions[self->decisions_count++] = *decision;
  assert_int_not_equal(decision->kind, HEXAGENT_DECISION_REFUSED);
  uint32_t phase = 0;
  if (decision->kind == HEXAGENT_DECISION_PREFILL) phase = HEXAGENT_PHASE_PREFILL;
  if (decision->kind == HEXAGENT_DECISION_TRANSFER) phase = HEXAGENT_PHASE_TRANSFER;
  if (decision->kind == HEXAGENT_DECISION_DECODE) phase = HEXAGENT_PHASE_DECODE;
  if (phase == 0) return;
  add(self, (input){.kind = REPORT,
                    .record.report = good_report(decision->workflow, decision->call, phase)});
}

/* One input after another, each taken before the next; with the reports it makes. */
static void run_by_the_clock(history* self, const char* driving) {
  memset(self, 0, sizeof(*self));
  driven_open(&self->base, driving, NULL, 0);
  add_first_inputs(self);
  uint32_t pushed = 0;
  uint64_t taken = 0;
  for (uint32_t done = 0; done < WORKFLOWS;) {
    if (taken == pushed && pushed < self->inputs_count) {
      push(self->base.scheduler, &self->inputs[pushed++]);
    }
    const hexagent_decision decision = next_decision(self->base.scheduler);
    taken = decision.journal_position;
    log_decision(self, &decision);
    if (decision.kind == HEXAGENT_DECISION_WORKFLOW_DONE) ++done;
  }
  hexagent_close(self->base.scheduler);
}

/* The same inputs at the times that the decisions tell. */
static void check_by_hand(const history* self) {
  fixture base;
  driven_open(&base, "manual", NULL, 0);
  uint64_t taken = 0;
  int64_t now_ns = 0;
  for (uint32_t i = 0; i < self->decisions_count; ++i) {
    const hexagent_decision* expected = &self->decisions[i];
    if (expected->journal_position != taken || expected->time_ns != now_ns) {
      if (expected->journal_position != taken) push(base.scheduler, &self->inputs[taken++]);
      assert_int_equal(expected->journal_position, taken); /* each input had a decision */
      now_ns = expected->time_ns;
      assert_true(hexagent_step(base.scheduler, now_ns) > 0);
    }
    hexagent_decision decision;
    assert_int_equal(hexagent_poll(base.scheduler, &decision, 1), 1);
    assert_memory_equal(&decision, expected, sizeof(decision));
  }
  assert_int_equal(taken, self->inputs_count);
  hexagent_close(base.scheduler);
}

static uint32_t count_kind(const history* self, uint32_t kind) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < self->decisions_count; ++i) count += self->decisions[i].kind == kind;
  return count;
}

static void check_driving(const char* driving) {
  static history self;
  run_by_the_clock(&self, driving);
  assert_int_equal(count_kind(&self, HEXAGENT_DECISION_WORKFLOW_DONE), WORKFLOWS);
  assert_int_equal(count_kind(&self, HEXAGENT_DECISION_DECODE), 2 * WORKFLOWS);
  check_by_hand(&self);
}

static void a_loop_decides_as_by_hand(void** state) {
  (void)state;
  check_driving("loop");
}

static void a_thread_decides_as_by_hand(void** state) {
  (void)state;
  check_driving("thread");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loop_decides_as_by_hand),
      cmocka_unit_test(a_thread_decides_as_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
