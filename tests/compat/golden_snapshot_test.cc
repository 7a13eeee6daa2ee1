// Snapshots that releases wrote can still be gone on from, and say the same as then.
#include <bit>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "wire/snapshot_head.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

struct Golden {
  const char* release;
  bool same_bytes;  // no later release has added to what a snapshot holds
  uint64_t inputs;
  uint64_t calls_live;
  uint64_t calls_waiting;
  uint64_t workflows_done;
};

constexpr Golden kGolden[] = {{"0.1", true, 303, 66, 22, 2}};

// The settings it was made with, which nobody else knows.
Settings settings_of(const SnapshotSections& sections) {
  Settings settings;
  for (const SnapshotSection& section : sections) {
    if (section.name != "settings") continue;
    for (const SnapshotColumn& column : section.columns) {
      for (uint32_t key = 0; key < setting_count(); ++key) {
        if (setting_info(key).key != column.name) continue;
        SettingChange change = setting_value(settings, key);
        change.number = std::bit_cast<double>(column.at(0));
        static_cast<void>(apply_setting(change, &settings));
      }
    }
  }
  return settings;
}

std::string goes_on(const Golden& golden) {
  std::ifstream file(
      std::string(HEXAGENT_TEST_SOURCE) + "/compat/" + golden.release + "/snapshot/golden",
      std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  SnapshotSections sections;
  std::string flaw;
  if (!decode_sections(bytes.data(), bytes.size(), &sections, &flaw)) return flaw;
  Scheduler core(settings_of(sections));
  if (!decode_snapshot(bytes.data(), bytes.size(), &core, &flaw)) return flaw;
  hexagent_stats stats = {};
  core.stats(&stats);
  if (stats.inputs != golden.inputs || stats.calls_live != golden.calls_live ||
      stats.calls_waiting != golden.calls_waiting ||
      stats.workflows_done != golden.workflows_done) {
    return std::to_string(stats.inputs) + " inputs, " + std::to_string(stats.calls_live) +
           " calls, " + std::to_string(stats.calls_waiting) + " waiting, " +
           std::to_string(stats.workflows_done) + " workflows done";
  }
  if (golden.same_bytes && encode_snapshot(core) != bytes) return "is written otherwise today";
  return "";
}

void snapshots_of_every_release_can_be_gone_on_from(void**) {
  for (const Golden& golden : kGolden) assert_string_equal(goes_on(golden).c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(snapshots_of_every_release_can_be_gone_on_from),
  };
  return cmocka_run_group_tests_name("golden snapshots", tests, nullptr, nullptr);
}
