// Order of chunks: each rule alone, and that it is a total order.
#include "transport/engine/order.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/random.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of a small type

constexpr double kRate = 1e9;  // a byte a nanosecond
constexpr int64_t kNow = 1'000'000'000;

// 10 MB: 10 ms. Half a second to go, just submitted.
OrderInput plain() {
  OrderInput input = {};
  input.priority = 1;
  input.deadline_ns = kNow + 500'000'000;
  input.risk = 0.5;
  input.remaining_bytes = 10'000'000;
  input.waiting_since_ns = kNow;
  input.served = 100;
  input.sequence = 5;
  return input;
}

bool first(const OrderInput& a, const OrderInput& b) {
  const OrderKey one = order_key(a, kNow, kRate);
  const OrderKey other = order_key(b, kNow, kRate);
  assert_true(goes_before(one, other) != goes_before(other, one));
  return goes_before(one, other);
}

void priority_rules_over_pressure(void**) {
  OrderInput urgent = plain();
  urgent.priority = 0;
  urgent.risk = 0.0;
  OrderInput risky = plain();
  risky.risk = 1.0;
  assert_true(first(urgent, risky));
}

void more_risk_goes_first(void**) {
  OrderInput risky = plain();
  risky.risk = 1.0;
  risky.sequence = 9;
  OrderInput safe = plain();
  safe.risk = 0.2;
  assert_true(first(risky, safe));
}

void less_slack_goes_first(void**) {
  OrderInput close = plain();
  close.deadline_ns = kNow + 20'000'000;
  close.sequence = 9;
  assert_true(first(close, plain()));
  OrderInput without = plain();
  without.deadline_ns = 0;
  without.sequence = 1;
  assert_true(first(plain(), without));
}

void a_deadline_that_is_gone_counts_as_none(void**) {
  OrderInput gone = plain();
  gone.deadline_ns = kNow - 1;
  gone.sequence = 1;
  assert_true(first(plain(), gone));
  OrderInput without = plain();
  without.deadline_ns = 0;
  without.sequence = 2;
  assert_true(first(gone, without));  // by sequence alone
}

void equals_share_by_bytes_then_by_age(void**) {
  OrderInput served = plain();
  served.served = 200;
  served.sequence = 1;
  assert_true(first(plain(), served));
  OrderInput later = plain();
  later.sequence = 6;
  assert_true(first(plain(), later));
}

void near_equals_are_equal(void**) {
  OrderInput a_little_more = plain();
  a_little_more.remaining_bytes += 1000;
  a_little_more.served = 200;
  assert_true(first(plain(), a_little_more));
}

void who_waited_four_times_its_time_goes_before_all(void**) {
  OrderInput patient = plain();
  patient.priority = 9;
  patient.risk = 0.0;
  patient.waiting_since_ns = kNow - 39'000'000;
  OrderInput urgent = plain();
  urgent.priority = 0;
  urgent.risk = 1.0;
  assert_true(first(urgent, patient));
  patient.waiting_since_ns = kNow - 41'000'000;
  assert_true(first(patient, urgent));
  urgent.waiting_since_ns = kNow - 50'000'000;
  assert_true(first(urgent, patient));  // both have; the longer wait
}

void it_is_a_total_order(void**) {
  TestRandom random(1);
  constexpr uint32_t kCount = 40;
  OrderKey keys[kCount];
  for (uint32_t round = 0; round < 50; ++round) {
    for (uint32_t i = 0; i < kCount; ++i) {
      OrderInput input = plain();
      input.priority = random.below(2);
      input.deadline_ns = random.chance(30) ? 0 : kNow + random.below(100'000'000) - 1000;
      input.risk = random.below(3) / 2.0;
      input.remaining_bytes = random.below(3) * 5'000'000;
      input.waiting_since_ns = kNow - random.below(60'000'000);
      input.served = random.below(3);
      input.sequence = i;
      keys[i] = order_key(input, kNow, random.chance(50) ? kRate : 0.0);
    }
    for (const OrderKey& a : keys) {
      for (const OrderKey& b : keys) {
        if (&a != &b) assert_true(goes_before(a, b) != goes_before(b, a));
        for (const OrderKey& c : keys) {
          if (goes_before(a, b) && goes_before(b, c)) assert_true(goes_before(a, c));
        }
      }
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(priority_rules_over_pressure),
      cmocka_unit_test(more_risk_goes_first),
      cmocka_unit_test(less_slack_goes_first),
      cmocka_unit_test(a_deadline_that_is_gone_counts_as_none),
      cmocka_unit_test(equals_share_by_bytes_then_by_age),
      cmocka_unit_test(near_equals_are_equal),
      cmocka_unit_test(who_waited_four_times_its_time_goes_before_all),
      cmocka_unit_test(it_is_a_total_order),
  };
  return cmocka_run_group_tests_name("order of chunks", tests, nullptr, nullptr);
}
