// EmbedderLoop: see embedder_loop.h.
#include "runtime/embedder_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/clock.h"
#include "runtime/system_failure.h"

namespace hexagent {

EmbedderLoop::EmbedderLoop(Scheduler* core, Driver* driver, IntakeRing* intake)
    : core_(core), driver_(driver), intake_(intake), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw SystemFailure{"an epoll descriptor", errno};
  try {
    watch(inputs_ready_.descriptor());
    watch(decisions_ready_.descriptor());
    watch(timer_.descriptor());
  } catch (...) {
    close(epoll_);
    throw;
  }
}

EmbedderLoop::~EmbedderLoop() { close(epoll_); }

void EmbedderLoop::watch(int descriptor) {
  epoll_event event = {};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw SystemFailure{"a place in an epoll set", errno};
  }
}

void EmbedderLoop::run_once(uint64_t inputs_max) {
  inputs_ready_.lower();  // before the look at the ring, see event_signal.cc
  // In this order: what lies before `end` was pushed before the clock is read, so times that its
  // senders took from the same clock do not lie in the future.
  const uint64_t end = intake_->end();
  const TimeNs now = monotonic_now();
  timer_.acknowledge(now);
  driver_->step(now, {inputs_max, end, 0});
  // The end is for the consumer to notice, too.
  if (core_->decision_count() > 0 || driver_->finished()) decisions_ready_.raise();
  // Also when decisions are in the way: the descriptor is readable anyway until they are polled,
  // and afterwards it is these inputs that need another turn.
  if (!intake_->empty()) inputs_ready_.raise();
  if (!driver_->finished()) timer_.arm(driver_->next_timer());
}

uint32_t EmbedderLoop::poll(hexagent_decision* decisions, uint32_t capacity) {
  const uint32_t count = driver_->hand_out(decisions, capacity);
  // At the end it stays readable, as it does with a thread.
  if (core_->decision_count() == 0 && !driver_->finished()) decisions_ready_.lower();
  return count;
}

}  // namespace hexagent
