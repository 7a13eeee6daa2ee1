// JSON: see json.h.
#include "sim/report/json.h"

#include <cmath>

#include "sim/report/json_parts.h"

namespace hexagent::sim {

Json number_json(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json interval_json(const Interval& value) {
  return {{"value", number_json(value.value)},
          {"ci95", {number_json(value.low), number_json(value.high)}}};
}

static Json over_json(const Interval& over95, const Interval& over99) {
  if (!(over95.value > 0.0)) return nullptr;  // no bound
  return {{"req95", interval_json(over95)}, {"req99", interval_json(over99)}};
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
          {"cluster_lines", cell.cluster_lines},
          {"lengths", cell.lengths},
          {"model_error", cell.model_error},
          {"learns_online", cell.learns_online},
          {"measures_links", cell.measures_links},
          {"lost_worker", cell.lost_worker},
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
          {"tool_gaps_sampled", cell.gaps_sampled},
          {"tool_gaps_capped", cell.gaps_capped}};
}

Json bounds_json(const std::vector<SeedBounds>& bounds) {
  Json seeds = Json::array();
  for (const SeedBounds& entry : bounds) {
    const bool fluid = entry.fluid_95 > 0.0;
    seeds.push_back({{"seed", entry.seed},
                     {"c1", {number_json(entry.c1_95), number_json(entry.c1_99)}},
                     {"c2", {number_json(entry.c2_95), number_json(entry.c2_99)}},
                     {"fluid", fluid ? Json{entry.fluid_95, entry.fluid_99} : Json(nullptr)},
                     {"c1_schedule", {entry.schedule95, entry.schedule99}},
                     {"search_steps", entry.search_steps},
                     {"runs", entry.runs}});
  }
  return seeds;
}

Json policy_json(const PolicySummary& policy, int64_t excluded) {
  Json classes = Json::object();
  for (const auto& [name, value] : policy.class_req95) classes[name] = number_json(value);
  return {{"policy", policy.policy},
          {"req95", interval_json(policy.req95)},
          {"req99", interval_json(policy.req99)},
          {"ratio95", interval_json(policy.ratio95)},
          {"ratio99", interval_json(policy.ratio99)},
          {"over_c1", over_json(policy.over_c1_95, policy.over_c1_99)},
          {"over_fluid", over_json(policy.over_fluid_95, policy.over_fluid_99)},
          {"mean", number_json(policy.mean)},
          {"max", number_json(policy.max)},
          {"p50", number_json(policy.p50)},
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
          {"growth", number_json(policy.growth)},
          {"overload", policy.overload},
          {"decision_hash", policy.decision_hash}};
}

std::string comparison_json(const Comparison& comparison) {
  Json policies = Json::array();
  for (const PolicySummary& policy : comparison.policies) {
    Json entry = policy_json(policy, comparison.cell.excluded);
    entry["planner_us_p50"] = policy.planner_us_p50;
    entry["planner_us_p99"] = policy.planner_us_p99;
    entry["simulated_over_wall"] = policy.speedup;
    policies.push_back(std::move(entry));
  }
  Json whole = {{"cell", cell_json(comparison.cell)}, {"policies", policies}};
  if (!comparison.bounds.empty()) whole["bounds"] = bounds_json(comparison.bounds);
  return whole.dump(2) + "\n";
}

}  // namespace hexagent::sim
