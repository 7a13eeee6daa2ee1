/*
 * Memory runs out at the k-th allocation in the life of an endpoint, for every k. In the caller's
 * thread the call says HEXAGENT_E_NO_MEMORY and works when it is repeated. In the endpoint's own a
 * question says so, the connection begins anew, or the endpoint is poisoned, which is for good and
 * told to everyone; the other end of its transfers is not held up by that. Nothing is ever leaked.
 *
 * The scheduler that the endpoints connect to is not what runs out here: out_of_memory_test.c.
 */
#define _GNU_SOURCE
#include <hexagent/endpoint.h>
#include <stdio.h>
#include <unistd.h>

#include "driven.h"
#include "failing_allocator.h"

#define SECRET "a secret of the tests alone"
#define CALLER "the test"
#define OWN "hexagent-kv"
#define BLOCKS 16
#define LAYERS 2
#define BLOCK_BYTES (16 * 64)

static const int32_t kBlocks[] = {3, 4, 5};

typedef struct engine {
  hexagent_endpoint* endpoint;
  uint64_t pool;
  unsigned char memory[LAYERS][BLOCKS][BLOCK_BYTES];
  int told;     /* a call has answered HEXAGENT_E_NO_MEMORY or _POISONED */
  int poisoned; /* every call since has */
  int connected;
  uint32_t asked;
  uint32_t done;
  uint32_t ended;
  uint32_t quiesced;
} engine;

/* 1 if the call is to be repeated, because memory ran out. */
static int must_repeat(engine* self, int64_t answer) {
  if (answer != HEXAGENT_E_NO_MEMORY) return 0;
  assert_true(allocator_failed());
  assert_false(self->told);
  self->told = 1;
  return 1;
}

/* 1 if the answer is that of a poisoned endpoint, and this is right. */
static int is_poisoned(engine* self, int64_t answer) {
  if (answer != HEXAGENT_E_POISONED) {
    assert_false(self->poisoned); /* it is for good */
    return 0;
  }
  assert_true(allocator_failed());
  self->told = self->poisoned = 1;
  return 1;
}

/* The call's answer, which must be the expected one, if need be at the second time. */
#define EXPECT(expected, call)                                            \
  do {                                                                    \
    int64_t answer_ = (call);                                             \
    if (must_repeat(self, answer_)) answer_ = (call);                     \
    if (!is_poisoned(self, answer_)) assert_int_equal(answer_, expected); \
  } while (0)

static hexagent_endpoint_config config_of(uint32_t worker, const char* address) {
  hexagent_endpoint_config config;
  memset(&config, 0, sizeof(config));
  config.struct_size = sizeof(config);
  config.worker = worker;
  config.controller = address;
  config.secret = SECRET;
  config.options = "silence_ms=60000"; /* this machine may be busy */
  config.transfers_max = 8;
  config.slot_bytes = config.chunk_bytes_min = 16384;
  config.reconnect_min_ns = 1000000;
  config.reconnect_max_ns = 20000000;
  return config;
}

static void open_it(engine* self, const hexagent_endpoint_config* config) {
  hexagent_error error = empty_error();
  self->endpoint = hexagent_endpoint_open(config, &error);
  if (self->endpoint == NULL && must_repeat(self, error.status)) {
    self->endpoint = hexagent_endpoint_open(config, &error);
  }
  if (self->endpoint == NULL) print_error("%s\n", error.text);
  assert_non_null(self->endpoint);
}

static hexagent_kv_pool pool_of(engine* self, uint64_t* bases) {
  hexagent_kv_pool pool;
  memset(&pool, 0, sizeof(pool));
  for (uint32_t layer = 0; layer < LAYERS; ++layer) {
    bases[layer] = (uint64_t)(uintptr_t)self->memory[layer];
  }
  pool.struct_size = sizeof(pool);
  pool.layout = HEXAGENT_KV_FLAT;
  pool.layer_count = LAYERS;
  pool.regions_per_layer = 1;
  pool.block_tokens = 16;
  pool.token_bytes = 64;
  pool.block_count = BLOCKS;
  pool.block_stride_bytes = BLOCK_BYTES;
  pool.region_bases = bases;
  return pool;
}

static void enter_pool(engine* self) {
  uint64_t bases[LAYERS];
  const hexagent_kv_pool pool = pool_of(self, bases);
  EXPECT(HEXAGENT_OK, hexagent_endpoint_pool_add(self->endpoint, &pool, &self->pool));
}

static hexagent_kv_blocks blocks_of(const engine* self) {
  hexagent_kv_blocks blocks;
  memset(&blocks, 0, sizeof(blocks));
  blocks.pool = self->pool;
  blocks.blocks = kBlocks;
  blocks.block_count = COUNT_OF(kBlocks);
  return blocks;
}

static void load_transports(engine* self) {
  hexagent_error error = empty_error();
  hexagent_transport_ops ops;
  memset(&ops, 0, sizeof(ops));
  ops.struct_size = sizeof(ops);
  EXPECT(HEXAGENT_OK, hexagent_transport_load("host-memory", &ops, &error));
  EXPECT(HEXAGENT_OK, hexagent_transport_load("host-tcp", &ops, &error));
  EXPECT(HEXAGENT_E_KEY,
         hexagent_transport_load("pigeons, of which none is left here", &ops, NULL));
  EXPECT(HEXAGENT_E_IO, hexagent_transport_load("/nowhere/there/is/such/a/plugin.so", &ops, NULL));
}

/* Every function once, with nobody to connect to. */
static void live_alone(engine* self) {
  hexagent_endpoint_config config = config_of(1, "unix:/tmp/hexagent-nobody-listens-here");
  config.pools_max = 2; /* one that is left half registered has no room */
  hexagent_endpoint_event events[8];
  hexagent_link_estimate link = {.struct_size = sizeof(link)};
  open_it(self, &config);
  assert_string_equal(hexagent_endpoint_transport(self->endpoint), "host-memory");
  assert_true(hexagent_endpoint_event_fd(self->endpoint) >= 0);
  enter_pool(self);
  const uint64_t first = self->pool;
  enter_pool(self);
  const hexagent_kv_blocks blocks = blocks_of(self);
  EXPECT(HEXAGENT_OK, hexagent_endpoint_reserve(self->endpoint, 1, &blocks));
  EXPECT(HEXAGENT_OK, hexagent_endpoint_send(self->endpoint, 2, &blocks, 0));
  EXPECT(HEXAGENT_OK, hexagent_endpoint_refuse(self->endpoint, 3, HEXAGENT_E_FULL));
  EXPECT(HEXAGENT_OK, hexagent_endpoint_layers_ready(self->endpoint, 4, 1, NULL));
  EXPECT(HEXAGENT_E_UNKNOWN_WORKER, hexagent_endpoint_link(self->endpoint, 9, &link));
  EXPECT(HEXAGENT_OK, hexagent_endpoint_pool_remove(self->endpoint, first));
  EXPECT(HEXAGENT_E_STALE, hexagent_endpoint_pool_remove(self->endpoint, first));
  EXPECT(HEXAGENT_OK, hexagent_endpoint_pool_remove(self->endpoint, self->pool));
  struct pollfd entry = {hexagent_endpoint_event_fd(self->endpoint), POLLIN, 0};
  assert_int_equal(poll(&entry, 1, PATIENCE_MS), 1); /* it could not connect, or is poisoned */
  EXPECT(1, hexagent_endpoint_poll(self->endpoint, events, 8));
  load_transports(self);
  hexagent_endpoint_close(self->endpoint);
}

/* `unsaid`: how many failed without a call that says so. */
static uint64_t live_alone_until_nothing_fails(const char* thread, uint32_t* unsaid) {
  const int64_t before = allocator_live();
  int failed = 1;
  uint64_t k = 0;
  allocator_only_in(thread);
  while (failed) {
    engine self;
    memset(&self, 0, sizeof(self));
    allocator_fail(++k);
    live_alone(&self);
    failed = allocator_failed();
    allocator_fail(0);
    if (self.told != failed) ++*unsaid;
    assert_false(thread[0] == CALLER[0] && self.poisoned);
    if (allocator_live() != before) fail_msg("allocation %d: memory was leaked", (int)k);
  }
  allocator_only_in(NULL);
  return k;
}

static void callers_survive_every_failed_allocation(void** state) {
  (void)state;
  uint32_t unsaid = 0;
  assert_true(live_alone_until_nothing_fails(CALLER, &unsaid) > 15);
  assert_int_equal(unsaid, 2); /* the first connection and its buffer: it is tried again */
}

static void a_lone_endpoint_survives_every_failed_allocation(void** state) {
  (void)state;
  uint32_t unsaid = 0;
  assert_true(live_alone_until_nothing_fails(OWN, &unsaid) > 5);
}

/* ------------------------------------------------------------------- two that move KV --------- */

typedef struct pair {
  fixture base;
  char address[64];
  engine engines[2];
  int decoding; /* the transfer has come through */
  int over;     /* the workflow has ended */
} pair;

static void answer(engine* self, const hexagent_endpoint_event* event) {
  const hexagent_kv_blocks blocks = blocks_of(self);
  ++self->asked;
  if (event->kind == HEXAGENT_ENDPOINT_RESERVE) {
    EXPECT(HEXAGENT_OK, hexagent_endpoint_reserve(self->endpoint, event->transfer, &blocks));
  } else {
    EXPECT(HEXAGENT_OK, hexagent_endpoint_send(self->endpoint, event->transfer, &blocks,
                                               HEXAGENT_TRANSFER_CHECKSUM));
  }
}

static void engine_turn(engine* self) {
  hexagent_endpoint_event event;
  while (!self->poisoned) {
    const int32_t count = hexagent_endpoint_poll(self->endpoint, &event, 1);
    if (is_poisoned(self, count) || count == 0) return;
    assert_int_equal(count, 1);
    if (event.kind == HEXAGENT_ENDPOINT_CONNECTED) self->connected = 1;
    if (event.kind == HEXAGENT_ENDPOINT_DISCONNECTED) self->connected = 0;
    if (event.kind == HEXAGENT_ENDPOINT_DONE) ++self->done;
    if (event.kind == HEXAGENT_ENDPOINT_DONE || event.kind == HEXAGENT_ENDPOINT_FAILED) {
      ++self->ended;
    }
    if (event.kind == HEXAGENT_ENDPOINT_QUIESCED) ++self->quiesced;
    if (event.kind == HEXAGENT_ENDPOINT_RESERVE || event.kind == HEXAGENT_ENDPOINT_SEND) {
      answer(self, &event);
    }
  }
}

static void report(pair* self, uint32_t phase) {
  hexagent_status result = HEXAGENT_E_INTERNAL;
  const hexagent_report about = good_report(5, 1, phase);
  assert_int_equal(hexagent_complete(self->base.scheduler, &about, 1, &result), 1);
}

/* Lets everyone do what there is to do, waits for more a little if there was nothing. */
static void turn_all(pair* self) {
  hexagent_decision decision;
  engine_turn(&self->engines[0]);
  engine_turn(&self->engines[1]);
  const int32_t count = hexagent_poll(self->base.scheduler, &decision, 1);
  assert_true(count >= 0);
  if (count == 0) {
    poll(NULL, 0, 1);
    return;
  }
  if (decision.kind == HEXAGENT_DECISION_PREFILL) report(self, HEXAGENT_PHASE_PREFILL);
  if (decision.kind == HEXAGENT_DECISION_DECODE) self->decoding = 1;
  if (decision.kind == HEXAGENT_DECISION_WORKFLOW_DONE) self->over = 1;
}

#define UNTIL(condition)                                                              \
  for (int64_t given_up_ = hexagent_now() + PATIENCE_MS * 1000000LL; !(condition);) { \
    assert_true(hexagent_now() < given_up_);                                          \
    turn_all(self);                                                                   \
  }

static int is_up(const engine* self) { return self->connected || self->poisoned; }

/* Of a poisoned endpoint nothing more is told, and nothing is touched. */
static int is_quiet(const engine* self) {
  return self->poisoned || (self->asked == self->quiesced && self->asked == self->ended);
}

static void open_pair(pair* self, uint64_t k) {
  static uint32_t number = 0;
  snprintf(self->address, sizeof(self->address), "unix:/tmp/hexagent-memory-%d-%u", (int)getpid(),
           ++number);
  const setting keys[] = {{"transfer_address", self->address}, {"transfer_secret", SECRET}};
  driven_open(&self->base, "thread", keys, COUNT_OF(keys));
  const hexagent_profile profile = good_profile(&self->base);
  assert_int_equal(hexagent_profile_set(self->base.scheduler, &profile, 1, NULL), HEXAGENT_OK);
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    hexagent_worker worker = good_worker(&self->base, role, role);
    worker.flags |= HEXAGENT_WORKER_ENDPOINT;
    assert_int_equal(hexagent_worker_set(self->base.scheduler, &worker, 2, NULL), HEXAGENT_OK);
  }
  allocator_only_in(OWN);
  allocator_fail(k);
  for (uint32_t i = 0; i < 2; ++i) {
    const hexagent_endpoint_config config = config_of(i + 1, self->address);
    open_it(&self->engines[i], &config);
    memset(self->engines[i].memory, (int)(i + 7), sizeof(self->engines[i].memory));
    enter_pool(&self->engines[i]);
  }
}

static void begin(pair* self) {
  hexagent_workflow workflow = good_workflow(5);
  hexagent_call call = good_call(&self->base, 5, 1);
  hexagent_status result = HEXAGENT_E_INTERNAL;
  workflow.arrival_ns = hexagent_now();
  assert_int_equal(hexagent_workflow_begin(self->base.scheduler, &workflow, 1, &result), 1);
  assert_int_equal(hexagent_submit(self->base.scheduler, &call, 1, NULL, 0, NULL, 0, &result), 1);
}

/* 1 if an allocation of the two endpoints' threads has failed. */
static int move_once(uint64_t k) {
  pair* self = calloc(1, sizeof(*self));
  assert_non_null(self);
  open_pair(self, k);
  engine* source = &self->engines[0];
  engine* target = &self->engines[1];
  UNTIL(is_up(source) && is_up(target));
  begin(self);
  UNTIL(self->decoding || source->poisoned || target->poisoned || source->ended > 0 ||
        target->ended > 0);
  assert_int_equal(hexagent_workflow_cancel(self->base.scheduler, 5, 3), HEXAGENT_OK);
  UNTIL(self->over && is_quiet(source) && is_quiet(target));
  if (target->done > 0 && !source->poisoned) {
    for (uint32_t layer = 0; layer < LAYERS; ++layer) {
      assert_memory_equal(target->memory[layer][3], source->memory[layer][3], 3 * BLOCK_BYTES);
    }
  }
  const int failed = allocator_failed();
  if (!failed) assert_int_equal(target->done, 1);
  allocator_fail(0);
  allocator_only_in(NULL);
  hexagent_endpoint_close(source->endpoint);
  hexagent_endpoint_close(target->endpoint);
  hexagent_close(self->base.scheduler);
  free(self);
  return failed;
}

static void transfers_survive_every_failed_allocation(void** state) {
  (void)state;
  const int64_t before = allocator_live();
  uint64_t k = 0;
  /* How many there are is never quite the same. */
  for (int untouched = 0; untouched < 5;) {
    if (!move_once(++k)) ++untouched;
    if (allocator_live() != before) fail_msg("allocation %d: memory was leaked", (int)k);
  }
  assert_true(k > 30);
}

int main(void) {
  allocator_install();
  pthread_setname_np(pthread_self(), CALLER);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(callers_survive_every_failed_allocation),
      cmocka_unit_test(a_lone_endpoint_survives_every_failed_allocation),
      cmocka_unit_test(transfers_survive_every_failed_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
