// What runs and comparisons yield: plain records that every report reads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hexagent::sim {

struct WorkflowRecord {
  uint64_t index = 0;
  uint32_t class_index = 0;  // into RunResult::class_names
  uint32_t trace = 0;        // of the run; this and the body are in no record file
  uint32_t body = 0;         // in its trace
  double arrival_s = 0.0;
  double completion_s = 0.0;  // last decode end - arrival; infinity = unfinished
  double horizon_s = 0.0;     // H_w
  bool measured = false;
};

// Shares of what the pools could do between the first and the last measured arrival.
struct Utilisation {
  double prefill = 0.0;
  double decode = 0.0;
  double egress = 0.0;   // of the prefill workers' interfaces, bytes over capacity
  double ingress = 0.0;  // of the decode workers'
  double kv_prefill = 0.0;
  double kv_decode = 0.0;
};

struct RunResult {
  std::string policy;
  uint64_t seed = 0;
  std::vector<WorkflowRecord> workflows;  // by index
  std::vector<std::string> class_names;
  Utilisation utilisation;
  double prefix_hit_rate = 0.0;  // hit tokens over prompt tokens, prefill workers
  uint64_t unfinished = 0;       // measured workflows that never ended
  uint64_t preemptions = 0;
  double extrapolated_share = 0.0;  // attention look-ups beyond the measured tables
  double planner_us_p50 = 0.0;      // wall time of one hexagent_step()
  double planner_us_p99 = 0.0;
  double simulated_s = 0.0;
  double wall_s = 0.0;
  uint64_t decision_hash = 0;
};

struct Interval {
  double value = 0.0;
  double low = 0.0;
  double high = 0.0;
};

// One policy over all seeds of a cell.
struct PolicySummary {
  std::string policy;
  Interval req95;
  Interval req99;
  std::vector<double> seed_req95;  // in the order of the seeds
  std::vector<double> seed_req99;
  Interval ratio95;  // Req95 of the comparison's first policy over this one's, paired by seed
  Interval ratio99;
  Interval over_c1_95;  // this policy over the bound, paired by seed; 0 = there is none
  Interval over_c1_99;
  Interval over_fluid_95;
  Interval over_fluid_99;
  double mean = 0.0;
  double max = 0.0;
  double p50 = 0.0;
  double jain = 0.0;  // Jain's fairness index of the stretches
  std::map<std::string, double> class_req95;
  Utilisation use;
  double hit_rate = 0.0;
  double extrapolated_share = 0.0;
  uint64_t unfinished = 0;
  uint64_t preemptions = 0;
  double planner_us_p50 = 0.0;
  double planner_us_p99 = 0.0;
  double speedup = 0.0;        // simulated over wall time
  double growth = 1.0;         // Req95 of the last third of arrivals over the first third's
  bool overload = false;       // growth above 1.25
  uint64_t decision_hash = 0;  // over all seeds
};

// What was simulated, for the head of every report.
struct CellInfo {
  std::string cluster;
  std::string model;
  std::vector<std::string> traces;
  std::string arrivals;
  std::vector<std::string> cluster_lines;
  std::string lengths = "predictor";  // what is known of output lengths
  std::string lost_worker;            // "" = none
  std::string decode_binding;
  std::string binding_resource;  // of lambda*
  double round_trip_ms = 0.0;
  double load = 0.0;
  double drain_factor = 0.0;
  double give_up_stretch = 0.0;
  double lambda_star = 0.0;  // workflows per second
  double rate_per_s = 0.0;
  double warmup_s = 0.0;
  double horizon_mean_s = 0.0;
  double horizon_p95_s = 0.0;
  double model_error = 0.0;
  double calls_mean = 0.0;  // of a workflow
  bool learns_online = false;
  bool measures_links = false;
  bool closed_loop = false;
  uint32_t workflows = 0;
  std::vector<uint64_t> seeds;
  int64_t excluded = 0;
  int64_t excluded_over_context = 0;
  int64_t excluded_over_capacity = 0;
  int64_t gaps_unknown = 0;
  int64_t gaps_sampled = 0;
  int64_t gaps_capped = 0;
};

// Bounds of one seed (EXPERIMENTS section 6): what clairvoyant schedules reached, and what nothing
// can be below.
struct SeedBounds {
  uint64_t seed = 0;
  double c1_95 = 0.0;
  double c1_99 = 0.0;
  double c2_95 = 0.0;
  double c2_99 = 0.0;
  double fluid_95 = 0.0;  // 0 = none: arrivals of a closed loop depend on the policy
  double fluid_99 = 0.0;
  std::string schedule95;  // that reached C1, before the search
  std::string schedule99;
  uint64_t search_steps = 0;
  uint64_t runs = 0;
};

// The largest load at which Req95 stays at or below a bound.
struct SustainedSummary {
  std::string policy;
  Interval load;             // geometric mean over seeds
  Interval first_over_this;  // of the first policy over this one's, paired by seed
  size_t seeds = 0;
};

struct Comparison {
  CellInfo cell;
  std::vector<PolicySummary> policies;
  std::vector<SeedBounds> bounds;  // of some or all seeds; may be empty
};

}  // namespace hexagent::sim
