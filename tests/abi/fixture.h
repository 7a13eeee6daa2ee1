/*
 * What the ABI tests share: a scheduler with a few names, and records that are right, for a test to
 * make one thing wrong. Needs nothing but the public header.
 */
#ifndef TESTS_ABI_FIXTURE_H
#define TESTS_ABI_FIXTURE_H

#include <hexagent/hexagent.h>
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

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

#define TEST_KV_TOKENS 100000u

typedef struct fixture {
  hexagent_scheduler* scheduler;
  uint32_t gpu;
  uint32_t model;
  uint32_t other_model; /* nobody serves it */
  uint32_t word;        /* a name for classes, stages and domains */
} fixture;

static inline uint32_t intern(hexagent_scheduler* scheduler, const char* text) {
  const int32_t name = hexagent_name(scheduler, text, (uint32_t)strlen(text));
  assert_true(name > 0);
  return (uint32_t)name;
}

/* With one key set, or none when `key` is NULL. */
static inline void fixture_open(fixture* self, const char* key, const char* value) {
  hexagent_config* config = hexagent_config_create();
  assert_non_null(config);
  if (key != NULL) assert_int_equal(hexagent_config_set(config, key, value, NULL), HEXAGENT_OK);
  memset(self, 0, sizeof(*self));
  self->scheduler = hexagent_open(config, HEXAGENT_VERSION, NULL);
  hexagent_config_free(config);
  assert_non_null(self->scheduler);
  self->gpu = intern(self->scheduler, "test-gpu");
  self->model = intern(self->scheduler, "test-model");
  self->other_model = intern(self->scheduler, "other-model");
  self->word = intern(self->scheduler, "word");
}

static inline int fixture_setup(void** state) {
  fixture* self = malloc(sizeof(*self));
  if (self == NULL) return -1;
  fixture_open(self, NULL, NULL);
  *state = self;
  return 0;
}

static inline int fixture_teardown(void** state) {
  fixture* self = *state;
  hexagent_close(self->scheduler);
  free(self);
  return 0;
}

/* Prefill 10 ms + 0.1 ms per token, decode 10 ms per iteration: easy to reckon with. */
static inline hexagent_profile good_profile(const fixture* self) {
  hexagent_profile profile;
  memset(&profile, 0, sizeof(profile));
  profile.struct_size = sizeof(profile);
  profile.gpu = self->gpu;
  profile.model = self->model;
  profile.tensor_parallel = 1;
  profile.prefill_fixed_s = 0.01;
  profile.prefill_per_token_s = 1e-4;
  profile.decode_fixed_s = 0.01;
  profile.decode_per_sequence_s = 1e-5;
  profile.decode_per_context_token_s = 1e-9;
  profile.kv_capacity_tokens = TEST_KV_TOKENS;
  profile.kv_bytes_per_token = 1000;
  return profile;
}

static inline hexagent_model good_model(const fixture* self) {
  hexagent_model model;
  memset(&model, 0, sizeof(model));
  model.struct_size = sizeof(model);
  model.model = self->model;
  model.max_context_tokens = 1u << 20;
  return model;
}

static inline hexagent_gpu good_gpu(void) {
  hexagent_gpu gpu;
  memset(&gpu, 0, sizeof(gpu));
  gpu.struct_size = sizeof(gpu);
  gpu.gpu = 1;
  gpu.peak_flops_per_s = 989e12;
  gpu.memory_bytes_per_s = 3.35e12;
  gpu.memory_bytes = 85e9;
  return gpu;
}

/* An 8B model that can be derived. */
static inline hexagent_model derivable_model(void) {
  hexagent_model model;
  memset(&model, 0, sizeof(model));
  model.struct_size = sizeof(model);
  model.model = 2;
  model.max_context_tokens = 131072;
  model.kv_bytes_per_token = 131072;
  model.parameters = 8.03e9;
  model.weight_bytes = 16.06e9;
  model.layers = 32;
  model.hidden = 4096;
  model.query_heads = 32;
  model.kv_heads = 8;
  model.head_dim = 128;
  return model;
}

static inline hexagent_worker good_worker(const fixture* self, uint32_t id, uint32_t role) {
  hexagent_worker worker;
  memset(&worker, 0, sizeof(worker));
  worker.struct_size = sizeof(worker);
  worker.worker = id;
  worker.incarnation = 1;
  worker.role = role;
  worker.gpu = self->gpu;
  worker.model = self->model;
  return worker;
}

static inline hexagent_link good_link(const fixture* self) {
  hexagent_link link;
  memset(&link, 0, sizeof(link));
  link.struct_size = sizeof(link);
  link.source_domain = self->word;
  link.target_domain = self->gpu;
  link.bytes_per_s = 1e9;
  return link;
}

static inline hexagent_heartbeat good_heartbeat(uint32_t worker) {
  hexagent_heartbeat heartbeat;
  memset(&heartbeat, 0, sizeof(heartbeat));
  heartbeat.worker = worker;
  heartbeat.incarnation = 1;
  return heartbeat;
}

static inline hexagent_workflow good_workflow(uint64_t id) {
  hexagent_workflow workflow;
  memset(&workflow, 0, sizeof(workflow));
  workflow.workflow = id;
  workflow.user_data = id;
  workflow.tier = HEXAGENT_TIER_STANDARD;
  return workflow;
}

static inline hexagent_call good_call(const fixture* self, uint64_t workflow, uint64_t id) {
  hexagent_call call;
  memset(&call, 0, sizeof(call));
  call.workflow = workflow;
  call.call = id;
  call.user_data = workflow * 1000 + id;
  call.model = self->model;
  call.prompt_tokens = 100;
  call.max_output_tokens = 50;
  return call;
}

static inline hexagent_report good_report(uint64_t workflow, uint64_t call, uint32_t phase) {
  hexagent_report report;
  memset(&report, 0, sizeof(report));
  report.workflow = workflow;
  report.call = call;
  report.user_data = 0xbeef;
  report.phase = phase;
  report.outcome = HEXAGENT_OUTCOME_DONE;
  return report;
}

static inline hexagent_error empty_error(void) {
  hexagent_error error;
  memset(&error, 0, sizeof(error));
  error.struct_size = sizeof(error);
  return error;
}

#endif /* TESTS_ABI_FIXTURE_H */
