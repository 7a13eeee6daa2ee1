// Log: words what happened in and around the core and hands it to the host's callback, a bounded
// number of lines a second. Also writes the rescue file when a step broke the core. Belongs to the
// thread that steps. Tests: tests/unit/capi/log_test.cc, tests/abi/log_test.c.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>

#include "core/scheduler.h"
#include "core/settings.h"
#include "hexagent/log.h"
#include "metrics/text_writer.h"
#include "runtime/step_listener.h"

namespace hexagent {

class Journal;

// What a configuration says of it.
struct LogSettings {
  hexagent_log_callback callback = nullptr;
  void* user_data = nullptr;
  uint32_t level = HEXAGENT_LOG_NONE;
};

class Log final : public StepListener {
 public:
  // `intake_rejected` and `core` outlive it. `rescue_prefix`: empty = no rescue file.
  Log(const LogSettings& settings, std::string rescue_prefix, Scheduler* core,
      const std::atomic<uint64_t>* intake_rejected)
      : settings_(settings),
        rescue_prefix_(std::move(rescue_prefix)),
        core_(core),
        intake_rejected_(intake_rejected) {}

  // Is there anybody to tell, or anything to write?
  bool is_on() const { return settings_.callback != nullptr || !rescue_prefix_.empty(); }

  // There is a journal to tell of; it outlives this. Before opened().
  void watch(const Journal* journal) { journal_ = journal; }

  // The scheduler is open, driven in this way.
  void opened(const Settings& settings, std::string_view driving) noexcept;

  // An endpoint's measurement of the link between two workers cannot be right; `member` says where.
  void link_refused(TimeNs now, uint32_t source, uint32_t target, const char* member) noexcept;

  void after_step(TimeNs now, uint64_t held_back) noexcept override;
  void on_failure(TimeNs now, const char* what, const char* file, int line) noexcept override;

 private:
  static constexpr uint32_t kLinesMax = 20;  // in a second
  static constexpr uint32_t kLineSize = 256;

  bool wants(uint32_t level) const {
    return settings_.callback != nullptr && level <= settings_.level;
  }
  bool take_turn(TimeNs now);
  void say(uint32_t level, TimeNs now, const char* text) noexcept;
  void tell_notices(TimeNs now);
  void tell_overload(TimeNs now, uint64_t held_back);
  void tell_recovery();
  void tell_journal(TimeNs now);
  void tell_of_journal(uint32_t level, TimeNs now, std::string_view what, std::string_view which);

  const LogSettings settings_;
  const std::string rescue_prefix_;
  Scheduler* const core_;
  const std::atomic<uint64_t>* const intake_rejected_;
  const Journal* journal_ = nullptr;
  bool journal_end_told_ = false;
  uint64_t snapshots_told_ = 0;
  uint64_t skipped_told_ = 0;
  uint64_t held_back_told_ = 0;
  uint64_t rejected_told_ = 0;
  TimeNs overload_told_ = 0;
  TimeNs second_ = 0;  // lines are counted from here
  uint32_t lines_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace hexagent
