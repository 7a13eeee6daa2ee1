// PlanView: the simulated cluster state a plan works on.
//
// Reading a worker's load gives the real one until something was tried on it; trying copies it
// first. A new plan starts with begin(), which forgets all trials in O(1). Tests:
// tests/unit/core/plan.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cluster/content_table.h"
#include "core/cluster/link_table.h"
#include "core/cluster/worker_table.h"
#include "core/plan/joint_rows.h"
#include "core/plan/outlook.h"
#include "core/plan/overlap.h"
#include "core/plan/pool_columns.h"
#include "core/settings.h"
#include "core/workflow/workflow.h"

namespace hexagent {

// What a placement must know of the call it places.
struct CallShape {
  const Call* call = nullptr;
  const ModelPool* pool = nullptr;
  const uint32_t* hits = nullptr;  // resident prompt prefix by worker index, tokens
  uint32_t prompt_tokens = 0;
  double output_tokens = 0.0;   // expectation
  uint32_t reserve_tokens = 0;  // prompt and a high quantile of the output
  double weight = 1.0;          // how much a second of delay matters to its workflow

  // The workflow's stretch as a function of this call's finish (seconds from now): what a placement
  // that counts S^p instead of seconds needs. See own_cost_s() in placement_cost.h.
  double elapsed_s = 0.0;
  double horizon_s = 0.0;  // 0 = not known, costs are plain seconds
  double stretch_now = 1.0;
  double risk = 1.0;  // stretch_now against the mean that workflows of late ended with

  uint32_t cached(uint32_t worker) const {
    return hits[worker] < prompt_tokens ? hits[worker] : prompt_tokens - 1;
  }
};

// What a prefill worker would cost a call (filled by placement_cost.h).
struct PrefillOption {
  bool fits = false;
  uint32_t cached = 0;
  double wait_s = 0.0;     // until the call progresses undisturbed
  double service_s = 0.0;  // its own prefill from there on
  Overlap overlap;
};

// What a decode worker would cost a call (filled by placement_cost.h).
struct DecodeOption {
  bool fits = false;
  uint32_t cached = 0;  // KV it holds already and need not be sent
  double bytes = 0.0;   // to move
  double wait_s = 0.0;  // for KV space
  double service_s = 0.0;
  double impact_s = 0.0;  // delay caused to the batch, summed over its sequences
};

// One (prefill, decode) pair with its projected times, seconds from now.
struct Choice {
  uint32_t prefill = kNoWorker;
  uint32_t decode = kNoWorker;
  bool fits = false;  // KV space on both workers now
  uint32_t prefill_cached = 0;
  uint32_t decode_cached = 0;
  double wait_s = 0.0;  // before the prefill progresses
  double prefill_end_s = 0.0;
  double transfer_end_s = 0.0;
  double finish_s = 0.0;
  double cost_s = 0.0;  // what the placement minimised
};

class PlanView {
 public:
  // Takes the memory for all workers there can be: planning must not allocate.
  PlanView(const WorkerTable& workers, const LinkTable& links, const Settings& settings);

  // Takes what planning for a model needs beyond that, when its first worker comes.
  void prepare(uint32_t model) { columns_of(model); }

  void begin(TimeNs now);
  TimeNs now() const { return now_; }
  const WorkerTable& workers() const { return workers_; }
  const LinkTable& links() const { return links_; }
  const Settings& settings() const { return settings_; }

  const WorkerLoad& load(uint32_t worker) const {
    return stamps_[worker] == stamp_ ? trials_[worker] : workers_[worker].load;
  }

  // The same, prepared for many calls.
  const PrefillOutlook& prefill_outlook(uint32_t worker) const {
    if (prefill_stamps_[worker] != stamp_) look_at_prefill(worker);
    return prefill_outlooks_[worker];
  }
  const DecodeOutlook& decode_outlook(uint32_t worker) const {
    if (decode_stamps_[worker] != stamp_) look_at_decode(worker);
    return decode_outlooks_[worker];
  }

  // And for many workers at a time.
  const PoolColumns& columns(const ModelPool& pool) const;

  // The load of a worker has changed within the plan.
  void changed(uint32_t worker);

  // Books a choice on the simulated state, as if it were dispatched.
  void book(const CallShape& shape, const Choice& choice);
  // After a real dispatch: workers that trials were made on get it in their trial copy as well.
  void book_dispatched(const CallShape& shape, const Choice& choice);
  // Choices booked so far in the scheduler's life; round robin goes by it.
  uint64_t rotation() const { return rotation_; }
  // Back to an earlier one, after a question, which leaves no trace.
  void turn_back(uint64_t rotation) { rotation_ = rotation; }

  // The fields of a snapshot (snapshot/writer.h): all that outlives a plan.
  template <class Archive, class Self>
  static void visit(Archive* archive, Self* self, double most) {
    archive->number("rotation", &self->rotation_);
    archive->real("backlog_s", &self->backlog_s, -most, most);
  }

  // Scratch space of one search, kept so that planning does not allocate.
  JointRows& joint_rows() const { return joint_rows_; }

  // Mean time until the prefill workers of a pool have done what was sent and what waits.
  double backlog_s = 0.0;

 private:
  static constexpr uint64_t kNoStamp = ~uint64_t{0};

  WorkerLoad& trial(uint32_t worker);
  bool tried(uint32_t worker) const { return stamps_[worker] == stamp_; }
  void book_prefill(const CallShape& shape, const Choice& choice, WorkerLoad* load) const;
  void book_decode(const CallShape& shape, const Choice& choice, WorkerLoad* load) const;
  void look_at_prefill(uint32_t worker) const;
  void look_at_decode(uint32_t worker) const;
  PoolColumns& columns_of(uint32_t model) const;
  void look_at_pool(const ModelPool& pool, PoolColumns* columns) const;

  const WorkerTable& workers_;
  const LinkTable& links_;
  const Settings& settings_;
  std::vector<WorkerLoad> trials_;
  std::vector<uint64_t> stamps_;
  mutable std::vector<PrefillOutlook> prefill_outlooks_;
  mutable std::vector<DecodeOutlook> decode_outlooks_;
  mutable std::vector<uint64_t> prefill_stamps_;
  mutable std::vector<uint64_t> decode_stamps_;
  mutable std::vector<PoolColumns> pools_;
  mutable JointRows joint_rows_;
  uint64_t stamp_ = 0;
  uint64_t rotation_ = 0;
  TimeNs now_ = 0;
};

}  // namespace hexagent
