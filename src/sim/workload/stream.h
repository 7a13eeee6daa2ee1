// The stream of workflows of one run: which body arrives when, with which lengths.
// It depends on the traces, the configuration and the seed alone, never on the policy: open loop
// by construction, closed loop because each session's bodies, lengths and indices are fixed when
// the session is drawn, and only the times of later turns follow from completions.
// What the workflows do after they arrived is the driver's.
// Tests: tests/unit/sim/workload/stream_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sim/engine/sim_time.h"
#include "sim/random.h"
#include "sim/workload/arrivals.h"
#include "sim/workload/lengths.h"
#include "sim/workload/trace.h"

namespace hexagent::sim {

struct WorkloadConfig {
  uint64_t seed = 0;
  ArrivalProcess arrivals = ArrivalProcess::parse("poisson");
  double rate_per_s = 0.0;  // workflows per second (turns, when the loop is closed)
  TimeNs warmup_ns = 0;     // arrivals before this draw from the warm-up half of the bodies
  // Closed loop by session: sessions arrive, and turn t + 1 comes its recorded gap after turn t
  // completed. Open loop: every arrival is one body, drawn alone.
  bool closed_loop = false;
  JitterRule jitter = {.relative = 0.1, .call_tokens_max = 0};
};

struct WorkflowInstance {
  uint64_t index = 0;   // unique; with an open loop counts arrivals, with a closed one has gaps
  uint32_t trace = 0;   // which of the stream's traces
  uint32_t body = 0;    // index in its workflows
  bool warmup = false;  // drawn from the warm-up half (a later turn may still arrive after it)
  TimeNs arrival = 0;
  int64_t previous_instance = -1;           // the session's turn before this one
  const TraceWorkflow* workflow = nullptr;  // structure, stages, gaps; lives as long as the trace
  std::vector<CallLengths> calls;           // lengths of this instance, beside workflow->calls
};

class WorkloadStream {
 public:
  // `traces` outlive the stream. Several traces are mixed so that each gives the same number of
  // workflows on average. Throws std::invalid_argument when there is none, one is empty or the
  // rate is not positive.
  WorkloadStream(std::vector<const Trace*> traces, WorkloadConfig config);

  // The next arrival that no completion triggers; times never go down. There is always one.
  WorkflowInstance next();

  // To be called once for each instance when it ended. Gives the session's next turn, which
  // arrives after `time`; none when the loop is open or the session is over.
  std::optional<WorkflowInstance> on_completed(uint64_t instance, TimeNs time);

  // Sessions that have begun and not ended.
  size_t live_sessions() const { return sessions_.size(); }

 private:
  // What is drawn at once: the turns of a session, or one body.
  using Unit = std::vector<uint32_t>;
  // One half of one trace, dealt in shuffled passes: no body comes again before all others came.
  struct Deck {
    std::vector<Unit> units;
    std::vector<uint32_t> order;
    size_t dealt = 0;
    double turns_mean = 1.0;
  };
  struct Half {
    std::vector<Deck> decks;         // one per trace
    std::vector<double> cumulative;  // share of units up to and with each deck, last is 1
    double units_per_workflow = 1.0;
  };
  struct Session {
    uint32_t trace = 0;
    const Unit* unit = nullptr;
    size_t turn = 0;
    bool warmup = false;
    PlayedBodies played;
  };

  Half build_half(bool warmup) const;
  const Unit& deal(Half& half, uint32_t& trace);
  WorkflowInstance make_instance(const Session& session, uint64_t index, TimeNs arrival,
                                 const PlayedBodies& played) const;
  void remember(const WorkflowInstance& instance, PlayedBodies& played) const;

  std::vector<const Trace*> traces_;
  std::vector<std::vector<bool>> carries_;  // per trace and body: named by an external prefix
  WorkloadConfig config_;
  Random gap_random_;
  Random deal_random_;
  Random length_random_;
  Half warmup_half_;
  Half measured_half_;
  size_t recorded_position_ = 0;
  TimeNs clock_ = 0;
  uint64_t next_index_ = 0;
  std::map<uint64_t, Session> sessions_;  // by the index of the session's first turn
  std::vector<PlayedBodies> played_;      // open loop: per trace
};

}  // namespace hexagent::sim
