// Cell: one point of an experiment, (traces, cluster, model, load, arrivals), made ready to run:
// gaps normalised, oversized workflows left out, lambda* and the warm-up computed. Policies and
// seeds come on top. The same for every policy by construction. Tests:
// tests/unit/sim/study/cell_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/cluster/resolved.h"
#include "sim/run/run_config.h"
#include "sim/study/capacity.h"
#include "sim/study/result.h"
#include "sim/workload/trace.h"
#include "sim/workload/trace_rules.h"

namespace hexagent::sim {

// A worker that dies while measuring goes on; times in shares of the expected measured interval.
struct LostWorker {
  int32_t worker = 0;  // index in the cluster file's order
  double at = 0.3;     // after measuring starts
  double down = 0.2;
};

// What the caller asks for.
struct CellRequest {
  std::vector<std::string> traces;  // files
  std::string cluster;              // file, or the name of one in the example folder
  std::string model = "llama-3.1-70b";
  std::string arrivals = "poisson";
  std::vector<std::string> cluster_lines;  // replace lines of the cluster file, change_cluster()
  std::string decode_binding;              // "" = as the cluster file says
  double dispatch_round_trip_ms = -1.0;    // < 0: as the cluster file says
  double load = 0.85;
  double give_up_stretch = 0.0;  // a run stops once its Req95 is sure to be above; 0 = never
  double drain_factor = 0.0;     // > 0: drain cell at this multiple of lambda*
  bool closed_loop = false;
  bool sampled_gaps = false;  // unknown tool gaps are drawn (synthetic), not 0
  uint32_t workflows = 2000;
  Knowledge knowledge;
  std::optional<LostWorker> lost_worker;
  std::vector<std::pair<std::string, std::string>> settings;  // for every policy
};

// A policy's name and the settings it carries: "name@key=value@key=value".
struct PolicyText {
  std::string name;
  std::vector<std::pair<std::string, std::string>> settings;
};

// Throws std::invalid_argument when the text has no such form.
PolicyText split_policy(const std::string& policy);

// Throws std::invalid_argument when it has no such form or the library does not know it.
void check_policy_text(const std::string& policy);

struct Cell {
  CellRequest request;
  ProfileSet profiles;
  ResolvedCluster cluster;
  std::vector<Trace> traces;
  Capacity capacity;
  GapCounts gaps;
  Exclusion excluded;
  double horizon_p95_s = 0.0;
  double horizon_mean_s = 0.0;
  double horizon_max_s = 0.0;
  double rate_per_s = 0.0;
  double warmup_s = 0.0;

  // A run of one policy, in the form of split_policy(). Throws as that does; the library checks
  // the rest.
  RunConfig run(const std::string& policy, uint64_t seed) const;
};

// What was simulated, for the head of a report.
CellInfo describe_cell(const Cell& cell, const std::vector<uint64_t>& seeds);

// Reads, checks and computes all of it. Throws InputError, std::invalid_argument.
Cell prepare_cell(const CellRequest& request);

// Rate and warm-up from the load that is asked for; prepare_cell() has done it.
void set_rate(Cell* cell);

// A file path as given, or NAME.cluster in the example data that ships with the project.
std::string find_cluster_file(const std::string& text);

// A file of the example data, e.g. "traces/text2sql_chess.jsonl.gz".
std::string find_data_file(const std::string& relative);

}  // namespace hexagent::sim
