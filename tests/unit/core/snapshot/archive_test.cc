// SnapshotWriter and SnapshotReader: what one takes the other gives, and what is out of bounds is
// refused by its name. Refusals in whole snapshots: snapshot_refusal_test.cc.
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/snapshot/reader.h"
#include "core/snapshot/writer.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of two classes

struct Record {
  uint32_t small = 0;
  uint64_t large = 0;
  int64_t negative = 0;
  bool flag = false;
  double real = 0.0;
  uint32_t parts[3] = {};
  TimeNs time = 0;

  bool operator==(const Record&) const = default;
};

template <class Archive, class Any>
void visit(Archive* archive, Any* record) {
  archive->number("small", &record->small, 0, 100);
  archive->number("large", &record->large);
  archive->whole("negative", &record->negative, -9, 9);
  archive->flag("flag", &record->flag);
  archive->group("of");
  archive->real("real", &record->real, -1.0, 1.0);
  archive->numbers("parts", &record->parts);
  archive->time("time", &record->time);
}

SnapshotSections save(const Record* records, uint32_t count) {
  SnapshotSections sections;
  SnapshotWriter writer(&sections);
  writer.begin("records");
  for (uint32_t i = 0; i < count; ++i) {
    visit(&writer, &records[i]);
    writer.end_row();
  }
  return sections;
}

constexpr Record kRecords[] = {{7, UINT64_MAX, -9, true, -0.25, {1, 2, 3}, 5},
                               {7, 0, 9, false, 1e-300, {1, 9, 3}, kTimeMaxNs},
                               {100, 1, 0, true, -0.0, {1, 2, 3}, 0}};

bool come_back() {
  const SnapshotSections sections = save(kRecords, 3);
  SnapshotReader reader(sections);
  if (reader.begin("records", 3) != 3) return false;
  for (const Record& wanted : kRecords) {
    Record record;
    visit(&reader, &record);
    reader.end_row();
    if (record != wanted || std::signbit(record.real) != std::signbit(wanted.real)) return false;
  }
  reader.finish();
  return reader.sound();
}

void records_come_back(void**) { assert_true(come_back()); }

bool alike_are_one() {
  const SnapshotSections sections = save(kRecords, 3);
  size_t single = 0;
  for (const SnapshotColumn& column : sections[0].columns) {
    single += column.values.size() == 1 ? 1u : 0u;
  }
  return sections[0].columns.size() == 9 && single == 2 &&  // the parts 0 and 2
         sections[0].columns[4].name == "of_real" && sections[0].columns[6].name == "of_parts_1";
}

void a_column_of_equal_values_holds_one(void**) { assert_true(alike_are_one()); }

// What is said of a section with one other value; "" if nothing.
std::string said(const char* column, uint64_t value) {
  SnapshotSections sections = save(kRecords, 1);
  for (SnapshotColumn& each : sections[0].columns) {
    if (each.name == column) each.values[0] = value;
  }
  SnapshotReader reader(sections);
  reader.begin_one("records");
  Record record;
  visit(&reader, &record);
  reader.end_row();
  return reader.flaw();
}

void values_out_of_bounds_are_refused_by_name(void**) {
  assert_string_equal(said("small", 100).c_str(), "");
  assert_string_equal(said("small", 101).c_str(),
                      "section records, column small: 101 is not 0 to 100");
  assert_string_equal(said("negative", 10).c_str(),
                      "section records, column negative: 10 is not -9 to 9");
  assert_string_equal(said("flag", 2).c_str(), "section records, column flag: 2 is not 0 to 1");
  assert_string_equal(said("of_real", 0x7ff8000000000000u).c_str(),
                      "section records, column of_real: not a number within its bounds");
  assert_string_equal(said("of_parts_1", 1ULL << 32).c_str(),
                      "section records, column of_parts_1: 4294967296 is not 0 to 4294967295");
  assert_string_equal(said("of_time", ~0ULL).c_str(),
                      "section records, column of_time: -1 is not 0 to 4000000000000000000");
}

bool found_by_name() {
  SnapshotSections sections = save(kRecords, 3);
  std::swap(sections[0].columns[0], sections[0].columns[5]);
  SnapshotReader reader(sections);
  Record record;
  reader.begin("records", 3);
  visit(&reader, &record);
  reader.end_row();
  return reader.sound() && record == kRecords[0];
}

void columns_are_found_by_name_wherever_they_are(void**) { assert_true(found_by_name()); }

bool stops_at_the_first_flaw() {
  const SnapshotSections sections = save(kRecords, 3);
  SnapshotReader reader(sections);
  Record record;
  const bool none = reader.begin("others", 3) == 0;
  const std::string first = reader.flaw();
  const bool nothing_more = reader.begin("records", 3) == 0;
  visit(&reader, &record);
  reader.end_row();
  reader.refuse("another");
  return none && nothing_more && record == Record{} && reader.flaw() == first;
}

void after_a_flaw_nothing_is_given(void**) { assert_true(stops_at_the_first_flaw()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(records_come_back),
      cmocka_unit_test(a_column_of_equal_values_holds_one),
      cmocka_unit_test(values_out_of_bounds_are_refused_by_name),
      cmocka_unit_test(columns_are_found_by_name_wherever_they_are),
      cmocka_unit_test(after_a_flaw_nothing_is_given),
  };
  return cmocka_run_group_tests_name("snapshot archives", tests, nullptr, nullptr);
}
