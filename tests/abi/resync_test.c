/*
 * A worker tells which calls it holds: what it lacks is planned again, what it should not have is
 * withdrawn, what agrees goes on, and what is newer than its list is left alone.
 */
#define _GNU_SOURCE
#include "journal.h"

/* Workflow 1, call 1, brought as far as `phases` reports take it; its newest decision. */
static hexagent_decision bring(cluster* self, uint32_t phases) {
  static const uint32_t kKinds[] = {HEXAGENT_DECISION_PREFILL, HEXAGENT_DECISION_TRANSFER,
                                    HEXAGENT_DECISION_DECODE};
  begin_workflow(self, 1);
  submit_simple(self, 1, 1, 0);
  cluster_step(self);
  for (uint32_t phase = 1; phase <= phases; ++phase) {
    report_done(self, 1, 1, phase);
    cluster_step(self);
  }
  const hexagent_decision* decision = find_decision(self, kKinds[phases], 1, 1);
  assert_non_null(decision);
  return *decision;
}

static hexagent_held_call held_call(uint64_t workflow, uint64_t call, uint32_t attempt) {
  hexagent_held_call held;
  memset(&held, 0, sizeof(held));
  held.workflow = workflow;
  held.call = call;
  held.attempt = attempt;
  return held;
}

static hexagent_resync resync_of(uint32_t worker, uint64_t sequence) {
  hexagent_resync resync;
  memset(&resync, 0, sizeof(resync));
  resync.worker = worker;
  resync.incarnation = 1;
  resync.user_data = 4711;
  resync.decision_sequence = sequence;
  return resync;
}

/* With the bystander's call listed too where it is on the same worker. */
static void send_resync(cluster* self, uint32_t worker, uint64_t sequence,
                        const hexagent_held_call* held, uint32_t count) {
  hexagent_held_call list[8];
  assert_true(count < 7);
  if (count > 0) memcpy(list, held, count * sizeof(*held));
  const hexagent_decision* bystander = find_decision(self, HEXAGENT_DECISION_PREFILL, BYSTANDER, 1);
  assert_non_null(bystander);
  if (bystander->worker == worker) list[count++] = held_call(BYSTANDER, 1, 0);
  const hexagent_resync resync = resync_of(worker, sequence);
  assert_int_equal(hexagent_worker_resync(self->base.scheduler, &resync, list, count, NULL),
                   HEXAGENT_OK);
  cluster_step(self);
  expect_accepted(self, 4711);
}

static uint32_t prefills(const cluster* self) {
  return count_decisions(self, HEXAGENT_DECISION_PREFILL, 1, 1);
}

static uint32_t aborts(const cluster* self, uint64_t workflow, uint64_t call) {
  return count_decisions(self, HEXAGENT_DECISION_ABORT, workflow, call);
}

static void a_listed_call_goes_on(void** state) {
  cluster* self = *state;
  const hexagent_decision sent = bring(self, 0);
  const hexagent_held_call held = held_call(1, 1, sent.attempt);
  send_resync(self, sent.worker, 0, &held, 1);
  assert_int_equal(prefills(self), 1);
  assert_int_equal(aborts(self, 1, 1), 0);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_call_that_never_arrived_is_sent_again(void** state) {
  cluster* self = *state;
  const hexagent_decision sent = bring(self, 0);
  send_resync(self, sent.worker, 0, NULL, 0);
  assert_int_equal(prefills(self), 2);
  assert_int_equal(find_decision(self, HEXAGENT_DECISION_PREFILL, 1, 1)->attempt, 2);
  assert_int_equal(stats_of(self->base.scheduler).calls_retried, 0);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_call_that_never_arrived_needs_no_retry(void** state) {
  (void)state;
  cluster* self = cluster_open("retry_max", "0");
  add_four_workers(self);
  start_bystander(self);
  const hexagent_decision sent = bring(self, 0);
  send_resync(self, sent.worker, 0, NULL, 0);
  assert_int_equal(prefills(self), 2);
  finish_call(self, 1, 1);
  finish_bystander(self);
  cluster_close(self);
}

static void kv_that_is_gone_from_the_prefill_worker_is_made_again(void** state) {
  cluster* self = *state;
  const hexagent_decision transfer = bring(self, 1);
  send_resync(self, transfer.worker, 0, NULL, 0);
  assert_int_equal(prefills(self), 2);
  assert_int_equal(aborts(self, 1, 1), 1); /* the decode worker may be waiting for it */
  assert_int_equal(find_decision(self, HEXAGENT_DECISION_ABORT, 1, 1)->worker,
                   transfer.peer_worker);
  assert_int_equal(stats_of(self->base.scheduler).calls_retried, 1);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_decode_worker_must_know_of_a_transfer(void** state) {
  cluster* self = *state;
  const hexagent_decision transfer = bring(self, 1);
  send_resync(self, transfer.peer_worker, 0, NULL, 0);
  assert_int_equal(prefills(self), 2);
  assert_int_equal(find_decision(self, HEXAGENT_DECISION_ABORT, 1, 1)->worker, transfer.worker);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_decode_worker_need_not_know_of_a_prefill_and_may(void** state) {
  cluster* self = *state;
  const hexagent_decision sent = bring(self, 0);
  send_resync(self, sent.peer_worker, 0, NULL, 0);
  const hexagent_held_call held = held_call(1, 1, sent.attempt);
  send_resync(self, sent.peer_worker, 0, &held, 1);
  assert_int_equal(prefills(self), 1);
  assert_int_equal(aborts(self, 1, 1), 0);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void a_stream_that_is_gone_fails(void** state) {
  cluster* self = *state;
  const hexagent_decision decode = bring(self, 2);
  hexagent_report progress = good_report(1, 1, HEXAGENT_PHASE_DECODE);
  progress.outcome = HEXAGENT_OUTCOME_PROGRESS;
  progress.tokens = 3;
  send_report(self, progress);
  cluster_step(self);
  send_resync(self, decode.worker, 0, NULL, 0);
  const hexagent_decision* done = find_decision(self, HEXAGENT_DECISION_CALL_DONE, 1, 1);
  assert_non_null(done);
  assert_int_equal(done->status, HEXAGENT_E_WORKER_LOST);
  finish_bystander(self);
}

static void what_a_worker_should_not_have_is_withdrawn(void** state) {
  cluster* self = *state;
  const hexagent_decision sent = bring(self, 0);
  const hexagent_held_call held[] = {held_call(1, 1, sent.attempt), held_call(1, 1, 7),
                                     held_call(1, 99, 0), held_call(55, 1, 2)};
  send_resync(self, sent.worker, 0, held, COUNT_OF(held));
  assert_int_equal(prefills(self), 1);
  assert_int_equal(aborts(self, 1, 1), 1);
  const hexagent_decision* old = find_decision(self, HEXAGENT_DECISION_ABORT, 1, 1);
  assert_int_equal(old->attempt, 7);
  assert_int_equal(old->worker, sent.worker);
  assert_int_equal(aborts(self, 1, 99), 1);
  assert_int_equal(aborts(self, 55, 1), 1);
  assert_int_equal(find_decision(self, HEXAGENT_DECISION_ABORT, 55, 1)->attempt, 2);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void what_is_newer_than_the_list_is_left_alone(void** state) {
  cluster* self = *state;
  const hexagent_decision sent = bring(self, 0);
  send_resync(self, sent.worker, sent.sequence - 1, NULL, 0);
  assert_int_equal(prefills(self), 1);
  send_resync(self, sent.worker, sent.sequence, NULL, 0);
  assert_int_equal(prefills(self), 2);
  finish_call(self, 1, 1);
  finish_bystander(self);
}

static void unknown_and_stale_workers_are_refused(void** state) {
  cluster* self = *state;
  hexagent_resync resync = resync_of(99, 0);
  assert_int_equal(hexagent_worker_resync(self->base.scheduler, &resync, NULL, 0, NULL),
                   HEXAGENT_OK);
  cluster_step(self);
  expect_refused(self, 4711, HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER);
  resync = resync_of(1, 0);
  resync.incarnation = 2;
  resync.user_data = 4712;
  assert_int_equal(hexagent_worker_resync(self->base.scheduler, &resync, NULL, 0, NULL),
                   HEXAGENT_OK);
  cluster_step(self);
  expect_refused(self, 4712, HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION);
  finish_bystander(self);
}

static void malformed_lists_are_not_taken(void** state) {
  cluster* self = *state;
  hexagent_scheduler* scheduler = self->base.scheduler;
  static hexagent_held_call many[HEXAGENT_RESYNC_MAX + 1];
  for (uint32_t i = 0; i < COUNT_OF(many); ++i) many[i] = held_call(2, i, 0);
  hexagent_error error = empty_error();
  hexagent_resync resync = resync_of(1, 0);
  assert_int_equal(hexagent_worker_resync(scheduler, NULL, many, 1, &error), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_worker_resync(scheduler, &resync, NULL, 1, &error),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_worker_resync(scheduler, &resync, many, COUNT_OF(many), &error),
                   HEXAGENT_E_ARGUMENT);
  many[0].workflow = 0;
  assert_int_equal(hexagent_worker_resync(scheduler, &resync, many, 1, &error), HEXAGENT_E_RANGE);
  assert_int_equal(error.field, HEXAGENT_FIELD_WORKFLOW);
  many[0] = held_call(2, 0, 0);
  many[0].reserved[0] = 1;
  assert_int_equal(hexagent_worker_resync(scheduler, &resync, many, 1, &error),
                   HEXAGENT_E_RESERVED);
  resync.worker = 0;
  assert_int_equal(hexagent_worker_resync(scheduler, &resync, NULL, 0, &error), HEXAGENT_E_RANGE);
  assert_int_equal(error.field, HEXAGENT_FIELD_WORKER);
  resync.worker = 1;
  many[0].reserved[0] = 0;
  self->count = 0;
  assert_int_equal(hexagent_step(scheduler, self->now_ns), 0); /* nothing was taken */
  assert_int_equal(hexagent_worker_resync(scheduler, &resync, many, HEXAGENT_RESYNC_MAX, &error),
                   HEXAGENT_OK);
  assert_int_equal(hexagent_step(scheduler, self->now_ns), HEXAGENT_RESYNC_MAX + 2);
}

/* A gateway dies between deciding and sending; with its list the worker gets the call after all. */
static void after_a_restart_a_dispatch_that_nobody_polled_is_sent_again(void** state) {
  const folder* at = *state;
  life self;
  memset(&self, 0, sizeof(self));
  life_open(&self, at->path, "none");
  live_round(&self);
  uint32_t worker = 0;
  for (uint32_t i = 0; i < self.count; ++i) {
    if (self.last[i].kind == HEXAGENT_DECISION_PREFILL) worker = self.last[i].worker;
  }
  assert_int_not_equal(worker, 0);
  hexagent_close(self.base.scheduler);
  life_open(&self, at->path, "none");
  const hexagent_resync resync =
      resync_of(worker, journal_of(self.base.scheduler).recovered_decisions);
  assert_int_equal(hexagent_worker_resync(self.base.scheduler, &resync, NULL, 0, NULL),
                   HEXAGENT_OK);
  assert_int_equal(hexagent_step(self.base.scheduler, self.now_ns + 1), 2);
  assert_int_equal(hexagent_poll(self.base.scheduler, self.last, LOG_MAX), 2);
  assert_int_equal(self.last[0].kind, HEXAGENT_DECISION_ACCEPTED);
  assert_int_equal(self.last[1].kind, HEXAGENT_DECISION_PREFILL);
  assert_int_equal(self.last[1].attempt, 2);
  hexagent_close(self.base.scheduler);
  static hexagent_decision replayed[256];
  hexagent_replay_info end;
  const uint32_t count = replay_all(at->path, replayed, COUNT_OF(replayed), &end);
  assert_memory_equal(&replayed[count - 2], self.last, 2 * sizeof(*replayed));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CLUSTER_TEST(a_listed_call_goes_on),
      CLUSTER_TEST(a_call_that_never_arrived_is_sent_again),
      cmocka_unit_test(a_call_that_never_arrived_needs_no_retry),
      CLUSTER_TEST(kv_that_is_gone_from_the_prefill_worker_is_made_again),
      CLUSTER_TEST(a_decode_worker_must_know_of_a_transfer),
      CLUSTER_TEST(a_decode_worker_need_not_know_of_a_prefill_and_may),
      CLUSTER_TEST(a_stream_that_is_gone_fails),
      CLUSTER_TEST(what_a_worker_should_not_have_is_withdrawn),
      CLUSTER_TEST(what_is_newer_than_the_list_is_left_alone),
      CLUSTER_TEST(unknown_and_stale_workers_are_refused),
      CLUSTER_TEST(malformed_lists_are_not_taken),
      FOLDER_TEST(after_a_restart_a_dispatch_that_nobody_polled_is_sent_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
