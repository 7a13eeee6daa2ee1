// SnapshotWriter: takes the fields of one record after another and makes columns of them.
//
// It has the methods of SnapshotReader, so one list of fields serves both ways: a list is a
// template over the archive. The bounds of a field concern the reader alone. Tests:
// tests/unit/core/snapshot.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <type_traits>

#include "core/base/check.h"
#include "core/base/time.h"
#include "core/snapshot/sections.h"

namespace hexagent {

class SnapshotWriter {
 public:
  // The sections are appended to `sections`, which outlives this.
  explicit SnapshotWriter(SnapshotSections* sections) : sections_(sections) {}

  // Begins the next section. Then, for each row, its fields in the same order, and end_row().
  void begin(const char* section) {
    sections_->emplace_back();
    sections_->back().name = section;
    position_ = 0;
  }
  void end_row() {
    SnapshotSection& section = sections_->back();
    HEXAGENT_CHECK(position_ == section.columns.size());
    ++section.rows;
    position_ = 0;
    group_ = "";
  }
  void group(const char* group) { group_ = group; }

  // ---- fields: see SnapshotReader ----
  template <class Number, class... Bounds>
  void number(const char* name, const Number* value, const Bounds&...) {
    put(name, -1, static_cast<uint64_t>(*value));
  }
  template <class Number>
  void added(const char* name, const Number* value) {
    if (*value != 0) put(name, -1, static_cast<uint64_t>(*value));
  }
  template <class Number, int Count>
  void numbers(const char* name, const Number (*values)[Count]) {
    for (int i = 0; i < Count; ++i) put(name, i, (*values)[i]);
  }
  void index(const char* name, const uint32_t* value, uint64_t) { put(name, -1, *value); }
  void flag(const char* name, const bool* value) { put(name, -1, *value ? 1 : 0); }
  void whole(const char* name, const int64_t* value, int64_t, int64_t) {
    put(name, -1, static_cast<uint64_t>(*value));
  }
  template <class... Bounds>
  void time(const char* name, const TimeNs* value, const Bounds&...) {
    put(name, -1, static_cast<uint64_t>(*value));
  }
  void real(const char* name, const double* value, double, double) {
    put(name, -1, std::bit_cast<uint64_t>(*value));
  }
  template <int Count>
  void reals(const char* name, const double (*values)[Count], double, double) {
    for (int i = 0; i < Count; ++i) put(name, i, std::bit_cast<uint64_t>((*values)[i]));
  }

 private:
  void put(const char* name, int part, uint64_t value) {
    SnapshotSection& section = sections_->back();
    if (section.rows == 0) {
      section.columns.push_back({column_name(group_, name, part), {value}});
      ++position_;
      return;
    }
    std::vector<uint64_t>& values = section.columns[position_++].values;
    if (values.size() == 1) {
      if (values[0] == value) return;
      values.resize(section.rows, values[0]);
    }
    values.push_back(value);
  }

  SnapshotSections* sections_;
  const char* group_ = "";
  size_t position_ = 0;  // of the next field in its row
};

}  // namespace hexagent
