// Least work, against values worked by hand from linear times.
#include "sim/bounds/least_work.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::sim::EngineLimits;
using hexagent::sim::LeastWork;
using hexagent::sim::TruthTimes;

// Linear in everything, so that the least per token is that of the fullest batch.
class LinearTruth final : public TruthTimes {
 public:
  double prefill_linear_s(int64_t tokens) const override {
    return 0.01 + 1e-4 * static_cast<double>(tokens);
  }
  double prefill_attention_s(int64_t tokens, int64_t cached) const override {
    const double fresh = static_cast<double>(tokens);
    return 1e-8 * fresh * (static_cast<double>(cached) + fresh / 2.0);
  }
  double decode_linear_s(int32_t batch) const override { return 0.01 + 0.001 * batch; }
  double decode_attention_s(int32_t, int64_t context_sum) const override {
    return 1e-6 * static_cast<double>(context_sum);
  }
};

LeastWork tiny() {
  EngineLimits limits;
  limits.chunk_tokens = 500;
  limits.batch_tokens = 1000;
  limits.decode_batch_max = 4;
  limits.context_tokens_max = 10'000;
  return LeastWork(LinearTruth(), limits);
}

void assert_near(double value, double wanted) {
  if (std::fabs(value - wanted) > 1e-9) fail_msg("%.9f is not %.9f", value, wanted);
}

// A full batch has 1,000 tokens in 0.11 s; attention counts 2 % less than it takes.
void a_prefill_uses_its_share_of_the_fullest_batch(void**) {
  assert_near(tiny().prefill_s(1000, 0), 1000 * 1.1e-4 + 0.98e-8 * 500'000);
  assert_near(tiny().prefill_s(100, 900), 100 * 1.1e-4 + 0.98e-8 * 95'000);
}

void a_prefill_alone_takes_a_pass_of_its_own(void**) {
  assert_near(tiny().prefill_alone_s(100, 0), 0.01 + 100 * 1e-4 + 0.98e-8 * 5'000);
}

// Two chunks of 500 in 0.06 s each.
void a_long_prefill_alone_takes_its_chunks(void**) {
  assert_near(tiny().prefill_alone_s(1000, 0), 0.12 + 0.98e-8 * 500'000);
}

// Four sequences share 0.014 s an iteration; contexts are 100, 101 ... 109.
void a_decode_uses_its_share_of_the_fullest_batch(void**) {
  assert_near(tiny().decode_s(100, 10), 10 * 0.0035 + 0.98e-6 * 1045);
}

void a_decode_alone_takes_whole_iterations(void**) {
  assert_near(tiny().decode_alone_s(100, 10), 10 * 0.011 + 0.98e-6 * 1045);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_prefill_uses_its_share_of_the_fullest_batch),
      cmocka_unit_test(a_prefill_alone_takes_a_pass_of_its_own),
      cmocka_unit_test(a_long_prefill_alone_takes_its_chunks),
      cmocka_unit_test(a_decode_uses_its_share_of_the_fullest_batch),
      cmocka_unit_test(a_decode_alone_takes_whole_iterations),
  };
  return cmocka_run_group_tests_name("least work", tests, nullptr, nullptr);
}
