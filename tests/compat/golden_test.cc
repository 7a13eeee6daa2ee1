// Journals that releases wrote still open, and say the same as then. That they are decided the same
// is not asked: policies may get better.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "hexagent/hexagent.h"
#include "runtime/journal_replay.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

struct Golden {
  const char* release;
  uint64_t steps;
  uint64_t inputs;
  uint64_t decisions;
  uint32_t segments;
  size_t kinds;  // of inputs
};

constexpr Golden kGolden[] = {{"0.1", 120, 148, 152, 5, 16}};

std::string folder_of(const Golden& golden) {
  return std::string(HEXAGENT_TEST_SOURCE) + "/compat/" + golden.release + "/golden";
}

std::string reads_as_then(const Golden& golden) {
  std::unique_ptr<JournalFolder> folder;
  std::string trouble;
  if (open_folder(folder_of(golden), FolderUse::kRead, &folder, &trouble) != HEXAGENT_OK) {
    return trouble;
  }
  JournalReader reader(folder.get());
  if (!reader.open()) return reader.flaw().text;
  std::set<uint32_t> kinds;
  uint64_t decisions = 0;
  JournalItem item;
  while ((item = reader.next()) == JournalItem::kStep) {
    for (uint32_t i = 0; i < reader.step().input_count(); ++i) {
      kinds.insert(static_cast<uint32_t>(reader.step().input(i).kind));
    }
    if (reader.decisions().size() != reader.step().head().decision_count) return "decisions";
    decisions += reader.decisions().size();
  }
  if (item == JournalItem::kFlaw) return reader.flaw().text;
  const JournalEnd& end = reader.end();
  if (end.steps != golden.steps || end.inputs != golden.inputs || decisions != golden.decisions ||
      end.segment != golden.segments || kinds.size() != golden.kinds || !end.closed) {
    return "holds " + std::to_string(end.steps) + " steps, " + std::to_string(end.inputs) +
           " inputs of " + std::to_string(kinds.size()) + " kinds, " + std::to_string(decisions) +
           " decisions, " + std::to_string(end.segment) + " segments";
  }
  return "";
}

void journals_of_every_release_still_open(void**) {
  for (const Golden& golden : kGolden) assert_string_equal(reads_as_then(golden).c_str(), "");
}

std::string replays(const Golden& golden) {
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  hexagent_replay* replay =
      hexagent_replay_open(folder_of(golden).c_str(), HEXAGENT_VERSION, &error);
  if (replay == nullptr) return error.text;
  hexagent_replay_info info = {};
  info.struct_size = sizeof(info);
  int32_t answer;
  do {
    answer = hexagent_replay_step(replay, &info, &error);
  } while (answer == 1);
  hexagent_replay_close(replay);
  if (answer != 0) return error.text;
  if (info.snapshots_same + info.snapshots_different + 1 != golden.segments) return "snapshots";
  return info.step == golden.steps ? "" : "not all steps";
}

void journals_of_every_release_can_be_replayed(void**) {
  for (const Golden& golden : kGolden) assert_string_equal(replays(golden).c_str(), "");
}

// Its snapshots are taken; that other decisions would have led to the same state is not asked.
std::string begins_with_a_snapshot(const Golden& golden) {
  std::unique_ptr<JournalFolder> folder;
  std::string trouble;
  if (open_folder(folder_of(golden), FolderUse::kRead, &folder, &trouble) != HEXAGENT_OK) {
    return trouble;
  }
  JournalReader reader(folder.get());
  if (!reader.open(JournalBegin::kLatest)) return reader.flaw().text;
  if (reader.end().snapshot != golden.segments) return "begins elsewhere";
  Scheduler core(reader.header().settings);
  NameTable names(4096);
  NameTable labels(64);
  JournalReplay replay(&reader, &core, &names, &labels, nullptr);
  JournalItem item;
  do {
    item = replay.step();
  } while (item == JournalItem::kStep);
  if (item == JournalItem::kFlaw) return replay.flaw().text;
  return reader.end().steps == golden.steps ? "" : "not all steps";
}

void journals_of_every_release_begin_with_their_snapshots(void**) {
  for (const Golden& golden : kGolden) {
    assert_string_equal(begins_with_a_snapshot(golden).c_str(), "");
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(journals_of_every_release_still_open),
      cmocka_unit_test(journals_of_every_release_can_be_replayed),
      cmocka_unit_test(journals_of_every_release_begin_with_their_snapshots),
  };
  return cmocka_run_group_tests_name("golden journals", tests, nullptr, nullptr);
}
