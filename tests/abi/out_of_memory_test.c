/*
 * Memory runs out at the k-th allocation, for every k until a whole life of a scheduler passes
 * untouched. Whatever call it hits answers HEXAGENT_E_NO_MEMORY and works when it is repeated. When
 * it hits the taking of a set-up input (profile, model, worker), the scheduler is poisoned: all
 * functions say so, the log tells it, the rescue file is written, and it can be closed. Once it is
 * set up, moving it allocates nothing. Nothing is ever leaked.
 *
 * libuv ends the process itself when its table of descriptors cannot grow (thread driving, inside
 * hexagent_open()); that one allocation is left alone, see failing_allocator.cc.
 */
#include <hexagent/log.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "driven.h"
#include "failing_allocator.h"

#define RESCUE_PREFIX "/tmp/hexagent-out-of-memory-test"

/* How one life went. */
typedef struct life {
  fixture base;
  const char* driving;
  int told;     /* a call has answered HEXAGENT_E_NO_MEMORY or _POISONED */
  int settled;  /* the set-up was taken */
  int poisoned; /* while it was */
  int64_t now_ns;
  uint32_t phases; /* reported */
  atomic_uint lines_of_failure;
  atomic_uint other_lines;
} life;

static void hear(void* user_data, uint32_t level, int64_t time_ns, const char* text) {
  life* self = user_data;
  (void)time_ns;
  const int failure = level == HEXAGENT_LOG_ERROR && strncmp(text, "poisoned: ", 10) == 0;
  atomic_fetch_add(failure ? &self->lines_of_failure : &self->other_lines, 1);
}

/* The rescue file of this life, which there is if a step has failed; it is removed. */
static void expect_rescue_file(const life* self) {
  char path[128];
  snprintf(path, sizeof(path), "%s-%d-1.txt", RESCUE_PREFIX, (int)getpid());
  assert_int_equal(unlink(path), self->poisoned ? 0 : -1);
}

/* 1 if the call is to be repeated, because memory ran out. */
static int must_repeat(life* self, hexagent_status status) {
  if (status != HEXAGENT_E_NO_MEMORY) return 0;
  assert_true(allocator_failed());
  assert_false(self->told);
  self->told = 1;
  return 1;
}

/* 1 if the answer is that of a poisoned scheduler, and this is right. */
static int is_poisoned(life* self, int64_t answer) {
  if (answer != HEXAGENT_E_POISONED) {
    assert_false(self->poisoned); /* it is for good */
    return 0;
  }
  assert_true(allocator_failed());
  assert_false(self->settled);
  self->poisoned = self->told = 1;
  return 1;
}

/* The call's answer, which must be the expected one, if need be at the second time. */
#define EXPECT(expected, call)                                            \
  do {                                                                    \
    int64_t answer_ = (call);                                             \
    if (must_repeat(self, (int32_t)answer_)) answer_ = (call);            \
    if (!is_poisoned(self, answer_)) assert_int_equal(answer_, expected); \
  } while (0)

static hexagent_config* create_config(life* self) {
  hexagent_config* config = hexagent_config_create();
  if (config == NULL && must_repeat(self, HEXAGENT_E_NO_MEMORY)) config = hexagent_config_create();
  assert_non_null(config);
  EXPECT(HEXAGENT_OK, hexagent_config_set(config, "driving", self->driving, NULL));
  EXPECT(HEXAGENT_OK, hexagent_config_set(config, "intake_bytes", "65536", NULL));
  EXPECT(HEXAGENT_OK, hexagent_config_set(config, "decisions_max", "1024", NULL));
  EXPECT(HEXAGENT_OK, hexagent_config_set(config, "policy", "hexagent", NULL));
  EXPECT(HEXAGENT_OK, hexagent_config_set(config, "rescue_prefix", RESCUE_PREFIX, NULL));
  EXPECT(HEXAGENT_OK, hexagent_config_log(config, HEXAGENT_LOG_INFO, hear, self));
  for (uint32_t i = 0; i < COUNT_OF(kSmall); ++i) {
    EXPECT(HEXAGENT_OK, hexagent_config_set(config, kSmall[i].key, kSmall[i].value, NULL));
  }
  return config;
}

static void open_it(life* self) {
  hexagent_config* config = create_config(self);
  hexagent_error error = empty_error();
  self->base.scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  if (self->base.scheduler == NULL && must_repeat(self, error.status)) {
    self->base.scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  }
  hexagent_config_free(config);
  assert_non_null(self->base.scheduler);
}

static uint32_t name_it(life* self, const char* text, int32_t id) {
  EXPECT(id, hexagent_name(self->base.scheduler, text, (uint32_t)strlen(text)));
  return (uint32_t)id;
}

static void set_it_up(life* self) {
  hexagent_scheduler* scheduler = self->base.scheduler;
  hexagent_error error = empty_error();
  self->base.gpu = name_it(self, "test-gpu", 1);
  self->base.model = name_it(self, "test-model", 2);
  self->base.word = name_it(self, "word", 3);
  EXPECT(0, hexagent_label(scheduler, "lora", 4));
  char text[64];
  EXPECT(HEXAGENT_OK, hexagent_name_text(scheduler, self->base.model, text, sizeof(text)));
  hexagent_config_info info = {.struct_size = sizeof(info)};
  EXPECT(HEXAGENT_OK, hexagent_config_describe(0, &info));
  hexagent_profile profile = {.struct_size = sizeof(profile)};
  EXPECT(HEXAGENT_OK,
         hexagent_profile_builtin(scheduler, "H100-80G", "llama-3.1-70b", 4, &profile));
  const hexagent_gpu gpu = good_gpu();
  const hexagent_model shape = derivable_model();
  EXPECT(HEXAGENT_OK, hexagent_profile_derive(&gpu, &shape, 1, &profile, &error));
  profile = good_profile(&self->base);
  EXPECT(HEXAGENT_OK, hexagent_profile_set(scheduler, &profile, 1, &error));
  const hexagent_model model = good_model(&self->base);
  EXPECT(HEXAGENT_OK, hexagent_model_set(scheduler, &model, 2, &error));
  const hexagent_link link = good_link(&self->base);
  EXPECT(HEXAGENT_OK, hexagent_link_set(scheduler, &link, 3, &error));
  EXPECT(HEXAGENT_OK, hexagent_configure(scheduler, "policy", "default", &error));
  for (uint32_t id = 1; id <= 4; ++id) {
    const uint32_t role = id % 2 != 0 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    const hexagent_worker worker = good_worker(&self->base, id, role);
    EXPECT(HEXAGENT_OK, hexagent_worker_set(scheduler, &worker, 4, &error));
  }
}

/* Two calls, the second after the first and with its prompt as prefix. */
static void submit_work(life* self) {
  hexagent_scheduler* scheduler = self->base.scheduler;
  hexagent_workflow workflow = good_workflow(5);
  workflow.deadline_ns = 1000000000;
  hexagent_call calls[2] = {good_call(&self->base, 5, 1), good_call(&self->base, 5, 2)};
  const uint64_t deps[] = {1};
  const hexagent_prefix prefix = {.call = 1, .tokens = 100};
  calls[1].prompt_tokens = 200;
  calls[1].deps_count = calls[1].prefixes_count = 1;
  calls[1].flags = HEXAGENT_CALL_LAST;
  hexagent_status results[2];
  EXPECT(1, hexagent_workflow_begin(scheduler, &workflow, 1, results));
  EXPECT(2, hexagent_submit(scheduler, calls, 2, deps, 1, &prefix, 1, results));
  workflow = good_workflow(6);
  EXPECT(1, hexagent_workflow_begin(scheduler, &workflow, 1, results));
  hexagent_call held = good_call(&self->base, 6, 1);
  held.flags = HEXAGENT_CALL_HELD;
  EXPECT(1, hexagent_submit(scheduler, &held, 1, NULL, 0, NULL, 0, results));
  EXPECT(HEXAGENT_OK, hexagent_ready(scheduler, 6, 1, 7));
  const hexagent_link_sample sample = {.source_worker = 1,
                                       .source_incarnation = 1,
                                       .target_worker = 2,
                                       .target_incarnation = 1,
                                       .bytes = 1000000,
                                       .duration_ns = 1000000};
  EXPECT(1, hexagent_link_measured(scheduler, &sample, 1));
  const hexagent_heartbeat heartbeat = good_heartbeat(1);
  EXPECT(1, hexagent_heartbeat_submit(scheduler, &heartbeat, 1));
}

static void ask_everything(life* self) {
  hexagent_scheduler* scheduler = self->base.scheduler;
  const hexagent_workflow workflow = good_workflow(9);
  const hexagent_call call = good_call(&self->base, 9, 1);
  hexagent_forecast forecast = {.struct_size = sizeof(forecast)};
  hexagent_workflow_info workflow_info = {.struct_size = sizeof(workflow_info)};
  hexagent_worker_info worker_info = {.struct_size = sizeof(worker_info)};
  hexagent_stats stats = {.struct_size = sizeof(stats)};
  hexagent_link_info link = {.struct_size = sizeof(link)};
  hexagent_shadow_info shadow = {.struct_size = sizeof(shadow)};
  hexagent_placement placements[4];
  static char text[65536];
  uint32_t needed = 0;
  EXPECT(HEXAGENT_E_UNKNOWN_CALL, hexagent_call_state(scheduler, 5, 77));
  EXPECT(2, hexagent_placement_query(scheduler, &call, NULL, 0, placements, 4));
  EXPECT(HEXAGENT_OK,
         hexagent_what_if(scheduler, &workflow, &call, 1, NULL, 0, NULL, 0, &forecast));
  EXPECT(HEXAGENT_OK, hexagent_explain(scheduler, 5, 1, text, sizeof(text), &needed));
  EXPECT(HEXAGENT_OK, hexagent_workflow_query(scheduler, 5, &workflow_info));
  EXPECT(HEXAGENT_OK, hexagent_worker_query(scheduler, 1, &worker_info));
  EXPECT(HEXAGENT_OK, hexagent_link_query(scheduler, 1, 2, &link));
  EXPECT(HEXAGENT_OK, hexagent_stats_read(scheduler, &stats));
  EXPECT(HEXAGENT_E_STATE, hexagent_shadow_query(scheduler, &shadow));
  EXPECT(HEXAGENT_OK, hexagent_metrics_write(scheduler, text, sizeof(text), &needed));
}

static void report_done(life* self, const hexagent_decision* decision) {
  const uint32_t phase = decision->kind == HEXAGENT_DECISION_PREFILL    ? HEXAGENT_PHASE_PREFILL
                         : decision->kind == HEXAGENT_DECISION_TRANSFER ? HEXAGENT_PHASE_TRANSFER
                         : decision->kind == HEXAGENT_DECISION_DECODE   ? HEXAGENT_PHASE_DECODE
                                                                        : 0;
  if (phase == 0) return;
  const hexagent_report report = good_report(decision->workflow, decision->call, phase);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  EXPECT(1, hexagent_complete(self->base.scheduler, &report, 1, &result));
  ++self->phases;
}

/* Moves the scheduler, if it is not its own thread that does. */
static int32_t move(life* self) {
  hexagent_scheduler* scheduler = self->base.scheduler;
  if (strcmp(self->driving, "manual") == 0) {
    self->now_ns += 10000000;
    return hexagent_step(scheduler, self->now_ns);
  }
  assert_true(readable(scheduler, PATIENCE_MS));
  return strcmp(self->driving, "loop") == 0 ? hexagent_run_once(scheduler, 0) : 0;
}

/* Moves it once and takes what was decided; how many, 0 of a poisoned one. */
static uint32_t turn_once(life* self, hexagent_decision* decisions, uint32_t capacity) {
  const int32_t moved = move(self);
  if (moved < 0) assert_true(is_poisoned(self, moved));
  const int32_t count = hexagent_poll(self->base.scheduler, decisions, capacity);
  if (is_poisoned(self, count)) return 0;
  assert_true(count >= 0);
  for (int32_t i = 0; i < count; ++i) {
    if (decisions[i].kind == HEXAGENT_DECISION_REFUSED) fail_msg("refused");
  }
  return (uint32_t)count;
}

/* Until the whole set-up is accepted. Only this part of moving may need memory. */
static void settle(life* self) {
  hexagent_decision decisions[16];
  for (uint32_t accepted = 0; accepted < 8 && !self->poisoned;) {
    accepted += turn_once(self, decisions, 16);
  }
  self->settled = !self->poisoned;
}

static void work_through(life* self) {
  hexagent_decision decisions[64];
  for (int asked = 0, done = 0; !done;) {
    const uint32_t count = turn_once(self, decisions, 64);
    for (uint32_t i = 0; i < count; ++i) {
      if (decisions[i].kind == HEXAGENT_DECISION_WORKFLOW_DONE && decisions[i].workflow == 5) {
        assert_int_equal(decisions[i].status, HEXAGENT_OK);
        done = 1;
      }
      report_done(self, &decisions[i]);
    }
    if (self->phases < 2 || asked) continue;
    ask_everything(self);
    asked = 1;
  }
  assert_true(self->phases >= 6);
}

static void end_it(life* self) {
  hexagent_scheduler* scheduler = self->base.scheduler;
  EXPECT(HEXAGENT_OK, hexagent_call_cancel(scheduler, 6, 1, 8));
  EXPECT(HEXAGENT_OK, hexagent_workflow_end(scheduler, 6, 9));
  EXPECT(HEXAGENT_OK, hexagent_workflow_cancel(scheduler, 6, 10));
  EXPECT(HEXAGENT_OK, hexagent_worker_drain(scheduler, 1, 1, 11));
  EXPECT(HEXAGENT_OK, hexagent_worker_lost(scheduler, 2, 1, 12));
  EXPECT(HEXAGENT_OK, hexagent_shutdown(scheduler));
  if (!self->poisoned) {
    if (strcmp(self->driving, "manual") == 0) assert_true(move(self) > 0);
    poll_to_the_end(scheduler);
  }
  hexagent_close(scheduler); /* after it nobody logs */
  assert_int_equal(atomic_load(&self->lines_of_failure), self->poisoned);
  assert_true(atomic_load(&self->other_lines) > 0); /* it was opened */
}

static void live_once(life* self) {
  open_it(self);
  set_it_up(self);
  settle(self);
  submit_work(self);
  if (self->poisoned) {
    ask_everything(self);
  } else {
    work_through(self);
  }
  end_it(self);
}

static void live_until_nothing_fails(const char* driving) {
  const int64_t before = allocator_live();
  int failed = 1;
  uint64_t k = 0;
  while (failed) {
    life self;
    memset(&self, 0, sizeof(self));
    self.driving = driving;
    self.now_ns = 1000000000;
    allocator_fail(++k);
    live_once(&self);
    failed = allocator_failed();
    allocator_fail(0);
#ifdef NDEBUG /* else the core audits itself at every step, and an audit that fails is left out */
    if (self.told != failed) fail_msg("allocation %d failed and nobody said so", (int)k);
#endif
    expect_rescue_file(&self);
    if (allocator_live() != before) fail_msg("allocation %d: memory was leaked", (int)k);
  }
  assert_true(k > 20); /* opening alone takes more */
}

static void driving_by_hand_survives_every_failed_allocation(void** state) {
  (void)state;
  live_until_nothing_fails("manual");
}

static void driving_by_a_loop_survives_every_failed_allocation(void** state) {
  (void)state;
  live_until_nothing_fails("loop");
}

static void driving_by_a_thread_survives_every_failed_allocation(void** state) {
  (void)state;
  live_until_nothing_fails("thread");
}

/* Opens a journal; NULL when memory ran out, which it must then have said. */
static hexagent_replay* open_replay(void) {
  hexagent_error error = empty_error();
  hexagent_replay* replay =
      hexagent_replay_open(HEXAGENT_TEST_SOURCE "/compat/0.1/golden", HEXAGENT_VERSION, &error);
  if (replay == NULL) assert_int_equal(error.status, HEXAGENT_E_NO_MEMORY);
  return replay;
}

/* A replay that lacked memory in a step goes no further; one that lacked it before can be opened
 * again. */
static void a_replay_says_that_memory_ran_out_and_leaks_none(void** state) {
  (void)state;
  const int64_t before = allocator_live();
  int failed = 1;
  uint64_t k = 0;
  while (failed) {
    allocator_fail(++k);
    hexagent_replay* replay = open_replay();
    if (replay == NULL) replay = open_replay();
    assert_non_null(replay);
    hexagent_replay_info info = {.struct_size = sizeof(info)};
    hexagent_decision decisions[16];
    hexagent_input input;
    int32_t answer = 1;
    for (int step = 0; step < 3 && answer == 1; ++step) {
      answer = hexagent_replay_step(replay, &info, NULL);
      assert_true(hexagent_replay_decisions(replay, 0, decisions, 16) >= 0);
      assert_true(hexagent_replay_recorded(replay, 0, decisions, 16) >= 0);
      hexagent_replay_input(replay, 0, &input, NULL, 0);
    }
    failed = allocator_failed();
    if (answer != 1) assert_int_equal(answer, failed ? HEXAGENT_E_POISONED : 1);
    allocator_fail(0);
    hexagent_replay_close(replay);
    if (allocator_live() != before) fail_msg("allocation %d: memory was leaked", (int)k);
  }
  assert_true(k > 20);
}

/* A consumer that polls nothing: decisions gather up to decisions_max, and then inputs wait. */
static void decisions_that_nobody_polls_take_no_memory(void** state) {
  (void)state;
  fixture self;
  fixture_open(&self, NULL, NULL);
#ifdef NDEBUG /* else the core audits itself at every step, which takes some */
  allocator_fail(1);
#endif
  int64_t now_ns = 1;
  int32_t answer = 0;
  while (answer != HEXAGENT_E_AGAIN) {
    while (hexagent_ready(self.scheduler, 77, 1, 1) == HEXAGENT_OK) continue; /* refused later */
    answer = hexagent_step(self.scheduler, ++now_ns);
    assert_true(answer >= 0 || answer == HEXAGENT_E_AGAIN);
  }
  hexagent_stats stats = {.struct_size = sizeof(stats)};
  assert_int_equal(hexagent_stats_read(self.scheduler, &stats), HEXAGENT_OK);
  assert_int_equal(stats.decisions_waiting, 65536);
  assert_false(allocator_failed());
  allocator_fail(0);
  hexagent_close(self.scheduler);
}

int main(void) {
  allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(driving_by_hand_survives_every_failed_allocation),
      cmocka_unit_test(driving_by_a_loop_survives_every_failed_allocation),
      cmocka_unit_test(driving_by_a_thread_survives_every_failed_allocation),
      cmocka_unit_test(decisions_that_nobody_polls_take_no_memory),
      cmocka_unit_test(a_replay_says_that_memory_ran_out_and_leaks_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
