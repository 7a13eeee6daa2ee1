// guard: the one way from an extern "C" function into C++. No exception leaves the library.
//
// Out of memory is an answer as long as nothing is half done (set-up, questions). A failed
// invariant, or anything else that is thrown, poisons the handle: its state can no longer be
// trusted, so the core is not called again and only hexagent_close() works.
//
// guard() runs the body on the caller's thread: for inputs and set-up. ask() runs it where the core
// is stepped: for everything that looks into the core.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "capi/handle.h"
#include "runtime/question.h"

namespace hexagent {

// HEXAGENT_OK if the handle can be used here and now.
inline hexagent_status handle_status(const hexagent_scheduler* scheduler) noexcept {
  if (scheduler == nullptr) return HEXAGENT_E_ARGUMENT;
  if (!scheduler->fork_mark.is_here()) return HEXAGENT_E_FORKED;
  // Acquire: pairs with whoever poisoned it. It is for good, so a stale look only finds out later.
  const bool poisoned = scheduler->poisoned.load(std::memory_order_acquire);
  return poisoned ? HEXAGENT_E_POISONED : HEXAGENT_OK;
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
    scheduler->poison();
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
    scheduler->poison();
    return HEXAGENT_E_POISONED;
  }
}

// guard() for questions. With a thread of the library's own they travel to it, since the core is
// its alone; the asker waits, so the body may read and write the asker's memory.
template <class Body>
int32_t ask(hexagent_scheduler* scheduler, Body&& body) noexcept {
  const hexagent_status status = handle_status(scheduler);
  if (status != HEXAGENT_OK) return status;
  if (scheduler->thread == nullptr) return guard(scheduler, body);
  auto answer = [&]() noexcept -> int32_t { return guard(scheduler, body); };
  Question question(
      [](void* context) noexcept { return (*static_cast<decltype(answer)*>(context))(); }, &answer);
  return scheduler->thread->ask(&question);
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
