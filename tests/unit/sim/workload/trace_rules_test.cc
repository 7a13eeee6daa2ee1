// Tests of gap normalisation, exclusion and the split into halves.
#include "sim/workload/trace_rules.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "make_trace.h"

namespace {

using hexagent::sim::exclude_oversized;
using hexagent::sim::Exclusion;
using hexagent::sim::GapCounts;
using hexagent::sim::half_of;
using hexagent::sim::is_warmup_body;
using hexagent::sim::link_external_prefixes;
using hexagent::sim::make_call;
using hexagent::sim::make_workflow;
using hexagent::sim::normalise_gaps;
using hexagent::sim::sample_unknown_gaps;
using hexagent::sim::Trace;

Trace gap_trace() {
  Trace trace;
  trace.workflows.push_back(make_workflow(
      "a", {make_call(0, {}, 10, 1), make_call(1, {0}, 10, 1),
            make_call(2, {1}, 10, 1, -1, 0, 700.0), make_call(3, {2}, 10, 1, -1, 0, 600.0)}));
  trace.workflows.push_back(make_workflow("b", {make_call(0, {}, 10, 1)}, "s", 1));
  trace.workflows.push_back(make_workflow("c", {make_call(0, {}, 10, 1)}, "s", 2));
  trace.workflows[2].after_prev_s = 5000.0;
  return trace;
}

struct Sampled {
  int64_t count = 0;
  double first_s = 0.0;
  double again_s = 0.0;
  bool others_kept = false;
};

Sampled sampled_gaps() {
  Trace trace = gap_trace();
  Sampled result;
  result.count = sample_unknown_gaps(trace);
  result.first_s = trace.workflows[0].calls[1].tool_delay_s;
  result.others_kept = trace.workflows[0].calls[0].tool_delay_s < 0.0 &&
                       trace.workflows[0].calls[2].tool_delay_s == 700.0;
  Trace other = gap_trace();
  other.workflows.erase(other.workflows.begin() + 1);
  sample_unknown_gaps(other);
  result.again_s = other.workflows[0].calls[1].tool_delay_s;
  return result;
}

void unknown_gaps_can_be_drawn_the_same_in_any_company(void**) {
  const Sampled result = sampled_gaps();
  assert_int_equal(result.count, 1);
  assert_true(result.first_s > 0.0 && result.first_s <= 600.0);
  assert_true(result.first_s == result.again_s);
  assert_true(result.others_kept);
}

struct Gaps {
  GapCounts first;
  GapCounts second;
  double delays_s[4] = {};
  double after_prev_s[3] = {};
};

Gaps normalised() {
  Trace trace = gap_trace();
  Gaps gaps;
  gaps.first = normalise_gaps(trace);
  gaps.second = normalise_gaps(trace);
  for (size_t i = 0; i < 4; ++i) gaps.delays_s[i] = trace.workflows[0].calls[i].tool_delay_s;
  for (size_t i = 0; i < 3; ++i) gaps.after_prev_s[i] = trace.workflows[i].after_prev_s;
  return gaps;
}

void unknown_gaps_become_zero_and_are_counted_except_at_roots(void**) {
  const Gaps gaps = normalised();
  assert_int_equal(gaps.first.tool_unknown, 1);
  assert_true(gaps.delays_s[0] == 0.0);
  assert_true(gaps.delays_s[1] == 0.0);
  assert_int_equal(gaps.first.session_unknown, 1);
  assert_true(gaps.after_prev_s[1] == 0.0);
}

void long_gaps_are_capped_and_counted(void**) {
  const Gaps gaps = normalised();
  assert_int_equal(gaps.first.tool_capped, 1);
  assert_true(gaps.delays_s[2] == 600.0);
  assert_true(gaps.delays_s[3] == 600.0);
  assert_int_equal(gaps.first.session_capped, 1);
  assert_true(gaps.after_prev_s[2] == 600.0);
}

void normalising_twice_counts_nothing_more(void**) {
  const Gaps gaps = normalised();
  assert_int_equal(gaps.second.tool_unknown + gaps.second.tool_capped, 0);
  assert_int_equal(gaps.second.session_unknown + gaps.second.session_capped, 0);
}

struct Kept {
  Exclusion excluded;
  size_t count = 0;
  bool first_is_fit = false;
  int32_t linked_body = 0;
};

Kept excluded() {
  Trace trace;
  trace.workflows.push_back(make_workflow("long", {make_call(0, {}, 100, 1)}));
  trace.workflows.push_back(make_workflow("fit", {make_call(0, {}, 79, 1)}));
  trace.workflows.push_back(make_workflow("big", {make_call(0, {}, 80, 1)}));
  trace.workflows.push_back(make_workflow("next", {make_call(0, {}, 20, 1, -1, 10)}));
  trace.workflows[3].calls[0].prefix_of_workflow = "fit";
  trace.workflows[3].calls[0].prefix_of_call = 0;
  link_external_prefixes(trace);
  Kept kept;
  kept.excluded = exclude_oversized(trace, 100, 80);
  kept.count = trace.workflows.size();
  kept.first_is_fit = trace.workflows[0].id == "fit";
  kept.linked_body = trace.workflows[1].calls[0].prefix_of_body;
  return kept;
}

void workflows_that_no_worker_can_serve_are_removed_and_counted(void**) {
  const Kept kept = excluded();
  assert_int_equal(kept.excluded.workflows, 2);
  assert_int_equal(kept.excluded.over_context, 1);
  assert_int_equal(kept.excluded.over_capacity, 1);
  assert_int_equal(kept.count, 2);
  assert_true(kept.first_is_fit);
}

void external_prefixes_point_to_the_new_positions_after_exclusion(void**) {
  assert_int_equal(excluded().linked_body, 0);
}

struct Halves {
  size_t warmup = 0;
  size_t measured = 0;
  bool sessions_stay_together = true;
};

Halves split() {
  Trace trace;
  for (int i = 0; i < 400; ++i) {
    const std::string session = "session" + std::to_string(i / 4);
    trace.workflows.push_back(
        make_workflow("w" + std::to_string(i), {make_call(0, {}, 10, 1)}, session, i % 4));
  }
  Halves halves;
  halves.warmup = half_of(trace, true).workflows.size();
  halves.measured = half_of(trace, false).workflows.size();
  for (size_t i = 0; i < 400; ++i) {
    halves.sessions_stay_together &=
        is_warmup_body(trace.workflows[i]) == is_warmup_body(trace.workflows[i - i % 4]);
  }
  return halves;
}

void halves_are_disjoint_and_keep_sessions_whole(void**) {
  const Halves halves = split();
  assert_int_equal(halves.warmup + halves.measured, 400);
  assert_in_range(halves.warmup, 140, 260);
  assert_true(halves.sessions_stay_together);
}

size_t empty_half_size() {
  Trace trace;
  trace.workflows.push_back(make_workflow("only", {make_call(0, {}, 10, 1)}));
  return half_of(trace, true).workflows.size() + half_of(trace, false).workflows.size();
}

void a_half_that_would_be_empty_is_the_whole_trace(void**) {
  assert_int_equal(empty_half_size(), 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(unknown_gaps_can_be_drawn_the_same_in_any_company),
      cmocka_unit_test(unknown_gaps_become_zero_and_are_counted_except_at_roots),
      cmocka_unit_test(long_gaps_are_capped_and_counted),
      cmocka_unit_test(normalising_twice_counts_nothing_more),
      cmocka_unit_test(workflows_that_no_worker_can_serve_are_removed_and_counted),
      cmocka_unit_test(external_prefixes_point_to_the_new_positions_after_exclusion),
      cmocka_unit_test(halves_are_disjoint_and_keep_sessions_whole),
      cmocka_unit_test(a_half_that_would_be_empty_is_the_whole_trace),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
