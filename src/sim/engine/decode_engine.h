// One decode worker: continuous batching over paged KV that grows block by block, preemption of the
// latest by recompute, reservations for incoming KV, and (role both) local prefill chunks mixed
// into its iterations. It decides nothing but the composition of its next iteration.
//
// Life of a transferred request: reserve() -> [kKvReserved] -> the KV travels -> submit() ->
// [kFirstToken] -> [kDecodeFinished]. Of a local one: submit_local() -> [kPrefillStarted] ->
// [kPrefillFinished] -> as above. Afterwards the context stays as evictable cache.
//
// Driving: as PrefillEngine. Iterations in which nothing can be reported are worked out ahead in
// one go; next_event() is the end of such a stretch, and a call in between cuts the stretch after
// the iteration in progress. So a quiet iteration costs two look-ups and a few additions. Tests:
// tests/unit/sim/engine/decode_engine_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "sim/engine/content.h"
#include "sim/engine/decode_batch.h"
#include "sim/engine/engine_config.h"
#include "sim/engine/prefix_cache.h"
#include "sim/engine/reports.h"
#include "sim/engine/sim_time.h"

namespace hexagent::sim {

struct DecodeRequest {
  uint64_t id = 0;
  ContentId content = kNoContent;
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  int64_t priority = 0;  // lower first; ties by order of arrival
};

class DecodeEngine {
 public:
  DecodeEngine(const EngineConfig& config, const ContentTree* contents);

  // Asks for blocks for the prompt. Returns how many of its tokens are here already (and pinned),
  // or nothing when the reservation has to wait; then kKvReserved tells. Waiting reservations are
  // served by (priority, arrival), and none passes the head. Without `share_prefix` no resident
  // block is used and the whole prompt has to come.
  std::optional<int64_t> reserve(TimeNs now, const DecodeRequest& request, bool share_prefix);
  // The reserved KV has arrived: decode may start.
  void submit(TimeNs now, uint64_t id);
  // Prefill and decode here. Waits for space in the same queue as reservations.
  void submit_local(TimeNs now, const DecodeRequest& request);
  // Changes the place of a waiting request. False when it is not waiting for space or for a seat.
  bool reorder(TimeNs now, uint64_t id, int64_t priority);
  // Ends the request in any state. False when there is no such request.
  bool cancel(TimeNs now, uint64_t id);
  // The worker is lost: drops everything, the cache too, and returns all ids by submission.
  std::vector<uint64_t> lose(TimeNs now);

  TimeNs next_event() const;
  void advance(TimeNs now, Reports& out);

  const PrefixCache& cache() const { return cache_; }
  // Statistics up to the last iteration that ended by `now`.
  const EngineStats& stats(TimeNs now);
  // Output tokens generated so far.
  int64_t generated_tokens(TimeNs now, uint64_t id);
  int32_t running_count() const { return batch_.size(); }
  int64_t waiting_space_count() const { return static_cast<int64_t>(space_queue_.size()); }
  // KV here (or preempted) but not in the batch.
  int64_t waiting_seat_count() const {
    return static_cast<int64_t>(arrived_.size() + preempted_.size());
  }
  // Throws std::logic_error unless every request has ended and every block was released.
  void check_drained() const;

 private:
  enum class State : uint8_t {
    kWaitingSpace,
    kReserved,
    kLocalPrefill,
    kArrived,
    kRunning,
    kPreempted
  };
  struct Sequence {
    DecodeRequest request;
    State state = State::kWaitingSpace;
    uint64_t number = 0;  // of submission
    LeaseId lease = kNoLease;
    int64_t leased_blocks = 0;  // blocks the lease covers; growth beyond them is unclaimed
    int64_t generated_tokens = 0;
    int64_t cached_tokens = 0;
    int64_t done_tokens = 0;   // local prefill: cached and computed so far
    int64_t chunk_tokens = 0;  // local prefill: computed by the iteration in progress
    TimeNs prefill_start = kNever;
    TimeNs decode_start = kNever;
    bool is_local = false;
    bool share_prefix = true;
  };
  using QueueKey = std::tuple<int64_t, uint64_t, int32_t>;  // priority, number, slot

  Sequence& at(int32_t slot) { return slots_[static_cast<size_t>(slot)]; }
  int32_t find(uint64_t id) const;
  int32_t find_or_throw(uint64_t id) const;
  int32_t create(const DecodeRequest& request);
  void forget(int32_t slot);
  QueueKey key_of(int32_t slot);
  void wake(TimeNs now) { wake_at_ = now < wake_at_ ? now : wake_at_; }
  void account(TimeNs now);
  // Completes the iterations of the stretch that ended by `now`, but never its last one.
  void catch_up(TimeNs now);
  // Cuts the stretch after the iteration in progress: something about the next one has changed.
  void cut_stretch();

  // decode_schedule.cc: what happens between two iterations.
  void finish_iteration(Reports& out);
  void finish_local_chunks(TimeNs now, Reports& out);
  void finish_sequence(int32_t slot, TimeNs now, Reports& out);
  void schedule(TimeNs now, Reports& out);
  void admit(TimeNs now);
  bool readmit_head(TimeNs now);
  void seat(int32_t slot, TimeNs now);
  void take_growth(TimeNs now, Reports& out);
  void preempt(int32_t slot, TimeNs now, Reports& out);
  void grant_space(TimeNs now, Reports& out);
  bool acquire_space(int32_t slot);
  void start_iteration(TimeNs now, int64_t stretch_max, Reports& out);
  void plan_stretch(TimeNs now, int64_t stretch_max, double extra_s);
  double jitter_ahead(size_t index);
  int64_t blocks_for(int64_t tokens) const {
    return (tokens + cache_.block_tokens() - 1) / cache_.block_tokens();
  }

  EngineConfig config_;
  PrefixCache cache_;
  DecodeBatch batch_;
  EngineStats stats_;
  TimeNs accounted_until_ = 0;
  TimeNs wake_at_ = kNever;
  uint64_t next_number_ = 0;

  std::vector<Sequence> slots_;
  std::vector<int32_t> free_slots_;
  std::unordered_map<uint64_t, int32_t> slot_of_id_;  // looked up, never iterated
  std::set<QueueKey> space_queue_;
  std::set<QueueKey> arrived_;
  std::deque<int32_t> preempted_;       // head is next
  std::vector<int32_t> local_running_;  // in order of admission
  std::vector<int32_t> first_pending_;  // their first token comes with the iteration in progress
  int64_t recompute_tokens_ = 0;        // contexts readmitted for the iteration to be started
  double recompute_attention_s_ = 0.0;

  std::vector<TimeNs> stretch_ends_;  // ends of the planned iterations; empty when idle
  size_t stretch_index_ = 0;          // the iteration in progress
  TimeNs iteration_start_ = 0;
  std::vector<double> jitters_;  // drawn, by iteration; kept when a stretch is cut
  size_t jitter_first_ = 0;      // that of the iteration in progress
};

}  // namespace hexagent::sim
