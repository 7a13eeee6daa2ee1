// Tests of the simulator's random numbers: pinned sequence, moments, independence of streams.
#include "sim/random.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

namespace {

using hexagent::sim::hash_text;
using hexagent::sim::Random;

struct Moments {
  double mean = 0.0;
  double variation = 0.0;  // standard deviation over 1
  double low = 1e300;
  double high = -1e300;
};

template <typename Draw>
Moments moments_of(uint64_t seed, const Draw& draw) {
  constexpr int kCount = 400'000;
  Random random(seed);
  Moments result;
  double squares = 0.0;
  for (int i = 0; i < kCount; ++i) {
    const double value = draw(random);
    result.mean += value / kCount;
    squares += value * value / kCount;
    result.low = std::fmin(result.low, value);
    result.high = std::fmax(result.high, value);
  }
  result.variation = std::sqrt(squares - result.mean * result.mean);
  return result;
}

bool is_near(double value, double expected, double tolerance) {
  return std::abs(value - expected) <= tolerance;
}

void same_seed_gives_the_pinned_sequence(void**) {
  Random random(1);
  const uint64_t first = random.next();
  const uint64_t second = random.next();
  assert_true(first == UINT64_C(12966619160104079557));
  assert_true(second == UINT64_C(9600361134598540522));
}

void uniform_stays_strictly_inside_its_bounds(void**) {
  const Moments moments = moments_of(7, [](Random& random) { return random.uniform(); });
  assert_true(moments.low > 0.0);
  assert_true(moments.high < 1.0);
  assert_true(is_near(moments.mean, 0.5, 0.003));
}

void normal_has_mean_zero_and_deviation_one(void**) {
  const Moments moments = moments_of(8, [](Random& random) { return random.normal(); });
  assert_true(is_near(moments.mean, 0.0, 0.006));
  assert_true(is_near(moments.variation, 1.0, 0.006));
}

void exponential_has_mean_and_deviation_one(void**) {
  const Moments moments = moments_of(9, [](Random& random) { return random.exponential(); });
  assert_true(is_near(moments.mean, 1.0, 0.01));
  assert_true(is_near(moments.variation, 1.0, 0.01));
}

void gamma_has_the_moments_of_its_shape(void**) {
  const Moments wide = moments_of(10, [](Random& random) { return random.gamma(0.25); });
  assert_true(is_near(wide.mean, 0.25, 0.005));
  assert_true(is_near(wide.variation, 0.5, 0.01));
  const Moments narrow = moments_of(11, [](Random& random) { return random.gamma(9.0); });
  assert_true(is_near(narrow.mean, 9.0, 0.03));
  assert_true(is_near(narrow.variation, 3.0, 0.03));
}

void below_covers_its_range_evenly(void**) {
  Random random(12);
  int counts[5] = {};
  for (int i = 0; i < 100'000; ++i) ++counts[random.below(5)];
  for (const int count : counts) assert_in_range(count, 19'400, 20'600);
}

void split_does_not_depend_on_numbers_already_drawn(void**) {
  Random drawn(3);
  for (int i = 0; i < 10; ++i) drawn.next();
  const uint64_t after_draws = drawn.split(5).next();
  const uint64_t fresh = Random(3).split(5).next();
  assert_true(after_draws == fresh);
  assert_true(fresh != Random(3).split(6).next());
  assert_true(fresh != Random(4).split(5).next());
}

void text_hash_is_stable(void**) {
  assert_true(hash_text("kvct-0001") == UINT64_C(16747340571188560536));
  assert_true(hash_text("a") != hash_text("b"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(same_seed_gives_the_pinned_sequence),
      cmocka_unit_test(uniform_stays_strictly_inside_its_bounds),
      cmocka_unit_test(normal_has_mean_zero_and_deviation_one),
      cmocka_unit_test(exponential_has_mean_and_deviation_one),
      cmocka_unit_test(gamma_has_the_moments_of_its_shape),
      cmocka_unit_test(below_covers_its_range_evenly),
      cmocka_unit_test(split_does_not_depend_on_numbers_already_drawn),
      cmocka_unit_test(text_hash_is_stable),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
