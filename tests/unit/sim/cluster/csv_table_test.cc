// Tests of the CSV reader.
#include "sim/cluster/csv_table.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../caught_error.h"

namespace {

using hexagent::sim::catch_input_error;
using hexagent::sim::CaughtError;
using hexagent::sim::CsvTable;

constexpr const char* kText = "name,size,rate\r\na,1.606e+10,0.5\r\n\r\nb,3,x\r\n";

template <typename Access>
CaughtError error_of(const char* text, const Access& access) {
  return catch_input_error([&] { access(CsvTable::parse(text, "t.csv")); });
}

struct Cells {
  size_t rows = 0;
  int64_t size = 0;
  double rate = 0.0;
};

Cells read_cells() {
  const CsvTable table = CsvTable::parse(kText, "t.csv");
  return {table.row_count(), table.integer(0, table.column("size"), 0, int64_t{1} << 40),
          table.number(0, table.column("rate"), 0.0, 1.0)};
}

void cells_are_read_by_column_name(void**) {
  const Cells cells = read_cells();
  assert_int_equal(cells.rows, 2);
  assert_int_equal(cells.size, 16'060'000'000);
  assert_true(cells.rate == 0.5);
}

void a_cell_that_is_no_number_is_named_with_its_line(void**) {
  const CaughtError error =
      error_of(kText, [](const CsvTable& table) { table.number(1, 2, 0.0, 1.0); });
  assert_string_equal(error.what, "t.csv:4: rate: is not a number");
}

void a_number_out_of_range_is_refused(void**) {
  const CaughtError error =
      error_of(kText, [](const CsvTable& table) { table.integer(1, 1, 0, 2); });
  assert_string_equal(error.field, "size");
  assert_non_null(std::strstr(error.message, "out of range: 3"));
}

void a_missing_column_is_named(void**) {
  const CaughtError error =
      error_of(kText, [](const CsvTable& table) { (void)table.column("none"); });
  assert_string_equal(error.field, "none");
}

void a_row_of_wrong_width_is_refused(void**) {
  const CaughtError error = error_of("a,b\n1,2\n1\n", [](const CsvTable&) {});
  assert_int_equal(error.line, 3);
  assert_non_null(std::strstr(error.message, "has 1 fields, the header has 2"));
}

void a_table_without_rows_is_refused(void**) {
  assert_true(error_of("a,b\n", [](const CsvTable&) {}).thrown);
}

void quoted_fields_are_refused(void**) {
  assert_int_equal(error_of("a\n\"x\"\n", [](const CsvTable&) {}).line, 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(cells_are_read_by_column_name),
      cmocka_unit_test(a_cell_that_is_no_number_is_named_with_its_line),
      cmocka_unit_test(a_number_out_of_range_is_refused),
      cmocka_unit_test(a_missing_column_is_named),
      cmocka_unit_test(a_row_of_wrong_width_is_refused),
      cmocka_unit_test(a_table_without_rows_is_refused),
      cmocka_unit_test(quoted_fields_are_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
