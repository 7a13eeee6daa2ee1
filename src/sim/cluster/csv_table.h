// A small CSV table with named columns: read whole, checked, values parsed on access.
// Quoted fields are not needed by the profile tables and are refused, so that nothing is misread.
// Tests: tests/unit/sim/cluster/csv_table_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hexagent::sim {

// Both return false when `text` is not wholly a finite number of that kind.
bool parse_number(std::string_view text, double& value);
bool parse_number(std::string_view text, int64_t& value);

class CsvTable {
 public:
  // Throws InputError for an unreadable or empty file and for rows of a wrong width.
  static CsvTable load(const std::string& path);
  static CsvTable parse(std::string_view text, const std::string& path);

  size_t row_count() const { return rows_.size(); }
  // Position of a column; throws InputError when the file has none of that name.
  size_t column(const char* name) const;

  const std::string& text(size_t row, size_t column) const { return rows_[row].cells[column]; }
  // Both throw InputError with the row's line when the cell is no number of `low` to `high`.
  double number(size_t row, size_t column, double low, double high) const;
  int64_t integer(size_t row, size_t column, int64_t low, int64_t high) const;

  [[noreturn]] void fail(size_t row, size_t column, const std::string& message) const;

 private:
  struct Row {
    int64_t line = 0;
    std::vector<std::string> cells;
  };

  std::string path_;
  std::vector<std::string> names_;
  std::vector<Row> rows_;
};

}  // namespace hexagent::sim
