/*
 * Log of libhexagent: a callback of the host's for the few things an operator should hear of at
 * once. A header of its own, since a callback is nothing for bindings to Go or Python; they see the
 * same in decisions and statistics. Conventions are those of hexagent.h.
 */
#ifndef HEXAGENT_LOG_H
#define HEXAGENT_LOG_H

#include <hexagent/hexagent.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Levels; a callback gets its own level and what is more severe. */
enum {
  HEXAGENT_LOG_NONE = 0,
  HEXAGENT_LOG_ERROR = 1,   /* the handle was poisoned, the journal has ended */
  HEXAGENT_LOG_WARNING = 2, /* worker lost or restarted, setting refused, overload, a snapshot that
                             * was passed over at open or skipped */
  HEXAGENT_LOG_INFO = 3     /* opened, recovered, setting changed, worker drained, snapshot */
};

/**
 * Gets one line.
 *
 * Called by the thread that steps the scheduler (manual: in hexagent_step(), loop: in
 * hexagent_run_once(), thread: the library's own); the line of the opening comes from the thread
 * that opens. Never with a lock held and never in the middle of the core's work, but the next step
 * waits: it should copy the line and return. It must not call a function of the same handle and
 * must not throw or leave by longjmp.
 *
 * At most 20 lines come in a second of the scheduler's clock; how many were left out is told by the
 * next one. No line holds prompt text, names or ids that the caller chose for workflows and calls.
 *
 * @param level    HEXAGENT_LOG_*
 * @param time_ns  Of the step, by the scheduler's clock; 0 at open.
 * @param text     One line without its end, at most 255 bytes, zero-terminated; valid during the
 *                 call.
 */
typedef void (*hexagent_log_callback)(void* user_data, uint32_t level, int64_t time_ns,
                                      const char* text);

/**
 * Sets the callback of schedulers opened with this configuration; NULL or HEXAGENT_LOG_NONE for
 * none, which is the default.
 *
 * @return  HEXAGENT_OK, HEXAGENT_E_ARGUMENT (no configuration), HEXAGENT_E_RANGE (no such level).
 * Ownership: `user_data` must live until hexagent_close() has returned.
 * Threads: [one consumer] of this configuration. Since: 0.1
 */
HEXAGENT_API hexagent_status hexagent_config_log(hexagent_config* config, uint32_t level,
                                                 hexagent_log_callback callback,
                                                 void* user_data) HEXAGENT_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* HEXAGENT_LOG_H */
