// Snapshots in a journal: when they are written, that recovery begins with the newest good one and
// comes to the same state, what is removed, and what happens when some are damaged.
#include "runtime/journal_snapshot.h"

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

constexpr uint32_t kSteps = 300;

JournalOptions small_segments() {
  JournalOptions options;
  options.durability = Durability::kBeforeAccepted;
  options.segment_bytes = 6'000;
  options.keep_bytes = 0;
  return options;
}

// A journal of several segments, and what its core was in the end.
struct Written {
  MemoryFolder folder;
  JournalLayout layout;
  JournalStats stats;
  uint64_t digest = 0;

  explicit Written(const JournalOptions& options, uint64_t seed = 3) {
    JournalledRun run(seed, &folder, options);
    static_cast<void>(run.start());
    for (uint32_t step = 0; step < kSteps; ++step) run.workload.step(&run.writer);
    static_cast<void>(run.writer.close());
    stats = run.writer.stats();
    digest = digest_of_all(run.workload.core);
    static_cast<void>(list_journal(&folder, &layout));
  }

  uint32_t last() const { return layout.segments.back(); }
  std::vector<uint8_t>& snapshot(uint32_t segment) {
    return folder.files[snapshot_name(segment)].bytes;
  }
};

std::string both_ways() {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Written written(small_segments(), seed);
    const size_t snapshots = written.layout.snapshots.size();
    if (snapshots < 4 || snapshots + 1 != written.layout.segments.size()) return "too few";
    if (written.stats.snapshots != snapshots || written.stats.snapshots_skipped != 0)
      return "count";
    const Recovered latest(&written.folder);
    const Recovered earliest(&written.folder, JournalBegin::kEarliest);
    if (latest.flaw.status != HEXAGENT_OK) return latest.flaw.text;
    if (earliest.flaw.status != HEXAGENT_OK) return earliest.flaw.text;
    if (latest.end.snapshot != written.last() || latest.end.snapshot_steps == 0)
      return "began late";
    if (earliest.end.snapshot != 0 || earliest.snapshots_checked != snapshots) return "not checked";
    if (latest.end.steps != kSteps || earliest.end.steps != kSteps) return "steps";
    if (latest.end.inputs != earliest.end.inputs) return "inputs";
    if (digest_of_all(*latest.core) != written.digest) return "another state";
    if (digest_of_all(*earliest.core) != written.digest) return "another state from the beginning";
    if (latest.names.size() != earliest.names.size()) return "names";
  }
  return "";
}

void recovery_by_a_snapshot_is_recovery_from_the_beginning(void**) {
  assert_string_equal(both_ways().c_str(), "");
}

struct Opened {
  hexagent_status status = HEXAGENT_OK;
  std::string trouble;
  JournalEnd recovered;
  std::vector<JournalFlaw> passed_over;
  std::string text;
  uint64_t digest = 0;
};

Opened open(MemoryFolder* folder, uint64_t keep_bytes = 0) {
  Opened opened;
  hexagent_config config;
  config.settings = small_settings();
  config.journal_path = "memory";
  config.journal = small_segments();
  config.journal.keep_bytes = keep_bytes;
  std::unique_ptr<hexagent_scheduler> scheduler;
  opened.status =
      open_in_folder(config, std::make_unique<BorrowedFolder>(folder), &scheduler, &opened.trouble);
  if (scheduler == nullptr) return opened;
  opened.recovered = scheduler->journal->recovered();
  opened.passed_over = scheduler->journal->passed_over();
  hexagent_journal_info info = {};
  info.struct_size = sizeof(info);
  static_cast<void>(hexagent_journal_query(scheduler.get(), &info));
  opened.text = info.snapshot_text;
  opened.digest = digest_of_all(scheduler->core);
  return opened;
}

// Damage of the head is seen before a core is filled, of the state only by doing so.
std::string fall_back(bool head) {
  Written written(small_segments());
  const uint32_t last = written.last();
  std::vector<uint8_t>& newest = written.snapshot(last);
  newest[head ? 40 : newest.size() / 2] ^= 1;
  const auto files = written.folder.files;
  const Opened opened = open(&written.folder);
  if (opened.status != HEXAGENT_OK) return opened.trouble;
  if (opened.recovered.snapshot != last - 1) return "another beginning";
  if (opened.passed_over.size() != 1) return "not told";
  if (opened.text.find(snapshot_name(last)) != 0) return "told as " + opened.text;
  if (opened.digest != written.digest) return "another state";
  // All of them, but segment 1 is there.
  written.folder.files = files;
  for (uint32_t segment = 2; segment < last; ++segment) {
    std::vector<uint8_t>& bytes = written.snapshot(segment);
    bytes[head ? 40 : bytes.size() / 2] ^= 1;
  }
  const Opened from_first = open(&written.folder);
  if (from_first.status != HEXAGENT_OK) return from_first.trouble;
  if (from_first.recovered.snapshot != 0) return "a damaged snapshot was taken";
  if (from_first.passed_over.size() != last - 1) return "not all are told";
  return from_first.digest == written.digest ? "" : "another state from the first segment";
}

void a_damaged_snapshot_falls_back_to_the_one_before(void**) {
  assert_string_equal(fall_back(true).c_str(), "");
  assert_string_equal(fall_back(false).c_str(), "");
}

std::string nothing_to_begin_with(bool head) {
  Written written(small_segments());
  const uint32_t last = written.last();
  for (uint32_t segment = 2; segment <= last; ++segment) {
    std::vector<uint8_t>& bytes = written.snapshot(segment);
    bytes[head ? 40 : bytes.size() / 2] ^= 1;
  }
  written.folder.files.erase(segment_name(1));
  const uint64_t operations = written.folder.operations();
  const Opened opened = open(&written.folder);
  if (opened.status != HEXAGENT_E_DAMAGED) return "opened";
  if (opened.trouble.find(snapshot_name(last)) == std::string::npos) return opened.trouble;
  if (opened.trouble.find("is missing") == std::string::npos) return opened.trouble;
  return written.folder.operations() == operations ? "" : "the folder was changed";
}

void without_any_place_to_begin_nothing_is_changed(void**) {
  assert_string_equal(nothing_to_begin_with(true).c_str(), "");
  assert_string_equal(nothing_to_begin_with(false).c_str(), "");
}

// Each file counts as kKeepLeast, so this keeps so many segments with their snapshots.
std::string kept(uint64_t keep_bytes, uint32_t segments) {
  JournalOptions options = small_segments();
  options.keep_bytes = keep_bytes;
  Written written(options);
  const JournalLayout& layout = written.layout;
  if (layout.segments.size() != segments + 1) {
    return std::to_string(layout.segments.size()) + " segments are left";
  }
  if (layout.snapshots.front() != layout.segments.front())
    return "it does not begin with a snapshot";
  if (written.stats.segments_removed + layout.segments.size() != written.stats.segments) {
    return "not counted";
  }
  for (const JournalBegin begin : {JournalBegin::kEarliest, JournalBegin::kLatest}) {
    const Recovered recovered(&written.folder, begin);
    if (recovered.flaw.status != HEXAGENT_OK) return recovered.flaw.text;
    if (digest_of_all(*recovered.core) != written.digest) return "another state";
  }
  const Recovered earliest(&written.folder, JournalBegin::kEarliest);
  return earliest.snapshots_checked == segments ? "" : "not all snapshots were checked";
}

void what_does_not_fit_is_removed_but_for_the_snapshot_before(void**) {
  assert_string_equal(kept(1, 1).c_str(), "");
  assert_string_equal(kept(2 * kKeepLeast, 1).c_str(), "");
  assert_string_equal(kept(6 * kKeepLeast, 3).c_str(), "");
}

// A damaged snapshot is none to fall back to.
std::string keeps_a_good_one() {
  Written written(small_segments());
  const uint32_t last = written.last();
  std::vector<uint8_t>& newest = written.snapshot(last);
  newest[newest.size() / 2] ^= 1;
  const Opened opened = open(&written.folder, 1);
  if (opened.status != HEXAGENT_OK) return opened.trouble;
  JournalLayout layout;
  static_cast<void>(list_journal(&written.folder, &layout));
  if (layout.segments.front() != last - 1) return "removed the wrong ones";
  written.snapshot(last + 1)[40] ^= 1;
  const Opened again = open(&written.folder, 1);
  if (again.status != HEXAGENT_OK) return again.trouble;
  return again.recovered.snapshot == last - 1 ? "" : "another beginning";
}

void what_recovery_may_have_to_fall_back_to_is_kept(void**) {
  assert_string_equal(keeps_a_good_one().c_str(), "");
}

// A loop that polls too late for the core ever to be at rest.
std::string never_at_rest() {
  MemoryFolder folder;
  JournalOptions options = small_segments();
  JournalledRun run(3, &folder, options);
  if (run.start() != HEXAGENT_OK) return "no start";
  Input input = {InputKind::kReady};
  input.workflow = 77;
  for (TimeNs now = 1; now <= 500; ++now) {
    run.writer.input(input);
    run.workload.core.apply(input, now);
    run.workload.core.advance(now);
    run.writer.end_of_step(now, run.workload.core);
    if (now == 1) continue;
    hexagent_decision decision = {};  // one behind
    run.workload.core.take_decisions(&decision, 1);
    run.writer.at_rest(run.workload.core);
  }
  const JournalStats& stats = run.writer.stats();
  if (stats.snapshots != 0 || stats.segments < 3) return "not what it should show";
  if (stats.snapshots_skipped + 1 != stats.segments) return "not counted";
  for (const auto& [name, file] : folder.files) {
    if (file.bytes.size() > options.segment_bytes / 4 * 5 + 1000) return "a segment is too long";
  }
  return "";
}

void a_core_that_is_never_at_rest_gets_no_snapshots(void**) {
  assert_string_equal(never_at_rest().c_str(), "");
}

// Between a step and the poll the caller's clock goes on, and that is part of the core's state.
std::string idle_steps() {
  MemoryFolder folder;
  hexagent_config config;
  config.settings = small_settings();
  config.journal = small_segments();
  std::unique_ptr<hexagent_scheduler> scheduler;
  std::string trouble;
  if (open_in_folder(config, std::make_unique<BorrowedFolder>(&folder), &scheduler, &trouble) !=
      HEXAGENT_OK) {
    return trouble;
  }
  hexagent_decision decision = {};
  for (int64_t now = 10; now < 5000; now += 10) {
    static_cast<void>(hexagent_ready(scheduler.get(), 77, 1, 1));
    static_cast<void>(hexagent_step(scheduler.get(), now));
    static_cast<void>(hexagent_step(scheduler.get(), now + 3));
    if (hexagent_poll(scheduler.get(), &decision, 1) != 1) return "no decision";
  }
  hexagent_stats stats = {};
  stats.struct_size = sizeof(stats);
  static_cast<void>(hexagent_stats_read(scheduler.get(), &stats));
  hexagent_close(scheduler.release());
  if (stats.journal_snapshots < 3 || stats.journal_snapshots_skipped != 0) return "no snapshots";
  std::vector<hexagent_decision> history;
  return read_history(&folder, &history);
}

void steps_that_do_nothing_before_a_snapshot_are_part_of_a_replay(void**) {
  assert_string_equal(idle_steps().c_str(), "");
}

void keep_line(void* lines, uint32_t level, int64_t, const char* text) {
  *static_cast<std::string*>(lines) += std::to_string(level) + " " + text + "\n";
}

// What an operator hears of a journal that is recovered by its second newest snapshot and may write
// no other.
std::string told() {
  Written written(small_segments());
  const uint32_t last = written.last();
  written.snapshot(last)[40] ^= 1;
  written.folder.refuses = [](const std::string& name) {
    return name.find(".snapshot") != std::string::npos;
  };
  std::string lines;
  hexagent_config config;
  config.settings = small_settings();
  config.journal = small_segments();
  config.log = {keep_line, &lines, HEXAGENT_LOG_INFO};
  std::unique_ptr<hexagent_scheduler> scheduler;
  std::string trouble;
  if (open_in_folder(config, std::make_unique<BorrowedFolder>(&written.folder), &scheduler,
                     &trouble) != HEXAGENT_OK) {
    return trouble;
  }
  static_cast<void>(hexagent_ready(scheduler.get(), 77, 1, 1));
  const TimeNs now = scheduler->journal->recovered().last_now + 1;
  static_cast<void>(hexagent_step(scheduler.get(), now));
  for (const std::string& line :
       {"2 journal: a snapshot was passed over: " + snapshot_name(last) + ": ",
        "3 journal: recovered 300 steps, " +
            std::to_string(scheduler->journal->recovered().snapshot_steps) +
            " of them by the snapshot of segment " + std::to_string(last - 1) + "\n",
        "2 journal: a snapshot was skipped: " + draft_name(snapshot_name(last + 1)) +
            ": refused"}) {
    if (lines.find(line) == std::string::npos) return line + " is not in:\n" + lines;
  }
  return lines.find("nothing is recorded") == std::string::npos ? "" : "the journal has ended";
}

void an_operator_hears_of_recovery_and_skipped_snapshots(void**) {
  assert_string_equal(told().c_str(), "");
}

std::string strays() {
  Written written(small_segments());
  const uint32_t last = written.last();
  written.folder.files[snapshot_name(last + 1)].bytes = written.snapshot(last);
  written.folder.files[draft_name(snapshot_name(last + 3))].bytes = {1, 2, 3};
  const Opened opened = open(&written.folder);
  if (opened.recovered.snapshot != last) return "another beginning";
  if (written.folder.files.count(draft_name(snapshot_name(last + 3))) != 0)
    return "a draft is left";
  // The journal goes on with a segment of that number, and a snapshot of its own.
  const Recovered again(&written.folder);
  if (again.flaw.status != HEXAGENT_OK) return again.flaw.text;
  return again.end.snapshot == last + 1 && digest_of_all(*again.core) == written.digest ? ""
                                                                                        : "lost";
}

void what_a_crash_left_of_snapshots_is_removed_at_open(void**) {
  assert_string_equal(strays().c_str(), "");
}

// A state that does not belong there, with every checksum right.
std::string of_another_journal() {
  Written written(small_segments(), 3);
  Written other(small_segments(), 4);
  const uint32_t last = std::min(written.last(), other.last());
  written.snapshot(last) = other.snapshot(last);
  for (uint32_t segment = last + 1; segment <= written.last(); ++segment) {
    written.folder.files.erase(segment_name(segment));
    written.folder.files.erase(snapshot_name(segment));
  }
  const Opened opened = open(&written.folder);
  return opened.status == HEXAGENT_E_DAMAGED ? "" : "taken";
}

void a_snapshot_of_another_journal_is_not_taken(void**) {
  assert_string_equal(of_another_journal().c_str(), "");
}

std::string a_replay_notices() {
  Written written(small_segments(), 3);
  Written other(small_segments(), 4);
  written.snapshot(3) = other.snapshot(3);
  const Recovered recovered(&written.folder, JournalBegin::kEarliest);
  if (recovered.flaw.status != HEXAGENT_E_DIFFERENT) return "not noticed";
  return recovered.flaw.text.find(snapshot_name(3) + ": ") == 0 ? "" : recovered.flaw.text;
}

void a_replay_tells_of_a_snapshot_that_holds_another_state(void**) {
  assert_string_equal(a_replay_notices().c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(recovery_by_a_snapshot_is_recovery_from_the_beginning),
      cmocka_unit_test(a_damaged_snapshot_falls_back_to_the_one_before),
      cmocka_unit_test(without_any_place_to_begin_nothing_is_changed),
      cmocka_unit_test(what_does_not_fit_is_removed_but_for_the_snapshot_before),
      cmocka_unit_test(what_recovery_may_have_to_fall_back_to_is_kept),
      cmocka_unit_test(a_core_that_is_never_at_rest_gets_no_snapshots),
      cmocka_unit_test(steps_that_do_nothing_before_a_snapshot_are_part_of_a_replay),
      cmocka_unit_test(an_operator_hears_of_recovery_and_skipped_snapshots),
      cmocka_unit_test(what_a_crash_left_of_snapshots_is_removed_at_open),
      cmocka_unit_test(a_snapshot_of_another_journal_is_not_taken),
      cmocka_unit_test(a_replay_tells_of_a_snapshot_that_holds_another_state),
  };
  return cmocka_run_group_tests_name("journal snapshots", tests, nullptr, nullptr);
}
