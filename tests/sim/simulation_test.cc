// Whole simulations through the C ABI: conservation, faults, both bindings, drain, closed loop, and
// the same result from any number of threads. In debug builds the library audits itself at every
// step.
#include "sim/run/simulation.h"

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/study/cell.h"
#include "sim/study/runner.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::sim;  // NOLINT: a test of the whole

CellRequest captain_cell() {
  CellRequest request;
  request.traces = {std::string(HEXAGENT_TEST_DATA) + "/traces/multiagent_captain.jsonl.gz"};
  request.cluster = "small";
  request.load = 0.4;  // every policy is stable here, so every workflow has to end
  request.workflows = 40;
  return request;
}

struct Outcome {
  size_t measured = 0;
  uint64_t unfinished = 0;
  bool ordered = true;    // every workflow once
  bool plausible = true;  // no stretch below what the hidden factors and jitter allow
  uint64_t hash = 0;
  double completion_s = 0.0;  // of the measured ones together
};

Outcome outcome_of(const RunResult& run) {
  Outcome outcome;
  outcome.unfinished = run.unfinished;
  outcome.hash = run.decision_hash;
  uint64_t last = 0;
  bool first = true;
  for (const WorkflowRecord& record : run.workflows) {
    if (!first && record.index <= last) outcome.ordered = false;
    first = false;
    last = record.index;
    if (!record.measured) continue;
    ++outcome.measured;
    outcome.completion_s += record.completion_s;
    if (!(record.completion_s / record.horizon_s > 0.6)) outcome.plausible = false;
  }
  return outcome;
}

Outcome run_once(const Cell& cell, const std::string& policy, uint64_t seed,
                 const std::vector<WorkerLoss>& losses = {}) {
  RunConfig config = cell.run(policy, seed);
  config.losses = losses;
  Simulation simulation(config);
  return outcome_of(simulation.run());
}

void assert_whole(const Outcome& outcome, size_t workflows) {
  assert_int_equal(outcome.measured, workflows);
  assert_int_equal(outcome.unfinished, 0);
  assert_true(outcome.ordered);
  assert_true(outcome.plausible);
}

void every_workflow_ends_once_under_every_policy(void**) {
  const Cell cell = prepare_cell(captain_cell());
  for (const char* policy :
       {"default", "hexagent", "fcfs", "workflow-fcfs", "llf", "atlas", "fcfs-scaled",
        "stretch/round-robin/window", "stretch/own-finish/at_ready"}) {
    assert_whole(run_once(cell, policy, 1), 40);
  }
}

void every_workflow_ends_once_under_every_rival(void**) {
  const Cell cell = prepare_cell(captain_cell());
  for (const char* policy :
       {"srpt-scaled", "gittins-scaled", "kairos", "kairos-scaled", "hexgen-flow", "mooncake",
        "lmetric", "dynamo", "llm-d", "sglang", "pulled-queue", "dynamo@router_speed=1",
        "hexagent/llm-d/window", "srpt/mooncake/window"}) {
    assert_whole(run_once(cell, policy, 1), 40);
  }
}

void decode_bound_at_prefill_end_works_too(void**) {
  CellRequest request = captain_cell();
  request.decode_binding = "prefill_end";
  const Cell cell = prepare_cell(request);
  for (const char* policy : {"default", "hexagent", "llf", "hexgen-flow", "dynamo", "sglang"}) {
    assert_whole(run_once(cell, policy, 1), 40);
  }
}

// Links slow enough that transfers weigh.
CellRequest slow_links(const std::vector<std::string>& lines) {
  CellRequest request = captain_cell();
  request.load = 0.3;
  request.cluster_lines = lines;
  request.cluster_lines.push_back("nic_gbit_per_s 10");
  return request;
}

void layers_sent_early_work_under_every_policy(void**) {
  const Cell cell = prepare_cell(slow_links({"transfer layerwise"}));
  for (const char* policy : {"default", "hexagent", "hexgen-flow", "sglang"}) {
    assert_whole(run_once(cell, policy, 1), 40);
  }
}

void layers_sent_early_survive_lost_workers(void**) {
  const std::vector<WorkerLoss> losses = {{0, 10.0, 30.0}, {3, 20.0, 30.0}, {1, 60.0, 5.0}};
  const Cell cell = prepare_cell(slow_links({"transfer layerwise"}));
  for (const char* policy : {"default", "workflow-fcfs"}) {
    assert_whole(run_once(cell, policy, 2, losses), 40);
  }
}

// Decode batches of few blocks: reservations are granted late and sequences preempted.
void layers_sent_early_wait_for_space(void**) {
  const Cell cell = prepare_cell(slow_links({"transfer layerwise", "kv_share 0.05"}));
  assert_whole(run_once(cell, "fcfs", 1), 40);
  assert_whole(run_once(cell, "default", 1), 40);
}

void layers_sent_early_save_time(void**) {
  const double after_s = run_once(prepare_cell(slow_links({})), "default", 1).completion_s;
  const double layers_s =
      run_once(prepare_cell(slow_links({"transfer layerwise"})), "default", 1).completion_s;
  const double some_s =
      run_once(prepare_cell(slow_links({"transfer A100-80G layerwise"})), "default", 1)
          .completion_s;
  assert_true(layers_s < 0.98 * after_s);
  assert_true(some_s < after_s && some_s > layers_s);
}

void a_lost_worker_costs_time_and_no_workflow(void**) {
  // Worker 0 prefills, worker 3 decodes; both die in mid-run and come back.
  const std::vector<WorkerLoss> losses = {{0, 10.0, 30.0}, {3, 20.0, 30.0}};
  const Cell cell = prepare_cell(captain_cell());
  for (const char* policy : {"default", "hexagent", "workflow-fcfs", "sglang", "kairos"}) {
    assert_whole(run_once(cell, policy, 2, losses), 40);
  }
}

void a_drain_measures_all_and_ends(void**) {
  CellRequest request = captain_cell();
  request.drain_factor = 4.0;
  const Cell cell = prepare_cell(request);
  assert_whole(run_once(cell, "default", 1), 40);
  assert_whole(run_once(cell, "hexagent", 1), 40);
}

void sessions_run_closed_loop(void**) {
  CellRequest request = captain_cell();
  request.traces = {std::string(HEXAGENT_TEST_DATA) + "/traces/coding_sample.jsonl.gz"};
  request.cluster = "hetero-1";
  request.closed_loop = true;
  request.workflows = 30;
  const Outcome outcome = run_once(prepare_cell(request), "default", 1);
  assert_int_equal(outcome.measured, 30);
  assert_int_equal(outcome.unfinished, 0);
}

void the_same_seed_gives_the_same_run_and_another_seed_another(void**) {
  const Cell cell = prepare_cell(captain_cell());
  const Outcome first = run_once(cell, "default", 7);
  const Outcome again = run_once(cell, "default", 7);
  const Outcome other = run_once(cell, "default", 8);
  assert_true(first.hash == again.hash);
  assert_true(first.hash != other.hash);
}

void measured_links_change_decisions_and_not_from_run_to_run(void**) {
  CellRequest request = captain_cell();
  const Outcome declared = run_once(prepare_cell(request), "default", 7);
  request.knowledge.measures_links = true;
  const Cell measured = prepare_cell(request);
  const Outcome first = run_once(measured, "default", 7);
  const Outcome again = run_once(measured, "default", 7);
  assert_int_equal(first.unfinished, 0);
  assert_true(first.hash == again.hash);
  assert_true(first.hash != declared.hash);
}

std::vector<uint64_t> hashes(uint32_t threads) {
  const Cell cell = prepare_cell(captain_cell());
  RunnerConfig config;
  config.policies = {"default", "llf"};
  config.seeds = {1, 2, 3};
  config.threads = threads;
  std::vector<uint64_t> all;
  for (const auto& runs : run_cell(cell, config)) {
    for (const RunResult& run : runs) all.push_back(run.decision_hash);
  }
  return all;
}

void the_number_of_threads_changes_nothing(void**) {
  const bool equal = hashes(1) == hashes(3);
  assert_true(equal);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_workflow_ends_once_under_every_policy),
      cmocka_unit_test(every_workflow_ends_once_under_every_rival),
      cmocka_unit_test(decode_bound_at_prefill_end_works_too),
      cmocka_unit_test(layers_sent_early_work_under_every_policy),
      cmocka_unit_test(layers_sent_early_survive_lost_workers),
      cmocka_unit_test(layers_sent_early_wait_for_space),
      cmocka_unit_test(layers_sent_early_save_time),
      cmocka_unit_test(a_lost_worker_costs_time_and_no_workflow),
      cmocka_unit_test(a_drain_measures_all_and_ends),
      cmocka_unit_test(sessions_run_closed_loop),
      cmocka_unit_test(the_same_seed_gives_the_same_run_and_another_seed_another),
      cmocka_unit_test(measured_links_change_decisions_and_not_from_run_to_run),
      cmocka_unit_test(the_number_of_threads_changes_nothing),
  };
  return cmocka_run_group_tests_name("simulation", tests, nullptr, nullptr);
}
