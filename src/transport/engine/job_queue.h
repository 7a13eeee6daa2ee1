// JobQueue: the jobs of a mover that copies inside run(), in order, until their turn comes.
// Tests: those of the movers, tests/unit/transport/{host,tcp,nixl}.
#pragma once

#include <algorithm>
#include <vector>

#include "transport/engine/mover.h"
#include "transport/engine/staging.h"

namespace hexagent::transport {

class JobQueue {
 public:
  struct Waiting {
    MoveJob job;
    bool pushing;  // else it scatters
  };

  // All that an engine can have under way: adding does not allocate.
  explicit JobQueue(uint32_t peers_max) { waiting_.reserve(size_t{2} * kSlotsMax * peers_max); }

  void push(const MoveJob& job) { waiting_.push_back({job, true}); }
  void scatter(const MoveJob& job) { waiting_.push_back({job, false}); }
  bool empty() const { return waiting_.empty(); }
  bool pushes_to(uint32_t peer) const {
    const auto is_it = [peer](const Waiting& at) { return at.pushing && at.job.peer == peer; };
    return std::any_of(waiting_.begin(), waiting_.end(), is_it);
  }

  // As Mover::drop().
  bool drop(uint64_t ticket) {
    const auto is_it = [ticket](const Waiting& waiting) { return waiting.job.ticket == ticket; };
    const auto at = std::find_if(waiting_.begin(), waiting_.end(), is_it);
    if (at == waiting_.end()) return false;
    waiting_.erase(at);
    return true;
  }

  // As Mover::run(): does what `can_do` allows, in order; others wait.
  template <class CanDo, class DoJob>
  uint32_t run(uint32_t budget, MoveResult* results, uint32_t room, const CanDo& can_do,
               const DoJob& do_job) {
    uint32_t done = 0;
    for (auto at = waiting_.begin(); at != waiting_.end() && done < budget && done < room;) {
      if (!can_do(*at)) {
        ++at;
        continue;
      }
      const Waiting next = *at;
      at = waiting_.erase(at);
      results[done++] = do_job(next);
    }
    return done;
  }

 private:
  std::vector<Waiting> waiting_;
};

}  // namespace hexagent::transport
