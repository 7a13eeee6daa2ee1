// A real process with a real file is killed in the middle of its work, again and again: what it had
// acknowledged, told through a pipe, is in the journal, and the core comes back to that state. Also
// what only the real folder can show: one writer at a time, and errors in words.
#include <sys/wait.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "crash/recovered.h"
#include "crash/workload.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

constexpr uint32_t kRounds = 20;

std::string make_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "hexagent-XXXXXX").string();
  return mkdtemp(path.data()) == nullptr ? std::string() : path;
}

// The child: works until it is killed; each step that is on disk goes down the pipe.
[[noreturn]] void work(const std::string& path, uint64_t seed, int pipe) {
  std::unique_ptr<JournalFolder> folder;
  std::string trouble;
  if (open_folder(path, FolderUse::kWrite, &folder, &trouble) != HEXAGENT_OK) _exit(1);
  JournalOptions options;
  options.durability = Durability::kBeforeAccepted;
  options.segment_bytes = 16'000;
  JournalledRun run(seed, folder.get(), options);
  if (run.start() != HEXAGENT_OK) _exit(2);
  for (;;) {
    run.workload.step(&run.writer);
    if (run.writer.commit() != HEXAGENT_OK) _exit(3);
    const uint64_t step = run.workload.steps;
    if (write(pipe, &step, sizeof(step)) != sizeof(step)) _exit(4);
  }
}

// Kills the child once it has acknowledged `enough` steps; the last step it told of, 0 on failure.
uint64_t kill_after(const std::string& path, uint64_t seed, uint64_t enough) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    work(path, seed, ends[1]);
  }
  close(ends[1]);
  uint64_t acknowledged = 0;
  uint64_t step = 0;
  while (acknowledged < enough && read(ends[0], &step, sizeof(step)) == sizeof(step)) {
    acknowledged = step;
  }
  if (child > 0) kill(child, SIGKILL);
  // What it told between the decision to kill it and its death counts as well.
  while (read(ends[0], &step, sizeof(step)) == sizeof(step)) acknowledged = step;
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 0;
  return WIFSIGNALED(status) ? acknowledged : 0;
}

std::string kill_once(const std::string& path, uint64_t seed, uint64_t enough) {
  const uint64_t acknowledged = kill_after(path, seed, enough);
  if (acknowledged < enough) return "the child ended by itself";
  std::unique_ptr<JournalFolder> folder;
  std::string trouble;
  if (open_folder(path, FolderUse::kWrite, &folder, &trouble) != HEXAGENT_OK) return trouble;
  const Recovered recovered(folder.get());
  if (recovered.flaw.status != HEXAGENT_OK) return recovered.flaw.text;
  if (recovered.end.steps < acknowledged) {
    return "only " + std::to_string(recovered.end.steps) + " of " + std::to_string(acknowledged) +
           " acknowledged steps";
  }
  NameTable names(256);
  NameTable labels(64);
  Workload model(seed, small_settings(), &names, &labels);
  while (model.steps < recovered.end.steps) model.step(nullptr);
  return digest_of_all(model.core) == digest_of_all(*recovered.core) ? "" : "another state";
}

bool nothing_is_lost() {
  Draw draw{static_cast<uint64_t>(getpid())};
  for (uint32_t round = 0; round < kRounds; ++round) {
    const std::string path = make_folder();
    const uint64_t seed = draw(1'000'000);
    const std::string wrong = kill_once(path, seed, 1 + draw(120));
    std::filesystem::remove_all(path);
    if (wrong.empty()) continue;
    print_error("seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong.c_str());
    return false;
  }
  return true;
}

void a_killed_process_loses_nothing_it_acknowledged(void**) { assert_true(nothing_is_lost()); }

struct TwoWriters {
  hexagent_status second = HEXAGENT_OK;
  hexagent_status reader = HEXAGENT_E_INTERNAL;
  hexagent_status third = HEXAGENT_E_INTERNAL;
};

TwoWriters open_twice() {
  const std::string path = make_folder();
  TwoWriters seen;
  std::string trouble;
  std::unique_ptr<JournalFolder> first;
  std::unique_ptr<JournalFolder> second;
  if (open_folder(path, FolderUse::kWrite, &first, &trouble) != HEXAGENT_OK) return seen;
  seen.second = open_folder(path, FolderUse::kWrite, &second, &trouble);
  seen.reader = open_folder(path, FolderUse::kRead, &second, &trouble);
  first.reset();
  seen.third = open_folder(path, FolderUse::kWrite, &second, &trouble);
  second.reset();
  std::filesystem::remove_all(path);
  return seen;
}

void a_journal_has_one_writer_and_any_number_of_readers(void**) {
  const TwoWriters seen = open_twice();
  assert_int_equal(seen.second, HEXAGENT_E_BUSY);
  assert_int_equal(seen.reader, HEXAGENT_OK);
  assert_int_equal(seen.third, HEXAGENT_OK);
}

std::string trouble_of_missing() {
  std::unique_ptr<JournalFolder> folder;
  std::string trouble;
  const hexagent_status status =
      open_folder("/nonexistent/journal", FolderUse::kRead, &folder, &trouble);
  return status == HEXAGENT_E_IO ? trouble : "opened";
}

void what_the_system_refuses_is_told_in_words(void**) {
  assert_string_equal(trouble_of_missing().c_str(),
                      "/nonexistent/journal: open: No such file or directory");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_killed_process_loses_nothing_it_acknowledged),
      cmocka_unit_test(a_journal_has_one_writer_and_any_number_of_readers),
      cmocka_unit_test(what_the_system_refuses_is_told_in_words),
  };
  return cmocka_run_group_tests_name("kill", tests, nullptr, nullptr);
}
