// Gaps, exclusion and halves: the rules of the experiment contract, sections 1 and 4.
#include "sim/workload/trace_rules.h"

#include <algorithm>
#include <cmath>

#include "sim/random.h"

namespace hexagent::sim {
namespace {

// Fitted to 23,145 gaps of recorded coding sessions (natural logarithm of seconds).
constexpr double kGapLogMean = 2.4831;
constexpr double kGapLogDeviation = 1.2879;

bool cap_gap(double& gap_s) {
  if (gap_s <= kGapMax_s) return false;
  gap_s = kGapMax_s;
  return true;
}

}  // namespace

GapCounts normalise_gaps(Trace& trace) {
  GapCounts counts;
  for (TraceWorkflow& workflow : trace.workflows) {
    if (workflow.after_prev_s < 0.0) {
      if (!workflow.session.empty() && workflow.turn > 0) ++counts.session_unknown;
      workflow.after_prev_s = 0.0;
    }
    if (cap_gap(workflow.after_prev_s)) ++counts.session_capped;
    for (TraceCall& call : workflow.calls) {
      if (call.tool_delay_s < 0.0) {
        if (!call.deps.empty()) ++counts.tool_unknown;
        call.tool_delay_s = 0.0;
      }
      if (cap_gap(call.tool_delay_s)) ++counts.tool_capped;
    }
  }
  return counts;
}

int64_t sample_unknown_gaps(Trace& trace) {
  int64_t sampled = 0;
  for (TraceWorkflow& workflow : trace.workflows) {
    const Random random(hash_text(workflow.id));
    for (TraceCall& call : workflow.calls) {
      if (call.deps.empty() || call.tool_delay_s >= 0.0) continue;
      const double deviate = random.split(call.id).normal();
      call.tool_delay_s = std::min(kGapMax_s, std::exp(kGapLogMean + kGapLogDeviation * deviate));
      ++sampled;
    }
  }
  return sampled;
}

Exclusion exclude_oversized(Trace& trace, int64_t context_tokens_max, int64_t kv_capacity_tokens) {
  Exclusion excluded;
  const auto oversized = [&](const TraceWorkflow& workflow) {
    int64_t longest_tokens = 0;
    for (const TraceCall& call : workflow.calls) {
      longest_tokens = std::max(longest_tokens, call.prompt_tokens + call.output_tokens);
    }
    if (longest_tokens > context_tokens_max) {
      ++excluded.over_context;
      return true;
    }
    if (longest_tokens > kv_capacity_tokens) {
      ++excluded.over_capacity;
      return true;
    }
    return false;
  };
  excluded.workflows = static_cast<int64_t>(std::erase_if(trace.workflows, oversized));
  link_external_prefixes(trace);
  return excluded;
}

bool is_warmup_body(const TraceWorkflow& workflow) {
  const std::string& key = workflow.session.empty() ? workflow.id : workflow.session;
  return (hash_text(key) & 1U) == 0;
}

Trace half_of(const Trace& trace, bool warmup) {
  Trace half;
  half.name = trace.name;
  for (const TraceWorkflow& workflow : trace.workflows) {
    if (is_warmup_body(workflow) == warmup) half.workflows.push_back(workflow);
  }
  if (half.workflows.empty()) half.workflows = trace.workflows;
  link_external_prefixes(half);
  return half;
}

}  // namespace hexagent::sim
