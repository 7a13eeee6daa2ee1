// Tests of the arrival processes: mean 1, the stated variation, recorded gaps, bad texts.
#include "sim/workload/arrivals.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../caught_error.h"

namespace {

using hexagent::sim::ArrivalProcess;
using hexagent::sim::catch_input_error;
using hexagent::sim::CaughtError;
using hexagent::sim::Random;

struct Gaps {
  double mean = 0.0;
  double variation = 0.0;
};

Gaps gaps_of(const char* text) {
  constexpr int kCount = 300'000;
  const ArrivalProcess process = ArrivalProcess::parse(text);
  Random random(5);
  size_t position = process.start_position(random);
  Gaps gaps;
  double squares = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double gap = process.next_gap(random, position);
    gaps.mean += gap / kCount;
    squares += gap * gap / kCount;
  }
  gaps.variation = std::sqrt(std::fmax(0.0, squares - gaps.mean * gaps.mean)) / gaps.mean;
  return gaps;
}

bool is_near(double value, double expected, double tolerance) {
  return std::abs(value - expected) <= tolerance;
}

void poisson_gaps_have_mean_and_variation_one(void**) {
  const Gaps gaps = gaps_of("poisson");
  assert_true(is_near(gaps.mean, 1.0, 0.01));
  assert_true(is_near(gaps.variation, 1.0, 0.01));
}

void gamma_gaps_have_the_stated_variation(void**) {
  const Gaps gaps = gaps_of("gamma:2.5");
  assert_true(is_near(gaps.mean, 1.0, 0.02));
  assert_true(is_near(gaps.variation, 2.5, 0.05));
}

void fixed_gaps_are_all_one(void**) {
  const Gaps gaps = gaps_of("fixed");
  assert_true(is_near(gaps.mean, 1.0, 1e-9));
  assert_true(is_near(gaps.variation, 0.0, 1e-3));
}

// A stream with arrivals at 10, 11, 13 and 16 s, written out of order.
std::string write_stream() {
  char path[] = "/tmp/hexagent-arrivals-XXXXXX";
  FILE* file = fdopen(mkstemp(path), "w");
  for (const int second : {16, 10, 13, 11}) {
    std::fprintf(file,
                 "{\"workflow\":\"w%d\",\"arrival_s\":%d,\"class\":\"c\",\"calls\":[{\"id\":0,"
                 "\"deps\":[],\"prompt_tokens\":5,\"output_tokens\":1,"
                 "\"shared_prefix_tokens\":null,\"prefix_of\":null,\"tool_delay_s\":null,"
                 "\"stage\":\"s\"}]}\n",
                 second, second);
  }
  std::fclose(file);
  return path;
}

struct Recorded {
  double gaps[6] = {};
};

Recorded recorded_gaps() {
  const std::string path = write_stream();
  const ArrivalProcess process = ArrivalProcess::parse("trace:" + path);
  std::remove(path.c_str());
  Random random(1);
  size_t position = 1;
  Recorded recorded;
  for (double& gap : recorded.gaps) gap = process.next_gap(random, position);
  return recorded;
}

void recorded_gaps_are_scaled_to_mean_one_and_wrap_around(void**) {
  const Recorded recorded = recorded_gaps();
  const double expected[6] = {1.0, 1.5, 0.5, 1.0, 1.5, 0.5};
  for (size_t i = 0; i < 6; ++i) assert_true(is_near(recorded.gaps[i], expected[i], 1e-12));
}

CaughtError error_of(const char* text) {
  return catch_input_error([text] { ArrivalProcess::parse(text); });
}

void unknown_processes_are_refused(void**) {
  assert_non_null(std::strstr(error_of("uniform").message, "is not poisson"));
  assert_string_equal(error_of("uniform").field, "uniform");
  assert_non_null(std::strstr(error_of("gamma:x").message, "needs a number"));
  assert_non_null(std::strstr(error_of("gamma:0").message, "must be"));
  assert_non_null(std::strstr(error_of("trace:/nonexistent").message, "cannot be opened"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(poisson_gaps_have_mean_and_variation_one),
      cmocka_unit_test(gamma_gaps_have_the_stated_variation),
      cmocka_unit_test(fixed_gaps_are_all_one),
      cmocka_unit_test(recorded_gaps_are_scaled_to_mean_one_and_wrap_around),
      cmocka_unit_test(unknown_processes_are_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
