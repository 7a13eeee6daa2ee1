// Small traces for tests, built in code instead of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/workload/trace.h"

namespace hexagent::sim {

inline TraceCall make_call(uint32_t id, std::vector<uint32_t> deps, int64_t prompt_tokens,
                           int64_t output_tokens, int32_t prefix_of = -1, int64_t shared_tokens = 0,
                           double tool_delay_s = -1.0) {
  TraceCall call;
  call.id = id;
  call.deps = std::move(deps);
  call.prompt_tokens = prompt_tokens;
  call.output_tokens = output_tokens;
  call.prefix_of = prefix_of;
  call.shared_prefix_tokens = shared_tokens;
  call.tool_delay_s = tool_delay_s;
  call.stage = "stage";
  return call;
}

inline TraceWorkflow make_workflow(std::string id, std::vector<TraceCall> calls,
                                   std::string session = "", int32_t turn = 0) {
  TraceWorkflow workflow;
  workflow.id = std::move(id);
  workflow.class_name = "class";
  workflow.session = std::move(session);
  workflow.turn = turn;
  workflow.calls = std::move(calls);
  return workflow;
}

}  // namespace hexagent::sim
