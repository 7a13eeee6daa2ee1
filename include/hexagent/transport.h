/*
 * The ABI of a KV transport: what moves the KV cache of a call from the worker that prefilled it to
 * the worker that decodes it. libhexagent has transports for host memory built in and loads others,
 * such as hexagent_cuda.so, as plugins. Both stand behind the table of functions below.
 *
 * This header is for who writes a transport and for who drives one (an endpoint in an engine
 * process). A scheduler needs none of it. Conventions are those of hexagent.h; what differs:
 *
 * Two sides   The *source* worker has the KV, the *target* worker wants it. A transfer begins at
 *             the target: reserve() takes the target's blocks and gives a token. The token travels
 *             to the source by whatever way the two already speak; there submit() names the
 *             source's blocks and the token. Blocks are paired by their place in the two lists.
 * Fencing     The source never learns where the target's blocks are, and never writes them. It
 *             fills staging memory that the target owns and has lent it, or tells where its own
 *             blocks lie and lends them; the target alone writes its blocks, after it has looked
 *             the token up. A token that was given up, used or
 *             given by an earlier life of the target answers HEXAGENT_E_STALE for ever.
 * Ends        Every accepted submit() and every reserve() ends with exactly one terminal event
 *             (DONE or FAILED) and then exactly one QUIESCED event. After QUIESCED nothing of the
 *             transport reads or writes those blocks any more: they may be freed or used again.
 *             Not before, whatever else was told. Then the id or token is dead.
 * Records     Structs with `struct_size` grow at their end, as in hexagent.h; the event is a fixed
 *             record of 64 bytes. Pointers are allowed here. `reserved` is zero.
 * Time        int64_t nanoseconds of the clock that the host's now_ns() reads.
 * Threads     All functions of a transport are called by one thread at a time, and none of them
 *             blocks. A plugin may have threads of its own; they call now_ns(), log() and
 *             wake() of the host and nothing else.
 * Words       Workers are the scheduler's u32 ids. `bytes_per_s` and `setup_ns` are those of the
 *             scheduler's links: a transfer of b bytes takes queue + setup_ns + b / bytes_per_s.
 *             `bytes` are payload, without the padding between staged runs.
 */
#ifndef HEXAGENT_TRANSPORT_H
#define HEXAGENT_TRANSPORT_H

#include <hexagent/hexagent.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- version --------------------- */

/* A loader takes a plugin of the same major version; minor versions only append to structs. */
#define HEXAGENT_TRANSPORT_ABI_MAJOR 1u
#define HEXAGENT_TRANSPORT_ABI_MINOR 0u
#define HEXAGENT_TRANSPORT_ABI ((HEXAGENT_TRANSPORT_ABI_MAJOR << 16) | HEXAGENT_TRANSPORT_ABI_MINOR)

/* ------------------------------------------------------------------ pools --------------------- */

/* Where a pool lies. */
enum { HEXAGENT_MEMORY_HOST = 0, HEXAGENT_MEMORY_CUDA = 1 };

/* Order of what a block holds, slowest first. */
enum {
  HEXAGENT_KV_NHD = 0, /* token, head, bytes of a head */
  HEXAGENT_KV_HND = 1, /* head, token, bytes of a head */
  HEXAGENT_KV_FLAT = 2 /* token, bytes of a token: MLA latents, indexer keys; has no heads */
};

/**
 * A paged KV pool: layers of one layout. Models with several kinds of layers register several pools
 * and submit one transfer for each.
 *
 * A *region* is the memory of one layer's K, of its V, or of both where they are one array: for
 * each layer its `regions_per_layer` regions, layer by layer. Block b of a region starts at
 * region_bases[region] + b * block_stride_bytes.
 */
typedef struct hexagent_kv_pool {
  uint32_t struct_size;
  uint32_t memory;            /* HEXAGENT_MEMORY_* */
  uint32_t device;            /* ordinal of the GPU; 0 for host memory */
  uint32_t layout;            /* HEXAGENT_KV_NHD, _HND, _FLAT */
  uint32_t layer_count;       /* 1 ... 4096 */
  uint32_t regions_per_layer; /* 1 = fused K and V, or MLA; 2 = K and V */
  uint32_t block_tokens;      /* tokens a block has room for, 1 ... 65536 */
  uint32_t head_count;        /* KV heads of this worker; 0 for FLAT */
  uint32_t head_bytes;        /* of one head of one token in a region; 0 for FLAT */
  uint32_t token_bytes;       /* FLAT: of one token in a region; else 0 */
  uint32_t block_count;       /* block ids are 0 ... block_count - 1 */
  uint32_t reserved;
  uint64_t block_stride_bytes;  /* at least the bytes of a block; both below 4 GiB */
  const uint64_t* region_bases; /* layer_count * regions_per_layer addresses; copied */
  uint64_t content_hash;        /* of model, quantisation, page format: must agree at both ends */
} hexagent_kv_pool;

/* ------------------------------------------------------ what a transfer is -------------------- */

/* Flags of a transfer. */
enum {
  HEXAGENT_TRANSFER_LAYERWISE = 1u, /* layers are not ready yet: layers_ready() will tell */
  HEXAGENT_TRANSFER_CHECKSUM = 2u   /* both ends sum what they copy; a difference fails it */
};

/**
 * Which part of which blocks, at one end. The two ends agree in block count, last_block_tokens,
 * layer count, head count, head_bytes, block_tokens and content_hash; their block ids, first layer,
 * first head and layout may differ. So workers of different tensor parallelism exchange the heads
 * that they share.
 */
typedef struct hexagent_kv_blocks {
  uint64_t pool;              /* as register_pool() gave it */
  const int32_t* blocks;      /* ids in the order of the tokens; copied */
  uint32_t block_count;       /* 1 ... blocks_max of the configuration */
  uint32_t last_block_tokens; /* tokens in the last block; 0 = it is full */
  uint32_t first_layer;
  uint32_t layer_count; /* 0 = all from first_layer on */
  uint32_t first_head;
  uint32_t head_count; /* 0 = all from first_head on; 0 for FLAT */
  uint32_t reserved[2];
} hexagent_kv_blocks;

/** Blocks that the target keeps for a transfer to come. */
typedef struct hexagent_kv_reservation {
  uint32_t struct_size;
  uint32_t peer_worker; /* the source */
  hexagent_kv_blocks target;
  int64_t expires_ns; /* it fails with HEXAGENT_E_TIMEOUT when not complete by then; 0 = never */
  uint64_t user_data; /* comes back in its events */
} hexagent_kv_reservation;

/** A transfer as the source submits it. */
typedef struct hexagent_kv_transfer {
  uint32_t struct_size;
  uint32_t flags;       /* HEXAGENT_TRANSFER_* */
  uint32_t peer_worker; /* the target */
  uint32_t priority;    /* 0 = most urgent; equal ones are ordered by what follows. What has waited
                           four times as long as it would take alone sends a chunk before all */
  hexagent_kv_blocks source;
  uint64_t token;      /* of the target's reservation */
  int64_t deadline_ns; /* absolute; 0 = none */
  double risk;         /* 0 ... 1: how likely its workflow misses the deadline, by the scheduler */
  uint64_t workflow;   /* the equally urgent share the link by workflow; 0 = stands alone */
  uint64_t user_data;  /* comes back in its events */
} hexagent_kv_transfer;

/* ----------------------------------------------------------------- events --------------------- */

enum {
  HEXAGENT_TRANSFER_CHUNK = 1,    /* more has arrived: `bytes`, `layers`. May be left out */
  HEXAGENT_TRANSFER_DONE = 2,     /* all is in the target's blocks, checksums agreed */
  HEXAGENT_TRANSFER_FAILED = 3,   /* `status` says why; the target's blocks hold anything */
  HEXAGENT_TRANSFER_QUIESCED = 4, /* nothing touches the blocks of this side any more */
  HEXAGENT_TRANSFER_PEER_UP = 5,  /* connected; `status` is HEXAGENT_OK */
  HEXAGENT_TRANSFER_PEER_DOWN = 6 /* `status`: HEXAGENT_E_PEER, _TIMEOUT, _CLOSED,
                                     _VERSION or _SYSTEM (its staging cannot be reached) */
};

/* Whose end of a transfer. */
enum { HEXAGENT_TRANSFER_SOURCE = 0, HEXAGENT_TRANSFER_TARGET = 1 };

/**
 * What the transport tells its host. 64 bytes.
 *
 * Statuses of FAILED: HEXAGENT_E_CANCELLED (by either side), _STALE (the token is not alive),
 * _ARGUMENT (the two ends do not fit), _PEER (it is gone), _TIMEOUT (it is silent, or the
 * reservation expired), _CHECKSUM (what arrived is not what was sent), _CLOSED (the transport was
 * destroyed), _SYSTEM (a copy failed). A failed transfer may be submitted again with another
 * reservation, from its first layer.
 */
typedef struct hexagent_transfer_event {
  uint32_t kind;  /* HEXAGENT_TRANSFER_* */
  int32_t status; /* HEXAGENT_OK but for FAILED and PEER_DOWN */
  uint64_t id;    /* source: the transfer's id; target: the token; 0 for peers */
  uint64_t user_data;
  uint64_t bytes;       /* that have arrived so far */
  uint32_t layers;      /* of its layers, from the first on, that have arrived whole */
  uint32_t peer_worker; /* the other end */
  int64_t begin_ns;     /* submitted, reserved */
  int64_t time_ns;      /* of this event */
  uint32_t side;        /* HEXAGENT_TRANSFER_SOURCE or _TARGET */
  uint32_t reserved;
} hexagent_transfer_event;

/** What was learnt of the link to one peer, as source. */
typedef struct hexagent_link_estimate {
  uint32_t struct_size;
  uint32_t peer_worker;
  double bytes_per_s;    /* moving mean; 0 = too little has arrived yet to tell */
  int64_t setup_ns;      /* moving mean of what a transfer on an idle link costs beside its bytes */
  int64_t queue_ns;      /* what is queued for this peer, at bytes_per_s */
  uint64_t queued_bytes; /* of transfers that have not ended */
  uint64_t bytes;        /* that arrived, in all */
  uint64_t transfers;    /* that were done */
  uint64_t failures;
} hexagent_link_estimate;

/* ------------------------------------------------------------ what the host gives ------------- */

/** Services of the process that drives a transport. They must work until destroy() has returned. */
typedef struct hexagent_transport_host {
  uint32_t struct_size;
  uint32_t abi; /* HEXAGENT_TRANSPORT_ABI */
  void* context;

  /**
   * Takes one event, copied. HEXAGENT_OK, or HEXAGENT_E_AGAIN when there is no room: the transport
   * keeps what it owes, starts and grants nothing more, and tries again at the next progress().
   */
  hexagent_status (*post_event)(void* context, const hexagent_transfer_event* event);

  /**
   * Sends one control message to the peer's transport, copied, at most HEXAGENT_CONTROL_MAX bytes.
   * In order, unchanged and without gaps, until one of the two hosts calls disconnect().
   * HEXAGENT_OK; HEXAGENT_E_AGAIN: try again at the next progress(); anything else: the peer cannot
   * be reached. Must not call into the transport.
   */
  hexagent_status (*send_control)(void* context, uint32_t peer_worker, const void* message,
                                  size_t size);

  int64_t (*now_ns)(void* context); /* never runs backwards, > 0. [any thread] */

  /** A plugin's own thread has work for progress(). [any thread] */
  void (*wake)(void* context);

  /** One line for operators; `level` as in hexagent/log.h. May be NULL. [any thread] */
  void (*log)(void* context, uint32_t level, const char* text);
} hexagent_transport_host;

enum { HEXAGENT_CONTROL_MAX = 1024 };

/**
 * Limits of a transport. Zero means the default in brackets.
 *
 * `options` are key=value pairs of the transport, separated by spaces; plugins have their own. Both
 * that are built in: silence_ms=N, after which a peer that acknowledges nothing is gone [250];
 * kernels=portable, avx2, avx512 or neon [the best]. host-memory: one_copy=on or off [on],
 * one_copy_min=BYTES of a piece [measured], ptracer=any or none [none], pack=cached or streaming
 * [cached]. host-tcp: address=IP to listen on, numeric [127.0.0.1], port=N [any], lanes=N, sockets
 * to a peer [4], rate=BYTES_PER_S to a peer at most [no limit].
 */
typedef struct hexagent_transport_config {
  uint32_t struct_size;
  uint32_t worker;           /* whose end this is; not 0 */
  uint64_t incarnation;      /* differs from that of every earlier life of this worker; not 0 */
  uint32_t pools_max;        /* [16] */
  uint32_t peers_max;        /* [64] */
  uint32_t transfers_max;    /* alive as source [256], at most 65535 */
  uint32_t reservations_max; /* alive as target [256], at most 65535 */
  uint32_t blocks_max;       /* in one transfer [8192] */
  uint32_t slots_per_peer;   /* staging slots, each way [3], at most 16 */
  uint32_t slot_bytes;       /* bytes of one [8 MiB]; the largest chunk */
  uint32_t chunk_bytes_min;  /* [depends on the transport] */
  const char* options;       /* as above; NULL = [none] */
} hexagent_transport_config;

/* --------------------------------------------------------- what a transport does -------------- */

typedef struct hexagent_transport hexagent_transport; /* made by the transport */

/* What a transport can do. Missing bits are limits that the host has to respect. */
enum {
  HEXAGENT_CAN_HOST_MEMORY = 1u << 0,   /* pools in host memory */
  HEXAGENT_CAN_CUDA_MEMORY = 1u << 1,   /* pools in memory of a CUDA device */
  HEXAGENT_CAN_CROSS_PROCESS = 1u << 2, /* reaches another process on this machine */
  HEXAGENT_CAN_CROSS_MACHINE = 1u << 3, /* reaches other machines */
  HEXAGENT_CAN_REPRIORITISE = 1u << 4,  /* reprioritise() takes effect on what is queued */
  HEXAGENT_CAN_HEAD_SLICES = 1u << 5,   /* first_head and head_count may select heads */
  HEXAGENT_CAN_CHECKSUM = 1u << 6,      /* HEXAGENT_TRANSFER_CHECKSUM */
  /* QUIESCED comes without the peer's help, also when it is dead. Without this capability keep
     blocks until the peer is known to be dead. */
  HEXAGENT_CAN_QUIESCE = 1u << 7,
  HEXAGENT_CAN_LAYERWISE = 1u << 8 /* HEXAGENT_TRANSFER_LAYERWISE */
};

/**
 * The functions of a transport. A pointer beyond the plugin's `struct_size` counts as NULL; NULL
 * means HEXAGENT_E_UNSUPPORTED. All but poll_descriptor() and link_estimate() must be there.
 *
 * Every function may answer HEXAGENT_E_ARGUMENT (a null or malformed argument), _STRUCT_SIZE,
 * _TOO_NEW, _RESERVED (as for any sized struct) and HEXAGENT_E_POISONED (an invariant failed; only
 * destroy() works). A call that fails has changed nothing.
 */
typedef struct hexagent_transport_ops {
  uint32_t struct_size;
  uint32_t abi;          /* HEXAGENT_TRANSPORT_ABI of the plugin's header */
  const char* name;      /* "host-memory"; static memory */
  uint64_t capabilities; /* HEXAGENT_CAN_* */

  /**
   * Makes a transport. All memory for the limits is taken here, staging when a peer connects.
   * @return  HEXAGENT_OK, HEXAGENT_E_NO_DEVICE, _NO_MEMORY, _SYSTEM, _RANGE, _KEY (bad option).
   */
  hexagent_status (*create)(const hexagent_transport_host* host,
                            const hexagent_transport_config* config, hexagent_transport** out);

  /**
   * Ends everything at once and frees it. What is alive gets its FAILED(HEXAGENT_E_CLOSED) and
   * QUIESCED as far as the host takes events; blocks are untouched after it returns.
   */
  void (*destroy)(hexagent_transport* transport);

  /** Registers a pool. Its memory must stay until unregister_pool(). HEXAGENT_E_FULL, _RANGE,
   * HEXAGENT_E_UNSUPPORTED (memory or layout that this transport cannot move), _NO_MEMORY. */
  hexagent_status (*register_pool)(hexagent_transport* transport, const hexagent_kv_pool* pool,
                                   uint64_t* out);

  /** HEXAGENT_E_STALE: no such pool; HEXAGENT_E_STATE: transfers that use it are not quiesced. */
  hexagent_status (*unregister_pool)(hexagent_transport* transport, uint64_t pool);

  /**
   * Begins to connect to a peer; PEER_UP or PEER_DOWN tells how it ended. The host's control path
   * to it must work. Either side may begin; a peer that is being connected connects by itself.
   * @return  HEXAGENT_OK, also when it is connected; HEXAGENT_E_FULL (peers_max), _NO_MEMORY,
   *          _SYSTEM.
   */
  hexagent_status (*connect)(hexagent_transport* transport, uint32_t peer_worker);

  /**
   * Ends the connection: `status` HEXAGENT_E_PEER when the host saw it die (control path reset,
   * process gone), HEXAGENT_E_CLOSED for an orderly end. Transfers with it fail by that status.
   * Answers HEXAGENT_E_UNKNOWN_WORKER when there is none.
   */
  hexagent_status (*disconnect)(hexagent_transport* transport, uint32_t peer_worker,
                                hexagent_status status);

  /** A control message of the peer's transport has come. HEXAGENT_E_DAMAGED: it cannot be right and
   * was dropped. */
  hexagent_status (*control)(hexagent_transport* transport, uint32_t peer_worker,
                             const void* message, size_t size);

  /**
   * Target: keeps blocks for a transfer and gives the token for it, never 0.
   * @return  HEXAGENT_OK, HEXAGENT_E_FULL, HEXAGENT_E_STALE (no such pool), HEXAGENT_E_RANGE (a
   *          block, layer or head that the pool lacks), HEXAGENT_E_UNKNOWN_WORKER (not connected).
   */
  hexagent_status (*reserve)(hexagent_transport* transport, const hexagent_kv_reservation* wanted,
                             uint64_t* token);

  /**
   * Source: queues a transfer. Costs O(blocks), whatever the number of layers.
   * @return  as reserve(). What only the target can know is answered by a FAILED event.
   */
  hexagent_status (*submit)(hexagent_transport* transport, const hexagent_kv_transfer* transfer,
                            uint64_t* id);

  /**
   * Source, LAYERWISE: the first `layers` layers of the transfer hold their KV; the number never
   * falls. `event` is the transport's: for CUDA a cudaEvent_t after which they do; NULL = now. A
   * transfer whose layers do not come waits until it is cancelled or the reservation expires.
   * @return  HEXAGENT_OK, HEXAGENT_E_STALE (it has ended), HEXAGENT_E_RANGE.
   */
  hexagent_status (*layers_ready)(hexagent_transport* transport, uint64_t id, uint32_t layers,
                                  void* event);

  /** Source: changes the urgency of what has not left yet. HEXAGENT_E_STALE, _RANGE. */
  hexagent_status (*reprioritise)(hexagent_transport* transport, uint64_t id, uint32_t priority,
                                  int64_t deadline_ns, double risk);

  /**
   * Ends a transfer (source, by id) or a reservation (target, by token; `side` tells) with
   * FAILED(HEXAGENT_E_CANCELLED). Returns at once; QUIESCED tells when its blocks are free, which
   * waits for a copy on this side that has begun, and where the target reads the source's blocks
   * for a chunk that it is reading, until it has or counts as lost; for nothing else of the peer's.
   * The other end's part ends by the same status. A source that is not yet told PEER_UP tells
   * nobody: then the target's reservation ends by its own time or its own cancel.
   * HEXAGENT_E_STALE when it has ended; a transfer whose last chunk has arrived is done, not
   * cancelled.
   */
  hexagent_status (*cancel)(hexagent_transport* transport, uint32_t side, uint64_t id);

  /**
   * Moves everything on: copies, messages, events, time-outs. Host transports copy in here. Hand
   * over control messages that have come before: what they say may be what a time-out waits for.
   *
   * @param budget         Copies to make at most; 0 = no limit.
   * @param next_timer_ns  When to call again at the latest if nothing happens; INT64_MAX = never.
   * @return  Number of things done; 0: idle until a message, the descriptor or the timer.
   */
  int32_t (*progress)(hexagent_transport* transport, uint32_t budget, int64_t* next_timer_ns);

  /** Descriptor that is readable when progress() has work; -1 or NULL: none, wake() tells. */
  int32_t (*poll_descriptor)(hexagent_transport* transport);

  /** What was learnt of the link to `peer_worker`. HEXAGENT_E_UNKNOWN_WORKER. */
  hexagent_status (*link_estimate)(hexagent_transport* transport, uint32_t peer_worker,
                                   hexagent_link_estimate* out);
} hexagent_transport_ops;

/**
 * The one symbol that a plugin exports, by the name hexagent_transport_query.
 *
 * @param abi  HEXAGENT_TRANSPORT_ABI of the loader.
 * @param out  The plugin's table, static memory for as long as it is loaded.
 * @return     HEXAGENT_OK; HEXAGENT_E_VERSION when the major versions differ; HEXAGENT_E_NO_DEVICE
 *             when what it drives is not in this machine or has no driver; then *out is NULL.
 * Threads: [any thread]; must not start threads or touch devices for longer than a few ms.
 */
typedef hexagent_status (*hexagent_transport_query_function)(uint32_t abi,
                                                             const hexagent_transport_ops** out);

#define HEXAGENT_TRANSPORT_QUERY "hexagent_transport_query"

#ifdef __cplusplus
}
#endif

#endif /* HEXAGENT_TRANSPORT_H */
