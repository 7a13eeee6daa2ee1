// Tests of src/sim/engine/event_queue.h.
#include "sim/engine/event_queue.h"

// cmocka.h needs these four before it and has no extern "C" of its own.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
extern "C" {
#include <cmocka.h>
}

namespace hexagent::sim {
namespace {

// Pops everything and returns the payloads as the digits of one number.
int64_t drain_digits(EventQueue<int32_t>& queue) {
  int64_t digits = 0;
  while (!queue.empty()) digits = digits * 10 + queue.pop();
  return digits;
}

int64_t order_of_times_and_ties() {
  EventQueue<int32_t> queue;
  queue.push(20, 4);
  queue.push(10, 1);
  queue.push(10, 2);
  queue.push(30, 5);
  queue.push(10, 3);
  return drain_digits(queue);
}

int64_t order_after_cancel() {
  EventQueue<int32_t> queue;
  const EventHandle first = queue.push(10, 1);
  queue.push(20, 2);
  const EventHandle third = queue.push(30, 3);
  queue.push(40, 4);
  queue.cancel(first);
  queue.cancel(third);
  return drain_digits(queue);
}

bool stale_handle_cancels() {
  EventQueue<int32_t> queue;
  const EventHandle handle = queue.push(10, 1);
  queue.pop();
  queue.push(20, 2);  // takes the slot again
  return queue.cancel(handle) || queue.cancel(EventHandle{});
}

TimeNs next_time_after_cancelling_the_first() {
  EventQueue<int32_t> queue;
  const EventHandle handle = queue.push(10, 1);
  queue.push(25, 2);
  queue.cancel(handle);
  return queue.next_time();
}

TimeNs next_time_of_an_empty_queue() {
  EventQueue<int32_t> queue;
  queue.cancel(queue.push(10, 1));
  return queue.next_time();
}

void events_come_by_time_and_then_by_insertion(void** /*state*/) {
  assert_int_equal(order_of_times_and_ties(), 12345);
}
void a_cancelled_event_never_comes(void** /*state*/) { assert_int_equal(order_after_cancel(), 24); }
void a_stale_handle_cancels_nothing(void** /*state*/) { assert_false(stale_handle_cancels()); }
void the_next_time_ignores_cancelled_events(void** /*state*/) {
  assert_int_equal(next_time_after_cancelling_the_first(), 25);
}
void an_empty_queue_has_no_next_time(void** /*state*/) {
  assert_true(next_time_of_an_empty_queue() == kNever);
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(events_come_by_time_and_then_by_insertion),
      cmocka_unit_test(a_cancelled_event_never_comes),
      cmocka_unit_test(a_stale_handle_cancels_nothing),
      cmocka_unit_test(the_next_time_ignores_cancelled_events),
      cmocka_unit_test(an_empty_queue_has_no_next_time),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
