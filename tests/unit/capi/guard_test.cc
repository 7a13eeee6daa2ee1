// guard: what becomes of exceptions. From outside only a bug of ours could show this.
#include "capi/guard.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <new>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

#include "core/base/check.h"

namespace {

hexagent_scheduler* self(void** state) { return static_cast<hexagent_scheduler*>(*state); }

int open_handle(void** state) {
  *state = hexagent_open(nullptr, HEXAGENT_VERSION, nullptr);
  return *state == nullptr ? -1 : 0;
}

int close_handle(void** state) {
  hexagent_close(self(state));
  return 0;
}

int32_t break_invariant(hexagent_scheduler&) {
  throw hexagent::InvariantFailure{"1 == 2", __FILE__, __LINE__};
}

int32_t run_out_of_memory(hexagent_scheduler&) { throw std::bad_alloc(); }

int32_t throw_something(hexagent_scheduler&) { throw 42; }

void a_broken_invariant_poisons_the_handle(void** state) {
  hexagent_scheduler* scheduler = self(state);
  assert_int_equal(hexagent::guard(scheduler, break_invariant), HEXAGENT_E_POISONED);
  hexagent_stats stats = {};
  stats.struct_size = sizeof(stats);
  assert_int_equal(hexagent_step(scheduler, 1), HEXAGENT_E_POISONED);
  assert_int_equal(hexagent_next_timer(scheduler), HEXAGENT_E_POISONED);
  assert_int_equal(hexagent_poll(scheduler, nullptr, 0), HEXAGENT_E_POISONED);
  assert_int_equal(hexagent_name(scheduler, "a", 1), HEXAGENT_E_POISONED);
  assert_int_equal(hexagent_stats_read(scheduler, &stats), HEXAGENT_E_POISONED);
  assert_int_equal(hexagent_ready(scheduler, 1, 1, 1), HEXAGENT_E_POISONED);
  hexagent_report report = {};
  hexagent_status result = HEXAGENT_OK;
  assert_int_equal(hexagent_complete(scheduler, &report, 1, &result), HEXAGENT_E_POISONED);
  assert_int_equal(result, HEXAGENT_E_POISONED);
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  assert_int_equal(hexagent_configure(scheduler, "learning", "0", &error), HEXAGENT_E_POISONED);
  assert_int_equal(error.status, HEXAGENT_E_POISONED);
}

void any_other_exception_poisons_the_handle(void** state) {
  assert_int_equal(hexagent::guard(self(state), throw_something), HEXAGENT_E_POISONED);
  assert_int_equal(hexagent_step(self(state), 1), HEXAGENT_E_POISONED);
}

void want_of_memory_in_a_question_leaves_the_handle_usable(void** state) {
  assert_int_equal(hexagent::guard(self(state), run_out_of_memory), HEXAGENT_E_NO_MEMORY);
  assert_int_equal(hexagent_step(self(state), 1), 0);
}

void want_of_memory_half_way_through_a_step_poisons(void** state) {
  assert_int_equal(hexagent::guard_moving(self(state), run_out_of_memory), HEXAGENT_E_POISONED);
  assert_int_equal(hexagent_step(self(state), 1), HEXAGENT_E_POISONED);
}

int32_t free_out_of_memory() { throw std::bad_alloc(); }
int32_t free_other() { throw 42; }

void functions_without_a_handle_answer_codes(void**) {
  assert_int_equal(hexagent::guard_free(free_out_of_memory), HEXAGENT_E_NO_MEMORY);
  assert_int_equal(hexagent::guard_free(free_other), HEXAGENT_E_INTERNAL);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_broken_invariant_poisons_the_handle, open_handle,
                                      close_handle),
      cmocka_unit_test_setup_teardown(any_other_exception_poisons_the_handle, open_handle,
                                      close_handle),
      cmocka_unit_test_setup_teardown(want_of_memory_in_a_question_leaves_the_handle_usable,
                                      open_handle, close_handle),
      cmocka_unit_test_setup_teardown(want_of_memory_half_way_through_a_step_poisons, open_handle,
                                      close_handle),
      cmocka_unit_test(functions_without_a_handle_answer_codes),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
