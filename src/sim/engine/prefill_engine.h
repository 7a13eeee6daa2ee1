// One prefill worker: chunked, batched prefill with a prefix cache, as a real engine would run what
// it is sent. It decides nothing but the composition of its next iteration.
// A finished prompt's KV stays pinned until release(), then it is evictable cache.
// Driving: call advance(t) at t = next_event(); all other calls pass the current time and never a
// time beyond next_event(). Work handed to an idle engine starts at the advance() that follows, so
// that everything submitted at one instant shares the first iteration.
// Tests: tests/unit/sim/engine/prefill_engine_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "sim/engine/content.h"
#include "sim/engine/engine_config.h"
#include "sim/engine/prefix_cache.h"
#include "sim/engine/reports.h"
#include "sim/engine/sim_time.h"

namespace hexagent::sim {

struct PrefillRequest {
  uint64_t id = 0;
  ContentId content = kNoContent;
  int64_t prompt_tokens = 0;
  int64_t order_key = 0;  // lower first; ties by order of submission
};

// How far a running prefill has come.
struct PrefillProgress {
  int64_t done_tokens = 0;   // cached and computed before this iteration
  int64_t chunk_tokens = 0;  // computed by this one
  TimeNs iteration_start = 0;
  TimeNs iteration_end = 0;
  bool is_first = false;  // of the request's iterations
};

class PrefillEngine {
 public:
  PrefillEngine(const EngineConfig& config, const ContentTree* contents);

  void submit(TimeNs now, const PrefillRequest& request);
  // False when the request is not waiting in the queue (any more).
  bool reorder(TimeNs now, uint64_t id, int64_t order_key);
  // Withdraws a waiting or running request; what it computed stays as cache. False when there is no
  // such request or its prefill has finished. An iteration in progress keeps its length.
  bool abort(TimeNs now, uint64_t id);
  // Ends the pin of a finished prompt.
  void release(TimeNs now, uint64_t id);
  // The worker is lost: drops everything, the cache too, and returns all ids by submission.
  std::vector<uint64_t> lose(TimeNs now);

  TimeNs next_event() const { return busy_ ? iteration_end_ : wake_at_; }
  void advance(TimeNs now, Reports& out);

  // Nothing while the request waits, and once its prefill has finished.
  std::optional<PrefillProgress> progress(uint64_t id) const;

  const PrefixCache& cache() const { return cache_; }
  // Statistics up to `now`.
  const EngineStats& stats(TimeNs now);
  int64_t waiting_count() const { return static_cast<int64_t>(queue_.size()); }
  int64_t running_count() const { return static_cast<int64_t>(running_.size()); }
  int64_t waiting_tokens() const { return waiting_tokens_; }
  // Throws std::logic_error unless every request has ended and every pin was released.
  void check_drained() const;

 private:
  enum class State : uint8_t { kWaiting, kRunning, kFinished };
  struct Prefill {
    PrefillRequest request;
    State state = State::kWaiting;
    uint64_t sequence = 0;
    LeaseId lease = kNoLease;
    int64_t cached_tokens = 0;
    int64_t done_tokens = 0;   // cached and computed so far
    int64_t chunk_tokens = 0;  // computed by the iteration in progress
    TimeNs start = 0;
  };
  using QueueKey = std::tuple<int64_t, uint64_t, int32_t>;  // order key, sequence, slot

  Prefill& at(int32_t slot) { return slots_[static_cast<size_t>(slot)]; }
  int32_t find(uint64_t id) const;
  QueueKey key_of(int32_t slot);
  void forget(int32_t slot);
  void wake(TimeNs now);
  void account(TimeNs now);
  void finish_iteration(Reports& out);
  void start_iteration(TimeNs now, Reports& out);
  bool admit(int32_t slot);

  EngineConfig config_;
  PrefixCache cache_;
  EngineStats stats_;
  TimeNs accounted_until_ = 0;
  bool busy_ = false;
  TimeNs iteration_end_ = 0;
  TimeNs iteration_start_ = 0;
  TimeNs wake_at_ = kNever;
  uint64_t next_sequence_ = 0;
  int64_t waiting_tokens_ = 0;

  std::vector<Prefill> slots_;
  std::vector<int32_t> free_slots_;
  std::unordered_map<uint64_t, int32_t> slot_of_id_;  // looked up, never iterated
  std::set<QueueKey> queue_;
  std::vector<int32_t> running_;  // in order of admission
};

}  // namespace hexagent::sim
