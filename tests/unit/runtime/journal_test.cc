// Journal: a life in several processes, settings that changed between them, and when it refuses.
#include "runtime/journal.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "crash/memory_folder.h"
#include "crash/workload.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

// What an earlier process left behind.
std::unique_ptr<MemoryFolder> left_behind(uint32_t steps) {
  MemoryFolder folder;
  JournalOptions options;
  options.durability = Durability::kBeforeAccepted;
  JournalledRun run(6, &folder, options);
  static_cast<void>(run.start());
  for (uint32_t step = 0; step < steps; ++step) run.workload.step(&run.writer);
  static_cast<void>(run.writer.commit());
  auto copy = std::make_unique<MemoryFolder>();
  copy->files = folder.files;
  return copy;
}

// One process: opens, recovers, cancels a workflow, closes. "" or what went wrong.
std::string live_on(std::unique_ptr<MemoryFolder> folder, uint64_t steps_before,
                    std::unique_ptr<MemoryFolder>* left) {
  MemoryFolder* files = folder.get();
  Journal journal{JournalOptions{}};
  if (journal.open(std::move(folder), small_settings()) != HEXAGENT_OK) return journal.trouble();
  Scheduler core(journal.settings());
  NameTable names(256);
  NameTable labels(64);
  if (journal.recover(&core, &names, &labels, nullptr) != HEXAGENT_OK) return journal.trouble();
  if (journal.recovered().steps != steps_before) return "wrong number of steps came back";
  if (!journal.changes().empty()) return "settings are said to differ";
  const TimeNs now = journal.recovered().last_now + 1;
  Input input = {InputKind::kWorkflowCancel};
  input.workflow = 2;
  journal.writer()->input(input);
  core.apply(input, now);
  core.advance(now);
  journal.writer()->end_of_step(now, core);
  if (journal.writer()->close() != HEXAGENT_OK) return "not closed";
  *left = std::make_unique<MemoryFolder>();
  (*left)->files = files->files;
  return "";
}

std::string several_processes() {
  std::unique_ptr<MemoryFolder> folder = std::make_unique<MemoryFolder>();
  for (uint64_t process = 0; process < 4; ++process) {
    std::unique_ptr<MemoryFolder> left;
    const std::string wrong = live_on(std::move(folder), process, &left);
    if (!wrong.empty()) return "process " + std::to_string(process) + ": " + wrong;
    folder = std::move(left);
  }
  return live_on(left_behind(50), 50, &folder);
}

void a_journal_goes_on_from_process_to_process(void**) {
  assert_string_equal(several_processes().c_str(), "");
}

std::string changed_settings() {
  Settings wanted = small_settings();
  wanted.window_s = 0.5;
  std::strcpy(wanted.policy, "hexagent");
  Journal journal{JournalOptions{}};
  if (journal.open(left_behind(20), wanted) != HEXAGENT_OK) return journal.trouble();
  if (journal.settings().window_s == 0.5) return "the journal's settings were not used";
  Scheduler core(journal.settings());
  NameTable names(256);
  NameTable labels(64);
  if (journal.recover(&core, &names, &labels, nullptr) != HEXAGENT_OK) return journal.trouble();
  if (journal.changes().size() != 2) return "wrong number of changes";
  Settings now = journal.settings();
  for (const SettingChange& change : journal.changes()) {
    static_cast<void>(apply_setting(change, &now));
  }
  return now.window_s == 0.5 && std::strcmp(now.policy, "hexagent") == 0 ? "" : "wrong changes";
}

void live_settings_that_differ_are_told_as_changes(void**) {
  assert_string_equal(changed_settings().c_str(), "");
}

void a_limit_that_differs_is_refused(void**) {
  Settings wanted = small_settings();
  wanted.calls_max = 512;
  auto journal = std::make_unique<Journal>(JournalOptions{});
  const hexagent_status status = journal->open(left_behind(5), wanted);
  const bool named = journal->trouble().find("calls_max") == 0;
  journal.reset();
  assert_int_equal(status, HEXAGENT_E_STATE);
  assert_true(named);
}

// The core is not what wrote the journal: recovery must not go on in a state nobody acknowledged.
std::string other_core() {
  std::unique_ptr<MemoryFolder> folder = left_behind(300);
  const auto files = folder->files;
  MemoryFolder* kept = folder.get();
  Journal journal{JournalOptions{}};
  if (journal.open(std::move(folder), small_settings()) != HEXAGENT_OK) return journal.trouble();
  Settings other = journal.settings();
  std::strcpy(other.policy, "fcfs");
  Scheduler core(other);
  NameTable names(256);
  NameTable labels(64);
  const hexagent_status status = journal.recover(&core, &names, &labels, nullptr);
  if (status != HEXAGENT_E_DIFFERENT) return "taken";
  if (journal.writer() != nullptr || kept->files.size() != files.size()) return "written to";
  return journal.trouble().find("decides otherwise") != std::string::npos ? "" : "no words";
}

void a_core_that_decides_otherwise_is_not_taken(void**) {
  assert_string_equal(other_core().c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_journal_goes_on_from_process_to_process),
      cmocka_unit_test(live_settings_that_differ_are_told_as_changes),
      cmocka_unit_test(a_limit_that_differs_is_refused),
      cmocka_unit_test(a_core_that_decides_otherwise_is_not_taken),
  };
  return cmocka_run_group_tests_name("journal", tests, nullptr, nullptr);
}
