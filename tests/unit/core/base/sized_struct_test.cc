// The struct_size rule, on a struct that has grown since its first release.
#include "core/base/sized_struct.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

// First release: struct_size and `first`; `second` came later.
struct Grown {
  uint32_t struct_size;
  uint32_t first;
  uint64_t second;
};

// What a caller built with a still newer header would pass.
struct Newer {
  Grown known;
  uint64_t third;
};

}  // namespace

namespace hexagent {
template <>
inline constexpr uint32_t kFirstSize<Grown> = 8;
}  // namespace hexagent

namespace {

using hexagent::check_size;
using hexagent::read_sized;
using hexagent::write_sized;

void a_shorter_struct_reads_as_zero_beyond_its_end(void**) {
  const Grown from_caller = {8, 5, 77};  // a caller of the first release has no `second`
  Grown ours = {1, 2, 3};
  assert_int_equal(read_sized(&from_caller, &ours), HEXAGENT_OK);
  assert_int_equal(ours.struct_size, sizeof(Grown));
  assert_int_equal(ours.first, 5);
  assert_int_equal(ours.second, 0);
}

void a_longer_struct_is_read_when_its_surplus_is_zero(void**) {
  Newer from_caller = {{sizeof(Newer), 5, 6}, 0};
  Grown ours = {};
  assert_int_equal(read_sized(&from_caller.known, &ours), HEXAGENT_OK);
  assert_int_equal(ours.second, 6);
  from_caller.third = uint64_t{1} << 63;
  ours = {1, 2, 3};
  assert_int_equal(read_sized(&from_caller.known, &ours), HEXAGENT_E_TOO_NEW);
  assert_int_equal(ours.second, 3);
}

void less_than_the_first_release_is_refused(void**) {
  Grown from_caller = {};
  Grown ours = {};
  for (uint32_t size = 0; size < 8; ++size) {
    from_caller.struct_size = size;
    assert_int_equal(check_size(&from_caller), HEXAGENT_E_STRUCT_SIZE);
    assert_int_equal(read_sized(&from_caller, &ours), HEXAGENT_E_STRUCT_SIZE);
  }
  assert_int_equal(check_size(static_cast<const Grown*>(nullptr)), HEXAGENT_E_ARGUMENT);
}

void an_older_caller_gets_what_it_has_room_for(void**) {
  Grown to_caller = {8, 0, 0xabcdef};
  write_sized(Grown{sizeof(Grown), 5, 6}, &to_caller);
  assert_int_equal(to_caller.struct_size, 8);
  assert_int_equal(to_caller.first, 5);
  assert_int_equal(to_caller.second, 0xabcdef);
}

void a_newer_caller_gets_zeros_for_what_we_do_not_know(void**) {
  Newer to_caller = {{sizeof(Newer), 0, 0}, 0xabcdef};
  write_sized(Grown{sizeof(Grown), 5, 6}, &to_caller.known);
  assert_int_equal(to_caller.known.struct_size, sizeof(Newer));
  assert_int_equal(to_caller.known.second, 6);
  assert_int_equal(to_caller.third, 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_shorter_struct_reads_as_zero_beyond_its_end),
      cmocka_unit_test(a_longer_struct_is_read_when_its_surplus_is_zero),
      cmocka_unit_test(less_than_the_first_release_is_refused),
      cmocka_unit_test(an_older_caller_gets_what_it_has_room_for),
      cmocka_unit_test(a_newer_caller_gets_zeros_for_what_we_do_not_know),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
