// hexagent_replay_*: a journal lived through again by the ABI alone, its questions, and what it
// says of folders and journals that are not right.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "crash/workload.h"
#include "hexagent/hexagent.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

constexpr uint32_t kSteps = 100;

struct Journal {
  std::string path;
  uint64_t inputs = 0;
  uint64_t decisions = 0;
};

Journal make_journal(bool full, bool bad_input = false) {
  Journal journal;
  journal.path = (std::filesystem::temp_directory_path() / "hexagent-XXXXXX").string();
  if (mkdtemp(journal.path.data()) == nullptr) return journal;
  std::unique_ptr<JournalFolder> folder;
  std::string trouble;
  if (open_folder(journal.path, FolderUse::kWrite, &folder, &trouble) != HEXAGENT_OK) return {};
  JournalOptions options;
  options.durability = Durability::kNone;
  options.full_decisions = full;
  JournalledRun run(4, folder.get(), options);
  static_cast<void>(run.start());
  for (uint32_t step = 0; step < kSteps; ++step) run.workload.step(&run.writer);
  if (bad_input) {
    // Workflow 0 cannot pass the ABI; the writer, which trusts its driver, takes it all the same.
    run.writer.input({InputKind::kWorkflowEnd});
    run.workload.step(&run.writer);
  }
  static_cast<void>(run.writer.close());
  journal.inputs = run.writer.stats().inputs;
  journal.decisions = run.workload.decisions;
  return journal;
}

int setup_with(void** state, bool full, bool bad_input) {
  auto journal = std::make_unique<Journal>(make_journal(full, bad_input));
  if (journal->path.empty()) return -1;
  *state = journal.release();
  return 0;
}
int setup_full(void** state) { return setup_with(state, true, false); }
int setup_hashes(void** state) { return setup_with(state, false, false); }
int setup_bad(void** state) { return setup_with(state, false, true); }

int teardown(void** state) {
  auto* journal = static_cast<Journal*>(*state);
  std::filesystem::remove_all(journal->path);
  delete journal;
  return 0;
}

hexagent_replay_info empty_info() {
  hexagent_replay_info info = {};
  info.struct_size = sizeof(info);
  return info;
}

void a_replay_decides_what_the_journal_says(void** state) {
  const auto* journal = static_cast<const Journal*>(*state);
  hexagent_replay* replay = hexagent_replay_open(journal->path.c_str(), HEXAGENT_VERSION, nullptr);
  assert_non_null(replay);
  hexagent_replay_info info = empty_info();
  uint64_t steps = 0;
  uint64_t decisions = 0;
  while (hexagent_replay_step(replay, &info, nullptr) == 1) {
    assert_int_equal(info.step, ++steps);
    assert_int_equal(info.different, 0);
    assert_int_equal(info.library_version, HEXAGENT_VERSION);
    assert_int_equal(info.recorded_count, info.decisions_count);
    decisions += info.decisions_count;
  }
  assert_int_equal(steps, kSteps);
  assert_int_equal(info.inputs, journal->inputs);
  assert_int_equal(decisions, journal->decisions);
  assert_int_equal(info.closed, 1);
  assert_int_equal(info.cut_bytes, 0);
  assert_int_equal(hexagent_replay_step(replay, &info, nullptr), 0); /* the end stays the end */
  hexagent_replay_close(replay);
}

void decisions_and_inputs_of_a_step_can_be_read(void** state) {
  const auto* journal = static_cast<const Journal*>(*state);
  hexagent_replay* replay = hexagent_replay_open(journal->path.c_str(), HEXAGENT_VERSION, nullptr);
  hexagent_replay_info info = empty_info();
  assert_int_equal(hexagent_replay_step(replay, &info, nullptr), 1);
  assert_int_equal(info.recorded_full, 1);
  assert_true(info.decisions_count >= 3 && info.decisions_count <= 64);
  hexagent_decision decided[64];
  hexagent_decision recorded[64];
  assert_int_equal(hexagent_replay_decisions(replay, 0, decided, 64), info.decisions_count);
  assert_int_equal(hexagent_replay_recorded(replay, 0, recorded, 64), info.decisions_count);
  assert_memory_equal(decided, recorded, info.decisions_count * sizeof(*decided));
  assert_int_equal(hexagent_replay_decisions(replay, 1, decided, 1), 1);
  assert_memory_equal(decided, recorded + 1, sizeof(*decided));
  assert_int_equal(hexagent_replay_decisions(replay, info.decisions_count, decided, 1), 0);

  hexagent_input input;
  hexagent_profile profile;
  assert_int_equal(hexagent_replay_input(replay, 0, &input, &profile, sizeof(profile)), 0);
  assert_int_equal(input.kind, HEXAGENT_INPUT_PROFILE_SET);
  assert_int_equal(input.record_size, sizeof(profile));
  assert_int_equal(profile.kv_capacity_tokens, 6000);
  assert_int_equal(hexagent_replay_input(replay, info.inputs_count, &input, nullptr, 0),
                   HEXAGENT_E_RANGE);
  char text[32];
  hexagent_scheduler* scheduler = hexagent_replay_scheduler(replay);
  assert_int_equal(hexagent_name_text(scheduler, profile.model, text, sizeof(text)), HEXAGENT_OK);
  assert_string_equal(text, "llama-3.1-70b");
  hexagent_replay_close(replay);
}

void a_journal_of_hashes_records_no_decisions(void** state) {
  const auto* journal = static_cast<const Journal*>(*state);
  hexagent_replay* replay = hexagent_replay_open(journal->path.c_str(), HEXAGENT_VERSION, nullptr);
  hexagent_replay_info info = empty_info();
  hexagent_decision decision;
  assert_int_equal(hexagent_replay_step(replay, &info, nullptr), 1);
  assert_int_equal(info.recorded_full, 0);
  assert_true(info.recorded_count > 0);
  assert_int_equal(hexagent_replay_recorded(replay, 0, &decision, 1), 0);
  hexagent_replay_close(replay);
}

void an_input_that_no_caller_can_have_given_is_damage(void** state) {
  const auto* journal = static_cast<const Journal*>(*state);
  hexagent_replay* replay = hexagent_replay_open(journal->path.c_str(), HEXAGENT_VERSION, nullptr);
  hexagent_replay_info info = empty_info();
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  int32_t answer = 1;
  while (answer == 1) answer = hexagent_replay_step(replay, &info, &error);
  assert_int_equal(answer, HEXAGENT_E_DAMAGED);
  assert_non_null(std::strstr(error.text, "cannot have been taken"));
  assert_int_equal(hexagent_replay_step(replay, &info, &error), HEXAGENT_E_DAMAGED);
  hexagent_replay_close(replay);
}

void what_is_no_journal_is_refused_in_words(void**) {
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  assert_null(hexagent_replay_open("/nonexistent", HEXAGENT_VERSION, &error));
  assert_int_equal(error.status, HEXAGENT_E_IO);
  assert_string_equal(error.text, "/nonexistent: open: No such file or directory");
  assert_null(hexagent_replay_open("/", HEXAGENT_VERSION, &error));
  assert_string_equal(error.text, "/: no journal in this folder");
  assert_null(hexagent_replay_open(nullptr, HEXAGENT_VERSION, &error));
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  assert_null(hexagent_replay_open("/", 0x7f0000, &error));
  assert_int_equal(error.status, HEXAGENT_E_VERSION);
}

void null_and_small_arguments_are_refused(void** state) {
  const auto* journal = static_cast<const Journal*>(*state);
  hexagent_replay* replay = hexagent_replay_open(journal->path.c_str(), HEXAGENT_VERSION, nullptr);
  hexagent_replay_info info = empty_info();
  info.struct_size = 8;
  hexagent_decision decision;
  hexagent_input input;
  assert_int_equal(hexagent_replay_step(replay, &info, nullptr), HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(hexagent_replay_step(replay, nullptr, nullptr), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_replay_step(nullptr, &info, nullptr), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_replay_decisions(nullptr, 0, &decision, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_replay_decisions(replay, 0, nullptr, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_replay_recorded(replay, 0, nullptr, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_replay_input(replay, 0, &input, nullptr, 0), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_replay_input(replay, 0, nullptr, nullptr, 0), HEXAGENT_E_ARGUMENT);
  assert_null(hexagent_replay_scheduler(nullptr));
  hexagent_replay_close(nullptr);
  hexagent_replay_close(replay);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_replay_decides_what_the_journal_says, setup_full, teardown),
      cmocka_unit_test_setup_teardown(decisions_and_inputs_of_a_step_can_be_read, setup_full,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_journal_of_hashes_records_no_decisions, setup_hashes,
                                      teardown),
      cmocka_unit_test_setup_teardown(an_input_that_no_caller_can_have_given_is_damage, setup_bad,
                                      teardown),
      cmocka_unit_test(what_is_no_journal_is_refused_in_words),
      cmocka_unit_test_setup_teardown(null_and_small_arguments_are_refused, setup_full, teardown),
  };
  return cmocka_run_group_tests_name("replay", tests, nullptr, nullptr);
}
