// Least work and least time of the measured workflows of one seed: see fluid.h.
#include <algorithm>
#include <limits>

#include "sim/bounds/fluid.h"
#include "sim/bounds/least_work.h"
#include "sim/run/worker_factors.h"
#include "sim/study/horizon.h"

namespace hexagent::sim {
namespace {

constexpr double kMost = std::numeric_limits<double>::max();

// What a call needs at least: every hit that its shared text could give.
struct Need {
  int64_t prompt = 0;
  int64_t output = 0;
  int64_t fresh = 0;
  double bytes = 0.0;
};

// One group of the cluster: how fast its fastest worker is, and what all of them can do.
struct Site {
  bool prefills = false;
  bool decodes = false;
  double prefill_factor = kMost;  // of the fastest worker
  double decode_factor = kMost;
  double prefill_workers = 0.0;  // workers of factor 1 that they are worth
  double decode_workers = 0.0;
  double nic_bytes_per_s = 0.0;
  double nics = 0.0;
};

class Floors {
 public:
  Floors(const Cell& cell, uint64_t seed)
      : cell_(cell), work_(least_work(cell.cluster, cell.profiles)) {
    const std::vector<WorkerFactors> factors = worker_factors(cell.cluster, seed);
    size_t worker = 0;
    for (const ResolvedGroup& group : cell.cluster.groups) {
      Site site;
      site.prefills = group.role != WorkerRole::kDecode;
      site.decodes = group.role != WorkerRole::kPrefill;
      site.nic_bytes_per_s = group.nic_bytes_per_s;
      site.nics = group.count;
      for (int32_t i = 0; i < group.count; ++i, ++worker) {
        site.prefill_factor = std::min(site.prefill_factor, factors[worker].prefill);
        site.decode_factor = std::min(site.decode_factor, factors[worker].decode);
        site.prefill_workers += 1.0 / factors[worker].prefill;
        site.decode_workers += 1.0 / factors[worker].decode;
      }
      layerwise_ = layerwise_ || group.layerwise;
      has_both_ = has_both_ || (site.prefills && site.decodes);
      sites_.push_back(site);
    }
  }

  Need need_of(const CallLengths& call) const {
    const int64_t shared = std::max<int64_t>(0, call.shared_tokens);
    Need need;
    need.prompt = call.prompt_tokens;
    need.output = call.output_tokens;
    need.fresh = std::max<int64_t>(1, call.prompt_tokens - shared);
    const int64_t sent = cell_.cluster.file.delta_transfer
                             ? std::max<int64_t>(0, call.prompt_tokens - shared)
                             : call.prompt_tokens;
    need.bytes = static_cast<double>(sent * cell_.cluster.model.kv_bytes_per_token);
    return need;
  }

  // Cost of a call on a group in one resource; kMost where it cannot go.
  double cost_s(const Need& need, size_t site, size_t resource) const {
    const Site& at = sites_[site];
    const int64_t cached = need.prompt - need.fresh;
    if (resource == 0) return at.prefills ? work_[site].prefill_s(need.fresh, cached) : kMost;
    if (resource == 1) return at.decodes ? work_[site].decode_s(need.prompt, need.output) : kMost;
    if (resource == 2) return at.prefills ? need.bytes / at.nic_bytes_per_s : kMost;
    return at.decodes ? need.bytes / at.nic_bytes_per_s : kMost;
  }

  // Prices under which the mean call costs the same on every group, and all groups' time is worth
  // 1 a second. Empty where the resource binds nobody.
  std::vector<double> prices(const std::vector<Need>& calls, size_t resource) const {
    if (resource >= 2 && has_both_) return {};  // a call served whole moves no KV
    std::vector<double> prices(sites_.size(), 0.0);
    double worth = 0.0;
    for (size_t site = 0; site < sites_.size(); ++site) {
      double sum_s = 0.0;
      for (const Need& need : calls) {
        const double cost = cost_s(need, site, resource);
        if (cost < kMost) sum_s += cost;
      }
      if (sum_s <= 0.0) continue;
      const Site& at = sites_[site];
      prices[site] = 1.0 / sum_s;
      worth += prices[site] * (resource == 0   ? at.prefill_workers
                               : resource == 1 ? at.decode_workers
                                               : at.nics);
    }
    if (worth <= 0.0) return {};
    for (double& price : prices) price /= worth;
    return prices;
  }

  double priced_s(const Need& need, const std::vector<double>& prices, size_t resource) const {
    if (prices.empty()) return 0.0;
    double least = kMost;
    for (size_t site = 0; site < sites_.size(); ++site) {
      const double cost = cost_s(need, site, resource);
      if (cost < kMost) least = std::min(least, prices[site] * cost);
    }
    return least;
  }

  // One call from ready until its end, alone on the fastest workers; tools and parents not counted.
  double alone_s(const Need& need) const {
    double prefill_s = kMost;
    double decode_s = kMost;
    double nic = 0.0;
    for (size_t site = 0; site < sites_.size(); ++site) {
      const Site& at = sites_[site];
      if (at.prefills) {
        const double time_s = work_[site].prefill_alone_s(need.fresh, need.prompt - need.fresh);
        prefill_s = std::min(prefill_s, at.prefill_factor * time_s);
        nic = std::max(nic, at.nic_bytes_per_s);
      }
      if (!at.decodes) continue;
      const double time_s = work_[site].decode_alone_s(need.prompt, need.output);
      decode_s = std::min(decode_s, at.decode_factor * time_s);
    }
    const double latency_s = cell_.cluster.file.link_latency_s();
    // Sent layer by layer, all but the last layer may be there when the prefill ends.
    if (layerwise_ && !has_both_) {
      return std::max(prefill_s, need.bytes / nic) + latency_s + decode_s;
    }
    const double move_s = has_both_ ? 0.0 : latency_s + need.bytes / nic;
    return prefill_s + move_s + decode_s;
  }

 private:
  const Cell& cell_;
  std::vector<LeastWork> work_;
  std::vector<Site> sites_;
  bool has_both_ = false;
  bool layerwise_ = false;  // some of those that prefill
};

// The longest path, each call after the half round trips of its decision and its parents' reports.
double floor_of(const WorkflowInstance& instance, const Floors& floors, double half_trip_s) {
  const TraceWorkflow& body = *instance.workflow;
  std::vector<double> ends_s(body.calls.size(), 0.0);
  double floor_s = 0.0;
  for (size_t i = 0; i < body.calls.size(); ++i) {
    double ready_s = 0.0;
    for (const uint32_t dep : body.calls[i].deps) {
      ready_s = std::max(ready_s, ends_s[dep] + half_trip_s);
    }
    ends_s[i] = ready_s + std::max(0.0, body.calls[i].tool_delay_s) + half_trip_s +
                floors.alone_s(floors.need_of(instance.calls[i]));
    floor_s = std::max(floor_s, ends_s[i]);
  }
  return floor_s;
}

// Instances that Simulation measures, in their order; arrivals of a drain count from its start.
std::vector<WorkflowInstance> measured_instances(const RunConfig& config) {
  WorkloadStream stream(config.traces, workload_config(config));
  std::vector<WorkflowInstance> measured;
  while (measured.size() < config.workflows) {
    WorkflowInstance instance = stream.next();
    if (instance.warmup) continue;
    if (config.drain_rate_per_s > 0.0) {
      instance.arrival = to_ns(static_cast<double>(measured.size()) / config.drain_rate_per_s);
    }
    measured.push_back(std::move(instance));
  }
  return measured;
}

}  // namespace

std::vector<FluidWorkflow> fluid_workflows(const Cell& cell, uint64_t seed) {
  const RunConfig config = cell.run("default", seed);
  const std::vector<WorkflowInstance> instances = measured_instances(config);
  const Floors floors(cell, seed);
  const HorizonCluster reference = horizon_cluster(cell.cluster);
  const double half_trip_s = cell.cluster.file.dispatch_round_trip_ms * 0.5e-3;
  std::vector<Need> calls;
  for (const WorkflowInstance& instance : instances) {
    for (const CallLengths& call : instance.calls) calls.push_back(floors.need_of(call));
  }
  std::array<std::vector<double>, kFluidResources> prices;
  for (size_t resource = 0; resource < kFluidResources; ++resource) {
    prices[resource] = floors.prices(calls, resource);
  }
  std::vector<FluidWorkflow> result;
  for (const WorkflowInstance& instance : instances) {
    FluidWorkflow workflow;
    workflow.arrival_s = to_s(instance.arrival);
    workflow.horizon_s = instance_horizon_s(instance, reference);
    workflow.floor_s = floor_of(instance, floors, half_trip_s);
    for (const CallLengths& call : instance.calls) {
      for (size_t resource = 0; resource < kFluidResources; ++resource) {
        workflow.work_s[resource] +=
            floors.priced_s(floors.need_of(call), prices[resource], resource);
      }
    }
    result.push_back(workflow);
  }
  return result;
}

}  // namespace hexagent::sim
