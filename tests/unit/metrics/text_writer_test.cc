// TextWriter: cutting, counting, numbers.
#include "metrics/text_writer.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::TextWriter;

void what_fits_is_written_whole(void**) {
  char buffer[16];
  TextWriter text(buffer, sizeof(buffer));
  text << "n = " << uint64_t{42} << ", " << 0.5;
  assert_string_equal(buffer, "n = 42, 0.5");
  assert_int_equal(text.needed(), 12);
  assert_true(text.complete());
}

void what_does_not_fit_is_cut_and_counted(void**) {
  char buffer[8];
  std::memset(buffer, '#', sizeof(buffer));
  TextWriter text(buffer, 5);
  text << "abc"
       << "defg";
  assert_string_equal(buffer, "abcd");
  assert_int_equal(buffer[5], '#');
  assert_int_equal(text.needed(), 8);
  assert_false(text.complete());
}

void a_buffer_of_exactly_the_size_is_enough(void**) {
  char buffer[4];
  TextWriter text(buffer, sizeof(buffer));
  text << "abc";
  assert_string_equal(buffer, "abc");
  assert_true(text.complete());
}

void without_a_buffer_it_only_counts(void**) {
  TextWriter text(nullptr, 0);
  text << "abc" << int64_t{-7};
  assert_int_equal(text.needed(), 6);
  assert_false(text.complete());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_fits_is_written_whole),
      cmocka_unit_test(what_does_not_fit_is_cut_and_counted),
      cmocka_unit_test(a_buffer_of_exactly_the_size_is_enough),
      cmocka_unit_test(without_a_buffer_it_only_counts),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
