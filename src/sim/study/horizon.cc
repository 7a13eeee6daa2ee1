// One pass over the calls, which are in topological order.
#include "sim/study/horizon.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace hexagent::sim {
namespace {

double longest_path_s(const TraceWorkflow& workflow, const std::vector<CallLengths>& lengths,
                      const HorizonCluster& cluster) {
  std::vector<double> ends_s(workflow.calls.size(), 0.0);
  double horizon_s = 0.0;
  for (size_t i = 0; i < workflow.calls.size(); ++i) {
    const TraceCall& call = workflow.calls[i];
    double start_s = 0.0;
    for (const uint32_t dep : call.deps) start_s = std::max(start_s, ends_s[dep]);
    const CallLengths& real = lengths[i];
    const int64_t cached_tokens = real.source == PrefixSource::kCall ? real.shared_tokens : 0;
    ends_s[i] = start_s + std::max(0.0, call.tool_delay_s) +
                call_alone_s(real.prompt_tokens, cached_tokens, real.output_tokens, cluster);
    horizon_s = std::max(horizon_s, ends_s[i]);
  }
  return horizon_s;
}

}  // namespace

HorizonCluster horizon_cluster(const ResolvedCluster& cluster) {
  HorizonCluster result;
  result.link_latency_s = cluster.file.link_latency_s();
  result.kv_bytes_per_token = static_cast<double>(cluster.model.kv_bytes_per_token);
  for (const ResolvedGroup& group : cluster.groups) {
    if (group.role != WorkerRole::kDecode) {
      result.prefill.push_back(group.fitted);
      result.egress_bytes_per_s_max =
          std::max(result.egress_bytes_per_s_max, group.nic_bytes_per_s);
    }
    if (group.role != WorkerRole::kPrefill) result.decode.push_back(group.fitted);
  }
  return result;
}

double call_alone_s(int64_t prompt_tokens, int64_t cached_tokens, int64_t output_tokens,
                    const HorizonCluster& cluster) {
  const double prompt = static_cast<double>(prompt_tokens);
  const double cached = static_cast<double>(cached_tokens);
  const double output = static_cast<double>(output_tokens);
  double prefill_s = std::numeric_limits<double>::infinity();
  for (const FittedProfile& profile : cluster.prefill) {
    prefill_s = std::min(prefill_s, profile.prefill_s(prompt - cached, cached));
  }
  double decode_s = std::numeric_limits<double>::infinity();
  for (const FittedProfile& profile : cluster.decode) {
    decode_s = std::min(decode_s, output * profile.decode_iteration_s(1.0, prompt + output / 2.0));
  }
  const double transfer_s =
      cluster.link_latency_s + prompt * cluster.kv_bytes_per_token / cluster.egress_bytes_per_s_max;
  return prefill_s + transfer_s + decode_s;
}

double workflow_horizon_s(const TraceWorkflow& workflow, const HorizonCluster& cluster) {
  return longest_path_s(workflow, recorded_lengths(workflow), cluster);
}

double instance_horizon_s(const WorkflowInstance& instance, const HorizonCluster& cluster) {
  return longest_path_s(*instance.workflow, instance.calls, cluster);
}

}  // namespace hexagent::sim
