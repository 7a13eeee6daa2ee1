// Tests of src/sim/engine/decode_engine.h and decode_schedule.cc: times added up by hand from
// LinearTruth. Random runs are in decode_engine_random_test.cc.
#include "sim/engine/decode_engine.h"

#include <stdexcept>

#include "decode_world.h"

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

struct Times {
  TimeNs a = -1;
  TimeNs b = -1;
  TimeNs c = -1;
};

Times one_sequence() {
  DecodeWorld world;
  world.place(0, 1, 100, 3);
  world.run();
  world.engine.check_drained();
  return Times{world.first_token_of(1), world.finish_of(1), -1};
}

Times one_joins_another() {
  DecodeWorld world;
  world.place(0, 1, 100, 10);
  world.advance_to(1000000);
  world.place(1000000, 2, 200, 1);
  world.run();
  return Times{world.first_token_of(2), world.finish_of(2), world.finish_of(1)};
}

Times two_seats_for_three() {
  DecodeWorld world(DecodeSetup{.batch_max = 2});
  world.place(0, 1, 10, 2);
  world.place(0, 2, 10, 3);
  world.place(0, 3, 10, 1, -1);  // arrives last, goes first
  world.run();
  return Times{world.finish_of(3), world.finish_of(1), world.finish_of(2)};
}

// Six blocks of four tokens; each of the two would need four in the end.
struct Preempted {
  Report report;
  TimeNs finish_first;
  TimeNs finish_second;
  int64_t recomputed;
};
Preempted preempt_the_latest() {
  DecodeWorld world(DecodeSetup{.capacity_tokens = 24, .block_tokens = 4});
  world.place(0, 1, 8, 8);
  world.place(0, 2, 8, 8);
  Preempted result{};
  world.run();
  for (const Report& report : world.reports) {
    if (report.kind == ReportKind::kPreempted) result.report = report;
  }
  world.engine.check_drained();
  result.finish_first = world.finish_of(1);
  result.finish_second = world.finish_of(2);
  result.recomputed = world.engine.stats(result.finish_second).recomputed_tokens;
  return result;
}

// Nine blocks of four tokens. The third is preempted at context 12, the second at 16; the third
// would fit beside the first, the second not.
int64_t preemptions_of_three() {
  DecodeWorld world(DecodeSetup{.capacity_tokens = 36, .block_tokens = 4});
  world.place(0, 1, 8, 16);
  world.place(0, 2, 8, 16);
  world.place(0, 3, 8, 8);
  world.run();
  world.engine.check_drained();
  return world.engine.stats(world.finish_of(2)).preemptions;
}

// Eight blocks of four tokens. The second is preempted before its third iteration; the third, which
// holds its KV and waits for a seat, takes it one iteration later.
TimeNs first_token_in_a_seat_freed_by_preemption() {
  DecodeWorld world(DecodeSetup{.capacity_tokens = 32, .block_tokens = 4, .batch_max = 2});
  world.place(0, 1, 10, 22);
  world.place(0, 2, 10, 20);
  world.place(0, 3, 8, 4, 1);
  world.run();
  world.engine.check_drained();
  return world.first_token_of(3);
}

// Two reservations wait behind a full worker; the later one has the better priority.
Times reservations_in_order_of_priority() {
  DecodeWorld world(DecodeSetup{.capacity_tokens = 160});
  world.place(0, 1, 90, 6);
  world.advance_to(0);
  const bool second = world.reserve(1000, world.request(2, 90, 6, 5));
  const bool third = world.reserve(2000, world.request(3, 30, 6, 4));  // would fit at once
  world.advance_to(2000);
  if (second || third) return Times{};
  return Times{world.time_of(ReportKind::kKvReserved, 2), world.time_of(ReportKind::kKvReserved, 3),
               -1};
}

Times waiting_reservations_run_when_space_is_free() {
  DecodeWorld world(DecodeSetup{.capacity_tokens = 160});
  world.place(0, 1, 90, 2);
  world.advance_to(0);
  world.reserve(1000, world.request(2, 150, 6, 5));
  world.reserve(2000, world.request(3, 90, 6, 5));
  world.run();
  return Times{world.finish_of(1), world.time_of(ReportKind::kKvReserved, 2),
               world.time_of(ReportKind::kKvReserved, 3)};
}

int64_t cached_tokens_of_the_next_turn(bool share_prefix) {
  DecodeWorld world;
  const ContentId first = world.tree.add(kNoContent, 0, 110);
  const ContentId second = world.tree.add(first, 110, 200);
  world.engine.reserve(0, DecodeRequest{1, first, 100, 10, 0}, true);
  world.engine.submit(0, 1);
  world.run();
  const TimeNs now = world.finish_of(1);
  return world.engine.reserve(now, DecodeRequest{2, second, 150, 50, 0}, share_prefix).value_or(-1);
}

struct Cancelled {
  int64_t answered;
  int64_t in_use_blocks;
  TimeNs finish_of_other;
};
Cancelled cancel_in_every_state() {
  DecodeWorld world(DecodeSetup{.capacity_tokens = 320, .batch_max = 2});
  world.place(0, 1, 32, 20);  // running
  world.place(0, 2, 32, 4);   // running
  world.advance_to(1000);
  world.place(1000, 3, 32, 20);                                // arrived
  world.reserve(1000, world.request(4, 32, 20));               // reserved
  world.engine.submit_local(1000, world.request(5, 300, 20));  // waiting for space
  Cancelled result{};
  world.before(2000);
  for (const uint64_t id : {1u, 3u, 4u, 5u, 6u}) {
    result.answered += world.engine.cancel(2000, id) ? 1 : 0;
  }
  world.run();
  world.engine.check_drained();
  result.finish_of_other = world.finish_of(2);
  result.in_use_blocks = world.engine.cache().in_use_blocks();
  return result;
}

struct Local {
  TimeNs prefill_start;
  TimeNs prefill_end;
  TimeNs finish;
  TimeNs finish_of_other;
};
Local local_beside_a_running_sequence() {
  DecodeWorld world;
  world.place(0, 1, 100, 4);
  world.advance_to(0);
  world.engine.submit_local(1000, world.request(2, 3000, 1));
  world.run();
  world.engine.check_drained();
  return Local{world.time_of(ReportKind::kPrefillStarted, 2),
               world.time_of(ReportKind::kPrefillFinished, 2), world.finish_of(2),
               world.finish_of(1)};
}

int64_t ids_lost_with_the_worker() {
  DecodeWorld world;
  world.place(0, 4, 100, 10);
  world.advance_to(0);
  world.reserve(1000, world.request(9, 100, 10));
  world.engine.submit_local(2000, world.request(3, 100, 10));
  world.before(3000);
  int64_t digits = 0;
  for (const uint64_t id : world.engine.lose(3000)) {
    digits = digits * 10 + static_cast<int64_t>(id);
  }
  world.engine.check_drained();
  return world.engine.next_event() == kNever ? digits : -1;
}

int64_t generated_in_the_middle() {
  DecodeWorld world;
  world.place(0, 1, 100, 1000);
  world.advance_to(0);
  world.advance_to(3100000);
  return world.engine.generated_tokens(3100000 + 3101000 + 3102000, 1);
}

// A reservation that comes and goes takes nothing from the running sequence.
TimeNs finish_with_jitter(int32_t interruptions) {
  DecodeWorld world(DecodeSetup{.jitter_sd = 0.05});
  world.place(0, 1, 100, 500);
  for (int32_t i = 0; i < interruptions; ++i) {
    const TimeNs now = 1000 + 37000000 * i;
    world.reserve(now, world.request(100, 50, 10));
    world.engine.cancel(now, 100);
  }
  world.run();
  return world.finish_of(1);
}

bool throws_on(int64_t prompt, int64_t output, bool submit_unknown) {
  DecodeWorld world(DecodeSetup{.capacity_tokens = 160});
  try {
    world.place(0, 1, prompt, output);
    if (submit_unknown) world.engine.submit(0, 77);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

void every_iteration_takes_the_time_of_its_context(void** /*state*/) {
  const Times times = one_sequence();
  assert_int_equal(times.a, 3100000);
  assert_int_equal(times.b, 3100000 + 3101000 + 3102000);
}
void a_newcomer_joins_at_the_next_iteration(void** /*state*/) {
  // First alone until 3.1 ms, both at 4 ms + 101 us + 200 us, then alone from context 102 to 109.
  const Times times = one_joins_another();
  assert_int_equal(times.a, 3100000 + 4301000);
  assert_int_equal(times.b, times.a);
  assert_int_equal(times.c, 7401000 + 8 * 3000000 + (102 + 109) * 4 * 1000);
}
void a_full_batch_keeps_the_lowest_priority_waiting(void** /*state*/) {
  // 3 and 1 run first: 4.020 ms; then 2 takes the seat: 11 + 10; then 2 alone.
  const Times times = two_seats_for_three();
  assert_int_equal(times.a, 4020000);
  assert_int_equal(times.b, 4020000 + 4021000);
  assert_int_equal(times.c, 8041000 + 3011000 + 3012000);
}
void the_latest_is_preempted_and_recomputes_its_context(void** /*state*/) {
  const Preempted result = preempt_the_latest();
  // Four iterations of two sequences: 4.016 + 4.018 + 4.020 + 4.022 ms.
  assert_int_equal(result.report.id, 2);
  assert_int_equal(result.report.time, 16076000);
  assert_int_equal(result.report.computed_tokens, 4);
  // Then the first alone: 3.012 + 3.013 + 3.014 + 3.015 ms.
  assert_int_equal(result.finish_first, 28130000);
  // The prompt of the second is still cached: 4 tokens after 8 cost 1.00404 ms on top of 3.012 ms.
  assert_int_equal(result.recomputed, 4);
  assert_int_equal(result.finish_second, 28130000 + 4016040 + 3013000 + 3014000 + 3015000);
}
void an_earlier_call_goes_back_before_a_later_one(void** /*state*/) {
  assert_int_equal(preemptions_of_three(), 2);
}
void a_seat_freed_by_preemption_is_filled_after_one_iteration(void** /*state*/) {
  // 4.020 + 4.022 ms with the second, 3.012 ms alone, then 4 ms + 13 + 8 us with the third.
  assert_int_equal(first_token_in_a_seat_freed_by_preemption(),
                   4020000 + 4022000 + 3012000 + 4021000);
}
void a_waiting_reservation_goes_by_priority(void** /*state*/) {
  const Times times = reservations_in_order_of_priority();
  assert_int_equal(times.a, -1);
  assert_int_equal(times.b, 2000);
}
void a_reservation_does_not_pass_the_head_of_the_queue(void** /*state*/) {
  const Times times = waiting_reservations_run_when_space_is_free();
  assert_int_equal(times.b, times.a);
  assert_int_equal(times.c, -1);
}
void the_context_of_a_finished_call_is_cached_for_the_next(void** /*state*/) {
  assert_int_equal(cached_tokens_of_the_next_turn(true), 96);
  assert_int_equal(cached_tokens_of_the_next_turn(false), 0);
}
void cancel_ends_a_request_in_any_state(void** /*state*/) {
  const Cancelled result = cancel_in_every_state();
  assert_int_equal(result.answered, 4);
  assert_int_equal(result.in_use_blocks, 0);
  // The iteration in progress keeps its length: 4.064 ms; then 3.033 + 3.034 + 3.035.
  assert_int_equal(result.finish_of_other, 4064000 + 3033000 + 3034000 + 3035000);
}
void a_local_prefill_lengthens_the_iterations_it_shares(void** /*state*/) {
  // 3.1 ms; then 3.101 with 2048 tokens: 1 + 2.048 + 2.097152 ms; then 3.102 with 952 tokens:
  // 1 + 0.952 + 952*(2048 + 476) ns = 4.354848 ms; then both decode: 4 + 0.103 + 3 ms.
  const Local local = local_beside_a_running_sequence();
  assert_int_equal(local.prefill_start, 3100000);
  assert_int_equal(local.prefill_end, 3100000 + 8246152 + 7456848);
  assert_int_equal(local.finish, local.prefill_end + 7103000);
  assert_int_equal(local.finish_of_other, local.finish);
}
void a_lost_worker_names_everything_it_held(void** /*state*/) {
  assert_int_equal(ids_lost_with_the_worker(), 493);
}
void progress_can_be_asked_within_a_quiet_stretch(void** /*state*/) {
  assert_int_equal(generated_in_the_middle(), 3);
}
void an_interruption_without_effect_changes_no_time(void** /*state*/) {
  assert_int_equal(finish_with_jitter(0), finish_with_jitter(30));
}
void what_can_never_be_served_is_refused(void** /*state*/) {
  assert_false(throws_on(150, 10, false));
  assert_true(throws_on(150, 11, false));
  assert_true(throws_on(150, 0, false));
  assert_true(throws_on(10, 10, true));
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_iteration_takes_the_time_of_its_context),
      cmocka_unit_test(a_newcomer_joins_at_the_next_iteration),
      cmocka_unit_test(a_full_batch_keeps_the_lowest_priority_waiting),
      cmocka_unit_test(the_latest_is_preempted_and_recomputes_its_context),
      cmocka_unit_test(an_earlier_call_goes_back_before_a_later_one),
      cmocka_unit_test(a_seat_freed_by_preemption_is_filled_after_one_iteration),
      cmocka_unit_test(a_waiting_reservation_goes_by_priority),
      cmocka_unit_test(a_reservation_does_not_pass_the_head_of_the_queue),
      cmocka_unit_test(the_context_of_a_finished_call_is_cached_for_the_next),
      cmocka_unit_test(cancel_ends_a_request_in_any_state),
      cmocka_unit_test(a_local_prefill_lengthens_the_iterations_it_shares),
      cmocka_unit_test(a_lost_worker_names_everything_it_held),
      cmocka_unit_test(progress_can_be_asked_within_a_quiet_stretch),
      cmocka_unit_test(an_interruption_without_effect_changes_no_time),
      cmocka_unit_test(what_can_never_be_served_is_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
