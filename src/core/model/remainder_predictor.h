// RemainderPredictor: what a workflow still has to do when one of its calls becomes ready, learned
// on line from workflows that ended. Only orders that look ahead ask (plan/order.h), and only for
// them is it kept.
//
// A cell keeps means and a histogram of remaining work. Cells are those of all calls, a class, a
// stage of it, and such a stage with so many of the workflow's calls done (in octaves: agents run
// the same stage in a loop, and how often they did is the service they have attained). A cell with
// few observations leans on the wider one, as in length_predictor.h, whose buckets are used here
// too. Memory is fixed: when no cell is left, new ones are counted in the wider cells only. Tests:
// tests/unit/core/model/remainder_predictor_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/id_map.h"
#include "core/model/length_predictor.h"

namespace hexagent {

class SnapshotReader;
class SnapshotWriter;

// Of one call, itself included. Seconds alone on the fastest workers, as in workflow/horizon.h.
struct Remainder {
  double work_s = 0.0;        // service of all its workflow's calls that are not done
  double path_s = 0.0;        // from now to the workflow's end, gaps of tools included
  double stage_path_s = 0.0;  // the same by class and stage alone
  // Gittins rank of the work: the least mean service spent per completed workflow, over all
  // amounts of service at which one could stop.
  double rank_s = 0.0;
};

class RemainderPredictor {
 public:
  static constexpr uint32_t kCells = 1024;

  explicit RemainderPredictor(uint32_t cells_max = kCells);

  // `calls_done`: of the workflow, when the call became ready.
  Remainder predict(uint32_t class_name, uint32_t stage, uint32_t calls_done) const;
  void learn(uint32_t class_name, uint32_t stage, uint32_t calls_done, double work_s,
             double path_s);

  uint64_t memory_bytes() const;

  // Snapshots (snapshot/small_tables.cc). load() fills an empty predictor.
  void save(SnapshotWriter* writer) const;
  void load(SnapshotReader* reader);

 private:
  static constexpr uint32_t kBuckets = LengthPredictor::kBuckets;
  static constexpr uint32_t kLevels = 4;

  struct Cell {
    uint64_t count = 0;
    double work_sum_s = 0.0;
    double path_sum_s = 0.0;
    uint32_t bucket_counts[kBuckets] = {};  // of work, in ticks
  };

  static uint64_t key_of(uint32_t level, uint32_t stage, uint32_t calls_done);
  const Cell* find(uint32_t level, uint32_t class_name, uint32_t stage, uint32_t calls_done) const;
  Cell* find_or_add(uint32_t level, uint32_t class_name, uint32_t stage, uint32_t calls_done);

  std::vector<Cell> cells_;  // the first stands for all calls
  uint32_t cells_used_ = 1;
  IdMap index_;
};

}  // namespace hexagent
