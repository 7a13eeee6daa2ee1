// Test vectors of H, worked by hand from the formula at the top of horizon.h.
// Prefill "fast" (0.01 + 1e-4 n, under 100 new tokens 0.002 + 2e-4 n, + 1e-8 pairs) or "starter"
// (0.001 + 1e-3 n, small 0.0001 + 5e-4 n); decode 0.011 + 1e-6 (p + out / 2) or 0.021 a token;
// link 1 ms + prompt / 1000 s.
#include "sim/study/horizon.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../workload/make_trace.h"
#include "tiny_cluster.h"

namespace {

using hexagent::sim::call_alone_s;
using hexagent::sim::horizon_cluster;
using hexagent::sim::HorizonCluster;
using hexagent::sim::instance_horizon_s;
using hexagent::sim::make_call;
using hexagent::sim::make_workflow;
using hexagent::sim::ResolvedCluster;
using hexagent::sim::starter_profile;
using hexagent::sim::tiny_cluster;
using hexagent::sim::tiny_group;
using hexagent::sim::tiny_profile;
using hexagent::sim::TraceCall;
using hexagent::sim::TraceWorkflow;
using hexagent::sim::WorkerRole;
using hexagent::sim::workflow_horizon_s;
using hexagent::sim::WorkflowInstance;

HorizonCluster cluster() {
  ResolvedCluster resolved = tiny_cluster();
  resolved.groups = {tiny_group(WorkerRole::kPrefill, 1, starter_profile(), 1e5),
                     tiny_group(WorkerRole::kPrefill, 2, tiny_profile(), 1e6),
                     // A fast NIC of a decode worker sends nothing: it must not count.
                     tiny_group(WorkerRole::kDecode, 1, tiny_profile(), 1e9),
                     tiny_group(WorkerRole::kDecode, 1, starter_profile(), 1e6)};
  return horizon_cluster(resolved);
}

double horizon_of(std::vector<TraceCall> calls) {
  return workflow_horizon_s(make_workflow("w", std::move(calls)), cluster());
}

double alone(int64_t prompt_tokens, int64_t cached_tokens, int64_t output_tokens) {
  return call_alone_s(prompt_tokens, cached_tokens, output_tokens, cluster());
}

bool is_close(double value, double expected) { return std::abs(value - expected) < 1e-9; }

void one_call_is_prefill_link_and_decode_on_the_best_workers(void**) {
  // 0.01 + 0.1 + 1e-8 * 1000 * 500 = 0.115; 1.001; 10 * (0.011 + 1e-6 * 1005) = 0.12005.
  assert_true(is_close(alone(1000, 0, 10), 1.23605));
}

void the_small_form_and_the_quick_starter_are_used_where_they_win(void**) {
  // 50 new: fast 0.002 + 0.01 + 1e-8 * 50 * 25 beats starter's 0.0251; 0.051; one token 0.0110505.
  assert_true(is_close(alone(50, 0, 1), 0.0120125 + 0.051 + 0.0110505));
  // 5 new: starter 0.0001 + 0.0025 + 1e-8 * 5 * 2.5 beats fast's 0.003; 0.006; 0.0110055.
  assert_true(is_close(alone(5, 0, 1), 0.002600125 + 0.006 + 0.0110055));
  // Nothing new: starter's fixed part alone.
  assert_true(is_close(alone(50, 50, 1), 0.0001 + 0.051 + 0.0110505));
}

void the_best_decode_worker_changes_with_the_context(void**) {
  // 20,000 tokens of context: 0.011 + 0.0200005 on fast, 0.021 on starter.
  // Prefill 0.01 + 2 + 1e-8 * 20000 * 10000 = 4.01; link 20.001.
  assert_true(is_close(alone(20'000, 0, 1), 4.01 + 20.001 + 0.021));
}

void a_chain_adds_up_with_its_shared_prefix(void**) {
  // Second call: 200 new after 1000: 0.03 + 1e-8 * 200 * 1100 = 0.0322; 1.201;
  // 20 * (0.011 + 1e-6 * 1210) = 0.2442.
  const double horizon_s =
      horizon_of({make_call(0, {}, 1000, 10), make_call(1, {0}, 1200, 20, 0, 1000)});
  assert_true(is_close(horizon_s, 1.23605 + 1.4774));
}

void a_prefix_from_outside_the_workflow_is_computed_anew(void**) {
  TraceCall external = make_call(0, {}, 1000, 10, -1, 900);
  external.prefix_of_workflow = "other";
  external.prefix_of_call = 0;
  assert_true(is_close(horizon_of({external}), 1.23605));
  TraceCall grouped = make_call(0, {}, 1000, 10, -1, 900);
  grouped.prefix_group = "group";
  grouped.prefix_group_tokens = 900;
  assert_true(is_close(horizon_of({grouped}), 1.23605));
}

void a_fan_out_counts_its_longest_branch_up_to_the_join(void**) {
  // Branches of 1.23605 (call 1) and 1.4774 (call 2), then a join of 1.23605.
  const double horizon_s =
      horizon_of({make_call(0, {}, 1000, 10), make_call(1, {0}, 1000, 10),
                  make_call(2, {0}, 1200, 20, 0, 1000), make_call(3, {1, 2}, 1000, 10)});
  assert_true(is_close(horizon_s, 1.23605 + 1.4774 + 1.23605));
}

void a_prefix_of_a_sibling_counts_as_shared(void**) {
  // Call 2 repeats call 1 to the token: prefill 0.0001, link 1.001, decode 0.12005.
  const double horizon_s = horizon_of(
      {make_call(0, {}, 50, 1), make_call(1, {0}, 1000, 10), make_call(2, {0}, 1000, 10, 1, 1000)});
  assert_true(is_close(horizon_s, 0.074063 + 1.23605));
}

void tool_gaps_count_and_can_move_the_longest_path(void**) {
  // The shorter branch waits 3 s for its tool; the unknown gap of the other counts 0.
  const double horizon_s =
      horizon_of({make_call(0, {}, 1000, 10), make_call(1, {0}, 1000, 10, -1, 0, 3.0),
                  make_call(2, {0}, 1200, 20, 0, 1000)});
  assert_true(is_close(horizon_s, 1.23605 + 3.0 + 1.23605));
}

double horizon_of_instance() {
  const TraceWorkflow workflow =
      make_workflow("w", {make_call(0, {}, 900, 11), make_call(1, {0}, 1300, 19, 0, 900)});
  WorkflowInstance instance;
  instance.workflow = &workflow;
  instance.calls.resize(2);
  instance.calls[0].prompt_tokens = 1000;
  instance.calls[0].output_tokens = 10;
  instance.calls[1].prompt_tokens = 1200;
  instance.calls[1].output_tokens = 20;
  instance.calls[1].shared_tokens = 1000;
  instance.calls[1].source = hexagent::sim::PrefixSource::kCall;
  instance.calls[1].source_call = 0;
  return instance_horizon_s(instance, cluster());
}

void an_instance_is_measured_by_the_lengths_it_has(void**) {
  assert_true(is_close(horizon_of_instance(), 1.23605 + 1.4774));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(one_call_is_prefill_link_and_decode_on_the_best_workers),
      cmocka_unit_test(the_small_form_and_the_quick_starter_are_used_where_they_win),
      cmocka_unit_test(the_best_decode_worker_changes_with_the_context),
      cmocka_unit_test(a_chain_adds_up_with_its_shared_prefix),
      cmocka_unit_test(a_prefix_from_outside_the_workflow_is_computed_anew),
      cmocka_unit_test(a_fan_out_counts_its_longest_branch_up_to_the_join),
      cmocka_unit_test(a_prefix_of_a_sibling_counts_as_shared),
      cmocka_unit_test(tool_gaps_count_and_can_move_the_longest_path),
      cmocka_unit_test(an_instance_is_measured_by_the_lengths_it_has),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
