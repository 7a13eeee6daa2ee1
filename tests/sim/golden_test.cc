// Golden runs: the exact virtual times of a small cell, nanosecond by nanosecond, for each policy.
// HEXAGENT_UPDATE_GOLDEN=1 rewrites the golden files; a change there is a commit of its own, with
// the reason.
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/run/simulation.h"
#include "sim/study/cell.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::sim;  // NOLINT: a test of the whole

std::string golden_path(const std::string& name) {
  return std::string(HEXAGENT_TEST_SOURCE) + "/sim/" + name;
}

std::string actual_runs(const std::vector<std::string>& cluster_lines) {
  CellRequest request;
  request.traces = {std::string(HEXAGENT_TEST_DATA) + "/traces/multiagent_captain.jsonl.gz"};
  request.cluster = "small";
  request.load = 0.7;
  request.workflows = 20;
  request.cluster_lines = cluster_lines;
  const Cell cell = prepare_cell(request);
  std::ostringstream out;
  for (const char* policy : {"default", "hexagent", "fcfs", "workflow-fcfs", "llf", "atlas"}) {
    Simulation simulation(cell.run(policy, 1));
    const RunResult run = simulation.run();
    out << policy << " decisions " << run.decision_hash << "\n";
    int shown = 0;
    for (const WorkflowRecord& record : run.workflows) {
      if (!record.measured || ++shown > 5) continue;
      out << "  workflow " << record.index << " arrival " << std::llround(record.arrival_s * 1e9)
          << " ns, completion " << std::llround(record.completion_s * 1e9) << " ns\n";
    }
  }
  return out.str();
}

std::string expected_runs(const std::string& name) {
  std::ifstream file(golden_path(name));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool matches(const std::string& name, const std::vector<std::string>& cluster_lines) {
  const std::string actual = actual_runs(cluster_lines);
  if (std::getenv("HEXAGENT_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(golden_path(name)) << actual;
    return true;
  }
  const std::string expected = expected_runs(name);
  if (actual == expected) return true;
  print_error("%s differs; this build gives:\n%s", name.c_str(), actual.c_str());
  return false;
}

void runs_give_the_exact_times_of_the_golden_file(void**) {
  assert_true(matches("golden.txt", {}));
}

// Slow links, and KV sent layer by layer.
void layers_are_sent_at_the_exact_times_of_theirs(void**) {
  assert_true(matches("golden_layerwise.txt", {"nic_gbit_per_s 25", "transfer layerwise"}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(runs_give_the_exact_times_of_the_golden_file),
                              cmocka_unit_test(layers_are_sent_at_the_exact_times_of_theirs)};
  return cmocka_run_group_tests_name("golden", tests, nullptr, nullptr);
}
