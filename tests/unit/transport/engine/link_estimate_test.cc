// LinkEstimate: how fast and how well it follows a link.
#include "transport/engine/link_estimate.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>

#include "unit/transport/random.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of a small type

constexpr uint64_t kChunk = 1'000'000;

// A link that carries one chunk after the other, at most three under way.
struct Link {
  LinkEstimate estimate;
  int64_t now_ns = 1'000'000;

  // A transfer on the idle link: a set-up, then chunks back to back. Noise in percent of a chunk.
  void carry(uint32_t chunks, double bytes_per_s, int64_t setup_ns, TestRandom* random,
             uint32_t noise = 0) {
    for (uint32_t i = 0; i < chunks && i < 3; ++i) estimate.on_start(now_ns);
    now_ns += setup_ns;
    for (uint32_t i = 0; i < chunks; ++i) {
      const double factor = 1.0 + (static_cast<double>(random->below(2 * noise + 1)) - noise) / 100;
      now_ns += static_cast<int64_t>(kChunk / bytes_per_s * 1e9 * factor);
      const uint32_t left = chunks - i - 1;
      estimate.on_arrival(now_ns, kChunk, left == 0);
      if (left >= 3) estimate.on_start(now_ns);
    }
    now_ns += 50'000'000;
  }
  void arrive(int64_t after_ns, bool idle) {
    now_ns += after_ns;
    estimate.on_arrival(now_ns, kChunk, idle);
  }
  double off(double bytes_per_s) const {
    return std::fabs(estimate.bytes_per_s() / bytes_per_s - 1.0);
  }
};

void nothing_is_known_before_the_first_chunk(void**) {
  const LinkEstimate estimate;
  assert_true(estimate.bytes_per_s() == 0.0);
  assert_int_equal(estimate.expected_ns(1000), 0);
}

void it_learns_rate_and_setup(void**) {
  TestRandom random(1);
  Link link;
  for (uint32_t i = 0; i < 20; ++i) link.carry(10, 5e9, 200'000, &random, 5);
  assert_true(link.off(5e9) < 0.05);
  assert_true(std::llabs(link.estimate.setup_ns() - 200'000) < 30'000);
  const int64_t expected = 200'000 + 2'000'000;
  assert_true(std::llabs(link.estimate.expected_ns(10 * kChunk) - expected) < 200'000);
}

// Acceptance row A18, on the estimator alone; engine/order_sim_test.cc has it on a simulated link.
void it_follows_a_step_of_four_times_within_five_transfers(void**) {
  for (const uint32_t chunks : {1u, 2u, 3u, 10u, 100u}) {
    for (const double after : {2.5e9, 40e9}) {
      TestRandom random(chunks);
      Link link;
      for (uint32_t i = 0; i < 20; ++i) link.carry(chunks, 10e9, 20'000, &random, 3);
      for (uint32_t i = 0; i < 5; ++i) link.carry(chunks, after, 20'000, &random, 3);
      // With one chunk a transfer nothing can tell set-up from bytes, but what a transfer takes.
      const double takes_ns = 20'000 + kChunk / after * 1e9;
      const auto expected_ns = static_cast<double>(link.estimate.expected_ns(kChunk));
      assert_true(std::fabs(expected_ns / takes_ns - 1.0) <= 0.15);
      assert_true(chunks == 1 || link.off(after) <= 0.15);
    }
  }
}

void one_slow_chunk_does_not_turn_it(void**) {
  TestRandom random(2);
  Link link;
  for (uint32_t i = 0; i < 20; ++i) link.carry(10, 10e9, 0, &random);
  link.carry(1, 2.5e9, 0, &random);
  assert_true(link.off(10e9) < 0.5);
}

// A host that did not run for a while, in the middle of a transfer.
void one_hiccup_does_not_turn_it(void**) {
  TestRandom random(3);
  Link link;
  for (uint32_t i = 0; i < 20; ++i) link.carry(10, 10e9, 20'000, &random);
  for (uint32_t i = 0; i < 3; ++i) link.estimate.on_start(link.now_ns);
  link.arrive(120'000, false);
  link.arrive(50'000'000, false);
  link.arrive(100'000, true);
  assert_true(link.off(10e9) < 0.3);
}

// The control path hands over all acknowledgements of a short run at once, time after time.
void arrivals_at_one_time_are_no_fast_link(void**) {
  Link link;
  for (uint32_t i = 0; i < 50; ++i) {
    for (uint32_t chunk = 0; chunk < 8; ++chunk) link.estimate.on_start(link.now_ns);
    link.now_ns += 1'000'000;
    for (uint32_t chunk = 0; chunk < 8; ++chunk) link.arrive(i % 3, chunk == 7);
    link.now_ns += 50'000'000;
  }
  assert_true(link.off(8e9) < 0.1);
}

void what_did_not_arrive_is_no_slow_link(void**) {
  TestRandom random(4);
  Link link;
  for (uint32_t i = 0; i < 20; ++i) link.carry(10, 10e9, 20'000, &random);
  for (uint32_t i = 0; i < 20; ++i) {
    link.estimate.on_start(link.now_ns);
    link.estimate.on_start(link.now_ns);
    link.arrive(120'000, false);
    link.now_ns += 10'000'000;
    link.estimate.on_pause(1, true);
    link.now_ns += 50'000'000;
  }
  assert_true(link.off(10e9) < 0.01);
  assert_true(std::llabs(link.estimate.setup_ns() - 20'000) < 2'000);
}

void it_settles_by_bytes_and_time_and_turns(void**) {
  TestRandom random(5);
  Link one;
  one.carry(1, 0.2e9, 0, &random);  // bytes and time, but one span alone
  assert_false(one.estimate.is_settled());
  for (uint32_t i = 0; i < 3; ++i) one.carry(1, 0.2e9, 0, &random);
  assert_true(one.estimate.is_settled());
  Link fast;
  for (uint32_t i = 0; i < 4; ++i) fast.carry(4, 100e9, 0, &random);
  assert_false(fast.estimate.is_settled());  // 160 us
  for (uint32_t i = 0; i < 40; ++i) fast.carry(4, 100e9, 0, &random);
  assert_true(fast.estimate.is_settled());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_known_before_the_first_chunk),
      cmocka_unit_test(it_learns_rate_and_setup),
      cmocka_unit_test(it_follows_a_step_of_four_times_within_five_transfers),
      cmocka_unit_test(one_slow_chunk_does_not_turn_it),
      cmocka_unit_test(one_hiccup_does_not_turn_it),
      cmocka_unit_test(arrivals_at_one_time_are_no_fast_link),
      cmocka_unit_test(what_did_not_arrive_is_no_slow_link),
      cmocka_unit_test(it_settles_by_bytes_and_time_and_turns),
  };
  return cmocka_run_group_tests_name("link estimate", tests, nullptr, nullptr);
}
