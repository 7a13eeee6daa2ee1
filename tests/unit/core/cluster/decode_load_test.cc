// DecodeLoad: the decode clock, a call's own time in a batch and what it costs the others.
#include "core/cluster/decode_load.h"

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

// 1 ms + 0.1 ms per sequence.
TimeModel plain_model() {
  TimeModel model;
  model.decode_fixed = 0.001;
  model.decode_per_sequence = 0.0001;
  return model;
}

void the_decode_clock_counts_iterations_of_a_changing_batch(void**) {
  DecodeEngine decode;
  decode.model = plain_model();
  DecodeLoad load;
  load.sequences = 10;  // 2 ms an iteration
  load.run_clock(decode, 100 * kMs);
  assert_true(near(load.clock_iterations, 50.0));
  load.sequences = 0;
  load.run_clock(decode, 200 * kMs);
  assert_true(near(load.clock_iterations, 50.0));
  load.sequences = 10;
  load.promised_sequences = 9;
  assert_true(near(load.own_s(decode, 0, 100), 100 * (0.001 + 0.0001 * 20)));
  load.weight = 4.0;
  assert_true(near(load.impact_s(decode, 0, 100, 2.0), 2.0 * 0.0001 * 100));
}

void a_batch_is_no_larger_than_its_worker_takes(void**) {
  DecodeEngine decode;
  decode.model = plain_model();
  decode.batch_max = 16;
  DecodeLoad load;
  load.sequences = 10;
  load.promised_sequences = 20;
  assert_true(near(load.iteration_s(decode, 1.0, 0.0), 0.001 + 0.0001 * 16));
  decode.factor = 1.5;
  assert_true(near(load.iteration_s(decode, 1.0, 0.0), 1.5 * (0.001 + 0.0001 * 16)));
}

void who_finds_the_batch_full_waits_for_a_place(void**) {
  DecodeEngine decode;
  decode.model = plain_model();
  decode.model.decode_per_context_token = 1e-6;
  decode.batch_max = 16;
  DecodeLoad load;
  load.sequences = 15;
  load.context = 1500;
  assert_true(near(load.own_s(decode, 50, 100), 100 * (0.001 + 0.0001 * 16 + 1e-6 * 1600)));
  // Twice as many as the batch takes: two turns, each with half of the tokens in it.
  load.promised_sequences = 16;
  load.promised_context = 1600;
  assert_true(near(load.own_s(decode, 50, 100), 2 * 100 * (0.001 + 0.0001 * 16 + 1e-6 * 1600)));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_decode_clock_counts_iterations_of_a_changing_batch),
      cmocka_unit_test(a_batch_is_no_larger_than_its_worker_takes),
      cmocka_unit_test(who_finds_the_batch_full_waits_for_a_place),
  };
  return cmocka_run_group_tests_name("decode load", tests, nullptr, nullptr);
}
