/*
 * An endpoint: what an engine process creates so that libhexagent moves its KV. It loads a
 * transport (transport.h), knows the engine's paged KV pools, connects to the controller inside the
 * scheduler and does what that says: this call's blocks to that worker, so urgently. Fleets whose
 * engines have a connector of their own need none. Conventions are those of hexagent.h.
 *
 * Life of a transfer, as the two engines see it:
 *   target   event RESERVE  -> hexagent_endpoint_reserve() with the blocks that shall get the KV
 *   source   event SEND     -> hexagent_endpoint_send() with the blocks that hold it
 *   both     events PROGRESS (target), then DONE or FAILED, then QUIESCED
 * Every RESERVE and every SEND ends with exactly one DONE or FAILED and then exactly one QUIESCED,
 * whatever happens: an answer that cannot be right, a peer that dies, a controller that dies. After
 * QUIESCED the blocks are the engine's again, not before. An engine that does not answer blocks
 * nothing: after the scheduler's key `transfer_answer_timeout_s` the transfer ends with
 * FAILED(HEXAGENT_E_TIMEOUT) at both, or earlier when it is cancelled, and QUIESCED follows. So it
 * does when a LAYERWISE source names no further layer ready for as long; the target may then be
 * told HEXAGENT_E_CANCELLED.
 *
 * Memory: a call that finds none answers HEXAGENT_E_NO_MEMORY, has done nothing and may be made
 * again. Where the endpoint's own thread finds none, it connects anew, or in the middle of work it
 * is poisoned: it has stopped, blocks and pools are untouched from then on, every call answers
 * HEXAGENT_E_POISONED and close remains. What libuv ends the process for: see hexagent_open().
 *
 * Threads: functions are [any thread] unless stated; they queue what is wanted for the endpoint's
 * own thread and do not block. hexagent_endpoint_poll() is [one consumer]. The endpoint's thread
 * blocks all signals. Nothing works after fork() in the child but close.
 */
#ifndef HEXAGENT_ENDPOINT_H
#define HEXAGENT_ENDPOINT_H

#include <hexagent/hexagent.h>
#include <hexagent/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------- opening ---------------------- */

typedef struct hexagent_endpoint hexagent_endpoint;

/** What an endpoint is made of. Zero means the default in brackets. */
typedef struct hexagent_endpoint_config {
  uint32_t struct_size;
  uint32_t worker;      /* the scheduler's id of this engine; not 0 */
  uint64_t incarnation; /* larger than in every earlier life of this worker; 0 = [the wall clock] */
  const char* controller;   /* "unix:/path" or "tcp:IP:PORT", as its key `transfer_address` says */
  const char* secret;       /* that of the key `transfer_secret`: 16 to 256 bytes */
  const char* transport;    /* "host-memory", "host-tcp", or the path of a plugin (with a '/');
                             NULL = ["host-memory"]. A plugin that cannot be had, e.g. for want of a
                             device, is no error if `fallback` names another */
  const char* fallback;     /* "host-memory", "host-tcp" or NULL = [none] */
  const char* options;      /* of the transport, see transport.h; NULL = [none] */
  uint32_t transfers_max;   /* alive, as source and as target each [256], at most 4096 */
  uint32_t pools_max;       /* [16] */
  uint32_t peers_max;       /* [64] */
  uint32_t blocks_max;      /* in one transfer [8192] */
  uint32_t slots_per_peer;  /* staging slots, each way [3] */
  uint32_t slot_bytes;      /* bytes of one [8 MiB] */
  uint32_t chunk_bytes_min; /* [depends on the transport] */
  uint32_t reserved;
  int64_t reconnect_min_ns; /* first pause before connecting again [50 ms]; it doubles ... */
  int64_t reconnect_max_ns; /* ... up to this [5 s] */
  int64_t silence_ns;       /* without a word from the controller it counts as dead [5 s] */
} hexagent_endpoint_config;

/**
 * Makes an endpoint, starts its thread and begins to connect; CONNECTED tells when it is.
 *
 * @return  The endpoint, or NULL; `error` says why: HEXAGENT_E_ARGUMENT (no worker, controller or
 *          secret, a malformed address), HEXAGENT_E_RANGE, HEXAGENT_E_KEY (a bad option of the
 *          transport), HEXAGENT_E_IO (no such plugin), HEXAGENT_E_VERSION (a plugin of another
 *          ABI),
 *          HEXAGENT_E_NO_DEVICE, HEXAGENT_E_NO_MEMORY, HEXAGENT_E_SYSTEM.
 * Ownership: all strings are copied.
 * Threads: [owner]. Since: 0.1
 */
HEXAGENT_API hexagent_endpoint* hexagent_endpoint_open(const hexagent_endpoint_config* config,
                                                       hexagent_error* error) HEXAGENT_NOEXCEPT;

/**
 * Stops everything and frees the endpoint; blocks and pools are untouched once it returns. Events
 * that were not polled are dropped. NULL is allowed. Threads: [owner]. Since: 0.1
 */
HEXAGENT_API void hexagent_endpoint_close(hexagent_endpoint* endpoint) HEXAGENT_NOEXCEPT;

/** Which transport it has ("host-memory", ...), static memory. Threads: [any thread]. Since: 0.1 */
HEXAGENT_API const char* hexagent_endpoint_transport(const hexagent_endpoint* endpoint)
    HEXAGENT_NOEXCEPT;

/**
 * Registers a KV pool, whose memory must stay until hexagent_endpoint_pool_remove() or close.
 *
 * @param pool  As in transport.h.
 * @param out   Its id, for hexagent_kv_blocks.
 * @return  HEXAGENT_OK, HEXAGENT_E_ARGUMENT, HEXAGENT_E_STRUCT_SIZE, HEXAGENT_E_RANGE (a shape that
 *          cannot be), HEXAGENT_E_FULL, HEXAGENT_E_UNSUPPORTED (not with this transport).
 * Threads: [any thread]; waits for the endpoint's thread, a chunk's copy at most. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_endpoint_pool_add(hexagent_endpoint* endpoint,
                                                        const hexagent_kv_pool* pool,
                                                        uint64_t* out) HEXAGENT_NOEXCEPT;

/** HEXAGENT_E_STALE: no such pool; HEXAGENT_E_STATE: a transfer with it is not quiesced. As
 * hexagent_endpoint_pool_add(). */
HEXAGENT_API hexagent_status hexagent_endpoint_pool_remove(hexagent_endpoint* endpoint,
                                                           uint64_t pool) HEXAGENT_NOEXCEPT;

/* ---------------------------------------------------------------- events ---------------------- */

/* Kinds of event. */
enum {
  HEXAGENT_ENDPOINT_CONNECTED = 1,    /* the controller has let us in */
  HEXAGENT_ENDPOINT_DISCONNECTED = 2, /* `status`: HEXAGENT_E_PEER (gone, or not there), _TIMEOUT
                                         (silent), _SECRET, _VERSION, _STALE (a later life of this
                                         worker is connected), _FULL, _DAMAGED. Told once; it tries
                                         again until it is closed */
  HEXAGENT_ENDPOINT_RESERVE = 3,      /* target: which blocks shall get `tokens` of this call? */
  HEXAGENT_ENDPOINT_SEND = 4,         /* source: which blocks hold them? */
  HEXAGENT_ENDPOINT_PROGRESS = 5,     /* target: `bytes` and `layers` so far. May be left out */
  HEXAGENT_ENDPOINT_DONE = 6,         /* all has arrived */
  HEXAGENT_ENDPOINT_FAILED = 7,       /* `status` says why; the target's blocks hold anything */
  HEXAGENT_ENDPOINT_QUIESCED = 8      /* the blocks are the engine's again */
};

/** One event. 128 bytes. Fields a kind does not use are 0. */
typedef struct hexagent_endpoint_event {
  uint32_t kind;     /* HEXAGENT_ENDPOINT_* */
  int32_t status;    /* HEXAGENT_OK but for DISCONNECTED and FAILED */
  uint64_t transfer; /* names it in the answer; unique in the life of a controller */
  uint64_t workflow;
  uint64_t call;
  uint64_t bytes;         /* that have arrived */
  uint32_t layers;        /* that have arrived whole */
  uint32_t tokens;        /* to move: those behind `cached_tokens` */
  uint32_t cached_tokens; /* of the prompt, that the target should hold already */
  uint32_t peer_worker;
  uint32_t side;    /* HEXAGENT_TRANSFER_SOURCE or _TARGET */
  uint32_t attempt; /* of DISCONNECTED: that failed in a row */
  int64_t begin_ns; /* of DONE and FAILED: reserved, submitted; CLOCK_MONOTONIC */
  int64_t time_ns;  /* of this event; CLOCK_MONOTONIC */
  uint64_t reserved[6];
} hexagent_endpoint_event;

/**
 * Takes up to `capacity` events, oldest first.
 * @return  How many (>= 0), HEXAGENT_E_ARGUMENT, HEXAGENT_E_POISONED, HEXAGENT_E_FORKED.
 * Threads: [one consumer]; never blocks. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_endpoint_poll(hexagent_endpoint* endpoint,
                                            hexagent_endpoint_event* events,
                                            uint32_t capacity) HEXAGENT_NOEXCEPT;

/** Descriptor that is readable while events wait. It is the endpoint's: wait on it, do not read or
 * close it. Poll until nothing is left before waiting again. [any thread]. Since: 0.1 */
HEXAGENT_API int32_t hexagent_endpoint_event_fd(hexagent_endpoint* endpoint) HEXAGENT_NOEXCEPT;

/* --------------------------------------------------------------- answers ---------------------- */

/**
 * Target: the blocks that shall get the KV of a RESERVE, for as long as it is not quiesced.
 *
 * @return  HEXAGENT_OK: queued. HEXAGENT_E_ARGUMENT (null, no blocks, more than blocks_max),
 *          HEXAGENT_E_AGAIN (the queue is full: again after a poll), HEXAGENT_E_POISONED, _FORKED.
 * What is wrong with the blocks is told by FAILED: HEXAGENT_E_RANGE (a block, layer or head that
 * the pool lacks), HEXAGENT_E_DUPLICATE (a block twice, or in use by another transfer),
 * HEXAGENT_E_STALE (no such pool). An answer to what has ended meanwhile is dropped.
 * Ownership: copied. Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API hexagent_status
hexagent_endpoint_reserve(hexagent_endpoint* endpoint, uint64_t transfer,
                          const hexagent_kv_blocks* blocks) HEXAGENT_NOEXCEPT;

/**
 * Source: the blocks that hold the KV of a SEND, as hexagent_endpoint_reserve(). Several transfers
 * may read one block. With HEXAGENT_TRANSFER_LAYERWISE nothing leaves before
 * hexagent_endpoint_layers_ready() says so.
 *
 * @param flags  HEXAGENT_TRANSFER_*; what the transport cannot fails with HEXAGENT_E_UNSUPPORTED.
 */
HEXAGENT_API hexagent_status hexagent_endpoint_send(hexagent_endpoint* endpoint, uint64_t transfer,
                                                    const hexagent_kv_blocks* blocks,
                                                    uint32_t flags) HEXAGENT_NOEXCEPT;

/**
 * Either side: it cannot be done; the transfer ends with FAILED(status), `status` being negative.
 * Also in place of an answer, and also later. As hexagent_endpoint_reserve().
 */
HEXAGENT_API hexagent_status hexagent_endpoint_refuse(hexagent_endpoint* endpoint,
                                                      uint64_t transfer,
                                                      hexagent_status status) HEXAGENT_NOEXCEPT;

/**
 * Source, LAYERWISE: the first `layers` layers hold their KV; the number never falls. `event` is
 * the transport's (CUDA: a cudaEvent_t after which they do), NULL = now. As
 * hexagent_endpoint_reserve(); what has ended, or is out of range, is dropped. The next must come
 * within the scheduler's `transfer_answer_timeout_s`.
 */
HEXAGENT_API hexagent_status hexagent_endpoint_layers_ready(hexagent_endpoint* endpoint,
                                                            uint64_t transfer, uint32_t layers,
                                                            void* event) HEXAGENT_NOEXCEPT;

/**
 * What was learnt of the link to a worker, as source.
 * @return  HEXAGENT_OK, HEXAGENT_E_ARGUMENT, _STRUCT_SIZE, _UNKNOWN_WORKER, _UNSUPPORTED.
 * Threads: as hexagent_endpoint_pool_add(). Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_endpoint_link(hexagent_endpoint* endpoint,
                                                    uint32_t peer_worker,
                                                    hexagent_link_estimate* out) HEXAGENT_NOEXCEPT;

/* ------------------------------------------------------------ transports alone ---------------- */

/**
 * The table of a transport, for hosts that drive one themselves: "host-memory", "host-tcp" or a
 * plugin by its path. The plugin stays loaded for good.
 * @param ops  Its `struct_size` is the caller's; functions that the transport lacks are NULL.
 * @return  HEXAGENT_OK, HEXAGENT_E_ARGUMENT, _STRUCT_SIZE, _KEY (no such name), _IO, _VERSION,
 *          _NO_DEVICE; `error` (may be NULL) says more.
 * Threads: [any thread]; blocks while a file is read. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_transport_load(const char* name, hexagent_transport_ops* ops,
                                                     hexagent_error* error) HEXAGENT_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* HEXAGENT_ENDPOINT_H */
