// JournalReader: every cut and every changed byte of a small journal is a clean cut or a clean
// error, and damage where the disk had been synced is never cut away in silence.
#include "runtime/journal_reader.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "crash/memory_folder.h"
#include "crash/recovered.h"
#include "crash/workload.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

constexpr uint64_t kSeed = 3;

// A journal of some steps in one folder; closed in good order or left as a kill leaves it.
void write_journal(MemoryFolder* folder, uint32_t steps, Durability durability, bool closed,
                   uint64_t segment_bytes = 64u << 20) {
  JournalOptions options;
  options.durability = durability;
  options.segment_bytes = segment_bytes;
  JournalledRun run(kSeed, folder, options);
  static_cast<void>(run.start());
  for (uint32_t step = 0; step < steps; ++step) {
    run.workload.step(&run.writer);
    static_cast<void>(run.writer.commit());
  }
  if (closed) static_cast<void>(run.writer.close());
}

struct Reading {
  JournalFlaw flaw;
  JournalEnd end;
  uint64_t inputs = 0;
};

Reading read_all(MemoryFolder* folder) {
  Reading reading;
  JournalReader reader(folder);
  if (reader.open()) {
    for (JournalItem item = reader.next(); item == JournalItem::kStep; item = reader.next()) {
      reading.inputs += reader.step().input_count();
    }
  }
  reading.flaw = reader.flaw();
  reading.end = reader.end();
  return reading;
}

void an_empty_folder_is_no_journal_and_no_flaw(void**) {
  MemoryFolder folder;
  const Reading reading = read_all(&folder);
  const hexagent_status status = reading.flaw.status;
  assert_int_equal(status, HEXAGENT_OK);
  assert_int_equal(reading.end.segment, 0);
}

std::string reads_whole(bool closed) {
  MemoryFolder folder;
  write_journal(&folder, 60, Durability::kBeforeAccepted, closed, 4000);
  const Reading reading = read_all(&folder);
  if (reading.flaw.status != HEXAGENT_OK) return reading.flaw.text;
  if (reading.end.segment < 3 || reading.end.steps != 60) return "segments or steps are missing";
  if (reading.end.inputs != reading.inputs || reading.inputs < 60) return "inputs are missing";
  if (reading.end.closed != closed || reading.end.cut_bytes != 0) return "wrong end";
  return "";
}

void many_segments_read_as_one_journal(void**) {
  assert_string_equal(reads_whole(true).c_str(), "");
  assert_string_equal(reads_whole(false).c_str(), "");
}

// Every length of the only segment: never a crash, never more steps than before, and an error only
// while the header, which cannot be torn, is not whole.
std::string every_cut_is_clean() {
  MemoryFolder whole;
  write_journal(&whole, 8, Durability::kBeforeAccepted, true);
  const std::vector<uint8_t> bytes = whole.files.begin()->second.bytes;
  Frame header;
  if (!read_frame(bytes.data(), bytes.size(), &header)) return "no header";
  uint64_t steps = 0;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    MemoryFolder folder;
    folder.files[segment_name(1)].bytes.assign(bytes.data(), bytes.data() + size);
    const Reading reading = read_all(&folder);
    const std::string where = "cut at " + std::to_string(size) + ": ";
    const bool torn_header = size < header.size;
    if ((reading.flaw.status == HEXAGENT_E_DAMAGED) != torn_header) {
      return where + reading.flaw.text;
    }
    if (reading.end.steps < steps || reading.end.bytes > size) return where + "wrong end";
    if (!torn_header && reading.end.bytes + reading.end.cut_bytes != size) return where + "bytes";
    steps = reading.end.steps;
  }
  return steps == 8 ? "" : "not all steps at full length";
}

void every_cut_of_a_journal_is_clean(void**) {
  assert_string_equal(every_cut_is_clean().c_str(), "");
}

// Where was the last thing written that no later frame knows to be on disk?
uint64_t witnessed_bytes(const std::vector<uint8_t>& bytes) {
  uint64_t at = 0;
  uint64_t synced = 0;
  Frame frame;
  while (at < bytes.size() && read_frame(bytes.data() + at, bytes.size() - at, &frame)) {
    synced = frame.synced;
    at += frame.size;
  }
  return synced;
}

std::string every_change_is_noticed(bool closed) {
  MemoryFolder folder;
  write_journal(&folder, 8, Durability::kBeforeAccepted, closed);
  std::vector<uint8_t>& bytes = folder.files.begin()->second.bytes;
  const uint64_t witnessed = witnessed_bytes(bytes);
  if (witnessed < bytes.size() / 2) return "too little was witnessed";
  const uint64_t steps = read_all(&folder).end.steps;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned mask : {0x01u, 0x80u, 0xffu}) {
      const uint8_t before = bytes[at];
      bytes[at] = static_cast<uint8_t>(before ^ mask);
      const Reading reading = read_all(&folder);
      bytes[at] = before;
      const std::string where = "byte " + std::to_string(at) + ": ";
      if (at < witnessed) {
        if (reading.flaw.status != HEXAGENT_E_DAMAGED) return where + "damage was not noticed";
        if (reading.flaw.text.find("0000000001.journal at byte ") != 0) return where + "no place";
      } else {
        if (reading.flaw.status != HEXAGENT_OK) return where + reading.flaw.text;
        if (reading.end.cut_bytes == 0 || reading.end.steps > steps) return where + "not cut";
      }
    }
  }
  return "";
}

void every_changed_byte_of_a_journal_is_noticed(void**) {
  assert_string_equal(every_change_is_noticed(true).c_str(), "");
  assert_string_equal(every_change_is_noticed(false).c_str(), "");
}

std::string damage_in_an_older_segment() {
  MemoryFolder folder;
  write_journal(&folder, 60, Durability::kNone, false, 4000);
  std::vector<uint8_t>& bytes = folder.files.begin()->second.bytes;
  bytes[bytes.size() - 40] ^= 1;
  const Reading reading = read_all(&folder);
  if (reading.flaw.status != HEXAGENT_E_DAMAGED) return "not noticed";
  bytes[bytes.size() - 40] ^= 1;
  folder.files.erase(segment_name(2));
  if (read_all(&folder).end.snapshot != 3) return "the next snapshot is no place to begin";
  for (uint32_t segment = 2; segment < 40; ++segment) folder.files.erase(snapshot_name(segment));
  return read_all(&folder).flaw.status == HEXAGENT_E_DAMAGED ? "" : "a lost segment went unnoticed";
}

void an_older_segment_must_be_whole(void**) {
  assert_string_equal(damage_in_an_older_segment().c_str(), "");
}

// What another release wrote and this one does not know is not called damage.
hexagent_status status_of_type(uint16_t type) {
  MemoryFolder folder;
  write_journal(&folder, 2, Durability::kNone, false);
  std::vector<uint8_t>& bytes = folder.files.begin()->second.bytes;
  Frame frame;
  const uint8_t payload[4] = {};
  frame.type = static_cast<FrameType>(type);
  frame.sequence = read_all(&folder).end.sequence + 1;
  frame.payload = payload;
  frame.length = sizeof(payload);
  append_frame(frame, &bytes);
  return read_all(&folder).flaw.status;
}

void a_frame_of_a_newer_release_is_told_as_such(void**) {
  assert_int_equal(status_of_type(77), HEXAGENT_E_VERSION);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_folder_is_no_journal_and_no_flaw),
      cmocka_unit_test(many_segments_read_as_one_journal),
      cmocka_unit_test(every_cut_of_a_journal_is_clean),
      cmocka_unit_test(every_changed_byte_of_a_journal_is_noticed),
      cmocka_unit_test(an_older_segment_must_be_whole),
      cmocka_unit_test(a_frame_of_a_newer_release_is_told_as_such),
  };
  return cmocka_run_group_tests_name("journal reader", tests, nullptr, nullptr);
}
