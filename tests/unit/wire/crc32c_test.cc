// CRC-32C: published vectors, and that tables and instruction agree.
#include "wire/crc32c.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crash/random_input.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::crc32c;
using hexagent::crc32c_portable;

// RFC 3720, appendix B.4, and the usual check value.
void known_answers_are_given(void**) {
  unsigned char bytes[32] = {};
  assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aau);
  std::memset(bytes, 0xff, sizeof(bytes));
  assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43u);
  for (unsigned char i = 0; i < 32; ++i) bytes[i] = i;
  assert_int_equal(crc32c(0, bytes, 32), 0x46dd794eu);
  assert_int_equal(crc32c_portable(0, bytes, 32), 0x46dd794eu);
  assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
  assert_int_equal(crc32c(7, nullptr, 0), 7);
}

void tables_and_instruction_agree_at_every_size_and_offset(void**) {
  unsigned char bytes[160];
  hexagent::test::Draw draw{1};
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(draw());
  for (size_t from = 0; from < 16; ++from) {
    for (size_t size = 0; from + size <= sizeof(bytes); ++size) {
      assert_int_equal(crc32c(0, bytes + from, size), crc32c_portable(0, bytes + from, size));
    }
  }
}

void a_checksum_can_be_made_in_pieces(void**) {
  const char text[] = "one piece after the other";
  const uint32_t whole = crc32c(0, text, sizeof(text));
  for (size_t cut = 0; cut <= sizeof(text); ++cut) {
    assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, sizeof(text) - cut), whole);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(known_answers_are_given),
      cmocka_unit_test(tables_and_instruction_agree_at_every_size_and_offset),
      cmocka_unit_test(a_checksum_can_be_made_in_pieces),
  };
  return cmocka_run_group_tests_name("crc32c", tests, nullptr, nullptr);
}
