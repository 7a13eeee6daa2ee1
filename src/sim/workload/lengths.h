// The lengths a workflow really has in one run: those of its recorded body, or jittered ones when
// bodies are repeated, so that no prompt length tells a predictor which body it sees.
// Jitter moves the text a call adds; shared text keeps the length its carrier really has. So what
// is shared stays shared, and every length stays within the jitter of the recorded one.
// Tests: tests/unit/sim/workload/lengths_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/random.h"
#include "sim/workload/trace.h"

namespace hexagent::sim {

// Where the leading `shared_tokens` of a prompt come from.
enum class PrefixSource : uint8_t {
  kNone,      // all text is the call's own
  kGroup,     // the fixed text of TraceCall::prefix_group, equal in all workflows
  kCall,      // call `source_call` of the same workflow
  kInstance,  // call `source_call` of the workflow instance `source_instance`
};

struct CallLengths {
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  int64_t shared_tokens = 0;  // at most prompt_tokens, and at most what the source holds
  int64_t source_instance = -1;
  int32_t source_call = -1;
  PrefixSource source = PrefixSource::kNone;
};

// Lengths that an earlier instance of a body had: what an external prefix is cut from.
struct PlayedBody {
  uint64_t instance = 0;
  std::vector<CallLengths> calls;
};

// By index in Trace::workflows: the last instance of each body that later ones may share text with.
using PlayedBodies = std::map<uint32_t, PlayedBody>;

struct JitterRule {
  double relative = 0.0;        // 0.1 is plus or minus 10 %, evenly
  int64_t call_tokens_max = 0;  // prompt and output of a call together; 0 is no bound
};

// The recorded lengths as they are; external prefixes are not resident.
std::vector<CallLengths> recorded_lengths(const TraceWorkflow& body);

// Draws lengths for one instance of body `body` of `trace`. A workflow that would pass
// `call_tokens_max` by jitter is drawn again from [1 - relative, 1], which lengthens no call.
// External prefixes are kept when `played` holds their workflow, else that text is the call's own.
std::vector<CallLengths> jittered_lengths(const Trace& trace, uint32_t body, const JitterRule& rule,
                                          const Random& random, const PlayedBodies& played);

}  // namespace hexagent::sim
