// The handles behind the C ABI: what hexagent_scheduler and hexagent_config stand for.
//
// A scheduler handle is the core, the ring of inputs it has not yet taken, the driver that steps
// it, the names, and what the driving mode adds: nothing, a thread, or a descriptor. Tests:
// tests/abi.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/scheduler.h"
#include "core/settings.h"
#include "hexagent/hexagent.h"
#include "runtime/driver.h"
#include "runtime/driving.h"
#include "runtime/embedder_loop.h"
#include "runtime/fork_mark.h"
#include "runtime/intake_ring.h"
#include "runtime/loop_thread.h"
#include "runtime/name_table.h"

namespace hexagent {

inline constexpr uint32_t kLabelsMax = 64;  // bits of a label set

}  // namespace hexagent

struct hexagent_config {
  hexagent::Settings settings;
  hexagent::Driving driving = hexagent::Driving::kManual;
};

struct hexagent_scheduler {
  // `observer` (may be null) outlives the handle. May throw std::bad_alloc or
  // hexagent::SystemFailure.
  hexagent_scheduler(const hexagent_config& config, hexagent::StepObserver* observer);

  const hexagent::Driving driving;
  const hexagent::ForkMark fork_mark;  // a forked child must not touch the handle
  hexagent::NameTable names;
  hexagent::NameTable labels;
  hexagent::IntakeRing intake;
  hexagent::Scheduler core;  // looked into only by whoever steps it
  hexagent::Driver driver;
  std::atomic<uint64_t> intake_rejected{0};  // inputs answered with HEXAGENT_E_AGAIN
  std::atomic<bool> poisoned{false};         // an invariant failed; the core is not called any more
  std::unique_ptr<hexagent::EmbedderLoop> loop;  // of loop driving only
  // Of thread driving only. The last member: it is joined before anything else goes.
  std::unique_ptr<hexagent::LoopThread> thread;

  // [any thread] Queues an input whose shape was checked: HEXAGENT_OK, HEXAGENT_E_AGAIN or
  // HEXAGENT_E_CLOSED. wake() must follow; push() is both.
  hexagent_status queue(const hexagent::Input& input);
  hexagent_status push(const hexagent::Input& input);

  // [any thread] Tells whoever steps the core that there is something to take.
  void wake() noexcept;

  // [any thread] The core can no longer be trusted.
  void poison() noexcept;
};
