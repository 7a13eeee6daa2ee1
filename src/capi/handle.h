// The handles behind the C ABI: what hexagent_scheduler and hexagent_config stand for.
//
// A scheduler handle in manual driving is the core, the queue of inputs it has not yet taken, and
// the names; nothing here waits or owns a thread. Tests: tests/abi.
#pragma once

#include <cstdint>

#include "core/base/time.h"
#include "core/scheduler.h"
#include "core/settings.h"
#include "hexagent/hexagent.h"
#include "runtime/intake_queue.h"
#include "runtime/name_table.h"

namespace hexagent {

inline constexpr uint32_t kLabelsMax = 64;  // bits of a label set

}  // namespace hexagent

struct hexagent_config {
  hexagent::Settings settings;
};

struct hexagent_scheduler {
  // May throw std::bad_alloc.
  hexagent_scheduler(const hexagent::Settings& initial, int64_t opener);

  hexagent::Settings settings;  // as opened; live changes are the core's
  hexagent::NameTable names;
  hexagent::NameTable labels;
  hexagent::IntakeQueue intake;
  hexagent::Scheduler core;
  hexagent::TimeNs now = 0;      // of the last step
  uint64_t intake_rejected = 0;  // inputs answered with HEXAGENT_E_AGAIN
  int64_t process;               // that opened it; a forked child must not touch the handle
  bool poisoned = false;         // an invariant failed; the core is not called any more

  // Queues an input whose shape was checked: HEXAGENT_OK or HEXAGENT_E_AGAIN.
  hexagent_status push(const hexagent::Input& input);
};
