/*
 * A program of release 0.1: compiled against the headers beside it and run with the library of
 * today, which knows more fields, keys, decisions and functions. It needs nothing else of the
 * tests, so that like the headers it can stay as it is for ever (README.md one folder up).
 */
#include <hexagent/hexagent.h>
#include <hexagent/log.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define GUARD 0x5a
#define GUARD_BYTES 64u

static hexagent_profile profile_of(uint32_t gpu, uint32_t model) {
  hexagent_profile profile = {.struct_size = sizeof(profile), .gpu = gpu, .model = model};
  profile.tensor_parallel = 1;
  profile.prefill_fixed_s = 0.01;
  profile.prefill_per_token_s = 1e-4;
  profile.decode_fixed_s = 0.01;
  profile.kv_capacity_tokens = 100000;
  profile.kv_bytes_per_token = 1000;
  return profile;
}

/* One prefill worker (1), one decode worker (2) and a workflow (7) of one call, taken at 1 s. */
static int open_cluster(void** state) {
  hexagent_scheduler* scheduler = hexagent_open(NULL, HEXAGENT_VERSION, NULL);
  if (scheduler == NULL) return -1;
  *state = scheduler;
  const uint32_t gpu = (uint32_t)hexagent_name(scheduler, "gpu", 3);
  const uint32_t model = (uint32_t)hexagent_name(scheduler, "model", 5);
  const hexagent_profile profile = profile_of(gpu, model);
  if (hexagent_profile_set(scheduler, &profile, 1, NULL) != HEXAGENT_OK) return -1;
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    const hexagent_worker worker = {.struct_size = sizeof(worker),
                                    .worker = role,
                                    .incarnation = 1,
                                    .role = role,
                                    .gpu = gpu,
                                    .model = model};
    if (hexagent_worker_set(scheduler, &worker, 2, NULL) != HEXAGENT_OK) return -1;
  }
  const hexagent_workflow workflow = {.workflow = 7, .user_data = 70};
  const hexagent_call call = {.workflow = 7,
                              .call = 1,
                              .user_data = 71,
                              .model = model,
                              .prompt_tokens = 100,
                              .max_output_tokens = 50,
                              .flags = HEXAGENT_CALL_LAST};
  hexagent_status result = HEXAGENT_OK;
  if (hexagent_workflow_begin(scheduler, &workflow, 1, &result) != 1) return -1;
  if (hexagent_submit(scheduler, &call, 1, NULL, 0, NULL, 0, &result) != 1) return -1;
  return hexagent_step(scheduler, 1000000000) > 0 ? 0 : -1;
}

static int close_cluster(void** state) {
  hexagent_close(*state);
  return 0;
}

/* The phase that a decision starts, 0 for none. Kinds that 0.1 does not know start none. */
static uint32_t phase_of(uint32_t kind) {
  switch (kind) {
    case HEXAGENT_DECISION_PREFILL:
      return HEXAGENT_PHASE_PREFILL;
    case HEXAGENT_DECISION_TRANSFER:
      return HEXAGENT_PHASE_TRANSFER;
    case HEXAGENT_DECISION_DECODE:
      return HEXAGENT_PHASE_DECODE;
    default:
      return 0;
  }
}

static void a_workflow_runs_to_its_end(void** state) {
  hexagent_scheduler* scheduler = *state;
  int64_t now_ns = 1000000000;
  uint32_t phases = 0;
  for (int step = 0; step < 20; ++step) {
    hexagent_decision decisions[16];
    const int32_t count = hexagent_poll(scheduler, decisions, 16);
    assert_true(count >= 0);
    for (int32_t i = 0; i < count; ++i) {
      assert_int_not_equal(decisions[i].kind, HEXAGENT_DECISION_REFUSED);
      if (decisions[i].kind == HEXAGENT_DECISION_WORKFLOW_DONE) {
        assert_int_equal(decisions[i].status, HEXAGENT_OK);
        assert_int_equal(decisions[i].user_data, 70);
        assert_int_equal(phases, 3);
        return;
      }
      const uint32_t phase = phase_of(decisions[i].kind);
      if (phase == 0) continue;
      assert_int_equal(phase, ++phases);
      assert_int_equal(decisions[i].user_data, 71);
      const hexagent_report report = {
          .workflow = 7, .call = 1, .phase = phase, .outcome = HEXAGENT_OUTCOME_DONE};
      hexagent_status result = HEXAGENT_E_INTERNAL;
      assert_int_equal(hexagent_complete(scheduler, &report, 1, &result), 1);
    }
    now_ns += 100000000;
    assert_true(hexagent_step(scheduler, now_ns) >= 0);
  }
  fail_msg("the workflow did not end");
}

/* Room for any struct of the header, and bytes behind it that the library has no business with. */
typedef union answer {
  uint32_t struct_size;
  unsigned char bytes[512];
  double alignment;
} answer;

static answer asked_with(uint32_t struct_size) {
  answer room;
  memset(&room, GUARD, sizeof(room));
  room.struct_size = struct_size;
  return room;
}

static void assert_filled(const answer* room, uint32_t struct_size) {
  assert_int_equal(room->struct_size, struct_size);
  uint32_t written = 0;
  for (uint32_t i = sizeof(uint32_t); i < struct_size; ++i) written += room->bytes[i] != GUARD;
  assert_true(written > (struct_size - sizeof(uint32_t)) / 2);
  for (uint32_t i = 0; i < GUARD_BYTES; ++i) assert_int_equal(room->bytes[struct_size + i], GUARD);
}

/* Asks with the struct as 0.1 has it; nothing may be written behind it. */
#define ASSERT_ANSWERED(type, call)                   \
  do {                                                \
    answer room = asked_with((uint32_t)sizeof(type)); \
    type* info = (type*)(void*)room.bytes;            \
    assert_int_equal(call, HEXAGENT_OK);              \
    assert_filled(&room, (uint32_t)sizeof(type));     \
  } while (0)

static void answers_end_where_the_old_struct_ends(void** state) {
  hexagent_scheduler* scheduler = *state;
  ASSERT_ANSWERED(hexagent_stats, hexagent_stats_read(scheduler, info));
  ASSERT_ANSWERED(hexagent_worker_info, hexagent_worker_query(scheduler, 1, info));
  ASSERT_ANSWERED(hexagent_workflow_info, hexagent_workflow_query(scheduler, 7, info));
  ASSERT_ANSWERED(hexagent_config_info, hexagent_config_describe(0, info));
  ASSERT_ANSWERED(hexagent_profile,
                  hexagent_profile_builtin(scheduler, "H100-80G", "llama-3.1-70b", 4, info));
  const hexagent_workflow workflow = {.workflow = 8};
  ASSERT_ANSWERED(hexagent_forecast,
                  hexagent_what_if(scheduler, &workflow, NULL, 0, NULL, 0, NULL, 0, info));
}

static void an_error_ends_where_the_old_struct_ends(void** state) {
  answer room = asked_with((uint32_t)sizeof(hexagent_error));
  const hexagent_worker worker = {.struct_size = sizeof(worker)};
  const hexagent_status status =
      hexagent_worker_set(*state, &worker, 1, (hexagent_error*)(void*)room.bytes);
  assert_int_equal(status, HEXAGENT_E_RANGE);
  const hexagent_error* error = (const hexagent_error*)(const void*)room.bytes;
  assert_int_equal(error->field, HEXAGENT_FIELD_WORKER);
  for (uint32_t i = 0; i < GUARD_BYTES; ++i) {
    assert_int_equal(room.bytes[sizeof(hexagent_error) + i], GUARD);
  }
}

/* The struct that has grown before 0.1 was out shows the rule already. */
static void a_shorter_struct_gets_what_it_has_room_for(void** state) {
  const uint32_t shorter = offsetof(hexagent_stats, inputs_held_back);
  answer room = asked_with(shorter);
  assert_int_equal(hexagent_stats_read(*state, (hexagent_stats*)(void*)room.bytes), HEXAGENT_OK);
  assert_filled(&room, shorter);
  const hexagent_stats* stats = (const hexagent_stats*)(const void*)room.bytes;
  assert_int_equal(stats->workers, 2);
  assert_int_equal(stats->calls_live, 1);
}

/*
 * An input of 0.1 is followed by memory of its caller's own. What a later release has appended
 * must read as zero, not as what lies there.
 */
static void inputs_are_not_read_behind_the_old_struct(void** state) {
  hexagent_scheduler* scheduler = *state;
  const uint32_t gpu = (uint32_t)hexagent_name(scheduler, "gpu", 3);
  const uint32_t model = (uint32_t)hexagent_name(scheduler, "model", 5);
  const hexagent_profile profile = profile_of(gpu, model);
  const hexagent_model shape = {.struct_size = sizeof(shape), .model = model};
  const hexagent_link link = {
      .struct_size = sizeof(link), .source_domain = gpu, .target_domain = model};
  const hexagent_worker worker = {.struct_size = sizeof(worker),
                                  .worker = 3,
                                  .incarnation = 1,
                                  .role = HEXAGENT_ROLE_BOTH,
                                  .gpu = gpu,
                                  .model = model};
  answer room = asked_with(0);
  memcpy(room.bytes, &profile, sizeof(profile));
  assert_int_equal(hexagent_profile_set(scheduler, (void*)room.bytes, 1, NULL), HEXAGENT_OK);
  room = asked_with(0);
  memcpy(room.bytes, &shape, sizeof(shape));
  assert_int_equal(hexagent_model_set(scheduler, (void*)room.bytes, 2, NULL), HEXAGENT_OK);
  room = asked_with(0);
  memcpy(room.bytes, &link, sizeof(link));
  assert_int_equal(hexagent_link_set(scheduler, (void*)room.bytes, 3, NULL), HEXAGENT_OK);
  room = asked_with(0);
  memcpy(room.bytes, &worker, sizeof(worker));
  assert_int_equal(hexagent_worker_set(scheduler, (void*)room.bytes, 4, NULL), HEXAGENT_OK);
  hexagent_decision decision;
  while (hexagent_poll(scheduler, &decision, 1) == 1) continue;
  assert_int_equal(hexagent_step(scheduler, 2000000000), 4);
  for (uint64_t user_data = 1; user_data <= 4; ++user_data) {
    assert_int_equal(hexagent_poll(scheduler, &decision, 1), 1);
    assert_int_equal(decision.kind, HEXAGENT_DECISION_ACCEPTED);
    assert_int_equal(decision.user_data, user_data);
  }
}

static void questions_with_records_and_text_are_answered(void** state) {
  hexagent_scheduler* scheduler = *state;
  hexagent_placement placements[4];
  const uint32_t model = (uint32_t)hexagent_name(scheduler, "model", 5);
  const hexagent_call call = {.workflow = 9, .call = 1, .model = model, .prompt_tokens = 10};
  assert_int_equal(hexagent_placement_query(scheduler, &call, NULL, 0, placements, 4), 1);
  assert_int_equal(placements[0].prefill_worker, 1);
  assert_int_equal(placements[0].decode_worker, 2);
  assert_true(hexagent_call_state(scheduler, 7, 1) >= HEXAGENT_STATE_READY);
  uint32_t needed = 0;
  assert_int_equal(hexagent_explain(scheduler, 7, 1, NULL, 0, &needed), HEXAGENT_E_BUFFER);
  char* text = malloc(needed);
  assert_non_null(text);
  assert_int_equal(hexagent_explain(scheduler, 7, 1, text, needed, &needed), HEXAGENT_OK);
  free(text);
  assert_int_equal(hexagent_metrics_write(scheduler, NULL, 0, &needed), HEXAGENT_E_BUFFER);
  assert_string_equal(hexagent_status_name(HEXAGENT_E_CYCLE), "HEXAGENT_E_CYCLE");
}

static void count_line(void* user_data, uint32_t level, int64_t time_ns, const char* text) {
  assert_int_equal(level, HEXAGENT_LOG_INFO);
  assert_int_equal(time_ns, 0);
  assert_non_null(strstr(text, "opened"));
  ++*(uint32_t*)user_data;
}

static void the_log_is_told_of_the_opening(void** state) {
  (void)state;
  uint32_t lines = 0;
  hexagent_config* config = hexagent_config_create();
  assert_int_equal(hexagent_config_log(config, HEXAGENT_LOG_INFO, count_line, &lines), HEXAGENT_OK);
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, NULL);
  hexagent_config_free(config);
  assert_non_null(scheduler);
  assert_int_equal(lines, 1);
  hexagent_close(scheduler);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_cluster, close_cluster)
  const struct CMUnitTest tests[] = {
      TEST(a_workflow_runs_to_its_end),
      TEST(answers_end_where_the_old_struct_ends),
      TEST(an_error_ends_where_the_old_struct_ends),
      TEST(a_shorter_struct_gets_what_it_has_room_for),
      TEST(inputs_are_not_read_behind_the_old_struct),
      TEST(questions_with_records_and_text_are_answered),
      cmocka_unit_test(the_log_is_told_of_the_opening),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
