// Sections: the state of a core as plain named columns, between the tables that give and take them
// (writer.h, reader.h) and whoever keeps them as bytes (wire/snapshot_encode.h).
//
// Every value is 64 bits wide here: whole numbers as they are, negative ones in two's complement,
// doubles as their bits. Tests: tests/unit/core/snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hexagent {

struct SnapshotColumn {
  std::string name;
  std::vector<uint64_t> values;  // one a row; or a single one, which all rows have

  uint64_t at(uint32_t row) const { return values.size() == 1 ? values[0] : values[row]; }
};

struct SnapshotSection {
  std::string name;
  uint32_t rows = 0;
  std::vector<SnapshotColumn> columns;  // none without rows
};

using SnapshotSections = std::vector<SnapshotSection>;

// A name that stood in a snapshot, fit for a message: it may be anything, of any length.
inline std::string shown_name(const std::string& name) {
  constexpr size_t kShown = 60;
  std::string shown = name.substr(0, kShown);
  for (char& letter : shown) {
    if (letter < ' ' || letter > '~') letter = '?';
  }
  return name.size() > kShown ? shown + "..." : shown;
}

// What the column of a field is called: group_name_part. No group is "", no part -1.
inline std::string column_name(const char* group, const char* name, int part) {
  std::string whole = group[0] == '\0' ? name : std::string(group) + "_" + name;
  if (part >= 0) whole += "_" + std::to_string(part);
  return whole;
}

}  // namespace hexagent
