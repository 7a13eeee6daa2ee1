// KvHolds: KV blocks that stay reserved after a transfer ended without success, until the end of it
// on their worker is known: before, the transport may still write there or read from there, and
// blocks in other hands would be overwritten. In order of their beginning. Bounded: whoever adds
// makes room first. Tests: tests/unit/core/cluster/kv_holds_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/check.h"
#include "core/base/time.h"

namespace hexagent {

struct KvHold {
  uint64_t workflow = 0;  // the caller's ids; both may be forgotten by now
  uint64_t call = 0;
  uint32_t attempt = 0;  // of the transfer
  uint32_t worker = 0;   // index
  uint32_t blocks = 0;   // 0: they are still the call's, and come here when it lets go of them
  bool source = false;   // which end of the transfer the worker is
  TimeNs since = 0;
};

class KvHolds {
 public:
  static constexpr uint32_t kNone = 0xffffffffu;
  static constexpr uint32_t kMost = 4096;

  KvHolds() { holds_.reserve(kMost); }

  bool empty() const { return holds_.empty(); }
  bool full() const { return holds_.size() == kMost; }
  uint32_t size() const { return static_cast<uint32_t>(holds_.size()); }
  const KvHold& operator[](uint32_t index) const { return holds_[index]; }
  const std::vector<KvHold>& all() const { return holds_; }

  void add(const KvHold& hold) {
    HEXAGENT_CHECK(!full() && (empty() || holds_.back().since <= hold.since));
    holds_.push_back(hold);
  }

  // The oldest of this transfer on this worker; attempt 0 = any.
  uint32_t find(uint64_t workflow, uint64_t call, uint32_t attempt, uint32_t worker) const {
    for (uint32_t i = 0; i < size(); ++i) {
      const KvHold& hold = holds_[i];
      const bool same = hold.workflow == workflow && hold.call == call && hold.worker == worker;
      if (same && (attempt == 0 || hold.attempt == attempt)) return i;
    }
    return kNone;
  }

  // The source gives up what it kept for a call; it stays here if a transfer of it has not ended.
  bool take_over(uint64_t workflow, uint64_t call, uint32_t worker, uint32_t blocks) {
    for (KvHold& hold : holds_) {
      if (!hold.source || hold.workflow != workflow || hold.call != call) continue;
      if (hold.worker != worker) continue;
      hold.blocks += blocks;
      return true;
    }
    return false;
  }

  // Forgets one; what comes back are the blocks that are free with it. Another transfer of the same
  // KV that has not ended either keeps them.
  KvHold remove(uint32_t index) {
    KvHold hold = holds_[index];
    holds_.erase(holds_.begin() + index);
    if (hold.source && take_over(hold.workflow, hold.call, hold.worker, hold.blocks)) {
      hold.blocks = 0;
    }
    return hold;
  }

 private:
  std::vector<KvHold> holds_;
};

}  // namespace hexagent
