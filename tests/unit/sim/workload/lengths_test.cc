// Tests of jittered lengths: bounds, consistency of what is shared, determinism.
#include "sim/workload/lengths.h"

#include <algorithm>
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

#include "make_trace.h"

namespace {

using hexagent::sim::CallLengths;
using hexagent::sim::jittered_lengths;
using hexagent::sim::JitterRule;
using hexagent::sim::link_external_prefixes;
using hexagent::sim::make_call;
using hexagent::sim::make_workflow;
using hexagent::sim::PlayedBodies;
using hexagent::sim::PrefixSource;
using hexagent::sim::Random;
using hexagent::sim::recorded_lengths;
using hexagent::sim::Trace;
using hexagent::sim::TraceCall;
using hexagent::sim::TraceWorkflow;

constexpr int64_t kGroupTokens = 300;

// 0: root with a group text; 1: chain after 0; 2: same prompt as 1, to the token; 3: continues 1
// with a part of its output; 4: shares within the group text only.
Trace make_trace() {
  Trace trace;
  TraceWorkflow workflow = make_workflow(
      "w", {make_call(0, {}, 1000, 50), make_call(1, {0}, 1500, 60, 0, 1000),
            make_call(2, {0}, 1500, 70, 1, 1500), make_call(3, {1, 2}, 2000, 80, 1, 1530),
            make_call(4, {3}, 500, 9, 0, 200)});
  for (const size_t i : {size_t{0}, size_t{4}}) {
    workflow.calls[i].prefix_group = "group";
    workflow.calls[i].prefix_group_tokens = kGroupTokens;
  }
  workflow.calls[1].prefix_group = "group";
  workflow.calls[1].prefix_group_tokens = kGroupTokens;
  trace.workflows.push_back(workflow);
  return trace;
}

// What held in every one of many draws.
struct Findings {
  bool prompts_within_jitter = true;
  bool outputs_within_jitter = true;
  bool shared_fits_source = true;
  bool group_text_is_fixed = true;
  bool twins_are_equal = true;
  bool output_share_is_beyond_prompt = true;
  int distinct_prompts = 0;
};

bool within(int64_t value, int64_t recorded, double relative) {
  const double difference = std::abs(static_cast<double>(value - recorded));
  return difference <= static_cast<double>(recorded) * relative + 4.0;
}

Findings many_draws() {
  const Trace trace = make_trace();
  const std::vector<TraceCall>& recorded = trace.workflows[0].calls;
  const JitterRule rule{.relative = 0.1, .call_tokens_max = 0};
  Findings findings;
  std::vector<bool> seen(2000, false);
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const std::vector<CallLengths> calls = jittered_lengths(trace, 0, rule, Random(seed), {});
    for (size_t i = 0; i < calls.size(); ++i) {
      findings.prompts_within_jitter &=
          within(calls[i].prompt_tokens, recorded[i].prompt_tokens, 0.1);
      findings.outputs_within_jitter &=
          within(calls[i].output_tokens, recorded[i].output_tokens, 0.1);
    }
    for (size_t i = 1; i < calls.size(); ++i) {
      const CallLengths& source = calls[static_cast<size_t>(calls[i].source_call)];
      findings.shared_fits_source &=
          calls[i].source == PrefixSource::kCall &&
          calls[i].shared_tokens <= calls[i].prompt_tokens &&
          calls[i].shared_tokens <= source.prompt_tokens + source.output_tokens;
    }
    findings.group_text_is_fixed &= calls[0].source == PrefixSource::kGroup &&
                                    calls[0].shared_tokens == kGroupTokens &&
                                    calls[4].shared_tokens == 200;
    findings.twins_are_equal &= calls[1].prompt_tokens == calls[2].prompt_tokens &&
                                calls[2].shared_tokens == calls[1].prompt_tokens;
    findings.output_share_is_beyond_prompt &= calls[3].shared_tokens > calls[1].prompt_tokens;
    seen[static_cast<size_t>(calls[0].prompt_tokens)] = true;
  }
  for (const bool one : seen) findings.distinct_prompts += one ? 1 : 0;
  return findings;
}

void lengths_stay_within_the_jitter(void**) {
  const Findings findings = many_draws();
  assert_true(findings.prompts_within_jitter);
  assert_true(findings.outputs_within_jitter);
  assert_in_range(findings.distinct_prompts, 90, 145);
}

void shared_text_never_exceeds_its_source(void**) {
  const Findings findings = many_draws();
  assert_true(findings.shared_fits_source);
  assert_true(findings.output_share_is_beyond_prompt);
}

void group_text_keeps_its_length(void**) { assert_true(many_draws().group_text_is_fixed); }

void a_prompt_equal_to_its_source_stays_equal(void**) { assert_true(many_draws().twins_are_equal); }

bool same_draw_twice() {
  const Trace trace = make_trace();
  const JitterRule rule{.relative = 0.1, .call_tokens_max = 0};
  const std::vector<CallLengths> first = jittered_lengths(trace, 0, rule, Random(3), {});
  const std::vector<CallLengths> second = jittered_lengths(trace, 0, rule, Random(3), {});
  const std::vector<CallLengths> other = jittered_lengths(trace, 0, rule, Random(4), {});
  bool same = true;
  bool differs = false;
  for (size_t i = 0; i < first.size(); ++i) {
    same &= first[i].prompt_tokens == second[i].prompt_tokens;
    same &= first[i].output_tokens == second[i].output_tokens;
    differs |= first[i].prompt_tokens != other[i].prompt_tokens;
  }
  return same && differs;
}

void equal_seeds_give_equal_lengths(void**) { assert_true(same_draw_twice()); }

int64_t longest_under_bound() {
  const Trace trace = make_trace();
  const JitterRule rule{.relative = 0.1, .call_tokens_max = 2080};
  int64_t longest = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    for (const CallLengths& call : jittered_lengths(trace, 0, rule, Random(seed), {})) {
      longest = std::max(longest, call.prompt_tokens + call.output_tokens);
    }
  }
  return longest;
}

void jitter_never_passes_the_longest_call_allowed(void**) {
  assert_in_range(longest_under_bound(), 2000, 2080);
}

bool recorded_are_unchanged() {
  const Trace trace = make_trace();
  const std::vector<CallLengths> calls = recorded_lengths(trace.workflows[0]);
  bool same = true;
  for (size_t i = 0; i < calls.size(); ++i) {
    same &= calls[i].prompt_tokens == trace.workflows[0].calls[i].prompt_tokens;
    same &= calls[i].output_tokens == trace.workflows[0].calls[i].output_tokens;
    same &= i == 0 || calls[i].shared_tokens == trace.workflows[0].calls[i].shared_prefix_tokens;
  }
  return same;
}

void recorded_lengths_are_those_of_the_body(void**) { assert_true(recorded_are_unchanged()); }

CallLengths continued_turn(bool played_before) {
  Trace trace;
  trace.workflows.push_back(make_workflow("w0", {make_call(0, {}, 1000, 100)}, "s", 0));
  trace.workflows.push_back(make_workflow("w1", {make_call(0, {}, 1200, 10, -1, 900)}, "s", 1));
  trace.workflows[1].calls[0].prefix_of_workflow = "w0";
  trace.workflows[1].calls[0].prefix_of_call = 0;
  link_external_prefixes(trace);
  PlayedBodies played;
  if (played_before) {
    CallLengths real;
    real.prompt_tokens = 1100;
    real.output_tokens = 90;
    played[0] = {42, {real}};
  }
  return jittered_lengths(trace, 1, JitterRule{}, Random(1), played)[0];
}

void a_prefix_of_a_played_workflow_scales_with_it(void**) {
  const CallLengths call = continued_turn(true);
  assert_int_equal(call.source, PrefixSource::kInstance);
  assert_int_equal(call.source_instance, 42);
  assert_int_equal(call.source_call, 0);
  assert_int_equal(call.shared_tokens, 990);
  assert_int_equal(call.prompt_tokens, 1290);
}

void a_prefix_of_a_workflow_never_played_is_own_text(void**) {
  const CallLengths call = continued_turn(false);
  assert_int_equal(call.source, PrefixSource::kNone);
  assert_int_equal(call.source_instance, -1);
  assert_int_equal(call.shared_tokens, 0);
  assert_int_equal(call.prompt_tokens, 1200);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(lengths_stay_within_the_jitter),
      cmocka_unit_test(shared_text_never_exceeds_its_source),
      cmocka_unit_test(group_text_keeps_its_length),
      cmocka_unit_test(a_prompt_equal_to_its_source_stays_equal),
      cmocka_unit_test(equal_seeds_give_equal_lengths),
      cmocka_unit_test(jitter_never_passes_the_longest_call_allowed),
      cmocka_unit_test(recorded_lengths_are_those_of_the_body),
      cmocka_unit_test(a_prefix_of_a_played_workflow_scales_with_it),
      cmocka_unit_test(a_prefix_of_a_workflow_never_played_is_own_text),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
