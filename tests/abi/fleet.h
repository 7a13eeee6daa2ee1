/*
 * A scheduler whose transfers are carried out by endpoints, all in one process; engines are played
 * by the test. Define BLOCK_TOKEN_BYTES before including for larger blocks.
 */
#ifndef TESTS_ABI_FLEET_H
#define TESTS_ABI_FLEET_H

#include <hexagent/endpoint.h>
#include <stdio.h>
#include <unistd.h>

#include "driven.h"

#ifndef BLOCK_TOKEN_BYTES
#define BLOCK_TOKEN_BYTES 64
#endif
#define SECRET "a secret of the tests alone"
#define BLOCKS 16
#define LAYERS 2
#define BLOCK_BYTES (16 * BLOCK_TOKEN_BYTES)

typedef struct engine {
  hexagent_endpoint* endpoint;
  uint64_t pool;
  unsigned char memory[LAYERS][BLOCKS][BLOCK_BYTES];
  uint32_t asked;
  uint32_t done;
  uint32_t failed;
  uint32_t quiesced;
  hexagent_status status;
  hexagent_status refuse_with; /* OK: it answers with blocks */
  uint32_t silent;             /* so many questions are left without an answer */
} engine;

typedef struct fleet {
  fixture base;
  char address[64];
  engine engines[2]; /* of workers 1 (prefill) and 2 (decode) */
  uint32_t transfers;
  hexagent_decision transfer; /* the last */
} fleet;

static inline void engine_open(engine* self, const char* address, uint32_t worker) {
  hexagent_endpoint_config config;
  memset(&config, 0, sizeof(config));
  config.struct_size = sizeof(config);
  config.worker = worker;
  config.controller = address;
  config.secret = SECRET;
  config.options = "silence_ms=60000"; /* this machine may be busy */
  hexagent_error error = empty_error();
  self->endpoint = hexagent_endpoint_open(&config, &error);
  if (self->endpoint == NULL) print_error("endpoint: %s\n", error.text);
  assert_non_null(self->endpoint);
  assert_string_equal(hexagent_endpoint_transport(self->endpoint), "host-memory");
  uint64_t bases[LAYERS];
  for (uint32_t layer = 0; layer < LAYERS; ++layer) {
    bases[layer] = (uint64_t)(uintptr_t)self->memory[layer];
    memset(self->memory[layer], (int)(worker * 16 + layer), sizeof(self->memory[layer]));
  }
  hexagent_kv_pool pool;
  memset(&pool, 0, sizeof(pool));
  pool.struct_size = sizeof(pool);
  pool.layout = HEXAGENT_KV_FLAT;
  pool.layer_count = LAYERS;
  pool.regions_per_layer = 1;
  pool.block_tokens = 16;
  pool.token_bytes = BLOCK_TOKEN_BYTES;
  pool.block_count = BLOCKS;
  pool.block_stride_bytes = BLOCK_BYTES;
  pool.region_bases = bases;
  assert_int_equal(hexagent_endpoint_pool_add(self->endpoint, &pool, &self->pool), HEXAGENT_OK);
}

static inline void engine_answer(engine* self, const hexagent_endpoint_event* event) {
  static const int32_t kBlocks[] = {3, 4, 5};
  hexagent_kv_blocks blocks;
  ++self->asked;
  if (self->silent > 0) {
    --self->silent;
    return;
  }
  if (self->refuse_with != HEXAGENT_OK) {
    assert_int_equal(hexagent_endpoint_refuse(self->endpoint, event->transfer, self->refuse_with),
                     HEXAGENT_OK);
    return;
  }
  memset(&blocks, 0, sizeof(blocks));
  blocks.pool = self->pool;
  blocks.blocks = kBlocks;
  blocks.block_count = COUNT_OF(kBlocks);
  if (event->kind == HEXAGENT_ENDPOINT_RESERVE) {
    assert_int_equal(hexagent_endpoint_reserve(self->endpoint, event->transfer, &blocks),
                     HEXAGENT_OK);
  } else {
    assert_int_equal(hexagent_endpoint_send(self->endpoint, event->transfer, &blocks,
                                            HEXAGENT_TRANSFER_CHECKSUM),
                     HEXAGENT_OK);
  }
}

static inline int engine_turn(engine* self) {
  hexagent_endpoint_event events[8];
  const int32_t count = hexagent_endpoint_poll(self->endpoint, events, 8);
  int connected = 0;
  assert_true(count >= 0);
  for (int32_t i = 0; i < count; ++i) {
    switch (events[i].kind) {
      case HEXAGENT_ENDPOINT_CONNECTED:
        connected = 1;
        break;
      case HEXAGENT_ENDPOINT_RESERVE:
      case HEXAGENT_ENDPOINT_SEND:
        engine_answer(self, &events[i]);
        break;
      case HEXAGENT_ENDPOINT_DONE:
        ++self->done;
        break;
      case HEXAGENT_ENDPOINT_FAILED:
        ++self->failed;
        self->status = events[i].status;
        break;
      case HEXAGENT_ENDPOINT_QUIESCED:
        ++self->quiesced;
        break;
      default:
        break;
    }
  }
  return connected;
}

/* Waits for anything to happen anywhere. */
static inline void fleet_wait(fleet* self) {
  struct pollfd entries[3] = {{hexagent_event_fd(self->base.scheduler), POLLIN, 0},
                              {hexagent_endpoint_event_fd(self->engines[0].endpoint), POLLIN, 0},
                              {hexagent_endpoint_event_fd(self->engines[1].endpoint), POLLIN, 0}};
  assert_true(poll(entries, 3, PATIENCE_MS) > 0);
}

/* The next decision of this kind, while engines do their part. */
static inline hexagent_decision fleet_await(fleet* self, uint32_t kind) {
  for (;;) {
    hexagent_decision decision;
    memset(&decision, 0, sizeof(decision));
    engine_turn(&self->engines[0]);
    engine_turn(&self->engines[1]);
    const int32_t count = hexagent_poll(self->base.scheduler, &decision, 1);
    assert_true(count >= 0);
    if (count == 0) {
      fleet_wait(self);
      continue;
    }
    if (decision.kind == HEXAGENT_DECISION_TRANSFER) {
      ++self->transfers;
      self->transfer = decision;
    }
    if (decision.kind == HEXAGENT_DECISION_REFUSED) {
      fail_msg("refused: %s", hexagent_status_name(decision.status));
    }
    if (decision.kind == kind) return decision;
  }
}

/* With this key beside, or NULL. */
static inline int fleet_open_with(void** state, const char* key, const char* value) {
  static uint32_t number = 0;
  fleet* self = calloc(1, sizeof(*self));
  if (self == NULL) return -1;
  *state = self;
  snprintf(self->address, sizeof(self->address), "unix:/tmp/hexagent-abi-%d-%u", (int)getpid(),
           ++number);
  const setting keys[] = {
      {"transfer_address", self->address}, {"transfer_secret", SECRET}, {key, value}};
  driven_open(&self->base, "thread", keys, key == NULL ? 2 : 3);
  for (uint32_t i = 0; i < 2; ++i) {
    engine_open(&self->engines[i], self->address, i + 1);
    struct pollfd entry = {hexagent_endpoint_event_fd(self->engines[i].endpoint), POLLIN, 0};
    while (!engine_turn(&self->engines[i])) assert_true(poll(&entry, 1, PATIENCE_MS) > 0);
  }
  const hexagent_profile profile = good_profile(&self->base);
  assert_int_equal(hexagent_profile_set(self->base.scheduler, &profile, 1, NULL), HEXAGENT_OK);
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    hexagent_worker worker = good_worker(&self->base, role, role);
    worker.flags |= HEXAGENT_WORKER_ENDPOINT;
    assert_int_equal(hexagent_worker_set(self->base.scheduler, &worker, 2, NULL), HEXAGENT_OK);
  }
  return 0;
}

static inline int fleet_open(void** state) { return fleet_open_with(state, NULL, NULL); }

static inline int fleet_close(void** state) {
  fleet* self = *state;
  hexagent_endpoint_close(self->engines[0].endpoint);
  hexagent_endpoint_close(self->engines[1].endpoint);
  hexagent_close(self->base.scheduler);
  free(self);
  return 0;
}

static inline void report_of(fleet* self, uint64_t workflow, uint32_t phase,
                             const hexagent_decision* decision) {
  hexagent_status result = HEXAGENT_E_INTERNAL;
  hexagent_report about = good_report(workflow, 1, phase);
  about.start_ns = decision->time_ns;
  about.end_ns = hexagent_now();
  assert_int_equal(hexagent_complete(self->base.scheduler, &about, 1, &result), 1);
}

static inline void begin_one(fleet* self, uint64_t id) {
  hexagent_workflow workflow = good_workflow(id);
  hexagent_call call = good_call(&self->base, id, 1);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  workflow.arrival_ns = hexagent_now();
  call.flags = HEXAGENT_CALL_LAST;
  assert_int_equal(hexagent_workflow_begin(self->base.scheduler, &workflow, 1, &result), 1);
  assert_int_equal(hexagent_submit(self->base.scheduler, &call, 1, NULL, 0, NULL, 0, &result), 1);
  const hexagent_decision prefill = fleet_await(self, HEXAGENT_DECISION_PREFILL);
  report_of(self, id, HEXAGENT_PHASE_PREFILL, &prefill);
}

#endif /* TESTS_ABI_FLEET_H */
