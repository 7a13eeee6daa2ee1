// Splitting, width check and number parsing.
#include "sim/cluster/csv_table.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "sim/input_error.h"
#include "sim/workload/text_file.h"

namespace hexagent::sim {
namespace {

std::vector<std::string> split_cells(std::string_view line) {
  std::vector<std::string> cells;
  for (;;) {
    const size_t comma = line.find(',');
    cells.emplace_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

}  // namespace

bool parse_number(std::string_view text, double& value) {
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  return code == std::errc() && rest == end && std::isfinite(value);
}

bool parse_number(std::string_view text, int64_t& value) {
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  return code == std::errc() && rest == end;
}

CsvTable CsvTable::load(const std::string& path) { return parse(read_text_file(path), path); }

CsvTable CsvTable::parse(std::string_view text, const std::string& path) {
  CsvTable table;
  table.path_ = path;
  int64_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.find('"') != std::string_view::npos) {
      throw InputError(path, line_number, "", "quoted fields are not supported");
    }
    std::vector<std::string> cells = split_cells(line);
    if (table.names_.empty()) {
      table.names_ = std::move(cells);
      continue;
    }
    if (cells.size() != table.names_.size()) {
      throw InputError(path, line_number, "",
                       "has " + std::to_string(cells.size()) + " fields, the header has " +
                           std::to_string(table.names_.size()));
    }
    table.rows_.push_back({line_number, std::move(cells)});
  }
  if (table.rows_.empty()) throw InputError(path, 0, "", "holds no rows");
  return table;
}

size_t CsvTable::column(const char* name) const {
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == name) return i;
  }
  throw InputError(path_, 1, name, "column is missing");
}

void CsvTable::fail(size_t row, size_t column, const std::string& message) const {
  throw InputError(path_, rows_[row].line, names_[column], message);
}

double CsvTable::number(size_t row, size_t column, double low, double high) const {
  double value = 0.0;
  if (!parse_number(text(row, column), value)) fail(row, column, "is not a number");
  if (value < low || value > high) fail(row, column, "is out of range: " + text(row, column));
  return value;
}

int64_t CsvTable::integer(size_t row, size_t column, int64_t low, int64_t high) const {
  int64_t value = 0;
  if (!parse_number(text(row, column), value)) {
    // Counts and sizes may be written as 1.606e+10.
    double real = 0.0;
    if (!parse_number(text(row, column), real) || real != std::floor(real) ||
        std::abs(real) > 9e18) {
      fail(row, column, "is not an integer");
    }
    value = static_cast<int64_t>(real);
  }
  if (value < low || value > high) fail(row, column, "is out of range: " + text(row, column));
  return value;
}

}  // namespace hexagent::sim
