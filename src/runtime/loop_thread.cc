// LoopThread: see loop_thread.h.
//
// Three flags pass wake-ups between threads, all by the same reasoning. One side publishes
// something and then exchanges the flag; the other exchanges it back and then looks. Whichever
// exchange comes second in the flag's one order synchronises with the first, so either the signal
// is sent or the look succeeds.
//
//   armed_           producers -> loop thread. A producer pushes, then sets it, and sends only on
//                    false -> true. The callback clears it first and then drains to empty. A
//                    producer that saw true is read by the callback's exchange, so its input is
//                    visible to the draining. One that saw false synchronises with the previous
//                    callback, which libuv called after it had cleared its own `pending`; so its
//                    send cannot be swallowed (uv_async_send() coalesces, and before libuv 1.53
//                    promises no ordering of its own).
//   decisions_ready_ loop thread -> consumer, see event_signal.cc.
//   room_wanted_     consumer -> loop thread: see can_go_on() and take().
#include "runtime/loop_thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "core/base/check.h"
#include "runtime/clock.h"
#include "runtime/system_failure.h"

namespace hexagent {
namespace {

// Decisions in the ring; more wait in the core, up to decisions_max in all.
constexpr uint64_t kRingMax = 8192;

// Inputs between two looks at the clock, so that times stay fresh under load and timers fire.
constexpr uint64_t kInputsPerStep = 1024;

// How often an asker tries again when the intake ring is full.
constexpr int kAskTriesMax = 1000;

[[noreturn]] void fail(int status, const char* what) {
  if (status == UV_ENOMEM) throw std::bad_alloc();
  throw SystemFailure{what, -status};
}

}  // namespace

LoopThread::LoopThread(const Driven& driven)
    : driven_(driven), ring_(std::min(driven.decisions_max, kRingMax)) {
  init_loop();
  open_extension();
}

void LoopThread::start() {
  // The new thread inherits the mask: a signal of the host is never handled on our stack.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int status = uv_thread_create(
      &thread_, [](void* self) { static_cast<LoopThread*>(self)->run(); }, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  joined_ = status != 0;
  if (status == 0) return;
  close_handles();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
  fail(status, "a thread");
}

void LoopThread::init_loop() {
  int status = uv_loop_init(&loop_);
  if (status < 0) fail(status, "an event loop");
  status = uv_async_init(&loop_, &async_, [](uv_async_t* handle) {
    auto* self = static_cast<LoopThread*>(handle->data);
    // Acquire: see the top; what producers pushed before they saw true is visible from here on.
    // Release: a producer that next sees false comes after this callback began.
    self->armed_.exchange(false, std::memory_order_acq_rel);
    self->work();
  });
  if (status < 0) {
    uv_loop_close(&loop_);
    fail(status, "a wake-up descriptor");
  }
  async_.data = this;
  status = uv_poll_init(&loop_, &timer_poll_, timer_.descriptor());
  if (status == 0) {
    timer_poll_.data = this;
    status = uv_poll_start(&timer_poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
      static_cast<LoopThread*>(handle->data)->work();
    });
  }
  if (status == 0) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
  fail(status, "a place for the timer in the event loop");
}

void LoopThread::open_extension() {
  if (driven_.extension == nullptr) return;
  driven_.driver->set_extension(driven_.extension);
  int error = ENOMEM;
  try {
    error = driven_.extension->open(&loop_);
  } catch (const std::bad_alloc&) {
  }
  if (error == 0) return;
  close_handles();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
  fail(-error, "a place to listen for endpoints");
}

LoopThread::~LoopThread() { stop(); }

void LoopThread::stop() noexcept {
  if (forsaken_ || joined_) return;  // libuv's own memory of the loop is left to the child's end
  joined_ = true;
  stop_.store(true, std::memory_order_release);
  wake();  // the callback that reads this wake-up also sees stop_
  uv_thread_join(&thread_);
  // Here, not at the thread's end: one that saw stop_ by another wake-up may end before ours is
  // sent, and libuv aborts when the descriptor for that is gone.
  uv_loop_close(&loop_);
}

void LoopThread::run() noexcept {
  pthread_setname_np(pthread_self(), "hexagent");
  uv_run(&loop_, UV_RUN_DEFAULT);  // until close_handles()
}

void LoopThread::close_handles() noexcept {
  if (driven_.extension != nullptr) driven_.extension->close();
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_poll_), nullptr);
}

void LoopThread::wake() noexcept {
  // Acquire and release: see the top.
  if (!armed_.exchange(true, std::memory_order_acq_rel)) uv_async_send(&async_);
}

void LoopThread::tell_poisoned() noexcept { decisions_ready_.raise(); }

void LoopThread::work() noexcept {
  // Acquire: pairs with stop().
  if (stop_.load(std::memory_order_acquire)) {
    if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&async_)) == 0) close_handles();
    return;
  }
  // Acquire: pairs with whoever poisoned the handle.
  if (!driven_.poisoned->load(std::memory_order_acquire)) {
    try {
      step_until_idle();
    } catch (...) {
      // A broken invariant, or want of memory half-way: the core is not called any more.
      driven_.poisoned->store(true, std::memory_order_release);
      tell_poisoned();
    }
  }
  // The thread stays, so that nobody who asks waits for ever.
  if (driven_.poisoned->load(std::memory_order_acquire)) driven_.driver->abandon();
}

void LoopThread::step_until_idle() {
  Driver& driver = *driven_.driver;
  do {
    // In this order: what lies before `end` was pushed before the clock is read, so times that its
    // senders took from the same clock do not lie in the future.
    const uint64_t end = driven_.intake->end();
    const TimeNs now = monotonic_now();
    timer_.acknowledge(now);
    driver.step(now, {kInputsPerStep, end, ring_.size()});
    hand_out();
    driver.answer_questions();
    // Relaxed: a question that broke something has stored it on this thread; others can wait.
  } while (!driven_.poisoned->load(std::memory_order_relaxed) && can_go_on());
  if (!driver.finished()) timer_.arm(driver.next_timer());
}

void LoopThread::hand_out() {
  if (driven_.driver->hand_out(&ring_) > 0) decisions_ready_.raise();
  if (driven_.core->decision_count() > 0) {
    ++ring_full_count_;
  } else if (driven_.driver->finished() && !finished_.load(std::memory_order_relaxed)) {
    // Release: who sees it also sees the last decision. Then the consumer is told that it is the
    // last.
    finished_.store(true, std::memory_order_release);
    decisions_ready_.raise();
  }
}

// Is there anything to do that need not wait for the consumer?
bool LoopThread::can_go_on() {
  const uint64_t left = driven_.core->decision_count();
  if (left == 0 && !driven_.driver->held_back()) return !driven_.intake->empty();
  // Acquire and release: see the top. If the consumer's exchange in take() came before, the room it
  // made is visible below; if it comes after, it sees true and wakes us.
  room_wanted_.exchange(true, std::memory_order_acq_rel);
  const uint64_t in_ring = ring_.size();
  if (left > 0 && in_ring < ring_.capacity()) return true;
  return left + in_ring < driven_.decisions_max && !driven_.intake->empty();
}

uint32_t LoopThread::take(hexagent_decision* decisions, uint32_t capacity) noexcept {
  const uint32_t count = ring_.take(decisions, capacity);
  // Acquire and release: see can_go_on().
  if (count > 0 && room_wanted_.exchange(false, std::memory_order_acq_rel)) wake();
  return count;
}

int32_t LoopThread::poll(hexagent_decision* decisions, uint32_t capacity) noexcept {
  capacity = std::min<uint32_t>(capacity, INT32_MAX);  // the answer is a signed count
  if (capacity == 0) return 0;
  // Acquire: pairs with hand_out(). Read before the ring, else the last decisions could slip in
  // between.
  bool finished = finished_.load(std::memory_order_acquire);
  uint32_t count = take(decisions, capacity);
  if (count > 0) return static_cast<int32_t>(count);
  if (finished) return HEXAGENT_E_CLOSED;
  // Nothing is left: unreadable from here on, unless something comes to light after all.
  decisions_ready_.lower();
  finished = finished_.load(std::memory_order_acquire);  // acquire: as above
  count = take(decisions, capacity);
  if (count > 0) return static_cast<int32_t>(count);
  // Acquire: pairs with tell_poisoned()'s callers. Both states are for good, and so is readability.
  const bool poisoned = driven_.poisoned->load(std::memory_order_acquire);
  if (poisoned || finished) decisions_ready_.raise();
  return poisoned ? HEXAGENT_E_POISONED : finished ? HEXAGENT_E_CLOSED : 0;
}

int32_t LoopThread::ask(Question* question) noexcept {
  for (int tries = 0; tries < kAskTriesMax; ++tries) {
    if (driven_.intake->try_push(question) == IntakeRing::Push::kDone) {
      wake();
      return question->wait();
    }
    wake();  // the ring is full; the loop thread is at it, or waits for the consumer
    sched_yield();
  }
  return HEXAGENT_E_AGAIN;
}

}  // namespace hexagent
