// Measured links: what is taken and what is refused, and that placements and questions go by it.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole core

World& cluster(void** state) {
  World& world = open_world(state);
  world.add_workers(1, 2);
  return world;
}

hexagent_report moved(TimeNs start, TimeNs end, uint64_t bytes) {
  hexagent_report record = {};
  record.workflow = record.call = 1;
  record.phase = HEXAGENT_PHASE_TRANSFER;
  record.outcome = HEXAGENT_OUTCOME_DONE;
  record.start_ns = start;
  record.end_ns = end;
  record.bytes = bytes;
  record.flags = HEXAGENT_REPORT_MEASURED;
  return record;
}

// Brings call (1, 1) into a transfer that began at a known time.
uint32_t in_transfer(World* world) {
  world->begin(1);
  world->submit(1, 1);
  world->report(1, 1, HEXAGENT_PHASE_PREFILL);
  const uint32_t target = world->only(HEXAGENT_DECISION_TRANSFER, 1, 1).peer_worker;
  world->pass(kSecond);
  return target;
}

void a_sample_is_what_questions_answer(void** state) {
  World& world = cluster(state);
  assert_int_equal(world.link(1, 11).samples, 0);
  assert_true(world.link(1, 11).bytes_per_s == 45e9);
  assert_int_equal(world.measure(1, 11, 2e9), HEXAGENT_OK);
  assert_int_equal(world.link(1, 11).samples, 1);
  assert_true(world.link(1, 11).bytes_per_s == 2e9);
  assert_true(world.link(1, 11).declared_bytes_per_s == 45e9);
  assert_true(world.link(1, 12).bytes_per_s == 45e9);
  assert_int_equal(world.stats().link_samples, 1);
  assert_int_equal(world.latest().size(), 0);
}

void a_slow_link_moves_placements(void** state) {
  World& world = cluster(state);
  world.begin(1);
  world.submit(1, 1);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).peer_worker, 11);
  world.cancel_workflow(1);
  world.measure(1, 11, 1e6);  // a second for a thousand tokens of a kB
  world.begin(2);
  world.submit(2, 1);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 2, 1).peer_worker, 12);
}

void a_long_wait_moves_placements(void** state) {
  World& world = cluster(state);
  hexagent_link_sample waited = {};
  waited.source_worker = 1;
  waited.target_worker = 11;
  waited.queue_ns = 2 * kSecond;
  waited.flags = HEXAGENT_SAMPLE_QUEUE;
  assert_int_equal(world.measure(waited), HEXAGENT_OK);
  assert_int_equal(world.link(1, 11).queue_ns, 2 * kSecond);
  world.begin(1);
  world.submit(1, 1);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).peer_worker, 12);
}

void a_report_that_measured_is_a_sample(void** state) {
  World& world = cluster(state);
  const uint32_t target = in_transfer(&world);
  const TimeNs end = world.now();
  assert_int_equal(world.report(moved(end - kSecond / 2, end, 5'000'000'000)), HEXAGENT_OK);
  assert_true(world.link(1, target).bytes_per_s == 1e10);
}

void a_report_that_did_not_measure_is_none(void** state) {
  World& world = cluster(state);
  const uint32_t target = in_transfer(&world);
  hexagent_report report = moved(world.now() - kSecond / 2, world.now(), 5'000'000'000);
  report.flags = 0;
  world.report(report);
  assert_int_equal(world.link(1, target).samples, 0);
}

void an_outlier_in_a_report_is_counted_and_the_report_taken(void** state) {
  World& world = cluster(state);
  const uint32_t target = in_transfer(&world);
  world.measure(1, target, 1e9);
  const TimeNs end = world.now();
  assert_int_equal(world.report(moved(end - kSecond / 2, end, 50'000'000'000)), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODE_QUEUED);
  assert_int_equal(world.stats().link_outliers, 1);
  assert_true(world.link(1, target).bytes_per_s == 1e9);
}

void an_outlier_is_refused_with_its_field(void** state) {
  World& world = cluster(state);
  world.measure(1, 11, 1e9);
  assert_int_equal(world.measure(1, 11, 20e9), HEXAGENT_E_RANGE);
  assert_int_equal(world.field(), HEXAGENT_FIELD_BANDWIDTH);
  assert_int_equal(world.stats().link_outliers, 1);
}

void a_silent_sample_that_is_not_taken_gets_no_decision(void** state) {
  World& world = cluster(state);
  world.measure(1, 11, 1e9);
  hexagent_link_sample outlier = {};
  outlier.source_worker = 1;
  outlier.target_worker = 11;
  outlier.bytes = 20'000'000'000;
  outlier.duration_ns = kSecond;
  outlier.flags = HEXAGENT_SAMPLE_SILENT;
  assert_int_equal(world.measure(outlier), HEXAGENT_OK);
  assert_int_equal(world.stats().link_outliers, 1);
  assert_true(world.link(1, 11).bytes_per_s == 1e9);
  outlier.target_worker = 77;
  assert_int_equal(world.measure(outlier), HEXAGENT_OK);
  assert_int_equal(world.stats().link_outliers, 1);
}

void samples_of_workers_that_are_not_there_are_refused(void** state) {
  World& world = cluster(state);
  assert_int_equal(world.measure(7, 11, 1e9), HEXAGENT_E_UNKNOWN_WORKER);
  assert_int_equal(world.measure(1, 77, 1e9), HEXAGENT_E_UNKNOWN_WORKER);
  assert_int_equal(world.measure(11, 1, 1e9), HEXAGENT_E_STATE);
  assert_int_equal(world.field(), HEXAGENT_FIELD_ROLE);
  hexagent_link_sample stale = {};
  stale.source_worker = 1;
  stale.source_incarnation = 9;
  assert_int_equal(world.measure(stale), HEXAGENT_E_STALE);
  assert_int_equal(world.field(), HEXAGENT_FIELD_INCARNATION);
  world.lose(11);
  assert_int_equal(world.measure(1, 11, 1e9), HEXAGENT_E_STALE);
}

void frozen_learning_leaves_links_alone(void** state) {
  World& world = cluster(state);
  world.configure("learning", "0");
  assert_int_equal(world.measure(1, 11, 1e9), HEXAGENT_OK);
  assert_int_equal(world.link(1, 11).samples, 0);
}

void a_restart_of_the_worker_keeps_what_its_links_carry(void** state) {
  World& world = cluster(state);
  world.measure(1, 11, 1e9);
  hexagent_worker again = test_worker(11, HEXAGENT_ROLE_DECODE);
  again.incarnation = 2;
  world.set_worker(again);
  assert_true(world.link(1, 11).bytes_per_s == 1e9);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_sample_is_what_questions_answer),
      WORLD_TEST(a_slow_link_moves_placements),
      WORLD_TEST(a_long_wait_moves_placements),
      WORLD_TEST(a_report_that_measured_is_a_sample),
      WORLD_TEST(a_report_that_did_not_measure_is_none),
      WORLD_TEST(an_outlier_in_a_report_is_counted_and_the_report_taken),
      WORLD_TEST(an_outlier_is_refused_with_its_field),
      WORLD_TEST(a_silent_sample_that_is_not_taken_gets_no_decision),
      WORLD_TEST(samples_of_workers_that_are_not_there_are_refused),
      WORLD_TEST(frozen_learning_leaves_links_alone),
      WORLD_TEST(a_restart_of_the_worker_keeps_what_its_links_carry),
  };
  return cmocka_run_group_tests_name("scheduler links", tests, nullptr, nullptr);
}
