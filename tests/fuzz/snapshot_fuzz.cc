// Any bytes as a snapshot: a core must refuse them, or take them, be sound and go on soundly. It
// audits itself after each step.
//
// What begins as a snapshot does is taken for one, with its head mended, since a checksum would
// keep a fuzzer out. Anything else is a list of changes to the columns of a sound snapshot, which
// reaches deeper: section, column, row, what to do, a number.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "crash/changed_snapshot.h"

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

constexpr uint32_t kSteps = 150;  // of the life before the snapshot
constexpr uint32_t kRest = 30;
constexpr size_t kChangeSize = 13;
constexpr size_t kChangesMax = 16;

const MidLife& life_of(bool shadow) {
  static const MidLife usual = mid_life(1, false, kSteps, kRest);
  static const MidLife beside = mid_life(2, true, kSteps, kRest);
  return shadow ? beside : usual;
}

void change_as_told(const uint8_t* told, SnapshotSections* sections) {
  SnapshotSection& section = (*sections)[told[0] % sections->size()];
  if (section.columns.empty()) return;
  SnapshotColumn& column = section.columns[told[1] % section.columns.size()];
  if (column.values.size() == 1) column.values.resize(section.rows, column.values[0]);
  uint64_t number = 0;
  std::memcpy(&number, told + 5, sizeof(number));
  const auto row_of = [&](uint64_t any) { return static_cast<size_t>(any % section.rows); };
  uint64_t& value = column.values[row_of(told[2] + 256u * told[3])];
  switch (told[4] % 6) {
    case 0:
      value = number;
      return;
    case 1:
      value += number;
      return;
    case 2:
      value ^= number;
      return;
    case 3:
      std::swap(value, column.values[row_of(number)]);
      return;
    case 4:
      value = column.values[row_of(number)];
      return;
    default:
      column.values.assign(section.rows, number);
  }
}

void run(const MidLife& life, const SnapshotSections& sections) {
  bool taken = false;
  std::string flaw;
  const std::string wrong = refuses_or_lives(life, sections, &taken, &flaw);
  if (wrong.empty()) return;
  std::fprintf(stderr, "%s\n", wrong.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kSnapshotHeadSize && load_head(data).magic == kSnapshotMagic) {
    std::vector<uint8_t> bytes(data, data + size);
    seal_snapshot(&bytes);
    SnapshotSections sections;
    std::string flaw;
    if (decode_sections(bytes.data(), bytes.size(), &sections, &flaw)) {
      run(life_of(false), sections);
    }
    return 0;
  }
  if (size < 1 + kChangeSize || size > 1 + kChangeSize * kChangesMax) return -1;
  const MidLife& life = life_of((data[0] & 1) != 0);
  SnapshotSections sections = life.sections;
  for (size_t at = 1; at + kChangeSize <= size; at += kChangeSize) {
    change_as_told(data + at, &sections);
  }
  run(life, sections);
  return 0;
}
