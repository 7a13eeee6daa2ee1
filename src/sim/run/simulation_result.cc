// Simulation, the result: use of resources over the measured interval, planner cost, records.
#include <algorithm>

#include "sim/run/simulation.h"

namespace hexagent::sim {
namespace {

double percentile_us(std::vector<uint32_t> costs_ns, double share) {
  if (costs_ns.empty()) return 0.0;
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(costs_ns.size() - 1));
  std::nth_element(costs_ns.begin(), costs_ns.begin() + rank, costs_ns.end());
  return static_cast<double>(costs_ns[static_cast<size_t>(rank)]) * 1e-3;
}

double share_of(double used, double available) { return available > 0.0 ? used / available : 0.0; }

}  // namespace

void Simulation::fill_result(RunResult* result) {
  result->policy = config_.policy;
  result->seed = config_.seed;
  if (measure_until_ == kNever) {  // the run was given up before all measured workflows arrived
    measure_until_ = now_;
    use_after_ = fleet_.use(now_);
  }
  // Whoever is still here has not finished: an infinite stretch.
  for (const auto& [index, entry] : live_) {
    if (!entry.measured) continue;
    WorkflowRecord record;
    record.index = index;
    record.class_index =
        classes_
            .emplace(entry.instance.workflow->class_name, static_cast<uint32_t>(classes_.size()))
            .first->second;
    record.trace = entry.instance.trace;
    record.body = entry.instance.body;
    record.arrival_s = to_s(entry.instance.arrival);
    record.completion_s = std::numeric_limits<double>::infinity();
    record.horizon_s = entry.horizon_s;
    record.measured = true;
    records_.push_back(record);
    ++result->unfinished;
  }
  std::sort(records_.begin(), records_.end(),
            [](const WorkflowRecord& a, const WorkflowRecord& b) { return a.index < b.index; });
  result->workflows = records_;
  result->class_names.resize(classes_.size());
  for (const auto& [name, index] : classes_) result->class_names[index] = name;

  const double interval_s = to_s(measure_until_ - measure_from_);
  const FleetUse& before = use_before_;
  const FleetUse& after = use_after_;
  const auto part = [&](double FleetUse::*member) { return after.*member - before.*member; };
  Utilisation& use = result->utilisation;
  use.prefill = share_of(part(&FleetUse::prefill_busy_s), interval_s * fleet_.prefill_workers());
  use.decode = share_of(part(&FleetUse::decode_busy_s), interval_s * fleet_.decode_workers());
  use.egress =
      share_of(part(&FleetUse::egress_bytes), interval_s * fleet_.prefill_nic_bytes_per_s());
  use.ingress =
      share_of(part(&FleetUse::ingress_bytes), interval_s * fleet_.decode_nic_bytes_per_s());
  use.kv_prefill =
      share_of(part(&FleetUse::prefill_kv_token_s), interval_s * fleet_.prefill_kv_tokens());
  use.kv_decode =
      share_of(part(&FleetUse::decode_kv_token_s), interval_s * fleet_.decode_kv_tokens());
  const double hits = static_cast<double>(after.hit_tokens - before.hit_tokens);
  const double computed = static_cast<double>(after.computed_tokens - before.computed_tokens);
  result->prefix_hit_rate = share_of(hits, hits + computed);
  result->preemptions = static_cast<uint64_t>(after.preemptions - before.preemptions);
  result->extrapolated_share = fleet_.extrapolated_share();
  result->planner_us_p50 = percentile_us(gateway_.step_costs_ns(), 0.50);
  result->planner_us_p99 = percentile_us(gateway_.step_costs_ns(), 0.99);
  result->decision_hash = gateway_.decision_hash();
  result->simulated_s = to_s(now_);
}

}  // namespace hexagent::sim
