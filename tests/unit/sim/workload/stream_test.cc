// Tests of the workload stream: rate, halves, mixing, sessions in a closed loop, repeatability.
#include "sim/workload/stream.h"

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "make_trace.h"
#include "sim/workload/trace_rules.h"

namespace {

using hexagent::sim::ArrivalProcess;
using hexagent::sim::is_warmup_body;
using hexagent::sim::link_external_prefixes;
using hexagent::sim::make_call;
using hexagent::sim::make_workflow;
using hexagent::sim::PrefixSource;
using hexagent::sim::TimeNs;
using hexagent::sim::to_s;
using hexagent::sim::Trace;
using hexagent::sim::TraceWorkflow;
using hexagent::sim::WorkflowInstance;
using hexagent::sim::WorkloadConfig;
using hexagent::sim::WorkloadStream;

constexpr TimeNs kSecond = 1'000'000'000;

// `sessions` sessions of `turns` turns, each turn sharing text with the one before.
Trace session_trace(int sessions, int turns) {
  Trace trace;
  for (int s = 0; s < sessions; ++s) {
    for (int t = 0; t < turns; ++t) {
      const std::string session = "s" + std::to_string(s);
      TraceWorkflow workflow = make_workflow(session + "-" + std::to_string(t),
                                             {make_call(0, {}, 1000 + 100 * t, 10)}, session, t);
      workflow.after_prev_s = t == 0 ? -1.0 : 7.0;
      if (t > 0) {
        workflow.calls[0].shared_prefix_tokens = 1000;
        workflow.calls[0].prefix_of_workflow = session + "-" + std::to_string(t - 1);
        workflow.calls[0].prefix_of_call = 0;
      }
      trace.workflows.push_back(workflow);
    }
  }
  link_external_prefixes(trace);
  return trace;
}

Trace plain_trace(int bodies, const std::string& prefix) {
  Trace trace;
  for (int i = 0; i < bodies; ++i) {
    trace.workflows.push_back(
        make_workflow(prefix + std::to_string(i), {make_call(0, {}, 1000, 10)}));
  }
  return trace;
}

WorkloadConfig config_of(uint64_t seed, double rate_per_s, bool closed_loop) {
  WorkloadConfig config;
  config.seed = seed;
  config.rate_per_s = rate_per_s;
  config.closed_loop = closed_loop;
  return config;
}

double open_rate() {
  const Trace trace = plain_trace(50, "w");
  WorkloadStream stream({&trace}, config_of(1, 4.0, false));
  TimeNs last = 0;
  for (int i = 0; i < 40'000; ++i) last = stream.next().arrival;
  return 40'000.0 / to_s(last);
}

void open_arrivals_come_at_the_rate(void**) { assert_true(std::abs(open_rate() - 4.0) < 0.06); }

bool runs_are_equal(uint64_t left_seed, uint64_t right_seed) {
  const Trace trace = session_trace(20, 3);
  WorkloadStream left({&trace}, config_of(left_seed, 1.0, false));
  WorkloadStream right({&trace}, config_of(right_seed, 1.0, false));
  for (int i = 0; i < 200; ++i) {
    const WorkflowInstance one = left.next();
    const WorkflowInstance two = right.next();
    if (one.body != two.body || one.arrival != two.arrival || one.index != two.index ||
        one.calls[0].prompt_tokens != two.calls[0].prompt_tokens) {
      return false;
    }
  }
  return true;
}

void equal_seeds_give_equal_streams(void**) {
  assert_true(runs_are_equal(5, 5));
  assert_false(runs_are_equal(5, 6));
}

struct HalvesSeen {
  bool each_side_has_its_half = true;
  int warmup = 0;
};

HalvesSeen halves_seen() {
  const Trace trace = plain_trace(60, "w");
  WorkloadConfig config = config_of(2, 10.0, false);
  config.warmup_ns = 100 * kSecond;
  WorkloadStream stream({&trace}, config);
  HalvesSeen seen;
  for (int i = 0; i < 3000; ++i) {
    const WorkflowInstance instance = stream.next();
    seen.each_side_has_its_half &= instance.warmup == (instance.arrival < config.warmup_ns) &&
                                   instance.warmup == is_warmup_body(*instance.workflow);
    seen.warmup += instance.warmup ? 1 : 0;
  }
  return seen;
}

void warm_up_and_measurement_draw_from_different_halves(void**) {
  const HalvesSeen seen = halves_seen();
  assert_true(seen.each_side_has_its_half);
  assert_in_range(seen.warmup, 850, 1150);
}

// Difference between the most and the least often drawn body of the measured half.
int spread_of_draws() {
  const Trace trace = plain_trace(40, "w");
  WorkloadStream stream({&trace}, config_of(3, 1.0, false));
  std::vector<int> counts(40, 0);
  for (int i = 0; i < 1000; ++i) ++counts[stream.next().body];
  int low = 1 << 30;
  int high = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (is_warmup_body(trace.workflows[i])) continue;
    low = std::min(low, counts[i]);
    high = std::max(high, counts[i]);
  }
  return high - low;
}

void no_body_comes_again_before_all_others_came(void**) {
  assert_in_range(spread_of_draws(), 0, 1);
}

struct Mix {
  int counts[2] = {};
  double rate = 0.0;
};

// A closed loop of long sessions beside a trace without any; every turn ends at once.
Mix mixed(bool closed_loop) {
  Trace sessions = session_trace(40, 5);
  for (TraceWorkflow& workflow : sessions.workflows) workflow.after_prev_s = 0.0;
  const Trace plain = plain_trace(40, "p");
  WorkloadStream stream({&sessions, &plain}, config_of(4, 2.0, closed_loop));
  Mix mix;
  TimeNs last = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::optional<WorkflowInstance> instance = stream.next();
    last = instance->arrival;
    while (instance) {
      ++mix.counts[instance->trace];
      instance = stream.on_completed(instance->index, instance->arrival);
    }
  }
  mix.rate = (mix.counts[0] + mix.counts[1]) / to_s(last);
  return mix;
}

void mixed_traces_give_equally_many_workflows(void**) {
  const Mix open = mixed(false);
  assert_true(std::abs(open.counts[0] / static_cast<double>(open.counts[1]) - 1.0) < 0.05);
  assert_true(std::abs(open.rate - 2.0) < 0.06);
  const Mix closed = mixed(true);
  assert_true(std::abs(closed.counts[0] / static_cast<double>(closed.counts[1]) - 1.0) < 0.05);
  assert_true(std::abs(closed.rate - 2.0) < 0.06);
}

struct SessionPlay {
  int turns = 0;
  bool turns_in_order = true;
  bool gaps_kept = true;
  bool linked_to_previous = true;
  bool ended = false;
  size_t live_after = 0;
  bool repeated_completion_ignored = true;
};

SessionPlay play_one_session() {
  const Trace trace = session_trace(10, 4);
  WorkloadStream stream({&trace}, config_of(6, 1.0, true));
  SessionPlay play;
  std::optional<WorkflowInstance> now = stream.next();
  int64_t prompt_before = 0;
  while (now) {
    play.turns_in_order &= now->workflow->turn == play.turns;
    ++play.turns;
    if (now->workflow->turn > 0) {
      const auto& call = now->calls[0];
      play.linked_to_previous &= now->previous_instance == static_cast<int64_t>(now->index) - 1 &&
                                 call.source == PrefixSource::kInstance &&
                                 call.source_instance == now->previous_instance &&
                                 call.shared_tokens <= prompt_before;
    }
    prompt_before = now->calls[0].prompt_tokens;
    const TimeNs ended = now->arrival + 3 * kSecond;
    const uint64_t index = now->index;
    now = stream.on_completed(index, ended);
    if (now) play.gaps_kept &= now->arrival == ended + 7 * kSecond;
    if (now) play.repeated_completion_ignored &= !stream.on_completed(index, ended).has_value();
  }
  play.ended = true;
  play.live_after = stream.live_sessions();
  return play;
}

void a_session_plays_its_turns_after_each_other(void**) {
  const SessionPlay play = play_one_session();
  assert_int_equal(play.turns, 4);
  assert_true(play.turns_in_order);
  assert_true(play.gaps_kept);
  assert_true(play.ended);
  assert_int_equal(play.live_after, 0);
}

void turns_share_text_with_their_own_session(void**) {
  assert_true(play_one_session().linked_to_previous);
}

void a_completion_told_twice_starts_nothing(void**) {
  assert_true(play_one_session().repeated_completion_ignored);
}

// Lengths of the k-th session's turns must not depend on when other sessions' turns end.
bool lengths_depend_on_completion_order() {
  const Trace trace = session_trace(10, 3);
  WorkloadStream left({&trace}, config_of(8, 1.0, true));
  WorkloadStream right({&trace}, config_of(8, 1.0, true));
  const WorkflowInstance first = left.next();
  const WorkflowInstance second = left.next();
  right.next();
  right.next();
  const auto left_first = left.on_completed(first.index, 10 * kSecond);
  const auto left_second = left.on_completed(second.index, 20 * kSecond);
  const auto right_second = right.on_completed(second.index, 11 * kSecond);
  const auto right_first = right.on_completed(first.index, 30 * kSecond);
  return left_first->calls[0].prompt_tokens != right_first->calls[0].prompt_tokens ||
         left_second->calls[0].prompt_tokens != right_second->calls[0].prompt_tokens ||
         left_first->index != right_first->index || left_second->index != right_second->index;
}

void lengths_and_indices_do_not_depend_on_the_policy(void**) {
  assert_false(lengths_depend_on_completion_order());
}

struct OpenPrefixes {
  bool sources_came_before = true;
  int linked = 0;
  int unlinked = 0;
};

OpenPrefixes open_prefixes() {
  const Trace trace = session_trace(30, 3);
  WorkloadStream stream({&trace}, config_of(9, 1.0, false));
  OpenPrefixes found;
  for (int i = 0; i < 300; ++i) {
    const WorkflowInstance instance = stream.next();
    if (instance.workflow->turn == 0) continue;
    const bool is_linked = instance.calls[0].source == PrefixSource::kInstance;
    (is_linked ? found.linked : found.unlinked) += 1;
    found.sources_came_before &=
        !is_linked || instance.calls[0].source_instance < static_cast<int64_t>(instance.index);
  }
  return found;
}

void an_open_loop_keeps_only_prefixes_of_workflows_in_the_run(void**) {
  const OpenPrefixes found = open_prefixes();
  assert_true(found.sources_came_before);
  assert_true(found.linked > 0);
  assert_true(found.unlinked > 0);
}

bool throws_without_rate() {
  const Trace trace = plain_trace(3, "w");
  try {
    WorkloadStream stream({&trace}, config_of(1, 0.0, false));
  } catch (const std::invalid_argument&) {
    return true;
  }
  return false;
}

void a_stream_without_rate_is_refused(void**) { assert_true(throws_without_rate()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(open_arrivals_come_at_the_rate),
      cmocka_unit_test(equal_seeds_give_equal_streams),
      cmocka_unit_test(warm_up_and_measurement_draw_from_different_halves),
      cmocka_unit_test(no_body_comes_again_before_all_others_came),
      cmocka_unit_test(mixed_traces_give_equally_many_workflows),
      cmocka_unit_test(a_session_plays_its_turns_after_each_other),
      cmocka_unit_test(turns_share_text_with_their_own_session),
      cmocka_unit_test(a_completion_told_twice_starts_nothing),
      cmocka_unit_test(lengths_and_indices_do_not_depend_on_the_policy),
      cmocka_unit_test(an_open_loop_keeps_only_prefixes_of_workflows_in_the_run),
      cmocka_unit_test(a_stream_without_rate_is_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
