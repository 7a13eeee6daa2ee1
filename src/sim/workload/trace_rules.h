// The rules that make a recorded trace fit for an experiment, the same for all policies: unknown
// and very long gaps, workflows no worker could ever serve, and the split of bodies into a half
// for warming up and a half for measuring (so that no predictor learns the test).
// Tests: tests/unit/sim/workload/trace_rules_test.cc
#pragma once

#include <cstdint>
#include <string>

#include "sim/workload/trace.h"

namespace hexagent::sim {

inline constexpr double kGapMax_s = 600.0;

struct GapCounts {
  int64_t tool_unknown = 0;  // null gaps after a dependency, now 0
  int64_t tool_sampled = 0;  // null gaps after a dependency, now drawn (synthetic)
  int64_t tool_capped = 0;   // tool gaps cut to kGapMax_s
  int64_t session_unknown =
      0;  // null gaps between turns of a session, now 0; first turns not counted
  int64_t session_capped = 0;  // gaps between turns cut to kGapMax_s
};

// Replaces unknown gaps by 0 and caps long ones. A call without dependencies has no tool gap to
// know, so a null there becomes 0 without being counted. Doing it twice changes nothing more.
GapCounts normalise_gaps(Trace& trace);

// Draws every unknown gap after a dependency from the gaps recorded of coding agents: log-normal,
// median 12 s, cut at kGapMax_s. Synthetic, and to be said so. A gap depends on the ids of its
// workflow and call alone. Returns how many; to be called before normalise_gaps().
int64_t sample_unknown_gaps(Trace& trace);

struct Exclusion {
  int64_t workflows = 0;      // removed in all
  int64_t over_context = 0;   // with a call longer than the model's context
  int64_t over_capacity = 0;  // else with a call longer than every worker's KV capacity
};

// Removes workflows with a call whose prompt and output together exceed one of the limits, and
// unlinks external prefixes that they carried.
Exclusion exclude_oversized(Trace& trace, int64_t context_tokens_max, int64_t kv_capacity_tokens);

// True for bodies of the warm-up half, by a hash of the session or, without one, of the id.
bool is_warmup_body(const TraceWorkflow& workflow);

// The bodies of one half only. A half that would be empty is the whole trace.
Trace half_of(const Trace& trace, bool warmup);

}  // namespace hexagent::sim
