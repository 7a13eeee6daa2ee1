// C ABI: manual driving. The caller's thread and clock move the core; decisions wait to be polled.
#include <algorithm>

#include "capi/guard.h"
#include "capi/shape.h"

namespace hexagent {
namespace {

int32_t to_count(uint32_t count) {
  return static_cast<int32_t>(std::min<uint32_t>(count, INT32_MAX));
}

int32_t step(hexagent_scheduler* scheduler, TimeNs now) {
  if (now < scheduler->now || now > kTimeMaxNs) return HEXAGENT_E_TIME;
  scheduler->now = now;
  const auto decisions_max = static_cast<uint32_t>(scheduler->settings.decisions_max);
  IntakeQueue& intake = scheduler->intake;
  Scheduler& core = scheduler->core;
  while (!intake.empty() && core.decision_count() < decisions_max) {
    core.apply(intake.front(), now);
    intake.pop();
  }
  core.advance(now);
  return intake.empty() ? to_count(core.decision_count()) : HEXAGENT_E_AGAIN;
}

int32_t poll(hexagent_scheduler* scheduler, hexagent_decision* decisions, uint32_t capacity) {
  if (decisions == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
  capacity = std::min<uint32_t>(capacity, INT32_MAX);  // the answer is a signed count
  return to_count(scheduler->core.take_decisions(decisions, capacity));
}

}  // namespace
}  // namespace hexagent

extern "C" {

int32_t hexagent_step(hexagent_scheduler* scheduler, int64_t now_ns) noexcept {
  return hexagent::guard_moving(
      scheduler, [&](hexagent_scheduler& self) { return hexagent::step(&self, now_ns); });
}

int64_t hexagent_next_timer(hexagent_scheduler* scheduler) noexcept {
  return hexagent::guard(
      scheduler, [](hexagent_scheduler& self) -> int64_t { return self.core.next_timer(); });
}

int32_t hexagent_poll(hexagent_scheduler* scheduler, hexagent_decision* decisions,
                      uint32_t capacity) noexcept {
  return hexagent::guard_moving(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::poll(&self, decisions, capacity);
  });
}

}  // extern "C"
