// EventSignal: see event_signal.h.
//
// Why nothing is missed. All exchanges of raised_ are in one order.
//   - raise() finds true: the lower() that clears this true comes later in that order and reads a
//     value written by our exchange or one after it, so it synchronises with us (acquire/release),
//     and the look after it sees what we published.
//   - raise() finds false: it writes to the descriptor, which becomes readable. A lower() can only
//     swallow that write if it reads the descriptor afterwards; its exchange and its look come
//     later still, so again they see what we published.
// A raise() that was stopped between exchange and write makes the descriptor readable late, when
// raised_ may be false again and everything was taken: the reader wakes for nothing. sent_ tells
// the next lower() that there is something to read back, else the descriptor would stay readable
// for ever.
#include "runtime/event_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/system_failure.h"

namespace hexagent {

EventSignal::EventSignal() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw SystemFailure{"an event descriptor", errno};
}

EventSignal::~EventSignal() { close(descriptor_); }

void EventSignal::raise() noexcept {
  // Acquire and release: see above. Release publishes what the caller has added; acquire because a
  // later true must also pass on what an earlier raiser added.
  if (raised_.exchange(true, std::memory_order_acq_rel)) return;
  // Relaxed: a count, which guards nothing.
  sent_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t one = 1;
  // Cannot fail: the counter would have to reach 2^64 - 1. A signal may interrupt nothing that does
  // not block.
  [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof(one));
}

void EventSignal::lower() noexcept {
  // Relaxed: a stale value leaves the descriptor readable, and the reader comes back.
  if (sent_.load(std::memory_order_relaxed) != received_) {
    uint64_t count = 0;
    if (read(descriptor_, &count, sizeof(count)) == sizeof(count)) received_ += count;
  }
  // Relaxed: a stale false is as good as no clearing at all, since whoever set it true has written
  // to the descriptor or is about to.
  if (!raised_.load(std::memory_order_relaxed)) return;
  // Acquire: see above. The descriptor was read first: read after the exchange, it could swallow
  // the write of a raise() that came in between.
  raised_.exchange(false, std::memory_order_acq_rel);
}

}  // namespace hexagent
