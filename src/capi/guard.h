// guard: the one way from an extern "C" function into C++. No exception leaves the library.
//
// Out of memory is an answer as long as nothing is half done (set-up, questions). A failed
// invariant, or anything else that is thrown, poisons the handle: its state can no longer be
// trusted, so the core is not called again and only hexagent_close() works.
#pragma once

#include <cstdint>
#include <new>
#include <utility>

#include "capi/handle.h"

namespace hexagent {

// Id of this process; handles remember the one that opened them.
int64_t process_id();

// HEXAGENT_OK if the handle can be used here and now.
inline hexagent_status handle_status(const hexagent_scheduler* scheduler) noexcept {
  if (scheduler == nullptr) return HEXAGENT_E_ARGUMENT;
  if (scheduler->process != process_id()) return HEXAGENT_E_FORKED;
  return scheduler->poisoned ? HEXAGENT_E_POISONED : HEXAGENT_OK;
}

// Runs `body(*scheduler)`, which answers a status or a count, and leaves the core as it was when
// memory runs out.
template <class Body>
auto guard(hexagent_scheduler* scheduler, Body&& body) noexcept
    -> decltype(body(std::declval<hexagent_scheduler&>())) {
  const hexagent_status status = handle_status(scheduler);
  if (status != HEXAGENT_OK) return status;
  try {
    return body(*scheduler);
  } catch (const std::bad_alloc&) {
    return HEXAGENT_E_NO_MEMORY;
  } catch (...) {
    scheduler->poisoned = true;
    return HEXAGENT_E_POISONED;
  }
}

// The same where the core moves on: stopped half-way for want of memory it is as broken as by a
// bug.
template <class Body>
auto guard_moving(hexagent_scheduler* scheduler, Body&& body) noexcept
    -> decltype(body(std::declval<hexagent_scheduler&>())) {
  const hexagent_status status = handle_status(scheduler);
  if (status != HEXAGENT_OK) return status;
  try {
    return body(*scheduler);
  } catch (...) {
    scheduler->poisoned = true;
    return HEXAGENT_E_POISONED;
  }
}

// For functions without a handle.
template <class Body>
hexagent_status guard_free(Body&& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return HEXAGENT_E_NO_MEMORY;
  } catch (...) {
    return HEXAGENT_E_INTERNAL;
  }
}

}  // namespace hexagent
