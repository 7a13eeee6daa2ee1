// NameTable: interning, capacity, what a name may be.
#include "runtime/name_table.h"

#include <atomic>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::is_valid_name;
using hexagent::NameTable;

bool same_text_same_id() {
  NameTable names(8);
  return names.intern("plan") == 1 && names.intern("solve") == 2 && names.intern("plan") == 1 &&
         names.size() == 2 && names.text(1) == "plan" && names.text(2) == "solve";
}

void the_same_text_gets_the_same_id(void**) { assert_true(same_text_same_id()); }

bool full_table_knows_old_names() {
  NameTable names(64);
  for (int32_t i = 1; i <= 64; ++i) {
    if (names.intern("name" + std::to_string(i)) != i) return false;
  }
  if (names.intern("one more") != HEXAGENT_E_FULL || names.size() != 64) return false;
  for (int32_t i = 1; i <= 64; ++i) {
    const std::string text = "name" + std::to_string(i);
    if (names.intern(text) != i || names.text(static_cast<uint32_t>(i)) != text) return false;
  }
  return true;
}

void a_full_table_refuses_new_names_and_knows_the_old(void**) {
  assert_true(full_table_knows_old_names());
}

bool known_ids() {
  NameTable names(4);
  names.intern("a");
  return !names.known(0) && names.known(1) && !names.known(2) && !names.known(UINT32_MAX);
}

void only_ids_that_were_given_are_known(void**) { assert_true(known_ids()); }

bool texts_end_in_zero() {
  NameTable names(4);
  names.intern("ab");
  names.intern("cd");
  return names.text(1).data()[2] == '\0' && names.text(2).data()[2] == '\0';
}

void texts_are_zero_terminated(void**) { assert_true(texts_end_in_zero()); }

bool refused(std::string_view name) {
  NameTable names(4);
  return !is_valid_name(name) && names.intern(name) == HEXAGENT_E_NAME && names.size() == 0;
}

void malformed_strings_are_no_names(void**) {
  assert_true(refused(""));
  assert_true(refused(std::string(256, 'x')));
  assert_true(refused(std::string_view("a\0b", 3)));
  assert_true(refused("\x80"));              // continuation without a start
  assert_true(refused("\xc3"));              // cut
  assert_true(refused("\xc0\xaf"));          // overlong
  assert_true(refused("\xe0\x80\xaf"));      // overlong
  assert_true(refused("\xed\xa0\x80"));      // surrogate
  assert_true(refused("\xf0\x80\x80\x80"));  // overlong
  assert_true(refused("\xf4\x90\x80\x80"));  // beyond U+10FFFF
  assert_true(refused("\xff"));
}

void any_well_formed_text_up_to_the_limit_is_a_name(void**) {
  assert_true(is_valid_name("a"));
  assert_true(is_valid_name(std::string(255, 'x')));
  assert_true(is_valid_name("\xc3\xa9t\xc3\xa9"));
  assert_true(is_valid_name("\xe4\xb8\xad\xe6\x96\x87"));
  assert_true(is_valid_name("\xf0\x9f\x90\x9d"));
}

// Threads intern the same names while others look: one id a name, and a known id has its text.
bool threads_agree() {
  constexpr uint32_t kNames = 300;
  NameTable names(kNames);
  std::vector<std::vector<int32_t>> ids(3, std::vector<int32_t>(kNames));
  std::atomic<bool> good{true};
  std::vector<std::thread> threads;
  for (std::vector<int32_t>& mine : ids) {
    threads.emplace_back([&names, &mine] {
      for (uint32_t i = 0; i < kNames; ++i) mine[i] = names.intern("name" + std::to_string(i));
    });
  }
  threads.emplace_back([&names, &good] {
    for (uint32_t size = 0; size < kNames;) {
      size = names.size();
      if (size > 0 && names.text(size).substr(0, 4) != "name") good = false;
      if (size > 0 && !names.known(size)) good = false;
    }
  });
  for (std::thread& thread : threads) thread.join();
  return good && ids[0] == ids[1] && ids[0] == ids[2] && names.size() == kNames;
}

void threads_get_the_same_ids_and_see_whole_texts(void**) { assert_true(threads_agree()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_same_text_gets_the_same_id),
      cmocka_unit_test(a_full_table_refuses_new_names_and_knows_the_old),
      cmocka_unit_test(only_ids_that_were_given_are_known),
      cmocka_unit_test(texts_are_zero_terminated),
      cmocka_unit_test(malformed_strings_are_no_names),
      cmocka_unit_test(any_well_formed_text_up_to_the_limit_is_a_name),
      cmocka_unit_test(threads_get_the_same_ids_and_see_whole_texts),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
