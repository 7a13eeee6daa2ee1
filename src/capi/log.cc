// Log: see log.h.
#include "capi/log.h"

#include "capi/handle.h"
#include "capi/rescue_file.h"
#include "core/notice.h"

namespace hexagent {
namespace {

uint32_t level_of(NoticeKind kind) {
  const bool plain = kind == NoticeKind::kWorkerDrained || kind == NoticeKind::kSettingChanged;
  return plain ? HEXAGENT_LOG_INFO : HEXAGENT_LOG_WARNING;
}

void word(const Notice& notice, TextWriter* text) {
  switch (notice.kind) {
    case NoticeKind::kWorkerLost:
      *text << "worker " << notice.subject << " is lost, with " << notice.count << " calls";
      return;
    case NoticeKind::kWorkerRestarted:
      *text << "worker " << notice.subject << " has restarted, " << notice.count
            << " calls of before are lost";
      return;
    case NoticeKind::kWorkerDrained:
      *text << "worker " << notice.subject << " is draining";
      return;
    case NoticeKind::kSettingChanged:
      *text << "setting " << setting_info(notice.subject).key << " was changed";
      return;
    case NoticeKind::kSettingRefused:
      *text << "setting " << setting_info(notice.subject).key
            << " was refused: " << hexagent_status_text(notice.status);
      return;
    case NoticeKind::kQuiesceTimeout:
      *text << "worker " << notice.subject << " has not told the end of a transfer, "
            << notice.count << " KV blocks are taken to be free";
      return;
  }
}

}  // namespace

void Log::opened(const Settings& settings, std::string_view driving) noexcept {
  core_->notices().take([](const Notice&) {});  // a journal's own, told in their time
  if (journal_ != nullptr) tell_recovery();
  if (!wants(HEXAGENT_LOG_INFO)) return;
  char line[kLineSize];
  TextWriter text(line, sizeof(line));
  text << "libhexagent " << HEXAGENT_VERSION_MAJOR << "." << HEXAGENT_VERSION_MINOR << "."
       << HEXAGENT_VERSION_PATCH << " opened: policy " << std::string_view(settings.policy)
       << ", driving " << driving << ", room for " << settings.workflows_max << " workflows, "
       << settings.calls_max << " calls, " << settings.workers_max << " workers";
  if (settings.shadow != 0.0) text << ", shadow mode";
  say(HEXAGENT_LOG_INFO, 0, line);
}

void Log::after_step(TimeNs now, uint64_t held_back) noexcept {
  if (settings_.callback == nullptr) return;
  tell_notices(now);
  tell_overload(now, held_back);
  if (journal_ != nullptr) tell_journal(now);
}

void Log::on_failure(TimeNs now, const char* what, const char* file, int line) noexcept {
  char path[kRescuePathSize] = {};
  if (!rescue_prefix_.empty()) {
    write_rescue_file(rescue_prefix_, *core_, {now, what, file, line}, path);
  }
  if (!wants(HEXAGENT_LOG_ERROR)) return;
  char buffer[kLineSize];
  TextWriter text(buffer, sizeof(buffer));
  text << "poisoned: " << what;
  if (line != 0) text << " (" << file << ":" << line << ")";
  if (path[0] != '\0') text << "; see " << std::string_view(path);
  say(HEXAGENT_LOG_ERROR, now, buffer);
}

void Log::link_refused(TimeNs now, uint32_t source, uint32_t target, const char* member) noexcept {
  if (!wants(HEXAGENT_LOG_WARNING) || !take_turn(now)) return;
  char line[kLineSize];
  TextWriter text(line, sizeof(line));
  text << "what was measured of the link from worker " << source << " to " << target
       << " was refused: " << std::string_view(member);
  say(HEXAGENT_LOG_WARNING, now, line);
}

// One of the lines of this second; counts those that are too many.
bool Log::take_turn(TimeNs now) {
  if (now - second_ >= kSecondNs || now < second_) {
    second_ = now;
    lines_ = 0;
  }
  if (lines_ == kLinesMax) {
    ++suppressed_;
    return false;
  }
  ++lines_;
  return true;
}

// A callback that throws in spite of all is none of ours to die of.
void Log::say(uint32_t level, TimeNs now, const char* text) noexcept {
  try {
    settings_.callback(settings_.user_data, level, now, text);
  } catch (...) {
    return;
  }
}

void Log::tell_notices(TimeNs now) {
  suppressed_ += core_->notices().take([&](const Notice& notice) {
    if (!wants(level_of(notice.kind)) || !take_turn(now)) return;
    char line[kLineSize];
    TextWriter text(line, sizeof(line));
    word(notice, &text);
    if (suppressed_ > 0) text << " (" << suppressed_ << " lines left out before)";
    suppressed_ = 0;
    say(level_of(notice.kind), now, line);
  });
}

// Once a second at most: overload is a state that lasts.
void Log::tell_overload(TimeNs now, uint64_t held_back) {
  if (!wants(HEXAGENT_LOG_WARNING)) return;
  const uint64_t rejected = intake_rejected_->load(std::memory_order_relaxed);
  const bool due = overload_told_ == 0 || now - overload_told_ >= kSecondNs;
  if (!due || (rejected == rejected_told_ && held_back == held_back_told_)) return;
  char line[kLineSize];
  TextWriter text(line, sizeof(line));
  text << "overload: " << rejected - rejected_told_
       << " inputs turned away by a full intake queue, " << held_back - held_back_told_
       << " steps held back by decisions nobody polls";
  overload_told_ = now;
  rejected_told_ = rejected;
  held_back_told_ = held_back;
  if (take_turn(now)) say(HEXAGENT_LOG_WARNING, now, line);
}

}  // namespace hexagent

extern "C" {

hexagent_status hexagent_config_log(hexagent_config* config, uint32_t level,
                                    hexagent_log_callback callback, void* user_data) noexcept {
  if (config == nullptr) return HEXAGENT_E_ARGUMENT;
  if (level > HEXAGENT_LOG_INFO) return HEXAGENT_E_RANGE;
  config->log = {callback, user_data, callback == nullptr ? uint32_t{HEXAGENT_LOG_NONE} : level};
  return HEXAGENT_OK;
}

}  // extern "C"
