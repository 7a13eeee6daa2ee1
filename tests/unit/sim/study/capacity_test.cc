// Test vectors of lambda*, worked by hand from the costs at the top of capacity.h.
// A call of 1,000 prompt and 10 output tokens on "fast" takes
//   prefill  1000 * (1e-4 + 0.01 / 1000) + 1e-8 * 1000 * 500 = 0.115 s
//   decode   B = min(4, floor(10050 / 1005)) = 4: 10 * (0.0025 + 0.001 + 0.001005) = 0.04505 s
//   NIC      1,000,000 bytes.
#include "sim/study/capacity.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../workload/make_trace.h"
#include "tiny_cluster.h"

namespace {

using hexagent::sim::Capacity;
using hexagent::sim::estimate_capacity;
using hexagent::sim::FittedProfile;
using hexagent::sim::make_call;
using hexagent::sim::make_workflow;
using hexagent::sim::ResolvedCluster;
using hexagent::sim::ResolvedGroup;
using hexagent::sim::tiny_cluster;
using hexagent::sim::tiny_group;
using hexagent::sim::tiny_profile;
using hexagent::sim::Trace;
using hexagent::sim::WorkerRole;

constexpr double kPrefill_s = 0.115;
constexpr double kDecode_s = 0.04505;

struct Flat {
  double rate = 0.0;
  char binding[16] = {};
  double prefill = 0.0;  // use of the first group
  double egress = 0.0;
  double decode = 0.0;  // use of the last group
  double ingress = 0.0;
  double shares = 0.0;
};

Flat flatten(const Capacity& capacity) {
  Flat flat;
  flat.rate = capacity.workflows_per_s;
  std::strncpy(flat.binding, capacity.binding.c_str(), sizeof flat.binding - 1);
  flat.prefill = capacity.groups.front().prefill;
  flat.egress = capacity.groups.front().egress;
  flat.decode = capacity.groups.back().decode;
  flat.ingress = capacity.groups.back().ingress;
  flat.shares = capacity.shares.prefill + capacity.shares.decode + capacity.shares.ingress +
                capacity.shares.egress;
  return flat;
}

Trace one_call_trace() {
  Trace trace;
  trace.workflows.push_back(make_workflow("w", {make_call(0, {}, 1000, 10)}));
  return trace;
}

Flat capacity_of(std::vector<ResolvedGroup> groups, const Trace& trace) {
  ResolvedCluster cluster = tiny_cluster();
  cluster.groups = std::move(groups);
  return flatten(estimate_capacity({&trace}, cluster));
}

Flat one_call(int32_t prefill_count, int32_t decode_count, double out_bytes_per_s,
              double in_bytes_per_s) {
  return capacity_of(
      {tiny_group(WorkerRole::kPrefill, prefill_count, tiny_profile(), out_bytes_per_s),
       tiny_group(WorkerRole::kDecode, decode_count, tiny_profile(), in_bytes_per_s)},
      one_call_trace());
}

bool is_close(double value, double expected) {
  return std::abs(value - expected) <= 1e-9 * std::abs(expected) + 1e-12;
}

void prefill_can_bind(void**) {
  const Flat flat = one_call(2, 2, 1e9, 1e9);
  assert_true(is_close(flat.rate, 2.0 / kPrefill_s));
  assert_string_equal(flat.binding, "prefill");
  assert_true(is_close(flat.prefill, 1.0));
  assert_true(is_close(flat.decode, flat.rate * kDecode_s / 2.0));
  assert_true(is_close(flat.egress, flat.rate * 1e6 / 2e9));
  assert_true(is_close(flat.shares, 1.0));
}

void decode_can_bind(void**) {
  const Flat flat = one_call(9, 1, 1e9, 1e9);
  assert_true(is_close(flat.rate, 1.0 / kDecode_s));
  assert_string_equal(flat.binding, "decode");
}

void egress_can_bind(void**) {
  const Flat flat = one_call(3, 5, 2e6, 1e9);
  assert_true(is_close(flat.rate, 6.0));
  assert_string_equal(flat.binding, "egress");
  assert_true(is_close(flat.egress, 1.0));
}

void ingress_can_bind(void**) {
  const Flat flat = one_call(3, 5, 1e9, 1e6);
  assert_true(is_close(flat.rate, 5.0));
  assert_string_equal(flat.binding, "ingress");
  assert_true(is_close(flat.ingress, 1.0));
}

Flat tight_kv() {
  FittedProfile small = tiny_profile();
  small.kv_capacity_tokens = 2500;
  return capacity_of({tiny_group(WorkerRole::kPrefill, 99, tiny_profile(), 1e9),
                      tiny_group(WorkerRole::kDecode, 1, small, 1e9)},
                     one_call_trace());
}

void kv_capacity_limits_the_decode_batch(void**) {
  // B = floor(2500 / 1005) = 2: 10 * (0.005 + 0.001 + 0.001005) = 0.07005 s.
  assert_true(is_close(tight_kv().rate, 1.0 / 0.07005));
}

Flat shared_prefix() {
  Trace trace;
  trace.workflows.push_back(
      make_workflow("w", {make_call(0, {}, 1000, 10), make_call(1, {0}, 1200, 20, 0, 1000)}));
  return capacity_of({tiny_group(WorkerRole::kPrefill, 1, tiny_profile(), 1e9),
                      tiny_group(WorkerRole::kDecode, 9, tiny_profile(), 1e9)},
                     trace);
}

void a_prefix_shared_inside_the_workflow_is_not_computed_again(void**) {
  // 200 new after 1000: 200 * 1.1e-4 + 1e-8 * 200 * 1100 = 0.0242 s.
  assert_true(is_close(shared_prefix().rate, 1.0 / (kPrefill_s + 0.0242)));
}

// Two stages on two kinds of worker: long prompts are relatively cheaper on the first.
Flat two_kinds() {
  FittedProfile plain = tiny_profile();
  plain.a0_s = 0.0;
  plain.a2_s = 0.0;
  plain.a1_s = 1e-3;
  FittedProfile quadratic = plain;
  quadratic.a1_s = 1e-4;
  quadratic.a2_s = 1e-5;
  Trace trace;
  trace.workflows.push_back(
      make_workflow("w", {make_call(0, {}, 1000, 1), make_call(1, {0}, 100, 1)}));
  trace.workflows[0].calls[1].stage = "short";
  return capacity_of({tiny_group(WorkerRole::kPrefill, 1, plain, 1e12),
                      tiny_group(WorkerRole::kPrefill, 1, quadratic, 1e12),
                      tiny_group(WorkerRole::kDecode, 9, tiny_profile(), 1e12)},
                     trace);
}

void each_type_goes_where_it_is_relatively_cheap(void**) {
  // Costs: long 1 s on the first, 5.1 s on the second; short 0.1 s and 0.06 s. All short calls and
  // a share f of the long ones go to the second: 1 - f = 0.06 + 5.1 f, f = 0.94 / 6.1.
  assert_true(is_close(two_kinds().rate, 1.0 / (1.0 - 0.94 / 6.1)));
}

Flat one_of_both_roles() {
  return capacity_of({tiny_group(WorkerRole::kBoth, 2, tiny_profile(), 1.0)}, one_call_trace());
}

void workers_of_both_roles_share_their_time_and_move_no_kv(void**) {
  const Flat flat = one_of_both_roles();
  assert_true(is_close(flat.rate, 2.0 / (kPrefill_s + kDecode_s)));
  assert_string_equal(flat.binding, "prefill");
  assert_true(is_close(flat.prefill + flat.decode, 1.0));
  assert_true(is_close(flat.egress, 0.0));
}

double mixed_rate() {
  const Trace left = one_call_trace();
  Trace right;
  // Two bodies of two such calls: 2 calls per workflow, half the weight.
  for (const char* id : {"a", "b"}) {
    right.workflows.push_back(
        make_workflow(id, {make_call(0, {}, 1000, 10), make_call(1, {0}, 1000, 10)}));
  }
  ResolvedCluster cluster = tiny_cluster();
  cluster.groups = {tiny_group(WorkerRole::kPrefill, 1, tiny_profile(), 1e9),
                    tiny_group(WorkerRole::kDecode, 9, tiny_profile(), 1e9)};
  return estimate_capacity({&left, &right}, cluster).workflows_per_s;
}

void traces_are_mixed_evenly_by_workflows(void**) {
  assert_true(is_close(mixed_rate(), 1.0 / (1.5 * kPrefill_s)));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(prefill_can_bind),
      cmocka_unit_test(decode_can_bind),
      cmocka_unit_test(egress_can_bind),
      cmocka_unit_test(ingress_can_bind),
      cmocka_unit_test(kv_capacity_limits_the_decode_batch),
      cmocka_unit_test(a_prefix_shared_inside_the_workflow_is_not_computed_again),
      cmocka_unit_test(each_type_goes_where_it_is_relatively_cheap),
      cmocka_unit_test(workers_of_both_roles_share_their_time_and_move_no_kv),
      cmocka_unit_test(traces_are_mixed_evenly_by_workflows),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
