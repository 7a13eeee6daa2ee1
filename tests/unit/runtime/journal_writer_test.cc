// JournalWriter and JournalReplay: what is written when, steps too large for one frame, names that
// come late, decisions in full, and that a replay notices what it decides otherwise.
#include "runtime/journal_writer.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crash/memory_folder.h"
#include "crash/recovered.h"
#include "crash/workload.h"
#include "runtime/journal_replay.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

JournalOptions with(Durability durability) {
  JournalOptions options;
  options.durability = durability;
  return options;
}

// Syncs of 20 steps, each committed; the one of the start is not counted.
uint64_t syncs_of(const JournalOptions& options, bool commit) {
  MemoryFolder folder;
  JournalledRun run(1, &folder, options);
  static_cast<void>(run.start());
  const uint64_t before = run.writer.stats().syncs;
  for (int step = 0; step < 20; ++step) {
    run.workload.step(&run.writer);
    if (commit) static_cast<void>(run.writer.commit());
  }
  return run.writer.stats().syncs - before;
}

void each_durability_syncs_when_it_says(void**) {
  assert_int_equal(syncs_of(with(Durability::kNone), true), 0);
  assert_int_equal(syncs_of(with(Durability::kBeforeAccepted), true), 20);
  assert_int_equal(syncs_of(with(Durability::kBeforeAccepted), false), 0);
  JournalOptions options = with(Durability::kInterval);
  options.sync_interval_ns = 30'000'000;  // steps are 10 ms apart on average
  const uint64_t syncs = syncs_of(options, false);
  assert_in_range(syncs, 3, 8);
}

std::string interval_has_a_timer() {
  MemoryFolder folder;
  JournalledRun run(1, &folder, with(Durability::kInterval));
  if (run.start() != HEXAGENT_OK) return "no start";
  if (run.writer.next_timer() != kNever) return "a timer with nothing to write";
  run.workload.step(&run.writer);
  const TimeNs due = run.writer.next_timer();
  if (due == kNever) return "no timer";
  run.writer.commit_due(due - 1);
  if (run.writer.durable_steps() != 0) return "synced too early";
  run.writer.commit_due(due);
  if (run.writer.durable_steps() != 1) return "not synced in time";
  return run.writer.next_timer() == kNever ? "" : "the timer stays on";
}

void an_interval_ends_although_nothing_happens(void**) {
  assert_string_equal(interval_has_a_timer().c_str(), "");
}

void a_decision_is_not_shown_before_it_is_on_disk(void**) {
  MemoryFolder folder;
  auto run = std::make_unique<JournalledRun>(1, &folder, with(Durability::kBeforeAccepted));
  static_cast<void>(run->start());
  run->workload.step(&run->writer);
  const bool before = run->writer.may_show(1);
  static_cast<void>(run->writer.commit());
  const bool after = run->writer.may_show(1);
  const hexagent_status acknowledged = run->writer.acknowledgement(1);
  run.reset();
  assert_false(before);
  assert_true(after);
  assert_int_equal(acknowledged, HEXAGENT_OK);
}

void what_comes_after_close_is_not_recorded(void**) {
  MemoryFolder folder;
  auto run = std::make_unique<JournalledRun>(1, &folder, with(Durability::kBeforeAccepted));
  static_cast<void>(run->start());
  run->workload.step(&run->writer);
  const hexagent_status closed = run->writer.close();
  run->workload.step(&run->writer);
  const hexagent_status committed = run->writer.commit();
  const uint64_t lost = run->writer.stats().steps_lost;
  run.reset();
  const uint64_t recorded = Recovered(&folder).end.steps;
  assert_int_equal(closed, HEXAGENT_OK);
  assert_int_equal(committed, HEXAGENT_E_CLOSED);
  assert_int_equal(lost, 1);
  assert_int_equal(recorded, 1);
}

// 40 000 inputs in one step take several frames and come back as one step.
std::string large_step_comes_back(bool cut_its_end) {
  constexpr uint32_t kInputs = 40'000;
  MemoryFolder folder;
  JournalledRun run(1, &folder, with(Durability::kNone));
  if (run.start() != HEXAGENT_OK) return "no start";
  run.workload.step(&run.writer);
  Scheduler& core = run.workload.core;
  for (uint64_t i = 0; i < kInputs; ++i) {
    hexagent_workflow record = {};
    record.workflow = 1 + i;
    record.class_name = static_cast<uint32_t>(run.names.intern("late " + std::to_string(i / 1000)));
    Input input = {InputKind::kWorkflowBegin};
    input.workflow = record.workflow;
    input.record = &record;
    input.record_size = sizeof(record);
    run.writer.input(input);
    core.apply(input, 1'000'000'000);
  }
  core.advance(1'000'000'000);
  run.writer.end_of_step(1'000'000'000, core);
  if (run.writer.commit() != HEXAGENT_OK) return "no commit";
  std::vector<uint8_t>& bytes = folder.files.begin()->second.bytes;
  if (cut_its_end) bytes.resize(bytes.size() - 16);
  const Recovered recovered(&folder);
  if (recovered.flaw.status != HEXAGENT_OK) return recovered.flaw.text;
  if (cut_its_end) {
    if (recovered.end.cut_frames == 0) return "the step was in one frame";
    return recovered.end.steps == 1 ? "" : "half a step was taken";
  }
  if (recovered.names.size() != run.names.size()) return "names are missing";
  return recovered.end.inputs > kInputs && digest(*recovered.core) == digest(core) ? "" : "differs";
}

void a_step_of_any_size_comes_back_whole_or_not_at_all(void**) {
  assert_string_equal(large_step_comes_back(false).c_str(), "");
  assert_string_equal(large_step_comes_back(true).c_str(), "");
}

// Replays a journal whose decisions were recorded in full with another setting: they must differ.
std::string difference_is_found(bool full) {
  MemoryFolder folder;
  JournalOptions options = with(Durability::kNone);
  options.full_decisions = full;
  JournalledRun run(5, &folder, options);
  if (run.start() != HEXAGENT_OK) return "no start";
  for (int step = 0; step < 200; ++step) run.workload.step(&run.writer);
  if (run.writer.close() != HEXAGENT_OK) return "no close";

  JournalReader reader(&folder);
  if (!reader.open()) return reader.flaw().text;
  Settings other = reader.header().settings;
  std::strcpy(other.policy, "fcfs");
  Scheduler core(other);
  NameTable names(256);
  NameTable labels(64);
  JournalReplay replay(&reader, &core, &names, &labels, nullptr);
  while (replay.step() == JournalItem::kStep) {
    if (replay.same()) continue;
    if (!full) return replay.recorded().empty() ? "" : "decisions from nowhere";
    const uint32_t at = replay.first_different();
    if (at >= replay.recorded().size() && at >= replay.decisions().size()) return "not located";
    return "";
  }
  return "no difference was found";
}

void a_replay_that_decides_otherwise_says_where(void**) {
  assert_string_equal(difference_is_found(true).c_str(), "");
  assert_string_equal(difference_is_found(false).c_str(), "");
}

std::string refused_input_stops() {
  MemoryFolder folder;
  JournalledRun run(1, &folder, with(Durability::kNone));
  if (run.start() != HEXAGENT_OK) return "no start";
  for (int step = 0; step < 20; ++step) run.workload.step(&run.writer);
  if (run.writer.close() != HEXAGENT_OK) return "no close";
  JournalReader reader(&folder);
  if (!reader.open()) return reader.flaw().text;
  Scheduler core(reader.header().settings);
  NameTable names(256);
  NameTable labels(64);
  JournalReplay replay(&reader, &core, &names, &labels, [](const Input& input) {
    return input.kind == InputKind::kSubmit ? HEXAGENT_E_RANGE : HEXAGENT_OK;
  });
  if (replay.run() != JournalItem::kFlaw) return "the check was not asked";
  if (replay.flaw().status != HEXAGENT_E_DAMAGED) return "wrong status";
  return replay.flaw().text.find("cannot have been taken") != std::string::npos ? "" : "wrong text";
}

void an_input_that_cannot_have_been_taken_ends_a_replay(void**) {
  assert_string_equal(refused_input_stops().c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_durability_syncs_when_it_says),
      cmocka_unit_test(an_interval_ends_although_nothing_happens),
      cmocka_unit_test(a_decision_is_not_shown_before_it_is_on_disk),
      cmocka_unit_test(what_comes_after_close_is_not_recorded),
      cmocka_unit_test(a_step_of_any_size_comes_back_whole_or_not_at_all),
      cmocka_unit_test(a_replay_that_decides_otherwise_says_where),
      cmocka_unit_test(an_input_that_cannot_have_been_taken_ends_a_replay),
  };
  return cmocka_run_group_tests_name("journal writer", tests, nullptr, nullptr);
}
