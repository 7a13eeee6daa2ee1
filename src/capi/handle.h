// The handles behind the C ABI: what hexagent_scheduler and hexagent_config stand for.
//
// A scheduler handle is the core, the ring of inputs it has not yet taken, the driver that steps
// it, the names, the journal if there is one, and what the driving mode adds: nothing, a thread, or
// a descriptor. Tests: tests/abi.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "capi/log.h"
#include "core/scheduler.h"
#include "core/settings.h"
#include "hexagent/hexagent.h"
#include "runtime/driver.h"
#include "runtime/driving.h"
#include "runtime/embedder_loop.h"
#include "runtime/fork_mark.h"
#include "runtime/intake_ring.h"
#include "runtime/journal.h"
#include "runtime/loop_thread.h"
#include "runtime/name_table.h"

namespace hexagent {

inline constexpr uint32_t kLabelsMax = 64;  // bits of a label set

}  // namespace hexagent

// Beside the core's settings, what concerns the shell alone: it changes no decision and is in no
// journal (shell_settings.cc).
struct hexagent_config {
  hexagent::Settings settings;
  hexagent::Driving driving = hexagent::Driving::kManual;
  hexagent::LogSettings log;
  std::string rescue_prefix;  // empty = no rescue file
  std::string journal_path;   // empty = none
  hexagent::JournalOptions journal;
  std::string transfer_address;  // empty = no endpoints
  std::string transfer_secret;
  int64_t transfer_answer_ns = 10'000'000'000;  // 0 = any time
};

struct hexagent_scheduler {
  // Without a journal, started. `observer` (may be null) outlives the handle. Both constructors may
  // throw std::bad_alloc, start() hexagent::SystemFailure too.
  hexagent_scheduler(const hexagent_config& config, hexagent::StepObserver* observer);

  // With a journal that is open and not yet recovered; start() comes afterwards.
  hexagent_scheduler(const hexagent_config& config, std::unique_ptr<hexagent::Journal> opened);

  // From here on the handle is driven.
  void start();

  const hexagent_config config;
  const hexagent::Driving driving;
  const hexagent::ForkMark fork_mark;  // a forked child must not touch the handle
  hexagent::NameTable names;
  hexagent::NameTable labels;
  hexagent::IntakeRing intake;
  hexagent::Scheduler core;                          // looked into only by whoever steps it
  const std::unique_ptr<hexagent::Journal> journal;  // null = none; likewise
  hexagent::Driver driver;
  hexagent::Log log;
  std::atomic<uint64_t> intake_rejected{0};  // inputs answered with HEXAGENT_E_AGAIN
  std::atomic<bool> poisoned{false};         // an invariant failed; the core is not called any more
  std::unique_ptr<hexagent::EmbedderLoop> loop;        // of loop driving only
  std::unique_ptr<hexagent::LoopExtension> transfers;  // of thread driving with transfer_address
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

namespace hexagent {

// hexagent_open() with a journal in this folder, wherever that lies: tests have one that loses what
// was never synced (tests/crash). HEXAGENT_OK, or what `trouble` says in words; may throw
// std::bad_alloc and SystemFailure.
hexagent_status open_in_folder(const hexagent_config& config, std::unique_ptr<JournalFolder> folder,
                               std::unique_ptr<hexagent_scheduler>* opened, std::string* trouble);

}  // namespace hexagent
