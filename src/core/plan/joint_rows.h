// JointRows: what each worker of a pool would cost one call, as the joint search compares it
// (placement_joint.h): an array for each number, by position in the pool and filled up like
// PoolColumns, so that compilers work on several workers at once. Workers that cannot take the call
// have a price that is never the least. Tests: tests/unit/core/plan/joint_rows_test.cc.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/cluster/prefill_load.h"
#include "core/plan/overlap.h"

namespace hexagent {

class PlanView;
struct CallShape;
struct JointWeights;
class DecodeColumns;
struct PoolColumns;

// Price of a worker that is out of the question.
inline constexpr double kNoPrice = std::numeric_limits<double>::infinity();

// Time that no real pair takes; keeps comparisons free of special cases.
inline constexpr double kNoTime = 1e300;

// Which workers a search takes.
struct RowFilter {
  bool must_fit = true;
  bool avoid = false;  // not the one that the call was lost on
};

// A line below the curve of the own cost, as bounds take it: offset + slope * finish.
struct BoundLine {
  double offset = 0.0;
  double slope = 1.0;
};

class PrefillRows {
 public:
  void reserve(uint32_t workers_max);
  void fill(const PlanView& view, const CallShape& shape, const JointWeights& weights,
            const PoolColumns& pool, const RowFilter& filter);
  // Works out the bounds, all of them finite but those of workers without a price. The least one.
  double bound(const BoundLine& line);
  // Of the ends; kNoTime when no worker can take the call.
  double earliest_s() const;

  std::vector<double> end_s;    // of the prefill
  std::vector<double> price_s;  // of the work
  std::vector<double> bound_s;  // its part of what any pair with it costs at least
  std::vector<double> alone_s;  // of the prefill, where KV is sent layer by layer, else 0
  double longest_alone_s = 0.0;

 private:
  // An engine of one kind and this call, if nothing of it is cached.
  struct KindTime {
    double alone_s = 0.0;  // without the learned factor
    double own_chunk_tokens = 0.0;
    double batch_tokens = 0.0;
    int bucket = 0;
  };

  void fill_cold(const CallShape& shape, double price, const PoolColumns& pool);
  void correct(const PlanView& view, const CallShape& shape, const JointWeights& weights,
               const PoolColumns& pool, const RowFilter& filter);
  void fill_alone(const PlanView& view, const CallShape& shape, const PoolColumns& pool);

  std::vector<KindTime> kinds_;
};

class DecodeRows {
 public:
  void reserve(uint32_t workers_max);
  // `late`: some prefill worker needs no KV space yet on the decode worker.
  void fill(const PlanView& view, const CallShape& shape, const JointWeights& weights,
            const PoolColumns& pool, const RowFilter& filter, bool late);
  // Some prefill may hide as much as this of a transfer; not before fill().
  void hide(const Overlap& overlap);
  // `transfer`: weight of the least that a transfer takes.
  double bound(const BoundLine& line, double transfer);
  // If nothing but its own interface held the transfer up; kNoTime as above.
  double earliest_s() const;

  std::vector<double> finish_s;  // without the transfer
  std::vector<double> price_s;   // of the delay it causes
  std::vector<double> move_s;    // the least the transfer can take
  std::vector<double> bytes;     // to move
  std::vector<double> bound_s;

 private:
  void look_up_held(const PlanView& view, const CallShape& shape, const PoolColumns& pool);
  void fill_times(const CallShape& shape, const JointWeights& weights,
                  const DecodeColumns& columns);
  void fill_moves(const CallShape& shape, const DecodeColumns& columns);
  void correct(const PlanView& view, const CallShape& shape, const JointWeights& weights,
               const PoolColumns& pool, const RowFilter& filter, bool late);

  std::vector<double> held_;  // tokens of the prompt
};

// One worker of the few that a search looks at closer.
struct PrefillRow {
  double end_s;
  double price_s;
  double bound_s;
  Overlap overlap;
  uint32_t worker;
  bool late;  // its decode worker is bound when the prefill has ended
};

struct DecodeRow {
  double finish_s;
  double price_s;
  double move_s;
  double bound_s;
  double bytes;
  uint32_t worker;
  bool fits;
};

// Scratch space of a search, kept so that planning does not allocate.
struct JointRows {
  explicit JointRows(uint32_t workers_max);

  PrefillRows prefill;
  DecodeRows decode;
  std::vector<PrefillRow> hopeful_prefill;
  std::vector<DecodeRow> hopeful_decode;
};

}  // namespace hexagent
