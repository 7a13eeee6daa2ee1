/*
 * A scheduler whose transfers are carried out by endpoints: TRANSFER decisions move KV, and their
 * ends come back as reports. All in one process; engines are played by the test.
 */
#include "fleet.h"

static int impatient_fleet_open(void** state) {
  return fleet_open_with(state, "transfer_answer_timeout_s", "1");
}

static void begin(fleet* self) { begin_one(self, 5); }

static void report(fleet* self, uint32_t phase, const hexagent_decision* decision) {
  report_of(self, 5, phase, decision);
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

static int tells(fleet* self, const char* line) {
  static char text[32768];
  assert_int_equal(hexagent_metrics_write(self->base.scheduler, text, sizeof(text), NULL),
                   HEXAGENT_OK);
  return strstr(text, line) != NULL;
}

static void a_transfer_whose_engine_is_silent_is_planned_again(void** state) {
  fleet* self = *state;
  self->engines[1].silent = 1;
  begin(self);
  hexagent_decision transfer = fleet_await(self, HEXAGENT_DECISION_TRANSFER);
  assert_int_equal(transfer.attempt, 1);
  while (self->engines[1].quiesced == 0) {
    fleet_wait(self);
    engine_turn(&self->engines[1]);
  }
  assert_int_equal(self->engines[1].status, HEXAGENT_E_TIMEOUT);
  transfer = fleet_await(self, HEXAGENT_DECISION_TRANSFER);
  assert_int_equal(transfer.attempt, 2);
  fleet_await(self, HEXAGENT_DECISION_DECODE); /* it has gone through */
  assert_true(tells(self, "\nhexagent_endpoints_connected 2\n"));
  assert_true(tells(self, "\nhexagent_transfers_ended_total{status=\"HEXAGENT_E_TIMEOUT\"} 1\n"));
  assert_true(tells(self, "\nhexagent_transfers_ended_total{status=\"HEXAGENT_OK\"} 1\n"));
  assert_true(tells(self, "\nhexagent_transfers_failed_total 1\n"));
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
      cmocka_unit_test_setup_teardown(a_transfer_whose_engine_is_silent_is_planned_again,
                                      impatient_fleet_open, fleet_close),
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
