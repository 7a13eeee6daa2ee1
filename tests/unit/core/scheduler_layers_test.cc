// Workers that send KV layer by layer: reports of transfers that begin while the prefill goes on,
// what decisions expect of them, and that snapshots keep how many layers there are.
#include <nlohmann/json.hpp>

#include "core/snapshot/sections.h"
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole core

// Prefill worker 1 and decode worker 11; 1000 tokens take 0.11 s to prefill and 1 s to send.
World& layers(void** state, uint32_t flags = HEXAGENT_WORKER_LAYERWISE) {
  World& world = open_world(state);
  hexagent_worker prefill = test_worker(1, HEXAGENT_ROLE_PREFILL);
  prefill.flags = flags;
  prefill.egress_bytes_per_s = 1e6;
  world.set_worker(prefill);
  world.set_worker(test_worker(11, HEXAGENT_ROLE_DECODE));
  world.begin(1);
  world.submit(1, 1);
  return world;
}

TimeNs actual(const World& world, const char* what) {
  std::string text;
  world.scheduler().explain(1, 1, &text);
  return nlohmann::json::parse(text)["actual_ns"][what].get<TimeNs>();
}

hexagent_report transfer_report(uint32_t outcome, TimeNs start, TimeNs end) {
  hexagent_report report = {};
  report.workflow = report.call = 1;
  report.phase = HEXAGENT_PHASE_TRANSFER;
  report.outcome = outcome;
  report.start_ns = start;
  report.end_ns = end;
  return report;
}

void a_transfer_begins_while_the_prefill_goes_on(void** state) {
  World& world = layers(state);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED);
  world.pass(10 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_STARTED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_PREFILLING);
  assert_int_equal(world.count(HEXAGENT_DECISION_TRANSFER), 0);
  world.pass(100 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 1).peer_worker, 11);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_TRANSFERRING);
}

void the_first_layer_tells_that_the_prefill_has_begun(void** state) {
  World& world = layers(state);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_STARTED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_PREFILLING);
}

void without_the_flag_the_start_of_a_transfer_ends_the_prefill(void** state) {
  World& world = layers(state, 0);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_STARTED);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_TRANSFERRING);
}

void a_transfer_that_began_before_the_prefill_ended_is_taken(void** state) {
  World& world = layers(state);
  world.pass(100 * kMs);
  const TimeNs start = world.now();
  world.pass(50 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  world.pass(50 * kMs);
  const TimeNs end = world.now();
  assert_int_equal(world.report(transfer_report(HEXAGENT_OUTCOME_DONE, start, end)), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODE_QUEUED);
  assert_int_equal(actual(world, "prefill_end"), end - 50 * kMs);
}

// Its start says nothing of that: the prefill went on beside it.
void a_transfer_that_is_over_ends_a_prefill_nobody_reported(void** state) {
  World& world = layers(state);
  world.pass(100 * kMs);
  const TimeNs start = world.now();
  world.pass(50 * kMs);
  const TimeNs end = world.now();
  assert_int_equal(world.report(transfer_report(HEXAGENT_OUTCOME_DONE, start, end)), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DECODE_QUEUED);
  assert_int_equal(actual(world, "prefill_end"), end);
}

void a_transfer_that_failed_beside_the_prefill_means_prefilling_again(void** state) {
  World& world = layers(state);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_STARTED);
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_FAILED);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).attempt, 2);
}

void a_lost_decode_worker_ends_what_moves_early(void** state) {
  World& world = layers(state);
  world.set_worker(test_worker(12, HEXAGENT_ROLE_DECODE));
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER, HEXAGENT_OUTCOME_STARTED);
  world.lose(11);
  assert_int_equal(world.only(HEXAGENT_DECISION_PREFILL, 1, 1).peer_worker, 12);
  world.pass(10 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_int_equal(world.only(HEXAGENT_DECISION_TRANSFER, 1, 1).time_ns, world.now());
}

void a_transfer_decision_expects_what_the_prefill_did_not_hide(void** state) {
  World& world = layers(state);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  const hexagent_decision transfer = world.only(HEXAGENT_DECISION_TRANSFER, 1, 1);
  // 1 s less 31 of 32 parts of 0.11 s, and the latency.
  const double shown_s = to_s(transfer.expected_end_ns - transfer.expected_start_ns);
  assert_true(shown_s > 0.893 && shown_s < 0.894);
}

uint64_t layers_in(const Scheduler& scheduler) {
  SnapshotSections sections;
  scheduler.save(&sections);
  for (const SnapshotSection& section : sections) {
    if (section.name == "model_layers") return section.columns[1].at(0);
  }
  return 0;
}

// What a core that was loaded from a snapshot of one with so many layers says there are.
uint64_t layers_kept(uint32_t layers) {
  hexagent_model model = {};
  model.model = kModel;
  model.layers = layers;
  Input input = {InputKind::kModelSet};
  input.record = &model;
  Scheduler told(test_settings());
  told.apply(input, 0);
  hexagent_decision accepted = {};
  told.take_decisions(&accepted, 1);
  SnapshotSections sections;
  told.save(&sections);
  Scheduler loaded(test_settings());
  std::string flaw;
  return loaded.load(sections, &flaw) ? layers_in(loaded) : ~uint64_t{0};
}

void snapshots_keep_the_layers_of_a_model(void**) {
  assert_int_equal(layers_kept(80), 80);
  assert_int_equal(layers_kept(0), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_transfer_begins_while_the_prefill_goes_on),
      WORLD_TEST(the_first_layer_tells_that_the_prefill_has_begun),
      WORLD_TEST(without_the_flag_the_start_of_a_transfer_ends_the_prefill),
      WORLD_TEST(a_transfer_that_began_before_the_prefill_ended_is_taken),
      WORLD_TEST(a_transfer_that_is_over_ends_a_prefill_nobody_reported),
      WORLD_TEST(a_transfer_that_failed_beside_the_prefill_means_prefilling_again),
      WORLD_TEST(a_lost_decode_worker_ends_what_moves_early),
      WORLD_TEST(a_transfer_decision_expects_what_the_prefill_did_not_hide),
      cmocka_unit_test(snapshots_keep_the_layers_of_a_model),
  };
  return cmocka_run_group_tests_name("scheduler layers", tests, nullptr, nullptr);
}
