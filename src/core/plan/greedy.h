// Greedy: the paper's plan for orders that look at a projected finish (notes/algorithms.md 1.2):
// score every waiting call on the simulated state, take the most urgent, apply it, score again.
//
// Most scores are never looked at, so they are put off. Applying a call only makes placements
// worse, and only those on the two workers touched: a call with another best pair keeps it. And
// where a placement takes the earliest finish, any one pair that fits bounds a call's score from
// above: first roughly, for all calls at once (unscored.h), then by the pair's own cost with what
// is cached there. Only calls whose bound comes first are scored in full. The order in which calls
// are taken is that of scoring all of them every time (tests/unit/core/plan/greedy_test.cc).
//
// Where other placements are projected for, or a score rises with the finish only from some point
// on, a plan looks at the front of the line alone, and scores all of it.
#pragma once

#include "core/plan/fair_share.h"
#include "core/plan/placement.h"
#include "core/state.h"

namespace hexagent {

class Greedy {
 public:
  // Of all waiting calls. Tells `fair` of the calls that no worker serves; they and those that fit
  // nowhere are not delivered. `put_off`: bounds may be used where the policy allows them.
  Greedy(Scheduler::State* state, FairShare* fair, bool put_off = true);

  // Of so many that are the most urgent before anything is projected, and fit somewhere.
  struct Front {
    uint32_t calls;  // no more than kFrontMost, for which there is memory at all times
  };
  static constexpr uint32_t kFrontMost = 128;
  Greedy(Scheduler::State* state, FairShare* fair, Front front);

  // The most urgent call that is left, with its choice; false when none is.
  bool next(Scored* taken);

  // The view has changed on these two workers, always for the worse.
  void applied(const Choice& choice);

 private:
  void look_at(uint32_t call, const Choice& pair);
  Scored* first_scored();
  bool score(uint32_t call, Scored* entry);
  bool bound(uint32_t call, const Choice& pair, Scored* entry);
  double bound_key(const Call& call, double finish_s) const;
  uint32_t tier(const Call& call) const;

  Scheduler::State* state_;
  FairShare* fair_;
  const bool bounds_;
  const bool mixed_;             // calls of several tiers wait; of one they need not be told apart
  std::vector<Scored>& scored_;  // with bounds few, those that came near the front
  Unscored& unscored_;           // the others
};

}  // namespace hexagent
