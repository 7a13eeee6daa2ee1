/* What the gateway and the two engine stand-ins of this example say to each other. */
#ifndef EXAMPLES_KV_TRANSFER_H
#define EXAMPLES_KV_TRANSFER_H

#include <hexagent/endpoint.h>
#include <hexagent/hexagent.h>

#define SECRET "kv_transfer example, not a secret" /* real ones come from the fleet's store */
#define BLOCK_TOKENS 16u

enum { PREFILL_WORKER = 1, DECODE_WORKER = 2 };

enum {
  SAY_READY = 1,    /* engine: connected to the scheduler */
  SAY_PREFILL = 2,  /* gateway: compute the KV of this call; engine: it is there */
  SAY_DECODE = 3,   /* gateway: answer this call; engine: done */
  SAY_PROGRESS = 4, /* engine: so much of the call's KV has arrived */
  SAY_LINK = 5,     /* gateway asks, engine answers: what the link carries */
  SAY_END = 6       /* gateway: leave; engine: what arrived was wrong */
};

/* A packet of the socket pair between gateway and engine: stands for HTTP. */
typedef struct message {
  uint32_t kind;
  uint32_t tokens;
  uint64_t call;
  uint64_t bytes;
  int64_t begin_ns;
  int64_t end_ns;
  double bytes_per_s;
  int64_t setup_ns;
  char transport[32];
} message;

typedef struct shape {
  uint32_t layers;
  uint32_t blocks;     /* of each engine's pool */
  const char* address; /* of the scheduler */
  const char* transport;
} shape;

/* Of one token: K and V of two heads (a quarter of 70B's eight, as with tensor parallelism 4) of 128
 * values of two bytes, in each layer. */
#define HEADS 2u
#define HEAD_BYTES 256u

/* An engine process: leads its life and exits. */
void engine_main(const shape* with, uint32_t worker, int socket);

#endif /* EXAMPLES_KV_TRANSFER_H */
