// Run configuration: see run_config.h.
#include "sim/run/run_config.h"

#include <algorithm>

namespace hexagent::sim {

WorkloadConfig workload_config(const RunConfig& config) {
  WorkloadConfig workload;
  workload.seed = config.seed;
  workload.arrivals = ArrivalProcess::parse(config.arrivals);
  workload.rate_per_s = config.rate_per_s;
  workload.warmup_ns = to_ns(config.warmup_s);
  workload.closed_loop = config.closed_loop;
  const int64_t context = config.cluster->model.max_context_tokens;
  const int64_t servable = config.cluster->servable_tokens_max();
  workload.jitter.call_tokens_max = context > 0 ? std::min(context, servable) : servable;
  return workload;
}

}  // namespace hexagent::sim
