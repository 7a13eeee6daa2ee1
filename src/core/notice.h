// Notices: the few things that happen in the core and that an operator should hear of at once. The
// core only notes them; the shell words them after the step (capi/log.h). A full board drops
// further ones and counts them. Tests: tests/unit/core/rescue_test.cc.
#pragma once

#include <cstdint>

#include "hexagent/hexagent.h"

namespace hexagent {

enum class NoticeKind : uint32_t {
  kWorkerLost,       // subject: worker, count: calls taken off it
  kWorkerRestarted,  // the same
  kWorkerDrained,    // subject: worker
  kSettingChanged,   // subject: key
  kSettingRefused,   // subject: key, status
  kQuiesceTimeout,   // subject: worker, count: KV blocks
};

struct Notice {
  NoticeKind kind;
  uint32_t subject;
  hexagent_status status;
  uint32_t count;
};

class NoticeBoard {
 public:
  void put(NoticeKind kind, uint32_t subject, hexagent_status status, uint32_t count) {
    if (size_ == kMost) {
      ++dropped_;
      return;
    }
    notices_[size_++] = {kind, subject, status, count};
  }

  // Calls `visit(notice)` for each, oldest first, and forgets them; returns how many were dropped.
  template <class Visit>
  uint64_t take(Visit&& visit) {
    for (uint32_t i = 0; i < size_; ++i) visit(notices_[i]);
    const uint64_t dropped = dropped_;
    size_ = 0;
    dropped_ = 0;
    return dropped;
  }

 private:
  static constexpr uint32_t kMost = 64;
  Notice notices_[kMost] = {};
  uint32_t size_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace hexagent
