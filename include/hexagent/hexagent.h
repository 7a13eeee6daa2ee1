/*
 * libhexagent: a workflow-aware scheduler for disaggregated LLM serving, as an embedded library.
 *
 * A gateway reports what happens (a workflow arrived, a call was revealed, a prefill finished, a
 * worker died). The library answers which prefill worker and which decode worker each call uses,
 * when, and in what order, so that whole workflows finish in time.
 *
 * CONVENTIONS THAT HOLD EVERYWHERE
 *
 * Ownership   Inputs are copied during the call and may be reused on return. Outputs go to memory
 *             of the caller's. The only things to free are handles: hexagent_close(),
 *             hexagent_config_free().
 * Time        int64_t nanoseconds of a monotonic clock, one clock for one handle: in manual driving
 *             any clock of the caller's, otherwise CLOCK_MONOTONIC, which hexagent_now() reads.
 *             That clock may begin anew when a scheduler is opened with a journal; see "Restart"
 *             there.
 *             Durations are nanoseconds too. Deadlines are relative to the workflow's arrival.
 * Sizes       Tokens are counts, KV sizes are bytes or tokens as the field's name says.
 * Zero        Zero always means "default" or "none". A field that is `reserved` must be zero.
 * Ids         Workflow and call ids are the caller's own u64; a call id is unique inside its
 *             workflow. Workflow id 0 and worker id 0 mean "none". Worker ids are the caller's u32.
 * Names       Strings (class, stage, tenant, model, GPU, label) are interned once by
 *             hexagent_name() and then named by a u32; 0 means "no name".
 * Strings     UTF-8. Input strings are pointer + length or zero-terminated as stated.
 * Records     Hot records have a fixed size for ever (64 or 128 bytes). Other structs start with
 *             `struct_size`, which the caller sets to sizeof. Inputs: what a shorter struct lacks
 *             reads as zero, what a longer one has beyond this library must be zero. Outputs: a
 *             shorter struct gets what it has room for, a longer one zeros beyond this library.
 * Status      0 is success, negative is an error (HEXAGENT_E_*), positive is a count where a count
 *             is returned. hexagent_status_name() and hexagent_status_text() explain a code.
 * Verdicts    hexagent_submit() and the other inputs check only shape and queue space, and never
 *             block; they can answer the -1xx codes, E_AGAIN and what is said below of any handle.
 *             A batch keeps its order: after one E_AGAIN the rest of it is E_AGAIN too. Whether
 *             an input makes sense (known workflow, no cycle, ...) is answered by a decision of
 *             kind ACCEPTED or REFUSED that carries the record's `user_data`. A refused input has
 *             changed nothing. *Acknowledged* means: ACCEPTED was polled.
 * Driving     The configuration key `driving` says who moves the scheduler:
 *               manual   (default) the caller, by its own clock: hexagent_step(), hexagent_poll();
 *               thread   a thread of the library's own: inputs from any thread, decisions by
 *                        hexagent_poll() when hexagent_event_fd() is readable;
 *               loop     an event loop of the caller's: when hexagent_event_fd() is readable,
 *                        hexagent_run_once(), then hexagent_poll().
 *             The same inputs at the same times give the same decisions in all three.
 * Threads     [any thread]    may be called from any thread between open and close,
 *             [one consumer]  one thread at a time,
 *             [owner]         the thread that opens and closes the handle; no other call may run,
 *             [question]      thread driving: as [any thread]; the asker waits until the library's
 *                             thread has answered, in order with the inputs. HEXAGENT_E_AGAIN when
 *                             the intake queue stays full. Else: as [one consumer].
 *             In manual driving every function that takes a handle belongs to one thread at a time.
 *             In loop driving inputs may come from any thread; the rest is [one consumer] together.
 * Failure     The library never ends the host process. A broken internal invariant poisons the
 *             handle: that call and every later one answer HEXAGENT_E_POISONED, hexagent_close()
 *             still works. With the key `rescue_prefix` a text file then tells what broke and what
 *             was known, for the report of the bug. The same when memory runs out while a profile,
 *             model or worker is taken. Other inputs need none; decisions only when one step makes
 *             more than 4,096 beyond `decisions_max`, as when a worker with so many calls is lost.
 *             After fork() the child gets HEXAGENT_E_FORKED, and only close works. It shares the
 *             lock of the journal's folder: until it closes the handle, ends or calls exec, nobody
 *             can open that folder again (HEXAGENT_E_BUSY), not even after its parent has died.
 *             What is not ours: thread driving uses libuv, which ends the process when the kernel
 *             refuses epoll a descriptor (fs.epoll.max_user_watches) or when no memory is left for
 *             its list of them, some hundred bytes, within hexagent_open(). Opening at the start
 *             of the process, before load, avoids both; manual and loop driving do without libuv.
 * Stability   Everything here is @unstable until 1.0: within one 0.x the ABI does not change, and
 *             the library's file name (libhexagent.so.0.x) changes with x. "Since" tells from when
 *             a symbol exists.
 */
#ifndef HEXAGENT_HEXAGENT_H
#define HEXAGENT_HEXAGENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HEXAGENT_API __attribute__((visibility("default")))
#else
#define HEXAGENT_API
#endif

/* No exception leaves the library; C++ callers may know it. */
#ifdef __cplusplus
#define HEXAGENT_NOEXCEPT noexcept
#else
#define HEXAGENT_NOEXCEPT
#endif

/* ---------------------------------------------------------------- version --------------------- */

#define HEXAGENT_VERSION_MAJOR 0
#define HEXAGENT_VERSION_MINOR 1
#define HEXAGENT_VERSION_PATCH 0
/** Packed version of this header: major << 16 | minor << 8 | patch. */
#define HEXAGENT_VERSION \
  ((HEXAGENT_VERSION_MAJOR << 16) | (HEXAGENT_VERSION_MINOR << 8) | HEXAGENT_VERSION_PATCH)

/** Packed version of the loaded library. Threads: [any thread]. Since: 0.1 */
HEXAGENT_API uint32_t hexagent_version(void) HEXAGENT_NOEXCEPT;

/* ----------------------------------------------------------- status codes --------------------- */

/** Result of a function: 0, a negative HEXAGENT_E_* or, where stated, a count. */
typedef int32_t hexagent_status;

/* The numbers are fixed for ever; families leave gaps. */
enum {
  HEXAGENT_OK = 0,

  /* -1xx: the arguments. */
  HEXAGENT_E_ARGUMENT = -100,    /* null pointer, count too large, malformed argument */
  HEXAGENT_E_STRUCT_SIZE = -101, /* struct_size is zero or smaller than the first release's */
  HEXAGENT_E_TOO_NEW = -102,  /* the caller's struct has non-zero bytes unknown to this library */
  HEXAGENT_E_RESERVED = -103, /* a reserved field or unknown flag is not zero */
  HEXAGENT_E_RANGE = -104,    /* a number is outside the range its field allows */
  HEXAGENT_E_NAME = -105,     /* a name id that hexagent_name() never gave, or a bad string */
  HEXAGENT_E_KEY = -106,      /* unknown configuration key or value */
  HEXAGENT_E_VERSION = -107,  /* header and library do not belong together */

  /* -2xx: the state. */
  HEXAGENT_E_UNKNOWN_WORKFLOW = -200,
  HEXAGENT_E_UNKNOWN_CALL = -201,
  HEXAGENT_E_UNKNOWN_WORKER = -202,
  HEXAGENT_E_UNKNOWN_PROFILE = -203,    /* no profile for this GPU, model and parallelism */
  HEXAGENT_E_UNKNOWN_DEPENDENCY = -204, /* a dependency was never submitted or is forgotten */
  HEXAGENT_E_DEAD_DEPENDENCY = -205,    /* a dependency was cancelled or has failed */
  HEXAGENT_E_CYCLE = -206,       /* a call depends on itself or on a later call that waits for it */
  HEXAGENT_E_DUPLICATE = -207,   /* the id is in use, or the report was already taken */
  HEXAGENT_E_STALE = -208,       /* the incarnation, attempt or worker is not the present one */
  HEXAGENT_E_ENDED = -209,       /* the workflow has ended or announced its last call */
  HEXAGENT_E_STATE = -210,       /* not possible in the call's present state */
  HEXAGENT_E_ORDER = -211,       /* a report that skips a phase that must come first */
  HEXAGENT_E_TIME = -212,        /* a time that runs backwards or lies in the future */
  HEXAGENT_E_CANCELLED = -213,   /* the call or its workflow was cancelled */
  HEXAGENT_E_WORKER_LOST = -214, /* its worker was lost and it could not be planned again */
  HEXAGENT_E_EXPIRED = -215,     /* the workflow was idle beyond workflow_idle_ttl_s */
  HEXAGENT_E_CALL_FAILED = -216, /* an engine reported failure, retries are used up */
  HEXAGENT_E_DEADLINE = -217,    /* REJECT: the deadline cannot be met */
  HEXAGENT_E_TENANT_LIMIT = -218, /* REJECT: tenant_workflows_max or tenant_waiting_max */
  HEXAGENT_E_CLOSED = -220,
  HEXAGENT_E_POISONED = -221, /* an internal invariant failed; only close is possible */
  HEXAGENT_E_FORKED = -222,   /* the handle belongs to the parent process */
  HEXAGENT_E_INTERNAL = -223,
  HEXAGENT_E_UNSUPPORTED = -224, /* prepared in this ABI, not built into this release */

  /* -3xx: capacity. */
  HEXAGENT_E_AGAIN = -300,      /* a queue is full: poll (and step), then try again */
  HEXAGENT_E_NO_MEMORY = -301,  /* only from open, set-up calls and questions */
  HEXAGENT_E_FULL = -302,       /* a table fixed at open is full (workflows_max, calls_max, ...) */
  HEXAGENT_E_TOO_LONG = -303,   /* prompt and output exceed the model's context */
  HEXAGENT_E_NEVER_FITS = -304, /* no worker's KV cache can ever hold the call */
  HEXAGENT_E_NO_WORKER = -305,  /* no worker serves this model with these labels */
  HEXAGENT_E_BUFFER = -306,     /* the caller's buffer is too small; the needed size is told */
  HEXAGENT_E_SYSTEM = -307,     /* the operating system refused a thread or a descriptor */

  /* -4xx: the journal. */
  HEXAGENT_E_IO = -400,        /* the operating system refused to read or write a file */
  HEXAGENT_E_DAMAGED = -401,   /* a journal holds bytes that cannot be right */
  HEXAGENT_E_DIFFERENT = -402, /* a replay decided otherwise than the journal says */
  HEXAGENT_E_BUSY = -403,      /* another scheduler has this journal open */

  /* -5xx: the transfer of KV (transport.h). */
  HEXAGENT_E_NO_DEVICE = -500, /* the device that a transport drives, or its driver, is not here */
  HEXAGENT_E_PEER = -501,      /* the other end of a transfer is gone */
  HEXAGENT_E_TIMEOUT = -502,   /* the other end is silent, or a KV reservation has expired */
  HEXAGENT_E_CHECKSUM = -503,  /* what arrived is not what was sent */
  HEXAGENT_E_SECRET = -504     /* endpoint and controller do not share a secret */
};

/** Name of a status ("HEXAGENT_E_CYCLE"); "HEXAGENT_E_?" if unknown. Static memory. [any thread] */
HEXAGENT_API const char* hexagent_status_name(hexagent_status status) HEXAGENT_NOEXCEPT;

/** One sentence for a status. Static memory. [any thread]. Since: 0.1 */
HEXAGENT_API const char* hexagent_status_text(hexagent_status status) HEXAGENT_NOEXCEPT;

/**
 * Detail of an error, filled by set-up functions when the caller passes one (may be NULL).
 * `text` names the field and the value; it is cut to fit and always zero-terminated. On success
 * it is empty. A call whose hexagent_error has a bad struct_size does nothing at all.
 */
typedef struct hexagent_error {
  uint32_t struct_size; /* set by the caller */
  hexagent_status status;
  uint32_t field; /* HEXAGENT_FIELD_* the text speaks of, 0 = none */
  uint32_t reserved;
  char text[240];
} hexagent_error;

/* Fields that a refusal can name (decision.field, error.field). */
enum {
  HEXAGENT_FIELD_NONE = 0,
  HEXAGENT_FIELD_WORKFLOW = 1,
  HEXAGENT_FIELD_CALL = 2,
  HEXAGENT_FIELD_WORKER = 3,
  HEXAGENT_FIELD_STAGE = 4,
  HEXAGENT_FIELD_MODEL = 5,
  HEXAGENT_FIELD_CLASS = 6,
  HEXAGENT_FIELD_TENANT = 7,
  HEXAGENT_FIELD_TIER = 8,
  HEXAGENT_FIELD_PROMPT_TOKENS = 9,
  HEXAGENT_FIELD_MAX_OUTPUT_TOKENS = 10,
  HEXAGENT_FIELD_OUTPUT_TOKENS = 11,
  HEXAGENT_FIELD_DEPS = 12,
  HEXAGENT_FIELD_PREFIXES = 13,
  HEXAGENT_FIELD_LABELS = 14,
  HEXAGENT_FIELD_FLAGS = 15,
  HEXAGENT_FIELD_RESERVED = 16,
  HEXAGENT_FIELD_PHASE = 17,
  HEXAGENT_FIELD_OUTCOME = 18,
  HEXAGENT_FIELD_TIME = 19,
  HEXAGENT_FIELD_TOKENS = 20,
  HEXAGENT_FIELD_INCARNATION = 21,
  HEXAGENT_FIELD_ROLE = 22,
  HEXAGENT_FIELD_PROFILE = 23,
  HEXAGENT_FIELD_KV_CAPACITY = 24,
  HEXAGENT_FIELD_BANDWIDTH = 25,
  HEXAGENT_FIELD_LATENCY = 26,
  HEXAGENT_FIELD_DEADLINE = 27,
  HEXAGENT_FIELD_SLO_SCALE = 28,
  HEXAGENT_FIELD_KEY = 29,
  HEXAGENT_FIELD_VALUE = 30,
  HEXAGENT_FIELD_STRUCT_SIZE = 31,
  HEXAGENT_FIELD_HINTS = 32,
  HEXAGENT_FIELD_ENGINE = 33,
  HEXAGENT_FIELD_BINDING = 34,
  HEXAGENT_FIELD_CAPACITY = 35,
  HEXAGENT_FIELD_GPU = 36,
  HEXAGENT_FIELD_TENSOR_PARALLEL = 37,
  HEXAGENT_FIELD_DOMAIN = 38,
  HEXAGENT_FIELD_BLOCK_TOKENS = 39,
  HEXAGENT_FIELD_BATCH = 40, /* decode_batch_max, prefill_batch_tokens, prefill_chunk_tokens */
  HEXAGENT_FIELD_ROUND_TRIP = 41,
  HEXAGENT_FIELD_TEMPLATE = 42
};

/** Name of a field as it stands in the records ("prompt_tokens"). Static memory. [any thread] */
HEXAGENT_API const char* hexagent_field_name(uint32_t field) HEXAGENT_NOEXCEPT;

/* -------------------------------------------------------------- lifecycle --------------------- */

/* One scheduler; several may live side by side. */
typedef struct hexagent_scheduler hexagent_scheduler;
/* What to open a scheduler with. */
typedef struct hexagent_config hexagent_config;

/** A configuration with every key at its default; NULL when out of memory. [any thread] */
HEXAGENT_API hexagent_config* hexagent_config_create(void) HEXAGENT_NOEXCEPT;

/** Frees a configuration; NULL is allowed. A scheduler opened with it does not need it any more. */
HEXAGENT_API void hexagent_config_free(hexagent_config* config) HEXAGENT_NOEXCEPT;

/**
 * Sets one key. Keys and values are zero-terminated text, e.g. "policy" = "hexagent".
 *
 * @return  HEXAGENT_OK, HEXAGENT_E_KEY (unknown key or name), HEXAGENT_E_RANGE (number out of
 *          bounds); `error` (optional) then names key, value and bounds. Nothing has changed.
 * Threads: [one consumer] of this configuration. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_config_set(hexagent_config* config, const char* key,
                                                 const char* value,
                                                 hexagent_error* error) HEXAGENT_NOEXCEPT;

/** What one configuration key means; see hexagent_config_describe(). */
typedef struct hexagent_config_info {
  uint32_t struct_size; /* set by the caller */
  uint32_t live;        /* 1: hexagent_configure() may change it while running */
  double minimum;       /* bounds of a numeric key; both 0 for a key that takes a name */
  double maximum;
  char key[48];
  char default_value[48];
  char text[256]; /* one or two sentences, with the unit; for a name, the names allowed */
} hexagent_config_info;

/** Describes key number `index`, 0 ...; HEXAGENT_E_RANGE past the last. [any thread] Since: 0.1 */
HEXAGENT_API hexagent_status hexagent_config_describe(uint32_t index,
                                                      hexagent_config_info* info) HEXAGENT_NOEXCEPT;

/**
 * Opens a scheduler. All memory for the limits of the configuration is taken here.
 *
 * @param config          NULL = all defaults. Copied.
 * @param header_version  HEXAGENT_VERSION of the header the caller was built with.
 * @param error           Optional detail.
 * With `driving` = `thread` the library's thread runs when this returns. It blocks all signals.
 * With a `journal` its newest snapshot is read and what follows it lived through again first
 * ("Restart" in the part about the journal): nothing after an orderly hexagent_close(), after a
 * crash up to a segment, about a second's worth.
 *
 * @return  The handle, or NULL (HEXAGENT_E_VERSION, HEXAGENT_E_NO_MEMORY, HEXAGENT_E_UNSUPPORTED,
 *          HEXAGENT_E_SYSTEM: no thread or descriptor to be had). With a journal also, and then
 *          nothing that counts in it has changed and `error->text` names the folder, the file and
 *          the offset:
 *          HEXAGENT_E_IO         the folder or a file in it cannot be made, read or written,
 *          HEXAGENT_E_BUSY       another scheduler, or a forked child of its process, has it open,
 *          HEXAGENT_E_DAMAGED    it holds bytes that cannot be right,
 *          HEXAGENT_E_VERSION    it has settings or inputs that only another release knows,
 *          HEXAGENT_E_STATE      it was begun with another limit (a key that is not live) than the
 *                                configuration says; the text names the key,
 *          HEXAGENT_E_DIFFERENT  this release decides otherwise than the journal says.
 * Threads: [owner]. Since: 0.1
 */
HEXAGENT_API hexagent_scheduler* hexagent_open(const hexagent_config* config,
                                               uint32_t header_version,
                                               hexagent_error* error) HEXAGENT_NOEXCEPT;

/**
 * Closes a scheduler in any state, poisoned too; frees all of it and ends the library's thread.
 * NULL is allowed. What is still queued or was not polled is dropped: hexagent_shutdown() comes
 * first where that matters. A journal is written out, synced, marked as ended in good order and
 * given a last snapshot, with which the next open begins. In a forked child it frees memory and
 * closes descriptors, and leaves the parent's thread and journal alone.
 * Threads: [owner]. Since: 0.1
 */
HEXAGENT_API void hexagent_close(hexagent_scheduler* scheduler) HEXAGENT_NOEXCEPT;

/**
 * Begins the orderly end. From here on inputs answer HEXAGENT_E_CLOSED; what was queued before is
 * still taken, and the decisions that follow from it can be polled. After the last of them
 * hexagent_poll() answers HEXAGENT_E_CLOSED, for good. Timers that are not due by then never fire,
 * and calls in flight stay unfinished: their reports would be inputs. Questions go on working. A
 * journal ends with the last step, and is synced, before its decisions can be polled.
 *
 * @return  HEXAGENT_OK, also when it has begun before.
 * Ownership: the handle stays open until hexagent_close().
 * Threads: [any thread]; never blocks. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_shutdown(hexagent_scheduler* scheduler) HEXAGENT_NOEXCEPT;

/**
 * The library's clock: CLOCK_MONOTONIC. In thread and loop driving the times in reports and
 * workflows are of this clock, and so are the times in decisions; the library reads it once for
 * each batch of inputs that it takes.
 *
 * @return  Nanoseconds, > 0.
 * Threads: [any thread]; needs no handle, makes no system call. Since: 0.1
 */
HEXAGENT_API int64_t hexagent_now(void) HEXAGENT_NOEXCEPT;

/**
 * Changes a key marked `live` while running. It takes effect in order with the other inputs; its
 * verdict is a decision with user_data 0.
 *
 * @return  as hexagent_config_set(), HEXAGENT_E_STATE for a key that is not live,
 *          HEXAGENT_E_AGAIN when the intake queue is full.
 * Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_configure(hexagent_scheduler* scheduler, const char* key,
                                                const char* value,
                                                hexagent_error* error) HEXAGENT_NOEXCEPT;

/**
 * Interns a string of 1 to 255 bytes of UTF-8 without a zero byte; the same string gives the same
 * id for the handle's life.
 *
 * @return  The id (> 0), HEXAGENT_E_NAME (malformed), HEXAGENT_E_FULL (names_max reached).
 * Threads: [any thread]; meant for set-up, not for every call. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_name(hexagent_scheduler* scheduler, const char* text,
                                   uint32_t length) HEXAGENT_NOEXCEPT;

/**
 * Interns a worker label (LoRA, region, tier ...) as one bit of the 64-bit label sets.
 *
 * @return  The bit's number 0 to 63, HEXAGENT_E_NAME, or HEXAGENT_E_FULL after 64 labels.
 * Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_label(hexagent_scheduler* scheduler, const char* text,
                                    uint32_t length) HEXAGENT_NOEXCEPT;

/** Text of a name id, zero-terminated; HEXAGENT_E_NAME or HEXAGENT_E_BUFFER. [any thread] */
HEXAGENT_API hexagent_status hexagent_name_text(hexagent_scheduler* scheduler, uint32_t name,
                                                char* buffer, uint32_t capacity) HEXAGENT_NOEXCEPT;

/* ----------------------------------------------------- models and profiles -------------------- */

/**
 * Time model of one GPU type running one model at one tensor parallelism (profiles.json).
 *
 * Prefill of a batch with N = sum(new) tokens and P = sum(new * (cached + new / 2)) pairs takes
 *   N >= small_below_tokens:  prefill_fixed + prefill_per_token * N + prefill_per_pair * P
 *   else:                     small_fixed   + small_per_token   * N + prefill_per_pair * P.
 * One decode iteration of B sequences with S context tokens in all takes
 *   decode_fixed + decode_per_sequence * B + decode_per_context_token * S.
 * Times are seconds.
 */
typedef struct hexagent_profile {
  uint32_t struct_size;
  uint32_t gpu;             /* name id */
  uint32_t model;           /* name id */
  uint32_t tensor_parallel; /* GPUs of one instance, 1 to 64 */
  double prefill_fixed_s;
  double prefill_per_token_s;
  double prefill_per_pair_s;
  double small_fixed_s;
  double small_per_token_s;
  double decode_fixed_s;
  double decode_per_sequence_s;
  double decode_per_context_token_s;
  uint32_t small_below_tokens; /* 0 = there is no small form */
  uint32_t derived;            /* 1: predicted from hardware and model, not measured */
  uint64_t kv_capacity_tokens; /* of one instance; a worker may state its own */
  uint32_t kv_bytes_per_token; /* of the whole model, all ranks together */
  uint32_t reserved;
  double prefill_error; /* relative error of the fit, p95; 0 = unknown */
  double decode_error;
} hexagent_profile;

/** What a GPU can do, for profiles that nobody measured (hardware.csv). */
typedef struct hexagent_gpu {
  uint32_t struct_size;
  uint32_t gpu;                     /* name id */
  double peak_flops_per_s;          /* dense bf16 */
  double memory_bytes_per_s;        /* HBM */
  double memory_bytes;              /* as the driver reports it */
  double gemm_share_of_peak;        /* reached by large GEMMs; 0 = 0.75 */
  double weight_read_share_of_peak; /* reached when weights are read; 0 = 0.75 */
  double nvlink_bytes_per_s;        /* one direction; 0 = 300e9 */
} hexagent_gpu;

/** Shape of a model (models.csv). */
typedef struct hexagent_model {
  uint32_t struct_size;
  uint32_t model;              /* name id */
  uint32_t max_context_tokens; /* prompt + output; 0 = no limit known */
  uint32_t kv_bytes_per_token;
  double parameters; /* count; 0 allowed when no profile is derived from it */
  double weight_bytes;
  uint32_t layers; /* for HEXAGENT_WORKER_LAYERWISE too, where 0 = 32 */
  uint32_t hidden;
  uint32_t query_heads;
  uint32_t kv_heads;
  uint32_t head_dim;
  uint32_t reserved;
} hexagent_model;

/**
 * A profile that ships with the library (all entries of profiles.json).
 * `gpu`, `model` are zero-terminated, e.g. "H100-80G", "llama-3.1-70b". Name ids in `profile` are
 * those of `scheduler`.
 * @return HEXAGENT_OK or HEXAGENT_E_UNKNOWN_PROFILE. Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_profile_builtin(hexagent_scheduler* scheduler,
                                                      const char* gpu, const char* model,
                                                      uint32_t tensor_parallel,
                                                      hexagent_profile* profile) HEXAGENT_NOEXCEPT;

/**
 * Predicts a profile from hardware and model shape by a roofline; `profile->derived` is 1.
 * @return  HEXAGENT_OK, HEXAGENT_E_RANGE with the field, HEXAGENT_E_NEVER_FITS when the weights
 *          leave no KV space. Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_profile_derive(const hexagent_gpu* gpu,
                                                     const hexagent_model* model,
                                                     uint32_t tensor_parallel,
                                                     hexagent_profile* profile,
                                                     hexagent_error* error) HEXAGENT_NOEXCEPT;

/** Registers or replaces a profile (key: gpu, model, tensor_parallel). Verdict as a decision. */
HEXAGENT_API hexagent_status hexagent_profile_set(hexagent_scheduler* scheduler,
                                                  const hexagent_profile* profile,
                                                  uint64_t user_data,
                                                  hexagent_error* error) HEXAGENT_NOEXCEPT;

/** Registers or replaces a model's shape; needed for context limits, and for how many layers a
 * HEXAGENT_WORKER_LAYERWISE sends. Verdict as a decision. */
HEXAGENT_API hexagent_status hexagent_model_set(hexagent_scheduler* scheduler,
                                                const hexagent_model* model, uint64_t user_data,
                                                hexagent_error* error) HEXAGENT_NOEXCEPT;

/* ------------------------------------------------------- workers and links -------------------- */

/* Worker roles, a bit set. */
enum { HEXAGENT_ROLE_PREFILL = 1, HEXAGENT_ROLE_DECODE = 2, HEXAGENT_ROLE_BOTH = 3 };

/* Which way an engine counts priority; decides decision.priority. */
enum {
  HEXAGENT_ENGINE_OTHER = 0, /* lower is earlier */
  HEXAGENT_ENGINE_VLLM = 1,  /* lower is earlier */
  HEXAGENT_ENGINE_SGLANG = 2 /* higher is earlier */
};

/* When the decode worker must be known. */
enum {
  HEXAGENT_BINDING_PREFILL_START = 0, /* SGLang, Mooncake: bootstrapped with the prefill */
  HEXAGENT_BINDING_PREFILL_END = 1    /* vLLM NIXL: the decode worker pulls afterwards */
};

/* Flags of a worker. */
enum {
  HEXAGENT_WORKER_DELTA_TRANSFER = 1, /* pulls only KV it does not hold already */
  HEXAGENT_WORKER_ENDPOINT = 2, /* its KV is moved by an endpoint of ours, or by one that keeps the
                                 * same promise; see below */
  HEXAGENT_WORKER_LAYERWISE = 4 /* as a source it sends KV layer by layer; see below */
};

/*
 * ENDPOINT: after a transfer that did not end with DONE it tells when nothing touches the blocks
 * any more; see HEXAGENT_OUTCOME_QUIESCED. As a source it heeds what a TRANSFER says of urgency,
 * and later changes of it.
 *
 * LAYERWISE: the engine sends the KV of each layer to the PREFILL's `peer_worker` as soon as it is
 * computed (as Mooncake and pushing NIXL connectors do), not the whole once the prefill has ended.
 * Of the transfer only what the prefill does not hide is expected to take time: what it takes less
 * the call's own prefill but for one layer, and at least the last layer's share of it; how many
 * layers there are is in hexagent_model. TRANSFER is information then, and a transfer may be
 * reported STARTED while the prefill goes on. It needs HEXAGENT_BINDING_PREFILL_START, and no
 * ENDPOINT, which is told to send when the prefill has ended; else HEXAGENT_E_RANGE with
 * HEXAGENT_FIELD_FLAGS. It says nothing of a worker that only decodes.
 */

/** One engine instance. A prefill worker's binding rules its calls. */
typedef struct hexagent_worker {
  uint32_t struct_size;
  uint32_t worker;      /* the caller's id, not 0 */
  uint32_t incarnation; /* changes when the engine restarted: a new one = the old one lost */
  uint32_t role;        /* HEXAGENT_ROLE_* */
  uint32_t gpu;         /* name ids that pick the profile */
  uint32_t model;
  uint32_t tensor_parallel;       /* 0 = 1 */
  uint32_t engine;                /* HEXAGENT_ENGINE_* */
  uint32_t binding;               /* HEXAGENT_BINDING_* */
  uint32_t block_tokens;          /* KV block; 0 = 16 */
  uint64_t kv_capacity_tokens;    /* 0 = from the profile */
  uint64_t labels;                /* set of hexagent_label() bits */
  int64_t dispatch_round_trip_ns; /* decision polled to report submitted, nothing else; 0 = 1 ms */
  double ingress_bytes_per_s;     /* KV transfer into the worker; 0 = 45e9 */
  double egress_bytes_per_s;      /* and out of it */
  uint32_t link_latency_ns;       /* fixed part of a transfer; 0 = 20 us */
  uint32_t decode_batch_max;      /* sequences decoded together; 0 = 256 */
  uint32_t prefill_batch_tokens;  /* token budget of one prefill iteration; 0 = 8192 */
  uint32_t prefill_chunk_tokens;  /* of one request in one iteration; 0 = 2048 */
  uint32_t host_domain;           /* name ids for link overrides; 0 = none */
  uint32_t rack_domain;
  uint32_t zone_domain;
  uint32_t flags; /* HEXAGENT_WORKER_* */
} hexagent_worker;

/** Adds or updates a worker; a new incarnation loses the old one's calls. Verdict as a decision:
 * HEXAGENT_E_STATE with the field for what calls there were planned on and only a new incarnation
 * may change: role, model, KV capacity, block and prefill chunk. */
HEXAGENT_API hexagent_status hexagent_worker_set(hexagent_scheduler* scheduler,
                                                 const hexagent_worker* worker, uint64_t user_data,
                                                 hexagent_error* error) HEXAGENT_NOEXCEPT;

/** No new calls for this worker; what runs there finishes. Verdict as a decision. [any thread] */
HEXAGENT_API hexagent_status hexagent_worker_drain(hexagent_scheduler* scheduler, uint32_t worker,
                                                   uint32_t incarnation,
                                                   uint64_t user_data) HEXAGENT_NOEXCEPT;

/** The worker is gone: its calls are planned again or fail. Verdict as a decision. [any thread] */
HEXAGENT_API hexagent_status hexagent_worker_lost(hexagent_scheduler* scheduler, uint32_t worker,
                                                  uint32_t incarnation,
                                                  uint64_t user_data) HEXAGENT_NOEXCEPT;

/** What an engine says of itself; the difference to our ledger is kept as foreign load. */
typedef struct hexagent_heartbeat {
  uint32_t worker;
  uint32_t incarnation;
  uint64_t user_data;
  uint64_t kv_used_tokens; /* pinned by running requests, cache that can be evicted not counted */
  uint32_t running_count;  /* requests running, ours and others' */
  uint32_t queued_count;
  uint64_t queued_prefill_tokens; /* waiting prefill work, ours and others' */
  uint64_t flags;                 /* 0 */
  uint64_t reserved[2];
} hexagent_heartbeat;

/**
 * Takes up to `count` heartbeats. An accepted heartbeat gets no decision, a refused one does.
 *
 * @return  How many were queued: it stops at the first that cannot be, whose status is the answer
 *          when it is the very first (HEXAGENT_E_AGAIN, _RANGE, _RESERVED). Threads: [any thread].
 */
HEXAGENT_API int32_t hexagent_heartbeat_submit(hexagent_scheduler* scheduler,
                                               const hexagent_heartbeat* heartbeats,
                                               uint32_t count) HEXAGENT_NOEXCEPT;

enum { HEXAGENT_RESYNC_MAX = 2048 }; /* calls in one hexagent_worker_resync() */

/** A call that a worker holds: queued, running, or its KV kept for a transfer. 32 bytes. */
typedef struct hexagent_held_call {
  uint64_t workflow;
  uint64_t call;
  uint32_t attempt; /* decision.attempt of what it was sent with; 0 = the present one */
  uint32_t reserved0;
  uint64_t reserved[1];
} hexagent_held_call;

/** Whose list it is and how old. 64 bytes. */
typedef struct hexagent_resync {
  uint32_t worker;
  uint32_t incarnation;
  uint64_t user_data;
  uint64_t decision_sequence; /* the newest decision the worker had been sent when it made its list;
                               * 0 = every decision made before this input is taken */
  uint64_t reserved[5];
} hexagent_resync;

/**
 * Tells all calls of ours that a worker holds, so that both agree again: after a restart of this
 * process, or when messages to the worker were lost.
 *
 * A call the library believes there and the list lacks is planned again: without using up a retry
 * if nothing was ever reported of it (most likely its dispatch was decided and never sent), else as
 * after a lost worker; a stream that has begun fails. A listed call that has no business there
 * (ended, forgotten, sent elsewhere, an earlier attempt) gets an ABORT for that worker. The others
 * go on as they are. A decode worker must list a call from its TRANSFER on, and may before.
 *
 * Calls with a decision newer than `decision_sequence` are left alone: it may still be on its way.
 * After a restart the list is made before anything new is sent, and `decision_sequence` is
 * hexagent_journal_info.recovered_decisions. A worker that has restarted too needs no list: its new
 * incarnation in hexagent_worker_set() says that it holds nothing.
 *
 * @param held   All of them; read during the call only. More than `count` = HEXAGENT_RESYNC_MAX
 *               cannot be told.
 * @return       HEXAGENT_OK, HEXAGENT_E_ARGUMENT, _RANGE, _RESERVED, _AGAIN, _CLOSED. Verdict as a
 *               decision with the record's user_data: HEXAGENT_E_UNKNOWN_WORKER, _STALE.
 * Threads:      [any thread]; takes memory for the list. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_worker_resync(hexagent_scheduler* scheduler,
                                                    const hexagent_resync* resync,
                                                    const hexagent_held_call* held, uint32_t count,
                                                    hexagent_error* error) HEXAGENT_NOEXCEPT;

/** Bandwidth between two domains (host, rack or zone), both directions. Measured values win. */
typedef struct hexagent_link {
  uint32_t struct_size;
  uint32_t source_domain; /* name ids as given in the workers */
  uint32_t target_domain;
  uint32_t latency_ns; /* 0 = the workers' own */
  double bytes_per_s;  /* cap for one transfer between the domains; 0 = no cap */
} hexagent_link;

/** Registers or replaces a pair of domains. Verdict as a decision. [any thread] Since: 0.1 */
HEXAGENT_API hexagent_status hexagent_link_set(hexagent_scheduler* scheduler,
                                               const hexagent_link* link, uint64_t user_data,
                                               hexagent_error* error) HEXAGENT_NOEXCEPT;

/* Flags of a link sample. */
enum {
  HEXAGENT_SAMPLE_SETUP = 1, /* setup_ns is known (0 = there is none) */
  HEXAGENT_SAMPLE_QUEUE = 2, /* queue_ns is known (0 = it did not wait) */
  HEXAGENT_SAMPLE_SILENT = 4 /* what is not taken is dropped without a decision */
};

/** What moving KV really took. 64 bytes. */
typedef struct hexagent_link_sample {
  uint32_t source_worker;      /* 0 = of whichever source: it tells of the target's ingress */
  uint32_t source_incarnation; /* 0 = the present one */
  uint32_t target_worker;      /* 0 = to whichever target: it tells of the source's egress */
  uint32_t target_incarnation; /* 0 = the present one */
  uint64_t user_data;          /* returned if the sample is refused */
  uint64_t bytes;              /* moved in duration_ns, up to 2^56; both 0 = nothing of the rate */
  int64_t duration_ns;         /* on their way, set-up and waiting not counted; up to 1 hour */
  int64_t setup_ns;            /* what it took beside its bytes, on an idle link; up to 1 minute */
  int64_t queue_ns;            /* that it waited for others before it began; up to 1 hour */
  uint32_t flags;              /* HEXAGENT_SAMPLE_* */
  uint32_t reserved;
} hexagent_link_sample;

/**
 * Tells how fast links were measured to be: `count` samples of pairs of workers, or of one worker's
 * egress or ingress. A report of a transfer with HEXAGENT_REPORT_MEASURED is such a sample too.
 *
 * Placements go by moving means of them, for each pair on its own: rate, set-up, wait. They come
 * before the bandwidths and latencies declared in workers and links; a declared one counts as the
 * first sample, a default one not at all. A pair never measured is guessed by what its ends were
 * seen to carry, or are declared to. Samples with a rate more than eight times off the mean are
 * refused (HEXAGENT_E_RANGE, field `bandwidth`) until the third in a row on one side, which is
 * believed at once, as is the third in a row more than half off. The key `learning` = 0 keeps the
 * means as they are. About 32 pairs for each of workers_max are remembered, further ones are not.
 *
 * An accepted sample gets no decision, a refused one does unless it is SILENT, as of endpoints:
 * HEXAGENT_E_UNKNOWN_WORKER, _STALE (incarnation, or a lost worker), _STATE with field `role`
 * (KV goes from workers that prefill to workers that decode), _RANGE as above.
 *
 * @return  How many were queued: it stops at the first that cannot be, whose status is the answer
 *          when it is the very first (HEXAGENT_E_AGAIN, _RANGE, _RESERVED; one without a worker,
 *          bytes without a duration, less than 1 kB/s or more than 10 TB/s are E_RANGE), or
 *          HEXAGENT_E_ARGUMENT (null, more than HEXAGENT_BATCH_MAX).
 * Ownership: the samples are copied. Threads: [any thread]; never blocks. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_link_measured(hexagent_scheduler* scheduler,
                                            const hexagent_link_sample* samples,
                                            uint32_t count) HEXAGENT_NOEXCEPT;

/* ------------------------------------------------- workflows, calls, reports ------------------ */

enum { HEXAGENT_BATCH_MAX = 1024 }; /* records in one submit */

/* Service tiers of a workflow; see hexagent_workflow_begin(). */
enum { HEXAGENT_TIER_INTERACTIVE = 0, HEXAGENT_TIER_STANDARD = 1, HEXAGENT_TIER_BATCH = 2 };

/** A user request; its calls are revealed one by one. 128 bytes. */
typedef struct hexagent_workflow {
  uint64_t workflow;        /* unique among live workflows, not 0 */
  uint64_t user_data;       /* returned with decisions about the workflow */
  int64_t arrival_ns;       /* 0 = the time of the step that takes it */
  int64_t deadline_ns;      /* after arrival; 0 = none; not together with slo_scale_milli */
  uint32_t slo_scale_milli; /* deadline as a multiple of the horizon, in thousandths; 0 = none */
  uint32_t class_name;      /* name ids; 0 = none */
  uint32_t tenant;
  uint32_t tier;         /* HEXAGENT_TIER_* */
  int64_t ttft_limit_ns; /* limits for each call; 0 = none */
  int64_t tpot_limit_ns;
  uint32_t template_name;       /* name id of a known workflow template; 0 = none */
  uint32_t remaining_calls_p50; /* hints of the caller, 0 = none; what-if heeds tokens */
  uint32_t remaining_calls_p90;
  uint32_t flags;                /* 0 */
  uint64_t remaining_tokens_p50; /* prompt and output tokens still to come */
  uint64_t remaining_tokens_p90;
  uint64_t reserved[4];
} hexagent_workflow;

/**
 * Begins workflows; returns and `results` as in hexagent_submit().
 *
 * Waiting calls of an earlier tier go first, whatever the policy's order says of them; a call that
 * has waited longer than the key `starvation_s` counts as interactive. Engines are told by
 * order_key and priority, in which every call of an earlier tier comes first.
 *
 * Admission, off by default, answers REJECT in place of ACCEPTED:
 *  - to a workflow whose tenant has reached `tenant_workflows_max` or `tenant_waiting_max`
 *    (HEXAGENT_E_TENANT_LIMIT, `user_data` of the workflow): it has not begun;
 *  - with `admission` = 1 to a call submitted before any call of its workflow was sent, when the
 *    deadline cannot be met by the estimate of hexagent_what_if() (HEXAGENT_E_DEADLINE,
 *    `user_data` of the call). expected_start_ns is then the deadline and expected_end_ns the
 *    earliest end that can be reached: less the arrival, the shortest deadline to ask for. The
 *    workflow ends with it: CALL_DONE for each call ACCEPTED before, then WORKFLOW_DONE, all with
 *    this status. Its id is free again.
 * A workflow of which a call was sent is never turned away.
 * Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_workflow_begin(hexagent_scheduler* scheduler,
                                             const hexagent_workflow* workflows, uint32_t count,
                                             hexagent_status* results) HEXAGENT_NOEXCEPT;

/* Flags of a call. */
enum {
  HEXAGENT_CALL_HELD = 1, /* waits for hexagent_ready(): a tool or a human is awaited */
  HEXAGENT_CALL_LAST = 2  /* no further call of the workflow will be revealed */
};

/** One LLM call, a node of the workflow's DAG. 128 bytes. */
typedef struct hexagent_call {
  uint64_t workflow;
  uint64_t call;              /* unique in the workflow */
  uint64_t user_data;         /* returned with every decision about the call */
  uint32_t stage;             /* name id; 0 = none */
  uint32_t model;             /* name id; needed */
  uint32_t prompt_tokens;     /* 1 ...; an estimate is corrected by the prefill's report */
  uint32_t max_output_tokens; /* 0 = the model's context is the only limit */
  uint32_t output_tokens_p50; /* the caller's expectation; 0 = the library's predictor */
  uint32_t output_tokens_p90; /* 0 or >= p50 */
  uint32_t deps_offset;       /* into the deps array given to hexagent_submit() */
  uint32_t deps_count;
  uint32_t prefixes_offset; /* into the prefixes array */
  uint32_t prefixes_count;  /* at most 4 */
  uint64_t labels_required; /* both workers must have all of these */
  uint64_t labels_excluded; /* and none of these */
  uint32_t flags;           /* HEXAGENT_CALL_* */
  uint32_t reserved0;
  uint8_t trace_id[16]; /* W3C trace context, kept for traces; zero = none */
  uint8_t span_id[8];
  uint64_t reserved[2];
} hexagent_call;

/**
 * Leading prompt tokens that are the same text as another call's prompt or as a group's text.
 *
 * It states what can be shared, not a cache hit: a hit needs the tokens resident on a worker, which
 * the library tracks itself. An outside index (KV events) may add where it knows them resident.
 * 64 bytes.
 */
typedef struct hexagent_prefix {
  uint64_t group;    /* the caller's id of a fixed text shared across workflows; 0 = by call */
  uint64_t workflow; /* whose call; 0 = the same workflow */
  uint64_t call;
  uint32_t tokens;        /* 1 ...: length of the shared text, from the start of the prompt */
  uint32_t worker;        /* optional: a worker known to hold ... */
  uint32_t cached_tokens; /* ... this many of them */
  uint32_t reserved0;
  uint64_t reserved[3];
} hexagent_prefix;

/**
 * Hands up to `count` newly revealed calls to the scheduler.
 *
 * Each call is taken or not on its own; `results[i]` tells which. Verdicts on meaning and the
 * decisions about a call come out of hexagent_poll() with its `user_data`.
 *
 * @param calls     Records to copy.
 * @param count     0 to HEXAGENT_BATCH_MAX.
 * @param deps      Call ids the records point into by deps_offset and deps_count: calls of the same
 *                  workflow that must be done first. A finished one counts as satisfied.
 * @param prefixes  What the records point into by prefixes_offset and prefixes_count.
 * @param results   `count` status codes, always fully written (if it is an array of at most
 *                  HEXAGENT_BATCH_MAX).
 * @return          Number queued (>= 0), or HEXAGENT_E_ARGUMENT (nothing was taken).
 * Per item:        HEXAGENT_E_AGAIN when the intake queue is full: poll (and step), retry;
 *                  HEXAGENT_E_CLOSED after hexagent_shutdown();
 *                  HEXAGENT_E_RANGE, _RESERVED, _NAME, _ARGUMENT (offsets) for a malformed record;
 *                  the others are taken all the same.
 * Threads:         [any thread]; never blocks. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_submit(hexagent_scheduler* scheduler, const hexagent_call* calls,
                                     uint32_t count, const uint64_t* deps, uint32_t deps_count,
                                     const hexagent_prefix* prefixes, uint32_t prefixes_count,
                                     hexagent_status* results) HEXAGENT_NOEXCEPT;

/**
 * Lifts HELD: the tool finished, the human answered. Idempotent; before the dependencies are done
 * it is remembered. Verdict as a decision (HEXAGENT_E_UNKNOWN_WORKFLOW, _CALL, _STATE).
 * @return HEXAGENT_OK, HEXAGENT_E_AGAIN, or HEXAGENT_E_RANGE for workflow 0. Threads: [any thread].
 * Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_ready(hexagent_scheduler* scheduler, uint64_t workflow,
                                            uint64_t call, uint64_t user_data) HEXAGENT_NOEXCEPT;

/* Phases of a call. */
enum { HEXAGENT_PHASE_PREFILL = 1, HEXAGENT_PHASE_TRANSFER = 2, HEXAGENT_PHASE_DECODE = 3 };

/* What a report says of the phase. */
enum {
  HEXAGENT_OUTCOME_STARTED = 1,  /* optional, sharpens estimates */
  HEXAGENT_OUTCOME_PROGRESS = 2, /* optional: tokens so far; in decode the first means streaming */
  HEXAGENT_OUTCOME_DONE = 3,
  HEXAGENT_OUTCOME_FAILED = 4,  /* planned again unless streaming or out of retries */
  HEXAGENT_OUTCOME_ABORTED = 5, /* the engine has dropped it after an ABORT decision */
  HEXAGENT_OUTCOME_PLACED = 6,  /* shadow mode only: the router has chosen `worker` for the phase */
  HEXAGENT_OUTCOME_QUIESCED = 7 /* transfer: nothing touches its blocks on `worker` any more */
};

/** What happened to a dispatched call. 128 bytes. */
typedef struct hexagent_report {
  uint64_t workflow;
  uint64_t call;
  uint64_t user_data;     /* returned if the report is refused */
  uint32_t worker;        /* where; 0 = where the library sent it */
  uint32_t incarnation;   /* of that worker; 0 = the present one */
  uint32_t phase;         /* HEXAGENT_PHASE_* */
  uint32_t outcome;       /* HEXAGENT_OUTCOME_* */
  int64_t start_ns;       /* of the phase; 0 = not known */
  int64_t end_ns;         /* of the phase, or the time of a STARTED or PROGRESS; 0 = now */
  uint32_t tokens;        /* prefill: prompt tokens; decode: output tokens so far; 0 = not known */
  uint32_t cached_tokens; /* prefill: prompt tokens that were cache hits; valid if flags say so */
  uint64_t bytes;         /* transfer: bytes moved; 0 = not known */
  uint32_t attempt;       /* decision.attempt of the dispatch; 0 = the present one */
  uint32_t flags;         /* HEXAGENT_REPORT_* */
  uint64_t reserved[6];
} hexagent_report;

/* Flags of a report. */
enum {
  HEXAGENT_REPORT_CACHED_TOKENS = 1, /* cached_tokens is known (0 = no hit) */
  HEXAGENT_REPORT_MEASURED = 2       /* transfer DONE: it is a link sample too, see below */
};

/**
 * Reports phases done, started, failed or progressing. Phases an engine cannot report are inferred:
 * a decode report tells that prefill and transfer are over.
 *
 * Late, duplicate, unknown and out-of-order reports are answered by REFUSED with a status of their
 * own and change nothing. An accepted report gets no ACCEPTED decision: what follows from it does.
 *
 * MEASURED: `bytes` really took from start_ns to end_ns, waiting before that not counted; all three
 * are needed. Taken as by hexagent_link_measured(), but an outlier is only counted. A transfer that
 * waited for layers (HEXAGENT_WORKER_LAYERWISE) measures the prefill: leave the flag out.
 *
 * A transfer that FAILED is planned again from there, with another `attempt`, if the prefill worker
 * still has the KV: it is a HEXAGENT_WORKER_ENDPOINT, or binds its decode worker late
 * (HEXAGENT_BINDING_PREFILL_END). Another decode worker is preferred; the first gets an ABORT. It
 * counts against `retry_max`, as any failure. Other calls are prefilled again. With an endpoint the
 * same happens when the decode worker is lost.
 *
 * QUIESCED: a transfer that was aborted or has failed may still be writing into its target's blocks
 * and reading from its source's. So what the two have reserved for it stays reserved until each has
 * said QUIESCED (with `attempt` of the transfer's decision), its worker is lost, or the key
 * `quiesce_timeout_s` has passed; hexagent_stats counts the latter. This is so for each of the two
 * that is a HEXAGENT_WORKER_ENDPOINT; elsewhere the reservation ends at once. After DONE it is not
 * needed. Refused, and nothing has changed: HEXAGENT_E_DUPLICATE (nothing is kept there any more or
 * never was), _ORDER (the transfer has not ended), _STALE (a later attempt, another worker or
 * incarnation), _UNKNOWN_WORKFLOW, _UNKNOWN_CALL, _UNKNOWN_WORKER; at once HEXAGENT_E_RANGE without
 * `worker` or with another phase.
 *
 * @return  Number queued (>= 0) or HEXAGENT_E_ARGUMENT. `results` as in hexagent_submit().
 * Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_complete(hexagent_scheduler* scheduler,
                                       const hexagent_report* reports, uint32_t count,
                                       hexagent_status* results) HEXAGENT_NOEXCEPT;

/** Cancels a call and all revealed calls that depend on it. Verdict as a decision. [any thread] */
HEXAGENT_API hexagent_status hexagent_call_cancel(hexagent_scheduler* scheduler, uint64_t workflow,
                                                  uint64_t call,
                                                  uint64_t user_data) HEXAGENT_NOEXCEPT;

/** Cancels a workflow with all of its calls. Verdict as a decision. [any thread] Since: 0.1 */
HEXAGENT_API hexagent_status hexagent_workflow_cancel(hexagent_scheduler* scheduler,
                                                      uint64_t workflow,
                                                      uint64_t user_data) HEXAGENT_NOEXCEPT;

/**
 * No further call will come. WORKFLOW_DONE follows once the calls already revealed are done.
 * A workflow without end, last call or activity is ended after `workflow_idle_ttl_s`.
 */
HEXAGENT_API hexagent_status hexagent_workflow_end(hexagent_scheduler* scheduler, uint64_t workflow,
                                                   uint64_t user_data) HEXAGENT_NOEXCEPT;

/* -------------------------------------------------------- driving, decisions ------------------ */

/* Kinds of decision. */
enum {
  HEXAGENT_DECISION_ACCEPTED = 1,     /* an input was taken: user_data, workflow, call, worker;
                                        * status: OK, or the journal has failed to keep it */
  HEXAGENT_DECISION_REFUSED = 2,      /* it was not: status, field */
  HEXAGENT_DECISION_PREFILL = 3,      /* send to `worker`; `peer_worker` decodes (tentative) */
  HEXAGENT_DECISION_LOCAL = 4,        /* prefill and decode on `worker` */
  HEXAGENT_DECISION_TRANSFER = 5,     /* move KV from `worker` to `peer_worker`; the library does it
                                          and reports it where both have an endpoint (endpoint.h) */
  HEXAGENT_DECISION_DECODE = 6,       /* decode on `worker`, KV from `peer_worker` */
  HEXAGENT_DECISION_REPRIORITISE = 7, /* new order_key and priority for what waits on `worker` */
  HEXAGENT_DECISION_ABORT = 8,        /* withdraw the call from `worker`; answer with ABORTED */
  HEXAGENT_DECISION_RETAIN_KV = 9,    /* keep the KV on `worker` until `expected_end_ns` (never sent
                                          by 0.1: no policy gains by it) */
  HEXAGENT_DECISION_RELEASE_KV = 10,  /* the KV on `worker` is needed no longer (likewise) */
  HEXAGENT_DECISION_REJECT = 11,      /* admission: status; expected_start/end_ns = the deadline
                                          and the earliest end that can be reached */
  HEXAGENT_DECISION_RISK = 12,        /* the deadline will be missed: see expected_end_ns */
  HEXAGENT_DECISION_CALL_DONE = 13,   /* status: OK, or why it failed or was cancelled */
  HEXAGENT_DECISION_WORKFLOW_DONE = 14 /* expected_start/end_ns = arrival and end; stretch_milli */
};

/** One decision. 128 bytes. Fields a kind does not use are 0. */
typedef struct hexagent_decision {
  uint64_t sequence;         /* 1, 2, 3 ... without gaps */
  uint64_t journal_position; /* of the input that caused it: inputs taken so far */
  uint64_t user_data;        /* of the call, workflow or refused input */
  uint64_t workflow;
  uint64_t call;
  uint32_t kind;  /* HEXAGENT_DECISION_* */
  int32_t status; /* hexagent_status of ACCEPTED, REFUSED, REJECT, CALL_DONE, WORKFLOW_DONE */
  uint32_t worker;
  uint32_t peer_worker;
  uint32_t incarnation;      /* of `worker` */
  uint32_t attempt;          /* 1 ...; counts dispatches of this call */
  int64_t time_ns;           /* when it was decided */
  int64_t expected_start_ns; /* of the phase it starts */
  int64_t expected_end_ns;
  int64_t order_key; /* lower goes first among calls on one worker; comparable across workers */
  int32_t priority;  /* the same in the engine's own polarity */
  uint32_t tokens;   /* PREFILL: prompt; TRANSFER: tokens to move; DECODE: output expected */
  uint32_t cached_tokens; /* expected hit on `worker` (TRANSFER: on `peer_worker`) */
  uint32_t field;         /* HEXAGENT_FIELD_* of REFUSED */
  uint32_t stretch_milli; /* WORKFLOW_DONE: (end - arrival) / horizon, in thousandths */
  uint32_t risk_milli;    /* see below */
  int64_t deadline_ns;    /* see below */
} hexagent_decision;

/*
 * TRANSFER from a HEXAGENT_WORKER_ENDPOINT, and REPRIORITISE of one under way, which has a
 * `peer_worker`, also carry
 *
 *   order_key    who goes first among the transfers that leave one worker: the lower;
 *   risk_milli   stretch of the workflow if what is revealed of it ran alone from now on, over the
 *                stretch its deadline allows, in thousandths, at least 1. 1000: the deadline will
 *                just be met. 500 also when it is lost: such work is never the most urgent. Without
 *                a deadline 1 stretch is allowed, so that it is 1000 or more;
 *   deadline_ns  the latest end of the transfer, a time as expected_end_ns, with which the deadline
 *                is still met, by the expected decode and what is known to follow it. It may be in
 *                the past; 0 = there is no deadline.
 *
 * A REPRIORITISE follows when the planner runs and finds risk_milli changed by more than the key
 * `transfer_risk_step` since it was last told: few for one transfer, however long it takes.
 */

/**
 * Manual driving: takes all queued inputs as of `now_ns`, fires due timers, plans, queues
 * decisions.
 *
 * @param now_ns  0 to 4e18 (the Unix clock until 2096), not before an earlier step's; several steps
 *                at one time are fine.
 * @return  Number of decisions waiting in the decision queue (>= 0), HEXAGENT_E_TIME,
 *          HEXAGENT_E_POISONED, HEXAGENT_E_STATE in another mode of driving, HEXAGENT_E_AGAIN when
 *          the decision queue is so full that inputs stay queued: poll, then step again;
 *          HEXAGENT_E_CLOSED after hexagent_shutdown() once nothing is left to take or to poll.
 * Threads: [one consumer]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_step(hexagent_scheduler* scheduler, int64_t now_ns) HEXAGENT_NOEXCEPT;

/**
 * Manual driving: time of the earliest timer (idle expiry, round trips, a sync of the journal that
 * falls due); INT64_MAX when there is none; a negative HEXAGENT_E_* for a handle that does not work
 * or is driven otherwise. Before the first step after a recovery it is of the journal's clock.
 * Threads: [one consumer]. Since: 0.1
 */
HEXAGENT_API int64_t hexagent_next_timer(hexagent_scheduler* scheduler) HEXAGENT_NOEXCEPT;

/**
 * Thread and loop driving: a descriptor for poll(2), epoll and their like that is readable
 *
 *   thread  when decisions wait to be polled,
 *   loop    when inputs wait to be taken, a timer is due or decisions wait to be polled,
 *
 * and in both also after the last decision of a shutdown and when the handle is poisoned, so that
 * whoever waits gets to see it. It need not be read and must not be: wait until it is readable,
 * (loop: call hexagent_run_once(),) call hexagent_poll() until it answers 0, wait again. With an
 * edge-triggered wait (loop:) go on until both hexagent_run_once() and hexagent_poll() answer 0. It
 * may now and then be readable for nothing.
 *
 * @return  The descriptor (>= 0), or HEXAGENT_E_STATE in manual driving.
 * Ownership: it is the library's until hexagent_close(). Give a duplicate to a runtime that closes
 *          or tracks what it is given.
 * Threads: [any thread]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_event_fd(hexagent_scheduler* scheduler) HEXAGENT_NOEXCEPT;

/**
 * Loop driving: takes queued inputs as of now, fires due timers, plans, queues decisions. Never
 * blocks. The clock is read once, as by hexagent_now().
 *
 * @param inputs_max  At most so many inputs, to bound the time it takes; 0 = all that are queued
 *                    when it begins. The descriptor stays readable while more wait.
 * @return  Number of decisions waiting (>= 0), HEXAGENT_E_AGAIN when so many wait that inputs stay
 *          queued: poll, then run again; HEXAGENT_E_CLOSED as in hexagent_step(); HEXAGENT_E_STATE
 *          in another mode of driving; HEXAGENT_E_POISONED.
 * Threads: [one consumer]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_run_once(hexagent_scheduler* scheduler,
                                       uint32_t inputs_max) HEXAGENT_NOEXCEPT;

/**
 * Takes up to `capacity` decisions, oldest first. Never blocks.
 *
 * In thread driving decisions also wait in the library while nobody polls: when `decisions_max` of
 * them wait no input is taken, the intake queue fills up and answers HEXAGENT_E_AGAIN. Polling gets
 * it going again.
 *
 * @return  Number written (>= 0), HEXAGENT_E_CLOSED after hexagent_shutdown() when none will come
 *          any more, or another error. With a `capacity` of 0 nothing happens.
 * Threads: [one consumer]; in thread driving any one thread, beside inputs and questions of others.
 * Since: 0.1
 */
HEXAGENT_API int32_t hexagent_poll(hexagent_scheduler* scheduler, hexagent_decision* decisions,
                                   uint32_t capacity) HEXAGENT_NOEXCEPT;

/* --------------------------------------------------------------- questions -------------------- */

/*
 * A question sees every input that its asker has submitted before, planned. Two exceptions: inputs
 * that have to wait because too many decisions do are not waited for, and in manual and loop
 * driving it sees what was taken so far. Asking changes nothing and is in no journal.
 */

/* States of a call. */
enum {
  HEXAGENT_STATE_HELD = 1,
  HEXAGENT_STATE_WAITING = 2, /* for dependencies */
  HEXAGENT_STATE_READY = 3,
  HEXAGENT_STATE_DISPATCHED = 4,
  HEXAGENT_STATE_PREFILLING = 5,
  HEXAGENT_STATE_PREFILLED = 6, /* KV pinned on the prefill worker */
  HEXAGENT_STATE_TRANSFERRING = 7,
  HEXAGENT_STATE_DECODE_QUEUED = 8,
  HEXAGENT_STATE_DECODING = 9,
  HEXAGENT_STATE_DONE = 10,
  HEXAGENT_STATE_FAILED = 11,
  HEXAGENT_STATE_CANCELLED = 12
};

/** State of a call (> 0), HEXAGENT_E_UNKNOWN_WORKFLOW or HEXAGENT_E_UNKNOWN_CALL. [question] */
HEXAGENT_API int32_t hexagent_call_state(hexagent_scheduler* scheduler, uint64_t workflow,
                                         uint64_t call) HEXAGENT_NOEXCEPT;

/** A candidate placement with predicted times. 64 bytes. */
typedef struct hexagent_placement {
  uint32_t prefill_worker;
  uint32_t decode_worker;
  uint32_t prefill_cached_tokens; /* expected hits */
  uint32_t decode_cached_tokens;  /* KV that need not be moved */
  int64_t prefill_start_ns;
  int64_t prefill_end_ns;
  int64_t transfer_end_ns;
  int64_t decode_end_ns;
  double cost_s;     /* what the policy minimises, seconds; lower is better */
  uint32_t fits_now; /* 1: KV space on both workers at this moment */
  uint32_t reserved;
} hexagent_placement;

/**
 * Where would this call go if it were ready now? Best first; commits nothing.
 *
 * @param call      A call that need not have been submitted; `deps` are ignored. Its workflow may
 *                  be unknown (then the call is judged alone).
 * @return          Number of candidates written (0 ... capacity), HEXAGENT_E_NO_WORKER, or as
 *                  hexagent_submit() for a malformed record.
 * Threads: [question]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_placement_query(
    hexagent_scheduler* scheduler, const hexagent_call* call, const hexagent_prefix* prefixes,
    uint32_t prefixes_count, hexagent_placement* placements, uint32_t capacity) HEXAGENT_NOEXCEPT;

/** Answer of hexagent_what_if(). */
typedef struct hexagent_forecast {
  uint32_t struct_size;
  uint32_t meets_deadline;      /* 1 also when there is no deadline */
  int64_t projected_end_ns;     /* of the calls given, ready now */
  int64_t horizon_ns;           /* the same calls alone on this cluster */
  int64_t earliest_deadline_ns; /* after arrival: the smallest deadline that would be met */
} hexagent_forecast;

/**
 * Would this workflow meet its deadline if it were admitted now, and if not, which is the earliest
 * that would be met? Commits nothing. Admission (key `admission`) goes by the same estimate.
 *
 * It assumes that nothing else arrives: the calls wait for what the workers were sent and for the
 * calls of the same tier or an earlier one that wait in the library, all of which is worked off
 * meanwhile. Later arrivals that the policy puts first make it too early, early ends too late.
 *
 * @param workflow  As for hexagent_workflow_begin(); need not have begun. `remaining_tokens_p50`
 *                  beyond the tokens of `calls` are counted as work that follows them, at the same
 *                  time a token.
 * @param calls     What is known of its DAG: all of this workflow, dependencies before what depends
 *                  on them, deps among them by id; arguments as hexagent_submit().
 * @return HEXAGENT_OK, HEXAGENT_E_NO_WORKER, HEXAGENT_E_UNKNOWN_DEPENDENCY, or as
 *         hexagent_submit() for a malformed record.
 * Threads: [question]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_what_if(
    hexagent_scheduler* scheduler, const hexagent_workflow* workflow, const hexagent_call* calls,
    uint32_t count, const uint64_t* deps, uint32_t deps_count, const hexagent_prefix* prefixes,
    uint32_t prefixes_count, hexagent_forecast* forecast) HEXAGENT_NOEXCEPT;

/**
 * Why a call went where it went: one JSON object with state, order key and its terms, the chosen
 * placement and the best alternatives at that moment, predicted against actual times. Its times are
 * those of the journal's clock: hexagent_journal_info.clock_shift_ns later than the caller's.
 *
 * @param buffer  May be NULL when `capacity` is 0, to ask for the size.
 * @param needed  Bytes of the text with its terminating zero (also when the buffer is too small);
 *                may be NULL.
 * @return HEXAGENT_OK, HEXAGENT_E_BUFFER, HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_E_UNKNOWN_CALL.
 * Threads: [question]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_explain(hexagent_scheduler* scheduler, uint64_t workflow,
                                              uint64_t call, char* buffer, uint32_t capacity,
                                              uint32_t* needed) HEXAGENT_NOEXCEPT;

/** Progress of a workflow. */
typedef struct hexagent_workflow_info {
  uint32_t struct_size;
  uint32_t calls_revealed;
  uint32_t calls_done;
  uint32_t calls_ready; /* ready, not dispatched */
  int64_t arrival_ns;
  int64_t horizon_ns;       /* standalone completion estimate of what is revealed */
  int64_t projected_end_ns; /* of the revealed calls */
  int64_t deadline_ns;      /* absolute; 0 = none */
  double stretch;           /* (now - arrival + projected remaining) / horizon */
} hexagent_workflow_info;

/** HEXAGENT_OK or HEXAGENT_E_UNKNOWN_WORKFLOW. Threads: [question]. Since: 0.1 */
HEXAGENT_API hexagent_status
hexagent_workflow_query(hexagent_scheduler* scheduler, uint64_t workflow,
                        hexagent_workflow_info* info) HEXAGENT_NOEXCEPT;

/** The library's picture of a worker. */
typedef struct hexagent_worker_info {
  uint32_t struct_size;
  uint32_t state; /* 1 = serving, 2 = draining, 3 = lost */
  uint64_t kv_capacity_tokens;
  uint64_t kv_reserved_tokens;  /* promised to our calls */
  uint64_t kv_foreign_tokens;   /* used by others, from heartbeats */
  uint32_t prefill_outstanding; /* our calls dispatched there, prefill not done */
  uint32_t decode_outstanding;  /* our calls in transfer to it or decoding */
  int64_t prefill_wait_ns;      /* estimate for a call sent now */
  double prefill_factor;        /* learned: real over predicted time */
  double decode_factor;
} hexagent_worker_info;

/** HEXAGENT_OK or HEXAGENT_E_UNKNOWN_WORKER. Threads: [question]. Since: 0.1 */
HEXAGENT_API hexagent_status hexagent_worker_query(hexagent_scheduler* scheduler, uint32_t worker,
                                                   hexagent_worker_info* info) HEXAGENT_NOEXCEPT;

/** What is known of the way from one worker to another, and what placements reckon with. */
typedef struct hexagent_link_info {
  uint32_t struct_size;
  uint32_t samples;   /* of the rate that were taken, a declared one included; 0 = not measured */
  double bytes_per_s; /* of one transfer that is alone */
  double declared_bytes_per_s; /* the same if nothing had been measured */
  int64_t setup_ns;            /* fixed part of a transfer */
  int64_t queue_ns;            /* that one waits as measured; 0 also when it was not */
  uint32_t setup_samples;
  uint32_t queue_samples;
} hexagent_link_info;

/**
 * The link estimate of a pair of workers.
 *
 * @return HEXAGENT_OK, HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_E_ARGUMENT, _STRUCT_SIZE, _TOO_NEW.
 * Ownership: `info` is the caller's.
 * Threads: [question]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_link_query(hexagent_scheduler* scheduler,
                                                 uint32_t source_worker, uint32_t target_worker,
                                                 hexagent_link_info* info) HEXAGENT_NOEXCEPT;

/** Regret of an existing router, in shadow mode. Times run from a call's placement. */
typedef struct hexagent_shadow_info {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t calls_placed;     /* whose placement by the router is known */
  uint64_t calls_agreed;     /* of which the library would have done the same */
  uint64_t calls_finished;   /* and which have ended well */
  double ours_predicted_s;   /* sum of the predicted finishes had the library placed the calls */
  double theirs_predicted_s; /* and of where the router placed them; the difference is the regret */
  double finished_predicted_s; /* theirs, of the calls that have ended */
  double finished_realised_s;  /* what those really took */
  double finished_error_s;     /* sum of |realised - predicted| of those */
  double regret_p50_s; /* quantiles of a call's regret, to a fifth; not above 1 ms counts 0 */
  double regret_p90_s;
  double regret_p99_s;
  double regret_max_s;
} hexagent_shadow_info;

/**
 * Shadow mode (key `shadow` = 1 at open): the library runs beside an existing router and is told
 * the same as otherwise. It sends nothing: no PREFILL, LOCAL, TRANSFER, DECODE, REPRIORITISE, ABORT
 * and no REJECT are decided, all else is. Reports must name the workers the router chose: PLACED
 * with phase DECODE (if it is chosen in advance), then PLACED with phase PREFILL, when the call is
 * sent; without them, the first report of a phase that names a worker counts. Reports of calls that
 * are still held or wait for dependencies are refused as always.
 *
 * At that moment the policy's own placement and the router's are projected on the same state of the
 * cluster. This sums up what came of it; hexagent_explain() tells it of one call.
 *
 * @return HEXAGENT_OK, HEXAGENT_E_STATE when not in shadow mode. Threads: [question]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_shadow_query(hexagent_scheduler* scheduler,
                                                   hexagent_shadow_info* info) HEXAGENT_NOEXCEPT;

/** Counters since open and gauges of now. What a journal brought back counts as since open. */
typedef struct hexagent_stats {
  uint32_t struct_size;
  uint32_t workers;
  uint64_t inputs; /* taken from the intake queue */
  uint64_t refused;
  uint64_t decisions;
  uint64_t plans; /* planner runs */
  uint64_t workflows_live;
  uint64_t workflows_done;
  uint64_t workflows_cancelled; /* expired ones too */
  uint64_t calls_live;
  uint64_t calls_waiting; /* ready, not dispatched */
  uint64_t calls_done;
  uint64_t calls_failed;
  uint64_t calls_retried;
  uint64_t intake_rejected;   /* E_AGAIN answers */
  uint64_t prefix_hit_tokens; /* reported or expected */
  uint64_t prompt_tokens;
  uint64_t transfer_bytes;
  uint64_t bytes_allocated;    /* memory the handle holds */
  uint64_t inputs_held_back;   /* steps that left inputs queued, decisions_max decisions waiting */
  uint64_t decision_ring_full; /* thread driving: steps that found no room to hand decisions out */
  uint64_t decisions_waiting;  /* to be polled */
  uint64_t journal_inputs; /* recorded since open; this and the following: 0 without a journal */
  uint64_t journal_inputs_recovered; /* came back at open */
  uint64_t journal_inputs_lost;      /* not recorded, because the journal had failed */
  uint64_t journal_steps;            /* recorded since open */
  uint64_t journal_bytes;            /* handed to the operating system since open */
  uint64_t journal_segments;         /* begun since open */
  uint64_t journal_syncs;
  uint64_t journal_failures;          /* 1 once it has failed; see hexagent_journal_query() */
  uint64_t journal_sync_age_ns;       /* from what is on disk to the last step; 0 = all of it is */
  uint64_t rejected;                  /* REJECT decisions */
  uint64_t journal_snapshots;         /* written since open */
  uint64_t journal_snapshots_skipped; /* not written: refused, or decisions were never all polled */
  uint64_t journal_snapshot_bytes;    /* size of the last one written */
  uint64_t journal_segments_removed;  /* since open, see journal_keep_bytes */
  uint64_t transfers_failed;          /* that were planned again with the KV where it was */
  uint64_t transfers_reprioritised;   /* REPRIORITISE of transfers under way */
  uint64_t link_samples;              /* taken into link estimates */
  uint64_t link_outliers;             /* not taken, because of their rate */
  uint64_t kv_held_tokens;            /* of ended transfers, until QUIESCED; a gauge */
  uint64_t kv_quiesce_timeouts;       /* given up without it: see quiesce_timeout_s */
  uint64_t calls_outside; /* of calls_waiting, whose workflows may not begin yet: working_set_max */
} hexagent_stats;

/** Threads: [question]. Since: 0.1 */
HEXAGENT_API hexagent_status hexagent_stats_read(hexagent_scheduler* scheduler,
                                                 hexagent_stats* stats) HEXAGENT_NOEXCEPT;

/**
 * OpenMetrics text of statistics and endpoints (names `hexagent_*`, ends with "# EOF").
 * @return HEXAGENT_OK or HEXAGENT_E_BUFFER; `needed` as in hexagent_explain(). [question]
 */
HEXAGENT_API hexagent_status hexagent_metrics_write(hexagent_scheduler* scheduler, char* buffer,
                                                    uint32_t capacity,
                                                    uint32_t* needed) HEXAGENT_NOEXCEPT;

/* ----------------------------------------------------------------- journal -------------------- */

/*
 * With the configuration key `journal` = a folder, every input and every step is recorded there, in
 * order and with its time, so that the same state can be reached again: by hexagent_open() with
 * that folder after a restart, and by whoever looks into what happened (`hexagent replay`,
 * hexagent_replay_open()). It holds ids, names and numbers, no prompt text. The other keys:
 *
 *   journal_durability      what a crash may lose:
 *     before_accepted         nothing that was polled; each poll that has something to show waits
 *                             for the disk once, however many steps there were (in thread driving:
 *                             each batch of inputs),
 *     interval                of what was polled nothing when the process dies, the last
 *                             journal_sync_interval_s when the machine does (default),
 *     none                    nothing when the process dies, all since the segment began when the
 *                             machine does.
 *   journal_snapshot        1 (default): a snapshot of all the state precedes each further segment,
 *                           and a recovery lives through what came after the newest one only;
 *   journal_keep_bytes      so much of what precedes the newest snapshot is kept (default 512 MiB),
 *                           for `hexagent replay` and in case the snapshot is damaged; what is
 *                           older is removed. 0 keeps all.
 *   journal_sync_interval_s, journal_segment_bytes, journal_full_decisions: see
 *   hexagent_config_describe(). None of them is live, all may differ from one open to the next.
 *
 * Snapshots   One is written by hexagent_close(), and when a segment is full and no decision waits
 *             to be polled (thread driving: to be handed to the poller); where some always do, a
 *             segment ends a quarter too long and without one. It takes milliseconds of the thread
 *             that steps. One that cannot be written, for want of room on the disk, is skipped and
 *             counted: the journal does not depend on it.
 * Failure     When a file cannot be written (disk full), the journal ends for good; what is in it
 *             stays whole. The scheduler goes on. With before_accepted an ACCEPTED that is not on
 *             disk then carries the status HEXAGENT_E_IO: in effect, but not acknowledged. Counted
 *             in hexagent_stats.journal_failures, explained by hexagent_journal_query().
 * Poisoned    The steps before the broken one are written and synced at once; the inputs that broke
 *             it are in the last file too, without counting. `hexagent replay` can be run on the
 *             folder after hexagent_close(), and opening it again recovers the state before that
 *             step.
 *
 * Restart     Open with the same folder and the same limits. Workers, workflows and calls are back
 *             as they were after the last step that was kept, names and labels have their ids:
 *             intern the same strings again and the same ids come out. Nothing decided before is
 *             shown again; it may have been polled or not. Then:
 *   Time      thread, loop: on the same machine CLOCK_MONOTONIC goes on, and the time in between
 *             has passed for deadlines and idle workflows. When the machine was started anew, or
 *             the folder is on another one, no time has passed: the library moves times between its
 *             clock and the journal's from then on; use hexagent_now() as ever. Times from before
 *             the restart come out as what they would have been on the new clock, perhaps negative.
 *             (Told apart by /proc/sys/kernel/random/boot_id. Without it, or when the journal was
 *             driven by hand before, a clock that is not before the last step kept goes on.)
 *             manual: any clock that is monotonic from the first step on. That step decides: a time
 *             before recovered_now_ns stands for that moment, a later one says that the time in
 *             between has passed; whether it is of the same clock cannot be known here.
 *             A report's time from before the restart, on a clock that began anew, is not known:
 *             pass 0, or it is taken for the moment of the restart.
 *   Inputs    An input whose ACCEPTED was polled is in effect (see the table above). Others may be:
 *             hand them in again and take HEXAGENT_E_DUPLICATE for "it was". A workflow that is
 *             HEXAGENT_E_UNKNOWN_WORKFLOW now has ended. Reports are safe to repeat. Do so before
 *             the workers' lists and reports: a workflow could end by those, and handing it in
 *             again would then begin another one.
 *   Workers   What was in flight may have run on, ended or never been sent. Send every worker's
 *             state: hexagent_worker_set() with a new incarnation if the engine has restarted, else
 *             hexagent_worker_resync() with the calls it holds, then the reports that it has. Until
 *             then the library goes on from what it knew.
 *   Settings  A live key that the configuration sets otherwise than it was is changed, by an input
 *             as any other, with its verdict as a decision with user_data 0.
 */

/** What became of a scheduler's journal, and what came back from it at open. */
typedef struct hexagent_journal_info {
  uint32_t struct_size;
  hexagent_status status;       /* OK; why it has failed; HEXAGENT_E_CLOSED after the last step */
  uint64_t recovered_steps;     /* 0 = the journal was new */
  uint64_t recovered_inputs;    /* of all its life */
  uint64_t recovered_decisions; /* sequence number of the last one; 0 = none */
  int64_t recovered_now_ns;     /* time of the last step, the journal's clock */
  int64_t clock_shift_ns;       /* the journal's clock minus the caller's; manual: 0 until a step */
  uint64_t cut_bytes;           /* torn tail that a crash had left and that does not count */
  uint32_t cut_frames;          /* whole frames in it */
  uint32_t closed;              /* 1: it had been closed in good order */
  char text[256];               /* why it has failed, with file and reason; empty otherwise */
  uint64_t snapshot_steps;      /* of recovered_steps, those that a snapshot stood for; 0 = none */
  uint32_t snapshot_segment;    /* the segment it precedes; 0 = recovered from the first segment */
  uint32_t snapshots_passed;    /* newer ones that were damaged and passed over */
  char snapshot_text[256];      /* why the last one was passed over at open, or was skipped or could
                                 * not be written since; empty otherwise */
} hexagent_journal_info;

/** HEXAGENT_OK, or HEXAGENT_E_STATE without a journal. Threads: [question]. Since: 0.1 */
HEXAGENT_API hexagent_status hexagent_journal_query(hexagent_scheduler* scheduler,
                                                    hexagent_journal_info* info) HEXAGENT_NOEXCEPT;

/* A journal that is lived through again, step by step, in a scheduler of its own. */
typedef struct hexagent_replay hexagent_replay;

/* Kinds of input; the record each carries. */
enum {
  HEXAGENT_INPUT_PROFILE_SET = 1,      /* hexagent_profile */
  HEXAGENT_INPUT_MODEL_SET = 2,        /* hexagent_model */
  HEXAGENT_INPUT_WORKER_SET = 3,       /* hexagent_worker */
  HEXAGENT_INPUT_WORKER_DRAIN = 4,     /* none */
  HEXAGENT_INPUT_WORKER_LOST = 5,      /* none */
  HEXAGENT_INPUT_HEARTBEAT = 6,        /* hexagent_heartbeat */
  HEXAGENT_INPUT_LINK_SET = 7,         /* hexagent_link */
  HEXAGENT_INPUT_WORKFLOW_BEGIN = 8,   /* hexagent_workflow */
  HEXAGENT_INPUT_SUBMIT = 9,           /* hexagent_call; its deps and prefixes are not handed out */
  HEXAGENT_INPUT_READY = 10,           /* none */
  HEXAGENT_INPUT_REPORT = 11,          /* hexagent_report */
  HEXAGENT_INPUT_CALL_CANCEL = 12,     /* none */
  HEXAGENT_INPUT_WORKFLOW_CANCEL = 13, /* none */
  HEXAGENT_INPUT_WORKFLOW_END = 14,    /* none */
  HEXAGENT_INPUT_CONFIGURE = 15,       /* not handed out */
  HEXAGENT_INPUT_WORKER_RESYNC = 16,   /* hexagent_resync; its list is not handed out */
  HEXAGENT_INPUT_LINK_MEASURED = 17    /* hexagent_link_sample */
};

/** One input of a step. 64 bytes. Fields a kind does not use are 0. */
typedef struct hexagent_input {
  uint32_t kind; /* HEXAGENT_INPUT_* */
  uint32_t worker;
  uint32_t incarnation;
  uint32_t record_size; /* bytes of the record; 0 = none */
  uint64_t user_data;
  uint64_t workflow;
  uint64_t call;
  uint32_t deps_count; /* of a resync: three for each call held */
  uint32_t prefixes_count;
  uint64_t reserved[2];
} hexagent_input;

/** What a step of a replay was; at the journal's end, what its end is. */
typedef struct hexagent_replay_info {
  uint32_t struct_size;
  uint32_t library_version; /* of the writer, packed as HEXAGENT_VERSION */
  uint64_t step;            /* 1, 2, 3 ...: the last one replayed */
  uint64_t inputs;          /* taken so far, this step's included */
  int64_t now_ns;
  uint32_t inputs_count;    /* of this step */
  uint32_t decisions_count; /* what the replay decided */
  uint32_t recorded_count;  /* what the journal says was decided */
  uint32_t recorded_full;   /* 1: hexagent_replay_recorded() has them; 0: the journal has a hash */
  uint32_t different;       /* 1: the decisions are not those of the journal */
  uint32_t first_different; /* index of the first that is not; needs recorded_full */
  uint32_t closed;          /* at the end: 1 = the journal was closed in good order */
  uint32_t cut_frames;      /* at the end: whole frames in what was cut off */
  uint64_t cut_bytes;       /* at the end: torn tail that does not count, as a crash leaves it */
  uint64_t first_step; /* steps before those that are replayed; not 0: it began with a snapshot */
  uint32_t snapshot_segment;    /* which: the segment it precedes; 0 = none */
  uint32_t snapshots_same;      /* passed so far, and the state was the same to the last bit */
  uint32_t snapshots_different; /* passed so far, and it was another one */
  uint32_t snapshots_unread;    /* passed so far or at open: damaged or of another release */
  char snapshot_text[256];      /* what the last one of these two kinds was; empty = none */
} hexagent_replay_info;

/**
 * Opens a journal for replay. Nothing in it is changed; a scheduler may be writing it, and may
 * remove what is to be read (journal_keep_bytes): then a step answers HEXAGENT_E_IO.
 *
 * It begins with the first segment, or, when that was removed, with the earliest snapshot that
 * reads well. Snapshots on the way are compared with the state that the replay has come to.
 *
 * @param path   Folder of the journal, zero-terminated.
 * @param error  Optional detail with file and offset.
 * @return  The replay, or NULL: HEXAGENT_E_IO, HEXAGENT_E_DAMAGED, HEXAGENT_E_VERSION (a format or
 *          setting of another release, or the header does not fit the library), _NO_MEMORY.
 * Threads: [owner]. Since: 0.1
 */
HEXAGENT_API hexagent_replay* hexagent_replay_open(const char* path, uint32_t header_version,
                                                   hexagent_error* error) HEXAGENT_NOEXCEPT;

/** Frees a replay; NULL is allowed. [owner] */
HEXAGENT_API void hexagent_replay_close(hexagent_replay* replay) HEXAGENT_NOEXCEPT;

/**
 * Takes the inputs of the next step and decides. That other decisions come out than the journal
 * says is told by `info->different`, it is no error; a replay may go on.
 *
 * @return  1, 0 at the end of the journal, or HEXAGENT_E_DAMAGED, _IO, _VERSION, _STRUCT_SIZE,
 *          _POISONED; after any of them but _STRUCT_SIZE the replay goes no further.
 * Threads: [one consumer]. Since: 0.1
 */
HEXAGENT_API int32_t hexagent_replay_step(hexagent_replay* replay, hexagent_replay_info* info,
                                          hexagent_error* error) HEXAGENT_NOEXCEPT;

/** Decisions of the last step, from index `first` on; the number written (>= 0) or an error. */
HEXAGENT_API int32_t hexagent_replay_decisions(const hexagent_replay* replay, uint32_t first,
                                               hexagent_decision* decisions,
                                               uint32_t capacity) HEXAGENT_NOEXCEPT;

/** The same of what the journal recorded; none if it holds hashes only. [one consumer] */
HEXAGENT_API int32_t hexagent_replay_recorded(const hexagent_replay* replay, uint32_t first,
                                              hexagent_decision* decisions,
                                              uint32_t capacity) HEXAGENT_NOEXCEPT;

/**
 * Input `index` of the last step, and its record as far as `capacity` bytes hold it (128 are
 * enough for every record; NULL and 0 for none).
 * @return HEXAGENT_OK, HEXAGENT_E_RANGE, HEXAGENT_E_ARGUMENT. Threads: [one consumer]. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_replay_input(const hexagent_replay* replay, uint32_t index,
                                                   hexagent_input* input, void* record,
                                                   uint32_t capacity) HEXAGENT_NOEXCEPT;

/**
 * The scheduler in the state after the last step, for questions (hexagent_explain(), _name_text(),
 * queries, statistics). It belongs to the replay: neither drive it nor close it.
 * Threads: [one consumer]. Since: 0.1
 */
HEXAGENT_API hexagent_scheduler* hexagent_replay_scheduler(hexagent_replay* replay)
    HEXAGENT_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* HEXAGENT_HEXAGENT_H */
