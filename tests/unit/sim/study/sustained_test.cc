// The sustained load: bisection, records, pairing by seed, and one real policy.
#include "sim/study/sustained.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/input_error.h"
#include "sim/study/runner.h"
#include "sim/study/statistics.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::sim;  // NOLINT: a test of the whole

void the_largest_load_is_found_to_two_percent(void**) {
  for (const double edge : {0.21, 0.5, 0.877, 1.29}) {
    const double found = bisect_load({}, [&](double load) { return load <= edge; });
    assert_true(found <= edge && found * 1.02 >= edge);
  }
}

void a_policy_that_is_never_good_enough_gets_the_least_load(void**) {
  assert_true(bisect_load({}, [](double) { return false; }) == SustainedRule{}.load_min);
}

void a_policy_that_always_is_gets_the_most(void**) {
  assert_true(bisect_load({}, [](double) { return true; }) == SustainedRule{}.load_max);
}

void a_record_reads_back_as_itself(void**) {
  const SustainedLoad load = {"default@price_work=0", 101, 0.8125, 9};
  const std::string text = sustained_text(load);
  assert_string_equal(sustained_text(parse_sustained(text, "x")).c_str(), text.c_str());
}

void a_record_cut_anywhere_is_refused(void**) {
  const std::string text = sustained_text({"default", 101, 0.8125, 9});
  for (size_t size = 0; size < text.size(); ++size) {
    bool refused = false;
    try {
      parse_sustained(text.substr(0, size), "x");
    } catch (const InputError&) {
      refused = true;
    }
    assert_true(refused);
  }
}

void policies_are_paired_by_seed(void**) {
  const auto summaries = summarise_sustained(
      {{"a", 1, 0.8, 1}, {"a", 2, 0.9, 1}, {"b", 1, 0.4, 1}, {"b", 2, 0.45, 1}});
  assert_int_equal(summaries.size(), 2);
  assert_true(std::fabs(summaries[0].load.value - std::sqrt(0.72)) < 1e-12);
  assert_true(std::fabs(summaries[1].first_over_this.low - 2.0) < 1e-12);
  assert_true(std::fabs(summaries[1].first_over_this.high - 2.0) < 1e-12);
}

void the_load_that_is_found_is_met_and_a_little_more_is_not(void**) {
  CellRequest request;
  request.traces = {std::string(HEXAGENT_TEST_DATA) + "/traces/multiagent_captain.jsonl.gz"};
  request.cluster = "small";
  request.workflows = 40;
  const Cell cell = prepare_cell(request);
  SustainedRule rule;
  rule.req95_max = 2.0;
  const SustainedLoad found = sustained_load(cell, "default", 1, rule);
  assert_true(found.load > rule.load_min && found.load < rule.load_max);
  const RunResult run = run_unit(at_load(cell, found.load), "default", 1);
  assert_true(requirement(measured_stretches(run), 0.95) <= 2.0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_largest_load_is_found_to_two_percent),
      cmocka_unit_test(a_policy_that_is_never_good_enough_gets_the_least_load),
      cmocka_unit_test(a_policy_that_always_is_gets_the_most),
      cmocka_unit_test(a_record_reads_back_as_itself),
      cmocka_unit_test(a_record_cut_anywhere_is_refused),
      cmocka_unit_test(policies_are_paired_by_seed),
      cmocka_unit_test(the_load_that_is_found_is_met_and_a_little_more_is_not),
  };
  return cmocka_run_group_tests_name("sustained load", tests, nullptr, nullptr);
}
