// PrefillLoad: hand-computed values.
#include "core/cluster/prefill_load.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

constexpr TimeNs kMs = 1'000'000;

bool near(double a, double b) { return std::fabs(a - b) < 1e-9; }

// 10 ms an iteration and 0.1 ms a token, no attention.
TimeModel plain_model() {
  TimeModel model;
  model.prefill_fixed = 0.010;
  model.prefill_per_token = 0.0001;
  return model;
}

PrefillEngine engine() {
  PrefillEngine engine;
  engine.model = plain_model();
  engine.chunk_tokens = 1000;
  engine.batch_tokens = 4000;
  return engine;
}

void an_idle_worker_has_no_wait(void**) {
  const PrefillLoad load;
  assert_true(near(load.wait_s(engine(), prefill_shape(500, 0), 0), 0.0));
  assert_true(near(prefill_alone_s(engine(), prefill_shape(500, 0)), 0.060));
  assert_true(near(prefill_alone_s(engine(), prefill_shape(2500, 0)), 3 * 0.010 + 0.250));
  assert_true(near(prefill_alone_s(engine(), prefill_shape(2500, 2000)), 0.060));
}

void outstanding_work_drains_with_time(void**) {
  PrefillLoad load;
  load.add(engine(), prefill_shape(500, 0), 5 * kMs);
  assert_true(near(load.drain_s(engine(), 5 * kMs), 0.060));
  assert_true(near(load.drain_s(engine(), 25 * kMs), 0.040));
  assert_true(near(load.drain_s(engine(), 500 * kMs), 0.0));
  load.remove(engine(), prefill_shape(500, 0), 70 * kMs);
  assert_int_equal(load.count, 0);
  assert_true(near(load.drain_s(engine(), 70 * kMs), 0.0));
}

void small_calls_share_the_fixed_part_of_an_iteration(void**) {
  PrefillLoad load;
  for (int i = 0; i < 4; ++i) load.add(engine(), prefill_shape(100, 0), 0);
  assert_true(near(load.drain_s(engine(), 0), 0.010 + 0.040));
}

void a_short_call_does_not_wait_for_a_long_one_to_end(void**) {
  PrefillLoad load;
  load.add(engine(), prefill_shape(64000, 0), 0);
  const double drain = load.drain_s(engine(), 0);
  const double wait = load.wait_s(engine(), prefill_shape(100, 0), 0);
  assert_true(drain > 6.0);
  assert_true(wait < 0.5);
  // Four long ones fill the iteration: then it is first come, first served.
  for (int i = 0; i < 3; ++i) load.add(engine(), prefill_shape(64000, 0), 0);
  assert_true(near(load.wait_s(engine(), prefill_shape(100, 0), 0), load.drain_s(engine(), 0)));
}

void progress_beyond_an_ended_call_is_credited_to_the_others(void**) {
  PrefillLoad load;
  load.add(engine(), prefill_shape(1000, 0), 0);
  load.add(engine(), prefill_shape(1000, 0), 0);  // together 10 + 200 ms
  load.remove(engine(), prefill_shape(1000, 0), 160 * kMs);
  // 160 ms passed, 100 ms were the ended call's: 60 of the other's 110 ms are done.
  assert_true(near(load.drain_s(engine(), 160 * kMs), 0.050));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_idle_worker_has_no_wait),
      cmocka_unit_test(outstanding_work_drains_with_time),
      cmocka_unit_test(small_calls_share_the_fixed_part_of_an_iteration),
      cmocka_unit_test(a_short_call_does_not_wait_for_a_long_one_to_end),
      cmocka_unit_test(progress_beyond_an_ended_call_is_credited_to_the_others),
  };
  return cmocka_run_group_tests_name("prefill load", tests, nullptr, nullptr);
}
