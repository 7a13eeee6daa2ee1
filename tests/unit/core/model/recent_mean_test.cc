// RecentMean: hand-computed values.
#include "core/model/recent_mean.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of one type

void a_few_values_count_alike(void**) {
  RecentMean mean;
  assert_true(mean.empty());
  for (const double value : {1.0, 2.0, 6.0}) mean.add(value);
  assert_false(mean.empty());
  assert_true(std::fabs(mean.value() - 3.0) < 1e-12);
}

void what_is_long_past_is_forgotten(void**) {
  RecentMean mean;
  for (int i = 0; i < 1000; ++i) mean.add(5.0);
  for (int i = 0; i < 100; ++i) mean.add(1.0);  // (1 - 1 / 100)^100 of the old mean is left
  assert_true(std::fabs(mean.value() - (1.0 + 4.0 * std::pow(0.99, 100))) < 1e-12);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_few_values_count_alike),
      cmocka_unit_test(what_is_long_past_is_forgotten),
  };
  return cmocka_run_group_tests_name("recent mean", tests, nullptr, nullptr);
}
