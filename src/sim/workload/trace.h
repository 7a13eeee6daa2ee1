// Recorded workloads: what a trace file holds, checked and put in order.
// Reads JSON Lines, plain or gzip, one workflow a line. Every malformed line raises InputError with
// file, line and field. Rewriting a trace (gaps, exclusion) is in trace_rules.h.
// Tests: tests/unit/sim/workload/trace_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hexagent::sim {

// Calls are kept in topological order and numbered by position: `id` is the index in
// TraceWorkflow::calls, whatever the file's own numbers were, and every dependency and every
// `prefix_of` points to a smaller index.
struct TraceCall {
  uint32_t id = 0;
  std::vector<uint32_t> deps;
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  int64_t shared_prefix_tokens = -1;  // -1 unknown
  int32_t prefix_of = -1;             // call of this workflow that carried the prefix; -1 none
  std::string prefix_of_workflow;     // workflow that carried the prefix; "" none
  int32_t prefix_of_call = -1;        // call in that workflow; -1 none
  int32_t prefix_of_body = -1;        // its index in Trace::workflows; -1 not in this trace
  std::string prefix_group;           // calls of one group start with the same text; "" none
  int64_t prefix_group_tokens = 0;    // length of that text; 0 unknown
  double tool_delay_s = -1.0;         // from the last dependency's end to the issue; -1 unknown
  std::string stage;
};

struct TraceWorkflow {
  std::string id;
  std::string class_name;
  std::string session;  // "" none
  int32_t turn = 0;
  double arrival_s = -1.0;     // since the start of the recorded stream; -1 unknown
  double after_prev_s = -1.0;  // gap since the end of the session's previous turn; -1 unknown
  std::vector<TraceCall> calls;
};

struct Trace {
  std::string name;  // file name without folder and extensions
  std::vector<TraceWorkflow> workflows;
};

// Reads a .jsonl or .jsonl.gz file. Throws InputError.
Trace load_trace(const std::string& path);

// The same from text in memory; `path` is only used for the name and in errors.
Trace parse_trace(std::string_view text, const std::string& path);

// Sets prefix_of_body of every call anew. Needed after workflows were removed from `trace`.
void link_external_prefixes(Trace& trace);

}  // namespace hexagent::sim
