/*
 * A scheduler whose transfers are carried out by endpoints: TRANSFER decisions move KV, and their
 * ends come back as reports. All in one process; engines are played by the test.
 */
#include <hexagent/endpoint.h>
#include <stdio.h>
#include <unistd.h>

#include "driven.h"

#define SECRET "a secret of the tests alone"
#define BLOCKS 16
#define LAYERS 2
#define BLOCK_BYTES (16 * 64)

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
} engine;

typedef struct fleet {
  fixture base;
  char address[64];
  engine engines[2]; /* of workers 1 (prefill) and 2 (decode) */
  uint32_t transfers;
} fleet;

static void engine_open(engine* self, const char* address, uint32_t worker) {
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
  pool.token_bytes = 64;
  pool.block_count = BLOCKS;
  pool.block_stride_bytes = BLOCK_BYTES;
  pool.region_bases = bases;
  assert_int_equal(hexagent_endpoint_pool_add(self->endpoint, &pool, &self->pool), HEXAGENT_OK);
}

static void engine_answer(engine* self, const hexagent_endpoint_event* event) {
  static const int32_t kBlocks[] = {3, 4, 5};
  hexagent_kv_blocks blocks;
  ++self->asked;
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

static int engine_turn(engine* self) {
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
static void fleet_wait(fleet* self) {
  struct pollfd entries[3] = {{hexagent_event_fd(self->base.scheduler), POLLIN, 0},
                              {hexagent_endpoint_event_fd(self->engines[0].endpoint), POLLIN, 0},
                              {hexagent_endpoint_event_fd(self->engines[1].endpoint), POLLIN, 0}};
  assert_true(poll(entries, 3, PATIENCE_MS) > 0);
}

/* The next decision of this kind, while engines do their part. */
static hexagent_decision fleet_await(fleet* self, uint32_t kind) {
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
    if (decision.kind == HEXAGENT_DECISION_TRANSFER) ++self->transfers;
    if (decision.kind == HEXAGENT_DECISION_REFUSED) {
      fail_msg("refused: %s", hexagent_status_name(decision.status));
    }
    if (decision.kind == kind) return decision;
  }
}

static int fleet_open(void** state) {
  static uint32_t number = 0;
  fleet* self = calloc(1, sizeof(*self));
  if (self == NULL) return -1;
  *state = self;
  snprintf(self->address, sizeof(self->address), "unix:/tmp/hexagent-abi-%d-%u", (int)getpid(),
           ++number);
  const setting keys[] = {{"transfer_address", self->address}, {"transfer_secret", SECRET}};
  driven_open(&self->base, "thread", keys, COUNT_OF(keys));
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

static int fleet_close(void** state) {
  fleet* self = *state;
  hexagent_endpoint_close(self->engines[0].endpoint);
  hexagent_endpoint_close(self->engines[1].endpoint);
  hexagent_close(self->base.scheduler);
  free(self);
  return 0;
}

static void report(fleet* self, uint32_t phase, const hexagent_decision* decision) {
  hexagent_status result = HEXAGENT_E_INTERNAL;
  hexagent_report about = good_report(5, 1, phase);
  about.start_ns = decision->time_ns;
  about.end_ns = hexagent_now();
  assert_int_equal(hexagent_complete(self->base.scheduler, &about, 1, &result), 1);
}

static void begin(fleet* self) {
  hexagent_workflow workflow = good_workflow(5);
  hexagent_call call = good_call(&self->base, 5, 1);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  workflow.arrival_ns = hexagent_now();
  call.flags = HEXAGENT_CALL_LAST;
  assert_int_equal(hexagent_workflow_begin(self->base.scheduler, &workflow, 1, &result), 1);
  assert_int_equal(hexagent_submit(self->base.scheduler, &call, 1, NULL, 0, NULL, 0, &result), 1);
  const hexagent_decision prefill = fleet_await(self, HEXAGENT_DECISION_PREFILL);
  report(self, HEXAGENT_PHASE_PREFILL, &prefill);
}

static void a_transfer_is_carried_out_and_reported(void** state) {
  fleet* self = *state;
  begin(self);
  /* Nobody but the endpoints reports the transfer. */
  const hexagent_decision decode = fleet_await(self, HEXAGENT_DECISION_DECODE);
  assert_int_equal(self->transfers, 1);
  report(self, HEXAGENT_PHASE_DECODE, &decode);
  const hexagent_decision done = fleet_await(self, HEXAGENT_DECISION_WORKFLOW_DONE);
  assert_int_equal(done.status, HEXAGENT_OK);
  while (self->engines[0].quiesced == 0 || self->engines[1].quiesced == 0) {
    fleet_wait(self);
    engine_turn(&self->engines[0]);
    engine_turn(&self->engines[1]);
  }
  for (uint32_t i = 0; i < 2; ++i) {
    assert_int_equal(self->engines[i].done, 1);
    assert_int_equal(self->engines[i].failed, 0);
  }
  for (uint32_t layer = 0; layer < LAYERS; ++layer) {
    assert_memory_equal(self->engines[1].memory[layer][3], self->engines[0].memory[layer][3],
                        3 * BLOCK_BYTES);
    assert_int_equal(self->engines[1].memory[layer][6][0], 2 * 16 + layer);
  }
}

static void a_failed_transfer_is_planned_again(void** state) {
  fleet* self = *state;
  self->engines[1].refuse_with = HEXAGENT_E_NO_MEMORY;
  begin(self);
  while (self->engines[1].failed == 0) {
    fleet_wait(self);
    engine_turn(&self->engines[1]);
    hexagent_decision decision;
    if (self->engines[1].failed > 0) break;
    hexagent_poll(self->base.scheduler, &decision, 1);
  }
  assert_int_equal(self->engines[1].status, HEXAGENT_E_NO_MEMORY);
  self->engines[1].refuse_with = HEXAGENT_OK;
  /* Its KV is still at its source: it is moved again, and this time goes through. */
  hexagent_decision transfer = fleet_await(self, HEXAGENT_DECISION_TRANSFER);
  if (transfer.attempt == 1) transfer = fleet_await(self, HEXAGENT_DECISION_TRANSFER);
  assert_int_equal(transfer.attempt, 2);
  const hexagent_decision decode = fleet_await(self, HEXAGENT_DECISION_DECODE);
  report(self, HEXAGENT_PHASE_DECODE, &decode);
  const hexagent_decision done = fleet_await(self, HEXAGENT_DECISION_WORKFLOW_DONE);
  assert_int_equal(done.status, HEXAGENT_OK);
}

static void a_cancelled_call_ends_its_transfer(void** state) {
  fleet* self = *state;
  begin(self);
  fleet_await(self, HEXAGENT_DECISION_TRANSFER);
  assert_int_equal(hexagent_call_cancel(self->base.scheduler, 5, 1, 3), HEXAGENT_OK);
  fleet_await(self, HEXAGENT_DECISION_CALL_DONE);
  /* Whatever had begun quiesces; it may also have been quick enough. */
  while (self->engines[0].quiesced < self->engines[0].asked ||
         self->engines[1].quiesced < self->engines[1].asked) {
    fleet_wait(self);
    engine_turn(&self->engines[0]);
    engine_turn(&self->engines[1]);
  }
  /* The scheduler hears of it, and keeps the KV of neither end any longer. */
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  for (int tries = 0; tries < PATIENCE_MS; ++tries) {
    assert_int_equal(hexagent_stats_read(self->base.scheduler, &stats), HEXAGENT_OK);
    if (stats.kv_held_tokens == 0) break;
    poll(NULL, 0, 1);
  }
  assert_int_equal(stats.kv_held_tokens, 0);
  assert_int_equal(stats.kv_quiesce_timeouts, 0);
}

static void without_endpoints_transfers_are_the_embedders(void** state) {
  fleet* self = *state;
  hexagent_endpoint_close(self->engines[1].endpoint);
  self->engines[1].endpoint = NULL;
  run_one_workflow(&self->base);
  assert_int_equal(self->engines[0].asked, 0);
}

static void keys_that_do_not_fit_are_refused(void** state) {
  (void)state;
  hexagent_config* config = hexagent_config_create();
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_config_set(config, "transfer_address", "localhost:1", &error),
                   HEXAGENT_E_KEY);
  assert_int_equal(hexagent_config_set(config, "transfer_secret", "too short", &error),
                   HEXAGENT_E_RANGE);
  assert_null(strstr(error.text, "too short"));
  assert_int_equal(hexagent_config_set(config, "transfer_address", "tcp:127.0.0.1:0", NULL),
                   HEXAGENT_OK);
  assert_null(hexagent_open(config, HEXAGENT_VERSION, &error));
  assert_int_equal(error.status, HEXAGENT_E_KEY);
  assert_int_equal(hexagent_config_set(config, "transfer_secret", SECRET, NULL), HEXAGENT_OK);
  assert_null(hexagent_open(config, HEXAGENT_VERSION, &error));
  assert_int_equal(error.status, HEXAGENT_E_KEY); /* driving by hand */
  assert_int_equal(hexagent_config_set(config, "driving", "thread", NULL), HEXAGENT_OK);
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  assert_non_null(scheduler);
  hexagent_close(scheduler);
  assert_int_equal(hexagent_config_set(config, "transfer_address", "tcp:192.0.2.1:0", NULL),
                   HEXAGENT_OK);
  assert_null(hexagent_open(config, HEXAGENT_VERSION, &error)); /* of no interface here */
  assert_int_equal(error.status, HEXAGENT_E_SYSTEM);
  hexagent_config_free(config);
}

static void two_schedulers_do_not_share_a_socket(void** state) {
  fleet* self = *state;
  hexagent_config* config = hexagent_config_create();
  hexagent_error error = empty_error();
  hexagent_config_set(config, "driving", "thread", NULL);
  hexagent_config_set(config, "transfer_address", self->address, NULL);
  hexagent_config_set(config, "transfer_secret", SECRET, NULL);
  assert_null(hexagent_open(config, HEXAGENT_VERSION, &error));
  assert_int_equal(error.status, HEXAGENT_E_SYSTEM);
  hexagent_config_free(config);
}

static void bad_endpoints_are_refused(void** state) {
  (void)state;
  hexagent_endpoint_config config;
  hexagent_error error = empty_error();
  memset(&config, 0, sizeof(config));
  assert_null(hexagent_endpoint_open(NULL, &error));
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_STRUCT_SIZE);
  config.struct_size = sizeof(config);
  config.controller = "unix:/tmp/nobody";
  config.secret = SECRET;
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  config.worker = 1;
  config.secret = "short";
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  config.secret = SECRET;
  config.transport = "pigeons";
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_KEY);
  config.transport = "/nowhere/hexagent_cuda.so";
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_IO);
  config.options = "silence_ms=never";
  config.fallback = "host-memory";
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_KEY);
  config.options = NULL;
  config.reserved = 1;
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_RESERVED);
  config.reserved = 0;
  config.transfers_max = 100000;
  assert_null(hexagent_endpoint_open(&config, &error));
  assert_int_equal(error.status, HEXAGENT_E_RANGE);
  config.transfers_max = 0;
  hexagent_endpoint* endpoint = hexagent_endpoint_open(&config, &error);
  assert_non_null(endpoint); /* the fallback; there is no controller, so it keeps trying */
  struct pollfd entry = {hexagent_endpoint_event_fd(endpoint), POLLIN, 0};
  assert_int_equal(poll(&entry, 1, PATIENCE_MS), 1);
  hexagent_endpoint_event event;
  assert_int_equal(hexagent_endpoint_poll(endpoint, &event, 1), 1);
  assert_int_equal(event.kind, HEXAGENT_ENDPOINT_DISCONNECTED);
  assert_int_equal(event.status, HEXAGENT_E_PEER);
  hexagent_kv_blocks blocks;
  memset(&blocks, 0, sizeof(blocks));
  assert_int_equal(hexagent_endpoint_reserve(endpoint, 1, &blocks), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_endpoint_send(endpoint, 1, &blocks, 1u << 9), HEXAGENT_E_RESERVED);
  assert_int_equal(hexagent_endpoint_refuse(endpoint, 1, HEXAGENT_OK), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_endpoint_pool_remove(endpoint, 9), HEXAGENT_E_STALE);
  hexagent_endpoint_close(endpoint);
  hexagent_endpoint_close(NULL);
}

static void transports_can_be_had_alone(void** state) {
  (void)state;
  hexagent_transport_ops ops;
  hexagent_error error = empty_error();
  memset(&ops, 0, sizeof(ops));
  assert_int_equal(hexagent_transport_load("host-tcp", &ops, &error), HEXAGENT_E_STRUCT_SIZE);
  ops.struct_size = sizeof(ops);
  assert_int_equal(hexagent_transport_load("host-tcp", &ops, &error), HEXAGENT_OK);
  assert_string_equal(ops.name, "host-tcp");
  assert_true((ops.capabilities & HEXAGENT_CAN_CROSS_MACHINE) != 0);
  assert_int_equal(hexagent_transport_load("nothing", &ops, &error), HEXAGENT_E_KEY);
  assert_int_equal(error.status, HEXAGENT_E_KEY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_transfer_is_carried_out_and_reported, fleet_open,
                                      fleet_close),
      cmocka_unit_test_setup_teardown(a_failed_transfer_is_planned_again, fleet_open, fleet_close),
      cmocka_unit_test_setup_teardown(a_cancelled_call_ends_its_transfer, fleet_open, fleet_close),
      cmocka_unit_test_setup_teardown(without_endpoints_transfers_are_the_embedders, fleet_open,
                                      fleet_close),
      cmocka_unit_test_setup_teardown(two_schedulers_do_not_share_a_socket, fleet_open,
                                      fleet_close),
      cmocka_unit_test(keys_that_do_not_fit_are_refused),
      cmocka_unit_test(bad_endpoints_are_refused),
      cmocka_unit_test(transports_can_be_had_alone),
  };
  return cmocka_run_group_tests_name("transfers", tests, NULL, NULL);
}
