// C ABI: opening and closing a scheduler, names and labels. See handle.h.
#include "capi/handle.h"

#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "capi/check_input.h"
#include "capi/flaw.h"
#include "capi/guard.h"
#include "capi/transfers.h"
#include "core/base/check.h"
#include "metrics/text_writer.h"
#include "runtime/boot_identity.h"
#include "runtime/clock.h"
#include "runtime/system_failure.h"

hexagent_scheduler::hexagent_scheduler(const hexagent_config& wanted,
                                       hexagent::StepObserver* observer)
    : config(wanted),
      driving(config.driving),
      names(static_cast<uint32_t>(config.settings.names_max)),
      labels(hexagent::kLabelsMax),
      intake(static_cast<uint64_t>(config.settings.intake_bytes)),
      core(config.settings),
      driver(&core, &intake, observer, static_cast<uint64_t>(config.settings.decisions_max)),
      log(config.log, config.rescue_prefix, &core, &intake_rejected) {
  start();
}

hexagent_scheduler::hexagent_scheduler(const hexagent_config& wanted,
                                       std::unique_ptr<hexagent::Journal> opened)
    : config(wanted),
      driving(config.driving),
      names(static_cast<uint32_t>(config.settings.names_max)),
      labels(hexagent::kLabelsMax),
      intake(static_cast<uint64_t>(config.settings.intake_bytes)),
      core(opened->settings()),
      journal(std::move(opened)),
      driver(&core, &intake, journal.get(), static_cast<uint64_t>(config.settings.decisions_max)),
      log(config.log, config.rescue_prefix, &core, &intake_rejected) {}

void hexagent_scheduler::start() {
  log.watch(journal.get());
  log.opened(config.settings, hexagent::kDrivingNames[static_cast<uint32_t>(driving)]);
  if (log.is_on()) driver.set_listener(&log);
  if (driving == hexagent::Driving::kLoop) {
    loop = std::make_unique<hexagent::EmbedderLoop>(&core, &driver, &intake);
  } else if (driving == hexagent::Driving::kThread) {
    transfers = hexagent::make_transfers(this);
    thread = std::make_unique<hexagent::LoopThread>(hexagent::LoopThread::Driven{
        &core, &driver, &intake, &poisoned, static_cast<uint64_t>(config.settings.decisions_max),
        transfers.get()});
    thread->start();
  }
}

hexagent_status hexagent_scheduler::queue(const hexagent::Input& input) {
  switch (intake.try_push(input)) {
    case hexagent::IntakeRing::Push::kDone:
      return HEXAGENT_OK;
    case hexagent::IntakeRing::Push::kClosed:
      return HEXAGENT_E_CLOSED;
    case hexagent::IntakeRing::Push::kFull:
      break;
  }
  intake_rejected.fetch_add(1, std::memory_order_relaxed);
  return HEXAGENT_E_AGAIN;
}

hexagent_status hexagent_scheduler::push(const hexagent::Input& input) {
  const hexagent_status status = queue(input);
  if (status == HEXAGENT_OK) wake();
  return status;
}

void hexagent_scheduler::wake() noexcept {
  if (thread != nullptr) thread->wake();
  if (loop != nullptr) loop->wake();
}

void hexagent_scheduler::poison() noexcept {
  // Release: pairs with everyone who looks before touching the core or going to sleep.
  poisoned.store(true, std::memory_order_release);
  if (thread != nullptr) thread->tell_poisoned();
  if (loop != nullptr) loop->tell_poisoned();
}

namespace hexagent {
namespace {

// Before 1.0 each 0.x is an ABI of its own; patches are interchangeable.
bool is_same_abi(uint32_t header_version) {
  return header_version >> 8 == static_cast<uint32_t>(HEXAGENT_VERSION) >> 8;
}

// Brings a handle to where its journal ends, and queues what its settings differ in since.
hexagent_status recover(hexagent_scheduler* scheduler) {
  Journal* journal = scheduler->journal.get();
  const bool by_hand = scheduler->driving == Driving::kManual;
  const hexagent_status status = journal->recover(
      &scheduler->core, &scheduler->names, &scheduler->labels,
      [scheduler](const Input& input) { return check_input(*scheduler, input); },
      by_hand ? kNever : monotonic_now());
  if (status != HEXAGENT_OK) return status;
  const JournalEnd& end = journal->recovered();
  if (end.steps > 0 && by_hand) {
    scheduler->driver.recover_at(end.last_now);  // nobody knows that clock before the first step
  } else if (end.steps > 0) {
    scheduler->driver.recover_at(end.last_now, journal->clock_shift());
  }
  for (const SettingChange& change : journal->changes()) {
    Input input = {InputKind::kConfigure};
    input.record = &change;
    input.record_size = sizeof(change);
    const hexagent_status queued = scheduler->queue(input);
    HEXAGENT_CHECK(queued == HEXAGENT_OK);  // the smallest queue holds one change of every key
  }
  return HEXAGENT_OK;
}

hexagent_status recover_guarded(hexagent_scheduler* scheduler, std::string* trouble) {
  *trouble = scheduler->config.journal_path + ": ";
  try {
    const hexagent_status status = recover(scheduler);
    if (status == HEXAGENT_OK) {
      trouble->clear();
    } else {
      *trouble += scheduler->journal->trouble();
    }
    return status;
  } catch (const InvariantFailure& failure) {
    *trouble += "lived through again, it breaks an invariant: ";
    *trouble += failure.condition;
    return HEXAGENT_E_INTERNAL;
  }
}

// `trouble`, if it is not empty, says in words what the status is about.
hexagent_status open_scheduler(const hexagent_config* config, uint32_t header_version,
                               std::unique_ptr<hexagent_scheduler>* scheduler,
                               std::string* trouble) {
  if (!is_same_abi(header_version)) return HEXAGENT_E_VERSION;
  try {
    const hexagent_config defaults;
    const hexagent_config& wanted = config != nullptr ? *config : defaults;
    const hexagent_status usable = check_transfers(wanted, trouble);
    if (usable != HEXAGENT_OK) return usable;
    if (!wanted.journal_path.empty()) {
      std::unique_ptr<JournalFolder> folder;
      const hexagent_status status =
          open_folder(wanted.journal_path, FolderUse::kWrite, &folder, trouble);
      if (status != HEXAGENT_OK) return status;
      hexagent_config here = wanted;
      here.journal.boot = boot_identity();
      return open_in_folder(here, std::move(folder), scheduler, trouble);
    }
    *scheduler = std::make_unique<hexagent_scheduler>(wanted, nullptr);
    return HEXAGENT_OK;
  } catch (const SystemFailure& failure) {
    *trouble = std::string("the system gave no ") + failure.what + ": error " +
               std::to_string(failure.error);
    return HEXAGENT_E_SYSTEM;
  }
}

// The bytes of a string argument; HEXAGENT_E_ARGUMENT when there are none to read.
hexagent_status read_text(const char* text, uint32_t length, std::string_view* view) {
  if (text == nullptr) return HEXAGENT_E_ARGUMENT;
  *view = std::string_view(text, length);
  return HEXAGENT_OK;
}

hexagent_status copy_name(const NameTable& names, uint32_t name, char* buffer, uint32_t capacity) {
  if (buffer == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
  if (!names.known(name)) return HEXAGENT_E_NAME;
  const std::string_view text = names.text(name);
  if (text.size() >= capacity) return HEXAGENT_E_BUFFER;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return HEXAGENT_OK;
}

// What broke the core must not come back with a snapshot of it.
void end_journal(hexagent_scheduler* scheduler) noexcept {
  // Acquire: pairs with poison(); the thread that may have stored it has ended.
  if (scheduler->poisoned.load(std::memory_order_acquire)) return scheduler->journal->on_end();
  scheduler->journal->finish(scheduler->driver.core_now(), &scheduler->core);
}

}  // namespace

hexagent_status open_in_folder(const hexagent_config& config, std::unique_ptr<JournalFolder> folder,
                               std::unique_ptr<hexagent_scheduler>* opened, std::string* trouble) {
  JournalOptions options = config.journal;
  if (config.driving == Driving::kManual) options.boot = 0;
  auto journal = std::make_unique<Journal>(options);
  hexagent_status status = journal->open(std::move(folder), config.settings);
  for (;;) {
    if (status != HEXAGENT_OK) {
      *trouble = config.journal_path + ": " + journal->trouble();
      return status;
    }
    auto scheduler = std::make_unique<hexagent_scheduler>(config, std::move(journal));
    status = recover_guarded(scheduler.get(), trouble);
    if (status == HEXAGENT_OK) {
      scheduler->start();
      scheduler->wake();  // the changes that were queued
      *opened = std::move(scheduler);
      return HEXAGENT_OK;
    }
    if (!scheduler->journal->may_try_older()) return status;
    journal = scheduler->journal->try_older(&status);
  }
}

}  // namespace hexagent

extern "C" {

hexagent_scheduler* hexagent_open(const hexagent_config* config, uint32_t header_version,
                                  hexagent_error* error) noexcept {
  if (!hexagent::is_usable(error)) return nullptr;
  std::unique_ptr<hexagent_scheduler> scheduler;
  std::string trouble;
  const hexagent_status status = hexagent::guard_free(
      [&] { return hexagent::open_scheduler(config, header_version, &scheduler, &trouble); });
  if (trouble.empty()) {
    hexagent::tell(hexagent::Flaw{status}, error);
  } else {
    hexagent::tell(status, HEXAGENT_FIELD_NONE, trouble.c_str(), error);
  }
  return scheduler.release();
}

void hexagent_close(hexagent_scheduler* scheduler) noexcept {
  if (scheduler == nullptr) return;
  const bool is_parents = !scheduler->fork_mark.is_here();
  if (is_parents && scheduler->thread != nullptr) scheduler->thread->forsake();
  if (scheduler->thread != nullptr) scheduler->thread->stop();
  scheduler->thread.reset();
  // The journal is the parent's too: a child must not write what the parent writes.
  if (!is_parents && scheduler->journal != nullptr) hexagent::end_journal(scheduler);
  delete scheduler;
}

int32_t hexagent_name(hexagent_scheduler* scheduler, const char* text, uint32_t length) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) -> int32_t {
    std::string_view view;
    const hexagent_status status = hexagent::read_text(text, length, &view);
    return status != HEXAGENT_OK ? status : self.names.intern(view);
  });
}

int32_t hexagent_label(hexagent_scheduler* scheduler, const char* text, uint32_t length) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) -> int32_t {
    std::string_view view;
    const hexagent_status status = hexagent::read_text(text, length, &view);
    if (status != HEXAGENT_OK) return status;
    const int32_t id = self.labels.intern(view);
    return id > 0 ? id - 1 : id;
  });
}

hexagent_status hexagent_name_text(hexagent_scheduler* scheduler, uint32_t name, char* buffer,
                                   uint32_t capacity) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::copy_name(self.names, name, buffer, capacity);
  });
}

}  // extern "C"
