// SnapshotReader: gives the fields of one record after another out of columns that are not trusted.
//
// The first thing that is wrong is kept, with the section, column and row it is in; from then on
// sections have no rows and fields stay as they were. Every value is checked against its type and
// the bounds of its field, so what comes out is in range; whether it makes sense is for the tables.
// Tests: tests/unit/core/snapshot.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "core/base/time.h"
#include "core/snapshot/sections.h"

namespace hexagent {

class SnapshotReader {
 public:
  // The sections outlive this.
  explicit SnapshotReader(const SnapshotSections& sections) : sections_(sections) {
    used_.resize(sections.size(), false);
  }

  bool sound() const { return flaw_.empty(); }
  const std::string& flaw() const { return flaw_; }

  // Begins a section; returns its number of rows, at most `rows_most`. Then, for each row, its
  // fields in the same order, and end_row().
  uint32_t begin(const char* section, uint64_t rows_most);
  // One without a bound of its own: it has as many rows as its longest column has values, so that
  // few values cannot ask for many rows.
  uint32_t begin_unbounded(const char* section);
  // One that has exactly one row.
  void begin_one(const char* section);
  void end_row();
  // Fields from here on are called `group`_`name`, until the next one or the end of the row.
  void group(const char* group) { group_ = group; }
  bool has(const char* column) const;
  // Is there such a section? One that came with a later release may be missing.
  bool has_section(const char* section) const;

  // Nothing must be left that nobody asked for.
  void finish();

  // Something in the present section makes no sense; `column` may be "".
  void refuse(const char* column, const std::string& text);
  // In words of its own.
  void refuse(const std::string& text);

  // ---- fields ----
  // A whole number between bounds, of an unsigned or an enumeration type.
  template <class Number>
  void number(const char* name, Number* value, uint64_t low, uint64_t high) {
    uint64_t bits = 0;
    if (take(name, -1, &bits) && within(name, -1, bits, low, high)) {
      *value = static_cast<Number>(bits);
    }
  }
  template <class Number>
  void number(const char* name, Number* value) {
    static_assert(std::is_unsigned_v<Number>);
    number(name, value, 0, std::numeric_limits<Number>::max());
  }
  // One that came with a later release than the section, of which there is one row: what has no
  // column stays as it is.
  template <class Number>
  void added(const char* name, Number* value) {
    if (has(full_name(name, -1).c_str())) number(name, value);
  }
  // An array of them; each part is a column of its own.
  template <class Number, int Count>
  void numbers(const char* name, Number (*values)[Count]) {
    for (int i = 0; i < Count; ++i) {
      uint64_t bits = 0;
      if (take(name, i, &bits) && within(name, i, bits, 0, std::numeric_limits<Number>::max())) {
        (*values)[i] = static_cast<Number>(bits);
      }
    }
  }
  // The place of one of `count` records, or 0xffffffff for none.
  void index(const char* name, uint32_t* value, uint64_t count);
  void flag(const char* name, bool* value);
  // The same of a signed type.
  void whole(const char* name, int64_t* value, int64_t low, int64_t high);
  void time(const char* name, TimeNs* value, TimeNs low = 0, TimeNs high = kTimeMaxNs) {
    whole(name, value, low, high);
  }
  // A finite number between bounds.
  void real(const char* name, double* value, double low, double high) {
    real_part(name, -1, value, low, high);
  }
  template <int Count>
  void reals(const char* name, double (*values)[Count], double low, double high) {
    for (int i = 0; i < Count; ++i) real_part(name, i, &(*values)[i], low, high);
  }

 private:
  const SnapshotSection* find(const char* section);
  std::string full_name(const char* name, int part) const;
  bool take(const char* name, int part, uint64_t* bits);
  bool within(const char* name, int part, uint64_t bits, uint64_t low, uint64_t high);
  void real_part(const char* name, int part, double* value, double low, double high);
  void refuse_field(const char* name, int part, const std::string& text);

  const SnapshotSections& sections_;
  std::vector<bool> used_;                // sections somebody asked for
  const SnapshotSection* now_ = nullptr;  // the present section
  const char* name_ = "";                 // its name
  const char* group_ = "";
  uint32_t row_ = 0;
  size_t position_ = 0;          // of the next field in its row
  std::vector<size_t> columns_;  // by position, found in the first row
  std::string flaw_;
};

}  // namespace hexagent
