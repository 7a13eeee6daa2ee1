// Tests of what the scheduler is told: the forms of the text, hints, profiles told wrong.
#include "sim/run/knowledge.h"

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../caught_error.h"

namespace {

using hexagent::sim::catch_input_error;
using hexagent::sim::CaughtError;
using hexagent::sim::describe_length_knowledge;
using hexagent::sim::FittedProfile;
using hexagent::sim::length_hint;
using hexagent::sim::LengthHint;
using hexagent::sim::parse_length_knowledge;
using hexagent::sim::told_profile;

bool reads_back(const char* text) {
  return describe_length_knowledge(parse_length_knowledge(text)) == text;
}

void every_level_reads_back_as_itself(void**) {
  for (const char* text : {"predictor", "oracle", "lognormal:0.5", "biased:2"}) {
    assert_true(reads_back(text));
  }
}

CaughtError error_of(const char* text) {
  return catch_input_error([text] { parse_length_knowledge(text); });
}

void what_is_no_level_is_refused(void**) {
  for (const char* text :
       {"", "hints", "lognormal:", "lognormal:x", "biased:1e", "lognormal:0.5 "}) {
    assert_true(error_of(text).thrown);
  }
  assert_non_null(std::strstr(error_of("lognormal:9").message, "out of range"));
  assert_non_null(std::strstr(error_of("biased:nan").message, "out of range"));
  assert_string_equal(error_of("biased:").what, "lengths: biased:: needs a number after the colon");
}

LengthHint hint_of(const char* text, uint64_t instance, uint32_t call) {
  return length_hint(parse_length_knowledge(text), 200, 7, instance, call);
}

void hints_are_the_truth_or_off_by_what_was_asked(void**) {
  assert_int_equal(hint_of("predictor", 1, 0).p50, 0);
  assert_int_equal(hint_of("oracle", 1, 0).p50, 200);
  assert_int_equal(hint_of("oracle", 1, 0).p90, 200);
  assert_int_equal(hint_of("biased:0.5", 1, 0).p90, 100);
  const LengthHint hint = hint_of("lognormal:1", 1, 0);
  assert_true(std::abs(hint.p90 / std::exp(1.28155) - hint.p50) < 1.0);
  assert_int_equal(hint.p50, hint_of("lognormal:1", 1, 0).p50);
  assert_int_not_equal(hint.p50, hint_of("lognormal:1", 1, 1).p50);
  assert_int_not_equal(hint.p50, hint_of("lognormal:1", 2, 0).p50);
}

double median_of_hints() {
  std::vector<uint32_t> values;
  for (uint64_t i = 0; i < 2001; ++i) values.push_back(hint_of("lognormal:0.5", i, 0).p50);
  std::sort(values.begin(), values.end());
  return values[1000];
}

void the_error_of_hints_has_the_truth_as_its_median(void**) {
  assert_true(std::abs(median_of_hints() - 200.0) < 8.0);
}

struct Told {
  double prefill = 0.0;
  double small = 0.0;
  double decode = 0.0;
};

Told told_by(uint64_t seed, double error) {
  FittedProfile profile;
  profile.gpu = "G";
  profile.a0_s = profile.small_a1_s = profile.b2_s = 1.0;
  const FittedProfile told = told_profile(profile, error, seed);
  return {told.a0_s, told.small_a1_s, told.b2_s};
}

void told_times_are_off_by_the_error_up_or_down(void**) {
  int up = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Told told = told_by(seed, 0.25);
    assert_true(told.prefill == 0.75 || told.prefill == 1.25);
    assert_true(told.small == told.prefill);
    assert_true(told.decode == 0.75 || told.decode == 1.25);
    if (told.prefill > 1.0) ++up;
  }
  assert_in_range(up, 30, 70);
  assert_true(told_by(1, 0.0).prefill == 1.0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_level_reads_back_as_itself),
      cmocka_unit_test(what_is_no_level_is_refused),
      cmocka_unit_test(hints_are_the_truth_or_off_by_what_was_asked),
      cmocka_unit_test(the_error_of_hints_has_the_truth_as_its_median),
      cmocka_unit_test(told_times_are_off_by_the_error_up_or_down),
  };
  return cmocka_run_group_tests_name("knowledge", tests, nullptr, nullptr);
}
