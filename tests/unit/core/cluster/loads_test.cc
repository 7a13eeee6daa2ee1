// KvLedger, PrefillLoad, DecodeLoad, LinkTable: hand-computed values.
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "core/cluster/decode_load.h"
#include "core/cluster/kv_ledger.h"
#include "core/cluster/link_table.h"
#include "core/cluster/prefill_load.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

constexpr TimeNs kMs = 1'000'000;

bool near(double a, double b) { return std::fabs(a - b) < 1e-9; }

// 10 ms an iteration and 0.1 ms a token, no attention; 1 ms + 0.1 ms per sequence in decode.
TimeModel plain_model() {
  TimeModel model;
  model.prefill_fixed = 0.010;
  model.prefill_per_token = 0.0001;
  model.decode_fixed = 0.001;
  model.decode_per_sequence = 0.0001;
  return model;
}

PrefillEngine engine() {
  PrefillEngine engine;
  engine.model = plain_model();
  engine.chunk_tokens = 1000;
  engine.batch_tokens = 4000;
  return engine;
}

void ledger_reserves_whole_blocks_within_capacity(void**) {
  KvLedger ledger(100, 16);  // six whole blocks
  assert_int_equal(ledger.capacity_tokens(), 96);
  const uint32_t blocks = ledger.reserve(33);
  assert_int_equal(blocks, 3);
  assert_int_equal(ledger.free_tokens(), 48);
  assert_true(ledger.fits(48));
  assert_false(ledger.fits(49));
  ledger.set_foreign(20);
  assert_int_equal(ledger.foreign_tokens(), 32);
  assert_false(ledger.fits(17));
  ledger.set_foreign(1000);
  assert_int_equal(ledger.free_tokens(), 0);
  ledger.set_foreign(0);
  ledger.release(blocks);
  assert_int_equal(ledger.free_tokens(), 96);
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

void the_most_specific_pair_of_domains_wins(void**) {
  LinkTable links(4);
  hexagent_worker source = {};
  hexagent_worker target = {};
  source.egress_bytes_per_s = 50e9;
  target.ingress_bytes_per_s = 40e9;
  source.link_latency_ns = 20000;
  source.rack_domain = 1;
  source.zone_domain = 10;
  target.rack_domain = 2;
  target.zone_domain = 11;
  assert_true(near(links.path(source, target).bytes_per_s, 40e9));
  assert_true(near(links.path(source, target).latency_s, 20e-6));
  hexagent_link zone = {};
  zone.source_domain = 11;
  zone.target_domain = 10;
  zone.bytes_per_s = 1e9;
  zone.latency_ns = 500000;
  assert_true(links.set(zone));
  assert_true(near(links.path(source, target).bytes_per_s, 1e9));
  assert_true(near(links.path(source, target).latency_s, 500e-6));
  hexagent_link rack = {};
  rack.source_domain = 1;
  rack.target_domain = 2;
  rack.bytes_per_s = 10e9;
  assert_true(links.set(rack));
  assert_true(near(links.path(source, target).bytes_per_s, 10e9));
  for (uint32_t domain = 20; domain < 24; ++domain) {
    rack.source_domain = domain;
    links.set(rack);
  }
  assert_false(links.set([&] {
    rack.source_domain = 99;
    return rack;
  }()));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(ledger_reserves_whole_blocks_within_capacity),
      cmocka_unit_test(an_idle_worker_has_no_wait),
      cmocka_unit_test(outstanding_work_drains_with_time),
      cmocka_unit_test(small_calls_share_the_fixed_part_of_an_iteration),
      cmocka_unit_test(a_short_call_does_not_wait_for_a_long_one_to_end),
      cmocka_unit_test(progress_beyond_an_ended_call_is_credited_to_the_others),
      cmocka_unit_test(the_decode_clock_counts_iterations_of_a_changing_batch),
      cmocka_unit_test(the_most_specific_pair_of_domains_wins),
  };
  return cmocka_run_group_tests_name("loads", tests, nullptr, nullptr);
}
