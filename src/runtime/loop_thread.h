// LoopThread: own-thread driving. A libuv loop on a thread of the library's steps the core as
// inputs come and timers fall due, and puts decisions into the decision ring.
//
// The loop is the library's own, never libuv's default one, and uses nothing of libuv's thread
// pool, signals or files. The thread blocks all signals and is called "hexagent". Tests:
// tests/abi/thread_driving_test.c, tests/unit/capi/poisoned_driving_test.cc.
#pragma once

#include <uv.h>

#include <atomic>
#include <cstdint>

#include "runtime/deadline_timer.h"
#include "runtime/decision_ring.h"
#include "runtime/driver.h"
#include "runtime/event_signal.h"
#include "runtime/loop_extension.h"

namespace hexagent {

class LoopThread {
 public:
  // What it drives; all of it outlives the thread.
  struct Driven {
    Scheduler* core;
    Driver* driver;
    IntakeRing* intake;
    std::atomic<bool>* poisoned;
    uint64_t decisions_max;
    LoopExtension* extension;  // may be null
  };

  // Makes the loop. start() must follow. Both may throw SystemFailure or std::bad_alloc.
  explicit LoopThread(const Driven& driven);

  // [owner] Starts the thread, once the pointer to this is in place: the thread looks at it.
  void start();

  // Stops and joins it, if stop() has not; what is queued or was not polled is dropped.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // [any thread] After a push.
  void wake() noexcept;

  // [any thread] After the handle was poisoned: whoever waits for decisions must notice.
  void tell_poisoned() noexcept;

  // [any thread] Waits for the answer. HEXAGENT_E_AGAIN when the intake ring stays full.
  int32_t ask(Question* question) noexcept;

  // [one consumer] As hexagent_poll().
  int32_t poll(hexagent_decision* decisions, uint32_t capacity) noexcept;

  // Readable while decisions wait, after the end, and when the handle is poisoned.
  int descriptor() const { return decisions_ready_.descriptor(); }

  // [loop thread] Times that decisions stayed in the core because the ring was full.
  uint64_t ring_full_count() const { return ring_full_count_; }
  // [loop thread] Decisions in the ring.
  uint64_t ring_size() { return ring_.size(); }
  uint64_t memory_bytes() const { return sizeof(*this) + ring_.memory_bytes(); }

  // [owner] Stops and joins it. Whoever owns it by a pointer that the thread looks at, as it does
  // to wake itself, calls this before the pointer changes.
  void stop() noexcept;

  // [owner] In a forked child, before destruction: the thread and the loop are the parent's.
  void forsake() noexcept { forsaken_ = true; }

 private:
  void init_loop();
  void open_extension();
  void run() noexcept;
  void work() noexcept;
  void step_until_idle();
  bool can_go_on();
  void hand_out();
  void close_handles() noexcept;
  uint32_t take(hexagent_decision* decisions, uint32_t capacity) noexcept;

  const Driven driven_;
  DecisionRing ring_;
  EventSignal decisions_ready_;
  DeadlineTimer timer_;
  uv_loop_t loop_;
  uv_async_t async_;
  uv_poll_t timer_poll_;
  uv_thread_t thread_;
  std::atomic<bool> armed_{false};        // a wake-up is under way
  std::atomic<bool> stop_{false};         // close has begun
  std::atomic<bool> room_wanted_{false};  // the loop thread waits for the consumer
  std::atomic<bool> finished_{false};     // the last decision is in the ring
  uint64_t ring_full_count_ = 0;
  bool forsaken_ = false;
  bool joined_ = true;  // or not started
};

}  // namespace hexagent
