// Exact math: right to the last digits, and the same bits from every compiler.
#include "core/base/exact_math.h"

#include <bit>
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::exact_exp2;
using hexagent::exact_log2;
using hexagent::InvariantFailure;
using hexagent::normal_quantile;
using hexagent::whole_power;

// Numbers that spread over exponents and mantissas, the same on every machine.
class Numbers {
 public:
  // Mantissa in [1, 2), exponent in [-300, 300).
  double next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const uint64_t mantissa = state_ >> 12;
    const uint64_t exponent = 1023 - 300 + (state_ >> 7) % 600;
    return std::bit_cast<double>(exponent << 52 | mantissa);
  }

 private:
  uint64_t state_ = 1;
};

double worst_log2_error() {
  Numbers numbers;
  double worst = 0.0;
  for (int i = 0; i < 20000; ++i) {
    const double value = numbers.next();
    const double expected = std::log2(value);
    const double scale = std::fmax(std::fabs(expected), 1.0);
    worst = std::fmax(worst, std::fabs(exact_log2(value) - expected) / scale);
  }
  return worst;
}

// Close to 1 a logarithm can be lost to cancellation.
double worst_log2_error_near_one() {
  double worst = 0.0;
  for (double step = 1e-12; step < 0.5; step *= 1.7) {
    worst = std::fmax(worst, std::fabs(exact_log2(1.0 + step) / std::log2(1.0 + step) - 1.0));
    worst = std::fmax(worst, std::fabs(exact_log2(1.0 - step) / std::log2(1.0 - step) - 1.0));
  }
  return worst;
}

double worst_exp2_error() {
  double worst = 0.0;
  for (double exponent = -1000.0; exponent < 1000.0; exponent += 0.0917) {
    worst = std::fmax(worst, std::fabs(exact_exp2(exponent) / std::exp2(exponent) - 1.0));
  }
  return worst;
}

int wrong_powers_of_two() {
  int wrong = 0;
  for (int power = -1022; power <= 1023; ++power) {
    const double value = std::ldexp(1.0, power);
    if (exact_log2(value) != power || exact_exp2(power) != value) ++wrong;
  }
  return wrong;
}

uint64_t digest() {
  Numbers numbers;
  uint64_t hash = 14695981039346656037u;
  for (int i = 0; i < 5000; ++i) {
    const double logarithm = exact_log2(numbers.next());
    for (double value : {logarithm, exact_exp2(logarithm * 0.37)}) {
      hash = (hash ^ std::bit_cast<uint64_t>(value)) * 1099511628211u;
    }
  }
  return hash;
}

#if !HEXAGENT_CHECK_ABORTS
bool refuses_log2(double value) {
  try {
    exact_log2(value);
  } catch (const InvariantFailure&) {
    return true;
  }
  return false;
}
#endif

bool near(double value, double expected, double tolerance) {
  return std::fabs(value - expected) <= tolerance;
}

void log2_is_right_to_fifteen_digits(void**) {
  assert_true(worst_log2_error() < 1e-15);
  assert_true(worst_log2_error_near_one() < 1e-15);
}

void exp2_is_right_to_fifteen_digits(void**) { assert_true(worst_exp2_error() < 1e-15); }

void powers_of_two_are_exact_both_ways(void**) { assert_int_equal(wrong_powers_of_two(), 0); }

void exp2_saturates_instead_of_overflowing(void**) {
  assert_true(exact_exp2(5000.0) == 0x1p1023);
  assert_true(exact_exp2(-5000.0) == 0x1p-1022);
  assert_true(exact_exp2(static_cast<double>(INFINITY)) == 0x1p1023);
}

void log2_refuses_what_has_no_logarithm(void**) {
#if HEXAGENT_CHECK_ABORTS
  skip();
#else
  assert_true(refuses_log2(0.0));
  assert_true(refuses_log2(-1.0));
  assert_true(refuses_log2(static_cast<double>(NAN)));
  assert_true(refuses_log2(static_cast<double>(INFINITY)));
  assert_true(refuses_log2(0x1p-1074));  // not normal
#endif
}

// A change of this number changes decisions of old journals on replay.
void bits_are_the_same_with_every_compiler(void**) { assert_true(digest() == 0x957f6e3b70750289u); }

void normal_quantile_meets_the_tables(void**) {
  assert_true(normal_quantile(0.5) == 0.0);
  assert_true(near(normal_quantile(0.9), 1.2815516, 4.5e-4));
  assert_true(near(normal_quantile(0.99), 2.3263479, 4.5e-4));
  assert_true(near(normal_quantile(0.75), 0.6744898, 4.5e-4));
  assert_true(normal_quantile(0.1) == -normal_quantile(0.9));
}

void whole_powers_are_products(void**) {
  assert_true(whole_power(3.0, 4) == 81.0);
  assert_true(whole_power(0.5, 13) == 1.0 / 8192.0);
  assert_true(whole_power(3.0, 1) == 3.0);
  assert_true(whole_power(0.0, 0) == 1.0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(log2_is_right_to_fifteen_digits),
      cmocka_unit_test(exp2_is_right_to_fifteen_digits),
      cmocka_unit_test(powers_of_two_are_exact_both_ways),
      cmocka_unit_test(exp2_saturates_instead_of_overflowing),
      cmocka_unit_test(log2_refuses_what_has_no_logarithm),
      cmocka_unit_test(bits_are_the_same_with_every_compiler),
      cmocka_unit_test(normal_quantile_meets_the_tables),
      cmocka_unit_test(whole_powers_are_products),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
