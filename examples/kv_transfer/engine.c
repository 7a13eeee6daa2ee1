/*
 * An engine stand-in: a paged KV pool, blocks that it hands out, and an endpoint. "Prefill" writes
 * a
 * pattern into the call's blocks, "decode" finds the same pattern in its own.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kv_transfer.h"

#define CALLS_MAX 256u
#define BLOCKS_MAX 512u

typedef struct sequence {
  uint64_t call;
  uint64_t transfer;
  uint32_t tokens;
  uint32_t block_count;
  int32_t blocks[BLOCKS_MAX];
} sequence;

typedef struct engine {
  const shape* with;
  uint32_t worker;
  int socket;
  hexagent_endpoint* endpoint;
  uint64_t pool;
  unsigned char* memory;
  size_t region_bytes;
  int32_t* free_blocks;
  uint32_t free_count;
  sequence* sequences;     /* CALLS_MAX; call 0 = unused */
  message late[CALLS_MAX]; /* prefills that wait for blocks */
  uint32_t late_count;
} engine;

static void check(int32_t answer, const char* what) {
  if (answer >= 0) return;
  fprintf(stderr, "%s: %s\n", what, hexagent_status_text(answer));
  exit(1);
}

static void say(const engine* self, const message* words) {
  if (send(self->socket, words, sizeof(*words), MSG_NOSIGNAL) < 0) exit(1);
}

static sequence* find_call(engine* self, uint64_t call) {
  for (uint32_t i = 0; i < CALLS_MAX; ++i) {
    if (self->sequences[i].call == call) return &self->sequences[i];
  }
  return NULL;
}

/* Takes blocks for a call; NULL when there are none left. */
static sequence* allocate(engine* self, uint64_t call, uint32_t tokens) {
  sequence* made = find_call(self, 0);
  const uint32_t count = (tokens + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
  if (made == NULL || count > self->free_count || count > BLOCKS_MAX) return NULL;
  made->call = call;
  made->tokens = tokens;
  made->block_count = count;
  for (uint32_t i = 0; i < count; ++i) made->blocks[i] = self->free_blocks[--self->free_count];
  return made;
}

static void release(engine* self, sequence* done) {
  for (uint32_t i = 0; i < done->block_count; ++i) {
    self->free_blocks[self->free_count++] = done->blocks[i];
  }
  memset(done, 0, sizeof(*done));
}

/* Where a token's K (region 2 * layer) or V of a call lies. */
static unsigned char* place(const engine* self, const sequence* of, uint32_t region,
                            uint32_t token) {
  const size_t row = (size_t)HEADS * HEAD_BYTES;
  return self->memory + region * self->region_bytes +
         (size_t)of->blocks[token / BLOCK_TOKENS] * BLOCK_TOKENS * row +
         (token % BLOCK_TOKENS) * row;
}

static uint64_t pattern(uint64_t call, uint32_t region, uint32_t token) {
  return call * 1000003u + region * 8191u + token;
}

/* False when there is no room: the scheduler hears that a transfer has ended a moment before its
 * blocks are quiesced. */
static int compute(engine* self, uint64_t call, uint32_t tokens) {
  sequence* made = allocate(self, call, tokens);
  if (made == NULL) return 0;
  for (uint32_t region = 0; region < 2 * self->with->layers; ++region) {
    for (uint32_t token = 0; token < tokens; ++token) {
      const uint64_t value = pattern(call, region, token);
      memcpy(place(self, made, region, token), &value, sizeof(value));
    }
  }
  return 1;
}

static void compute_late(engine* self) {
  while (self->late_count > 0 && compute(self, self->late[0].call, self->late[0].tokens)) {
    say(self, &self->late[0]);
    memmove(&self->late[0], &self->late[1], --self->late_count * sizeof(self->late[0]));
  }
}

static int is_right(engine* self, const sequence* of) {
  for (uint32_t region = 0; region < 2 * self->with->layers; ++region) {
    for (uint32_t token = 0; token < of->tokens; ++token) {
      const uint64_t value = pattern(of->call, region, token);
      if (memcmp(place(self, of, region, token), &value, sizeof(value)) != 0) return 0;
    }
  }
  return 1;
}

static void answer(engine* self, const hexagent_endpoint_event* event) {
  sequence* of = event->kind == HEXAGENT_ENDPOINT_RESERVE
                     ? allocate(self, event->workflow, event->tokens)
                     : find_call(self, event->workflow);
  if (of == NULL) {
    check(hexagent_endpoint_refuse(self->endpoint, event->transfer, HEXAGENT_E_FULL), "refuse");
    return;
  }
  hexagent_kv_blocks blocks;
  memset(&blocks, 0, sizeof(blocks));
  blocks.pool = self->pool;
  blocks.blocks = of->blocks;
  blocks.block_count = of->block_count;
  blocks.last_block_tokens = of->tokens % BLOCK_TOKENS;
  of->transfer = event->transfer;
  check(event->kind == HEXAGENT_ENDPOINT_RESERVE
            ? hexagent_endpoint_reserve(self->endpoint, event->transfer, &blocks)
            : hexagent_endpoint_send(self->endpoint, event->transfer, &blocks, 0),
        "answer");
}

static void on_event(engine* self, const hexagent_endpoint_event* event) {
  message words;
  memset(&words, 0, sizeof(words));
  sequence* of = event->workflow == 0 ? NULL : find_call(self, event->workflow);
  switch (event->kind) {
    case HEXAGENT_ENDPOINT_CONNECTED:
      words.kind = SAY_READY;
      snprintf(words.transport, sizeof(words.transport), "%s",
               hexagent_endpoint_transport(self->endpoint));
      say(self, &words);
      break;
    case HEXAGENT_ENDPOINT_RESERVE:
    case HEXAGENT_ENDPOINT_SEND:
      answer(self, event);
      break;
    case HEXAGENT_ENDPOINT_DONE:
      if (self->worker != DECODE_WORKER) break;
      words.kind = SAY_PROGRESS;
      words.call = event->workflow;
      words.bytes = event->bytes;
      words.begin_ns = event->begin_ns;
      words.end_ns = event->time_ns;
      say(self, &words);
      break;
    case HEXAGENT_ENDPOINT_FAILED:
      fprintf(stderr, "worker %u, call %d: %s\n", self->worker, (int)event->workflow,
              hexagent_status_text(event->status));
      break;
    case HEXAGENT_ENDPOINT_QUIESCED:
      /* The source's copy is needed no longer; the target's is until it has decoded. */
      if (self->worker != PREFILL_WORKER || of == NULL) break;
      release(self, of);
      compute_late(self);
      break;
    default:
      break;
  }
}

static void on_message(engine* self, const message* heard) {
  message words = *heard;
  if (heard->kind == SAY_END) {
    hexagent_endpoint_close(self->endpoint);
    exit(0);
  }
  if (heard->kind == SAY_PREFILL) {
    if (self->late_count == CALLS_MAX) check(HEXAGENT_E_FULL, "prefill");
    self->late[self->late_count++] = *heard;
    compute_late(self);
    return;
  }
  if (heard->kind == SAY_DECODE) {
    sequence* of = find_call(self, heard->call);
    if (of == NULL || !is_right(self, of)) words.kind = SAY_END;
    if (of != NULL) release(self, of);
  }
  if (heard->kind == SAY_LINK) {
    hexagent_link_estimate link;
    memset(&link, 0, sizeof(link));
    link.struct_size = sizeof(link);
    check(hexagent_endpoint_link(self->endpoint, DECODE_WORKER, &link), "link");
    words.bytes_per_s = link.bytes_per_s;
    words.setup_ns = link.setup_ns;
    words.bytes = link.bytes;
  }
  say(self, &words);
}

static void open_pool(engine* self) {
  const uint32_t regions = 2 * self->with->layers;
  uint64_t* bases = calloc(regions, sizeof(*bases));
  self->region_bytes = (size_t)self->with->blocks * BLOCK_TOKENS * HEADS * HEAD_BYTES;
  self->memory = malloc(regions * self->region_bytes);
  self->free_blocks = calloc(self->with->blocks, sizeof(*self->free_blocks));
  self->sequences = calloc(CALLS_MAX, sizeof(*self->sequences));
  if (bases == NULL || self->memory == NULL || self->free_blocks == NULL ||
      self->sequences == NULL) {
    check(HEXAGENT_E_NO_MEMORY, "pool");
  }
  memset(self->memory, 0xee, regions * self->region_bytes);
  for (uint32_t i = 0; i < regions; ++i) {
    bases[i] = (uint64_t)(uintptr_t)(self->memory + i * self->region_bytes);
  }
  for (uint32_t i = 0; i < self->with->blocks; ++i) {
    self->free_blocks[self->free_count++] = (int32_t)(i * 7919u % self->with->blocks); /* paged */
  }
  hexagent_kv_pool pool;
  memset(&pool, 0, sizeof(pool));
  pool.struct_size = sizeof(pool);
  pool.layout = HEXAGENT_KV_NHD;
  pool.layer_count = self->with->layers;
  pool.regions_per_layer = 2;
  pool.block_tokens = BLOCK_TOKENS;
  pool.head_count = HEADS;
  pool.head_bytes = HEAD_BYTES;
  pool.block_count = self->with->blocks;
  pool.block_stride_bytes = (uint64_t)BLOCK_TOKENS * HEADS * HEAD_BYTES;
  pool.region_bases = bases;
  check(hexagent_endpoint_pool_add(self->endpoint, &pool, &self->pool), "pool");
  free(bases);
}

void engine_main(const shape* with, uint32_t worker, int socket) {
  static engine self;
  self.with = with;
  self.worker = worker;
  self.socket = socket;
  hexagent_endpoint_config config;
  memset(&config, 0, sizeof(config));
  config.struct_size = sizeof(config);
  config.worker = worker;
  config.controller = with->address;
  config.secret = SECRET;
  config.transport = with->transport;
  config.fallback = "host-memory"; /* no such plugin, or no device */
  hexagent_error error;
  memset(&error, 0, sizeof(error));
  error.struct_size = sizeof(error);
  self.endpoint = hexagent_endpoint_open(&config, &error);
  if (self.endpoint == NULL) {
    fprintf(stderr, "endpoint: %s\n", error.text);
    exit(1);
  }
  open_pool(&self);
  for (;;) {
    hexagent_endpoint_event events[16];
    message heard;
    const int32_t count = hexagent_endpoint_poll(self.endpoint, events, 16);
    check(count, "poll");
    for (int32_t i = 0; i < count; ++i) on_event(&self, &events[i]);
    const ssize_t size = recv(socket, &heard, sizeof(heard), MSG_DONTWAIT);
    if (size == 0) exit(1); /* the gateway is gone */
    if (size == (ssize_t)sizeof(heard)) on_message(&self, &heard);
    if (count > 0 || size > 0) continue;
    struct pollfd wait[2] = {{hexagent_endpoint_event_fd(self.endpoint), POLLIN, 0},
                             {socket, POLLIN, 0}};
    poll(wait, 2, -1);
  }
}
