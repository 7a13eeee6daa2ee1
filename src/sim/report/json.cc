// JSON: see json.h.
#include "sim/report/json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace hexagent::sim {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json interval(const Interval& value) {
  return {{"value", number(value.value)}, {"ci95", {number(value.low), number(value.high)}}};
}

Json cell_json(const CellInfo& cell) {
  return {{"cluster", cell.cluster},
          {"model", cell.model},
          {"traces", cell.traces},
          {"kind", "simulated"},
          {"load", cell.load},
          {"drain_factor", cell.drain_factor},
          {"give_up_stretch", cell.give_up_stretch},
          {"lambda_star", cell.lambda_star},
          {"binding_resource", cell.binding_resource},
          {"rate_per_s", cell.rate_per_s},
          {"arrivals", cell.arrivals},
          {"closed_loop", cell.closed_loop},
          {"decode_binding", cell.decode_binding},
          {"dispatch_round_trip_ms", cell.round_trip_ms},
          {"workflows", cell.workflows},
          {"seeds", cell.seeds},
          {"warmup_s", cell.warmup_s},
          {"horizon_mean_s", cell.horizon_mean_s},
          {"horizon_p95_s", cell.horizon_p95_s},
          {"excluded_over_context", cell.excluded_over_context},
          {"excluded_over_capacity", cell.excluded_over_capacity},
          {"tool_gaps_unknown", cell.gaps_unknown},
          {"tool_gaps_capped", cell.gaps_capped}};
}

Json policy_json(const PolicySummary& policy, int64_t excluded) {
  Json classes = Json::object();
  for (const auto& [name, value] : policy.class_req95) classes[name] = number(value);
  return {{"policy", policy.policy},
          {"req95", interval(policy.req95)},
          {"req99", interval(policy.req99)},
          {"ratio95", interval(policy.ratio95)},
          {"ratio99", interval(policy.ratio99)},
          {"mean", number(policy.mean)},
          {"max", number(policy.max)},
          {"p50", number(policy.p50)},
          {"jain", policy.jain},
          {"class_req95", classes},
          {"excluded", excluded},
          {"unfinished", policy.unfinished},
          {"preemptions", policy.preemptions},
          {"prefix_hit_rate", policy.hit_rate},
          {"use",
           {{"prefill", policy.use.prefill},
            {"decode", policy.use.decode},
            {"egress", policy.use.egress},
            {"ingress", policy.use.ingress},
            {"kv_prefill", policy.use.kv_prefill},
            {"kv_decode", policy.use.kv_decode}}},
          {"extrapolated_share", policy.extrapolated_share},
          {"overload", policy.overload},
          {"planner_us_p50", policy.planner_us_p50},
          {"planner_us_p99", policy.planner_us_p99},
          {"simulated_over_wall", policy.speedup},
          {"decision_hash", policy.decision_hash}};
}

}  // namespace

std::string comparison_json(const Comparison& comparison) {
  Json policies = Json::array();
  for (const PolicySummary& policy : comparison.policies) {
    policies.push_back(policy_json(policy, comparison.cell.excluded));
  }
  const Json whole = {{"cell", cell_json(comparison.cell)}, {"policies", policies}};
  return whole.dump(2) + "\n";
}

}  // namespace hexagent::sim
