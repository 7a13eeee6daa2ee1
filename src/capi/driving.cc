// C ABI: driving. Manual: the caller's thread and clock move the core. Thread: the library's own
// does. Loop: the caller's thread moves it when the descriptor says so.
#include <algorithm>
#include <cstdint>

#include "capi/guard.h"
#include "capi/shape.h"
#include "runtime/clock.h"

namespace hexagent {
namespace {

int32_t to_count(uint32_t count) {
  return static_cast<int32_t>(std::min<uint32_t>(count, INT32_MAX));
}

// What a step answers that the caller has driven.
int32_t outcome(const hexagent_scheduler& scheduler) {
  if (scheduler.driver.held_back()) return HEXAGENT_E_AGAIN;
  const uint32_t waiting = scheduler.core.decision_count();
  return waiting == 0 && scheduler.driver.finished() ? HEXAGENT_E_CLOSED : to_count(waiting);
}

int32_t step(hexagent_scheduler* scheduler, TimeNs now) {
  if (scheduler->driving != Driving::kManual) return HEXAGENT_E_STATE;
  if (!scheduler->driver.accepts(now)) return HEXAGENT_E_TIME;
  scheduler->driver.step(now, {UINT64_MAX, scheduler->intake.end(), 0});
  return outcome(*scheduler);
}

int32_t run_once(hexagent_scheduler* scheduler, uint32_t inputs_max) {
  if (scheduler->driving != Driving::kLoop) return HEXAGENT_E_STATE;
  scheduler->loop->run_once(inputs_max == 0 ? UINT64_MAX : inputs_max);
  return outcome(*scheduler);
}

int32_t poll(hexagent_scheduler* scheduler, hexagent_decision* decisions, uint32_t capacity) {
  if (decisions == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
  if (scheduler->thread != nullptr) return scheduler->thread->poll(decisions, capacity);
  if (capacity == 0) return 0;
  capacity = std::min<uint32_t>(capacity, INT32_MAX);  // the answer is a signed count
  const uint32_t count = scheduler->loop != nullptr
                             ? scheduler->loop->poll(decisions, capacity)
                             : scheduler->driver.hand_out(decisions, capacity);
  return count == 0 && scheduler->driver.finished() ? HEXAGENT_E_CLOSED : to_count(count);
}

int32_t event_fd(const hexagent_scheduler& scheduler) {
  if (scheduler.thread != nullptr) return scheduler.thread->descriptor();
  return scheduler.loop != nullptr ? scheduler.loop->descriptor() : HEXAGENT_E_STATE;
}

}  // namespace
}  // namespace hexagent

extern "C" {

int32_t hexagent_step(hexagent_scheduler* scheduler, int64_t now_ns) noexcept {
  return hexagent::guard_moving(
      scheduler, [&](hexagent_scheduler& self) { return hexagent::step(&self, now_ns); });
}

int64_t hexagent_next_timer(hexagent_scheduler* scheduler) noexcept {
  return hexagent::guard(scheduler, [](hexagent_scheduler& self) -> int64_t {
    if (self.driving != hexagent::Driving::kManual) return HEXAGENT_E_STATE;
    return self.driver.next_timer();
  });
}

int32_t hexagent_event_fd(hexagent_scheduler* scheduler) noexcept {
  return hexagent::guard(scheduler,
                         [](hexagent_scheduler& self) { return hexagent::event_fd(self); });
}

int32_t hexagent_run_once(hexagent_scheduler* scheduler, uint32_t inputs_max) noexcept {
  return hexagent::guard_moving(
      scheduler, [&](hexagent_scheduler& self) { return hexagent::run_once(&self, inputs_max); });
}

int32_t hexagent_poll(hexagent_scheduler* scheduler, hexagent_decision* decisions,
                      uint32_t capacity) noexcept {
  return hexagent::guard_moving(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::poll(&self, decisions, capacity);
  });
}

hexagent_status hexagent_shutdown(hexagent_scheduler* scheduler) noexcept {
  return hexagent::guard(scheduler, [](hexagent_scheduler& self) -> hexagent_status {
    self.intake.close();
    self.wake();
    return HEXAGENT_OK;
  });
}

int64_t hexagent_now(void) noexcept { return hexagent::monotonic_now(); }

}  // extern "C"
