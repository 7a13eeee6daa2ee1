// Unscored: the waiting calls of one plan that were not scored yet, first the one that could be the
// most urgent. How urgent a call can be at most follows from one good pair of its pool, for all
// calls of the pool alike; see finish_bound.h.
//
// Plans of orders that need a projected finish look at all calls that wait, which in overload are
// thousands at every event, and score some ten of them. So bounds are worked out from the arrays of
// the waiting list, several at once, and not sorted: the most urgent call is found by way of the
// most urgent of each block. Tests: tests/unit/core/plan/greedy_test.cc.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/plan/finish_bound.h"
#include "core/scheduler.h"

namespace hexagent {

class Unscored {
 public:
  // Bound on the rank of a call of which none is known, and what is behind every call.
  static constexpr double kNoBound = std::numeric_limits<double>::infinity();
  static constexpr double kNobody = -std::numeric_limits<double>::infinity();

  // Who goes first by tier and key; ties of tier and key are ties of rank, too. Keys of one tier
  // differ by less than the step between tiers.
  static double rank(double key, uint32_t tier) { return key - kTierStep * tier; }

  // Nobody.
  void clear();
  // All calls that wait. Memory grows to as many as ever waited at once. `mixed`: tiers count, else
  // all are taken for tier 0.
  void begin(const Scheduler::State& state, bool mixed);

  // A rank that no call in here passes; kNobody when there is none.
  double first_rank() const { return first_rank_; }
  // Takes the call that this is the bound of. `pair`: whose pair that is; no workers if it is
  // kNoBound for want of one.
  uint32_t pop(const Scheduler::State& state, Choice* pair);

  // The view has changed on these two workers, and the call that it was changed for may wait no
  // longer.
  void applied(const Scheduler::State& state, const Choice& choice);

 private:
  struct Pool {
    const ModelPool* pool;
    BoundedShape typical;  // of its calls, to choose a pair by
    BoundedShape largest;
    FinishBound bound;
    // What the roomiest workers can take. Larger calls fit nowhere.
    double prompt_tokens_max;
    double reserve_tokens_max;
  };

  void add_pool(const Scheduler::State& state, const ModelPool& pool);
  void bound_all(const Scheduler::State& state);
  void bound_pool(const Scheduler::State& state, const Pool& pool);
  void put_tiers_in_order(const Scheduler::State& state);
  void find_first_of_block(uint32_t block);
  void find_first();

  static constexpr double kTierStep = 1e15;
  static constexpr uint32_t kLanes = 8;
  static constexpr uint32_t kBlock = 4 * kLanes;

  std::vector<Pool> pools_;
  std::vector<double> ranks_;        // by slot of the waiting list
  std::vector<double> block_ranks_;  // the first of each kBlock slots
  std::vector<uint32_t> taken_;      // calls
  bool mixed_ = false;
  double first_rank_ = kNobody;
  uint32_t first_block_ = 0;
};

}  // namespace hexagent
