// The snapshot at an orderly close: after it a recovery has nothing to live through, and whatever
// goes wrong with it, the journal is as good as without.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "capi/handle.h"
#include "crash/history.h"
#include "crash/memory_folder.h"
#include "crash/recovered.h"
#include "crash/workload.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

using Handle = std::unique_ptr<hexagent_scheduler>;

std::string open(MemoryFolder* folder, Handle* scheduler, Driving driving = Driving::kManual) {
  hexagent_config config;
  config.settings = small_settings();
  config.driving = driving;
  config.journal_path = "memory";
  config.journal.durability = Durability::kBeforeAccepted;
  std::string trouble;
  const hexagent_status status =
      open_in_folder(config, std::make_unique<BorrowedFolder>(folder), scheduler, &trouble);
  return status == HEXAGENT_OK ? "" : "open: " + trouble;
}

// Steps that decide something, and between them some that do nothing and are not recorded; the last
// of them is the last step. Decisions stay unpolled.
void live(hexagent_scheduler* scheduler) {
  for (int64_t now = 10; now <= 50; now += 10) {
    static_cast<void>(hexagent_ready(scheduler, 77, 1, 1));
    static_cast<void>(hexagent_step(scheduler, now));
    static_cast<void>(hexagent_step(scheduler, now + 3));
  }
}

std::string history_of(MemoryFolder* folder, uint64_t decisions) {
  std::vector<hexagent_decision> history;
  const std::string wrong = read_history(folder, &history);
  if (!wrong.empty()) return wrong;
  return history.size() == decisions ? "" : std::to_string(history.size()) + " decisions";
}

// What is wrong with a folder whose journal ends with a snapshot, or nothing.
std::string ends_with_a_snapshot(MemoryFolder* folder, uint64_t decisions) {
  const std::string wrong = history_of(folder, decisions);
  if (!wrong.empty()) return wrong;
  const Recovered earliest(folder, JournalBegin::kEarliest);
  if (earliest.snapshots_checked != 1) return "no snapshot was compared";
  // Nothing but the snapshot is needed.
  folder->files.erase(segment_name(1));
  const Recovered latest(folder);
  if (latest.flaw.status != HEXAGENT_OK) return latest.flaw.text;
  if (!latest.end.closed) return "not closed";
  if (latest.end.snapshot != 2 || latest.end.snapshot_steps != latest.end.steps)
    return "there is something to live through";
  return digest_of_all(*latest.core) == digest_of_all(*earliest.core) ? "" : "another state";
}

std::string close_without_shutdown() {
  MemoryFolder folder;
  Handle scheduler;
  const std::string wrong = open(&folder, &scheduler);
  if (!wrong.empty()) return wrong;
  live(scheduler.get());
  hexagent_close(scheduler.release());
  return ends_with_a_snapshot(&folder, 5);
}

void a_recovery_after_a_close_has_nothing_to_live_through(void**) {
  assert_string_equal(close_without_shutdown().c_str(), "");
}

// `polls`: all decisions are polled before the close; else they wait and are dropped.
std::string close_after_shutdown(bool polls) {
  MemoryFolder folder;
  Handle scheduler;
  const std::string wrong = open(&folder, &scheduler);
  if (!wrong.empty()) return wrong;
  live(scheduler.get());
  static_cast<void>(hexagent_shutdown(scheduler.get()));
  static_cast<void>(hexagent_step(scheduler.get(), 70));
  static_cast<void>(hexagent_step(scheduler.get(), 90));  // after the end
  hexagent_decision decisions[16];
  if (polls && hexagent_poll(scheduler.get(), decisions, 16) != 5) return "decisions";
  hexagent_close(scheduler.release());
  return ends_with_a_snapshot(&folder, 5);
}

void nor_after_a_shutdown(void**) {
  assert_string_equal(close_after_shutdown(true).c_str(), "");
  assert_string_equal(close_after_shutdown(false).c_str(), "");
}

std::string close_of_a_thread() {
  MemoryFolder folder;
  Handle scheduler;
  const std::string wrong = open(&folder, &scheduler, Driving::kThread);
  if (!wrong.empty()) return wrong;
  static_cast<void>(hexagent_ready(scheduler.get(), 77, 1, 1));
  hexagent_decision decision;
  while (hexagent_poll(scheduler.get(), &decision, 1) == 0) continue;
  hexagent_close(scheduler.release());
  return ends_with_a_snapshot(&folder, 1);
}

void nor_when_a_thread_of_the_library_drove_it(void**) {
  assert_string_equal(close_of_a_thread().c_str(), "");
}

std::string nothing_new() {
  MemoryFolder folder;
  Handle scheduler;
  std::string wrong = open(&folder, &scheduler);
  if (!wrong.empty()) return wrong;
  live(scheduler.get());
  hexagent_close(scheduler.release());
  for (int i = 0; i < 3 && wrong.empty(); ++i) {
    wrong = open(&folder, &scheduler);
    if (!wrong.empty()) return wrong;
    if (scheduler->journal->recovered().snapshot != 2) return "began otherwise";
    static_cast<void>(hexagent_step(scheduler.get(), 100 + i));
    hexagent_close(scheduler.release());
  }
  JournalLayout layout;
  static_cast<void>(list_journal(&folder, &layout));
  if (layout.snapshots.size() != 1) return "a second snapshot of the same";
  return layout.segments.size() == 5 ? history_of(&folder, 5) : "segments";
}

void a_life_in_which_nothing_happens_writes_none(void**) {
  assert_string_equal(nothing_new().c_str(), "");
}

// The disk takes no file of which the name holds `part` any more when it comes to the close.
std::string refused(const char* part) {
  MemoryFolder folder;
  Handle scheduler;
  const std::string wrong = open(&folder, &scheduler);
  if (!wrong.empty()) return wrong;
  live(scheduler.get());
  folder.refuses = [part](const std::string& name) { return name.find(part) != std::string::npos; };
  hexagent_close(scheduler.release());
  folder.refuses = nullptr;
  const Recovered recovered(&folder);
  if (recovered.flaw.status != HEXAGENT_OK) return recovered.flaw.text;
  if (recovered.end.snapshot != 0 || !recovered.end.closed) return "not closed in good order";
  return history_of(&folder, 5);
}

void a_close_is_in_good_order_without_a_snapshot_too(void**) {
  assert_string_equal(refused(".snapshot").c_str(), "");
  assert_string_equal(refused("2.journal").c_str(), "");
}

std::string poisoned() {
  MemoryFolder folder;
  Handle scheduler;
  const std::string wrong = open(&folder, &scheduler);
  if (!wrong.empty()) return wrong;
  live(scheduler.get());
  scheduler->poison();
  hexagent_close(scheduler.release());
  JournalLayout layout;
  static_cast<void>(list_journal(&folder, &layout));
  return layout.snapshots.empty() && layout.segments.size() == 1 ? "" : "a snapshot";
}

void a_broken_core_leaves_none(void**) { assert_string_equal(poisoned().c_str(), ""); }

// The machine dies at any operation of the close, with all that may be lost then.
std::string crash_in_the_close() {
  MemoryFolder folder;
  Handle scheduler;
  std::string wrong = open(&folder, &scheduler);
  if (!wrong.empty()) return wrong;
  live(scheduler.get());
  hexagent_decision decisions[16];
  if (hexagent_poll(scheduler.get(), decisions, 16) != 5) return "decisions";
  const uint64_t before = folder.operations();
  hexagent_close(scheduler.release());
  if (folder.operations() < before + 8) return "too little happens";
  Draw draw{7};
  for (uint64_t at = before; at <= folder.operations(); ++at) {
    for (const Loss loss : {Loss::kNothing, Loss::kTail, Loss::kHoles}) {
      const auto image = folder.crash(at, draw(2000), loss, &draw);
      wrong = history_of(image.get(), 5);
      if (wrong.empty()) wrong = open(image.get(), &scheduler);
      if (!wrong.empty()) return std::to_string(at - before) + ": " + wrong;
      // The last step, in which nothing was decided, need not have come to disk.
      if (scheduler->journal->recovered().inputs != 5) return "inputs";
      hexagent_close(scheduler.release());
      wrong = history_of(image.get(), 5);
      if (!wrong.empty()) return std::to_string(at - before) + ", opened again: " + wrong;
    }
  }
  return "";
}

void a_crash_in_the_middle_of_a_close_costs_nothing(void**) {
  assert_string_equal(crash_in_the_close().c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_recovery_after_a_close_has_nothing_to_live_through),
      cmocka_unit_test(nor_after_a_shutdown),
      cmocka_unit_test(nor_when_a_thread_of_the_library_drove_it),
      cmocka_unit_test(a_life_in_which_nothing_happens_writes_none),
      cmocka_unit_test(a_close_is_in_good_order_without_a_snapshot_too),
      cmocka_unit_test(a_broken_core_leaves_none),
      cmocka_unit_test(a_crash_in_the_middle_of_a_close_costs_nothing),
  };
  return cmocka_run_group_tests_name("journal close", tests, nullptr, nullptr);
}
