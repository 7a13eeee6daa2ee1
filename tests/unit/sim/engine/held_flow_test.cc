// Tests of held flows in src/sim/engine/link.h: 1 byte takes 1 ns on an idle link, latency 100 ns.
#include <cmath>
#include <stdexcept>
#include <utility>

#include "sim/engine/link.h"

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

struct World {
  LinkNetwork network{{{1e9, 1e9}, {1e9, 1e9}, {1e9, 1e9}}, 100e-9};
  Reports reports;
  int64_t events = 0;

  void advance_to(TimeNs now) {
    while (network.next_event() <= now) {
      network.advance(network.next_event(), reports);
      ++events;
    }
  }
  void run() {
    advance_to(kNever - 1);
    network.check_drained();
  }
  TimeNs time_of(ReportKind kind, uint64_t id) const {
    for (const Report& report : reports) {
      if (report.kind == kind && report.id == id) return report.time;
    }
    return -1;
  }
  TimeNs finish_of(uint64_t id) const { return time_of(ReportKind::kTransferFinished, id); }
  int64_t sent_by_worker(int32_t worker, TimeNs now) const {
    return std::llround(network.stats(now, worker).egress_bytes);
  }
  // 1000 bytes from 0 to 1 that become ready from 0 to `until`, but for the last 100 at its end.
  void start_growing(TimeNs until) {
    network.start_held(0, 1, 0, 1, 1000, 0);
    network.feed(0, 1, 0, 900, until);
    advance_to(until);
    network.release(until, 1);
  }
};

int setup(void** state) {
  *state = new World;
  return 0;
}
int teardown(void** state) {
  delete static_cast<World*>(*state);
  return 0;
}

TimeNs finish_of_growing(TimeNs until) {
  World world;
  world.start_growing(until);
  world.run();
  return world.finish_of(1);
}

void a_fast_link_has_only_the_last_bytes_left_at_the_end(void** /*state*/) {
  assert_int_equal(finish_of_growing(9000), 9000 + 100 + 100);
  assert_int_equal(finish_of_growing(1000), 1000 + 100 + 100);
}

void a_slow_link_is_busy_from_the_first_byte_on(void** /*state*/) {
  assert_int_equal(finish_of_growing(500), 1000 + 100);  // 500 left at 500
}

void what_is_ready_at_once_leaves_at_once(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 0);
  world.network.feed(0, 1, 400, 500, 1000);
  // What grows is half of what leaves: at 800 nothing waits any more.
  for (const auto& [now, sent] : {std::pair{400, 400}, {800, 800}, {900, 850}}) {
    world.advance_to(now);
    assert_int_equal(world.sent_by_worker(0, now), sent);
  }
  world.advance_to(1000);
  world.network.release(1000, 1);
  world.run();
  assert_int_equal(world.finish_of(1), 1000 + 100 + 100);
}

void a_flow_waits_for_its_begin(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 300);
  world.network.feed(0, 1, 1000, 0, 300);
  world.advance_to(300);
  assert_int_equal(world.time_of(ReportKind::kTransferStarted, 1), 300);
  world.network.release(300, 1);
  world.run();
  assert_int_equal(world.finish_of(1), 300 + 1000 + 100);
  assert_int_equal(world.reports.back().start, 300);
}

void released_before_its_begin_it_is_like_any_other(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 300);
  world.network.release(200, 1);
  world.run();
  assert_int_equal(world.finish_of(1), 300 + 1000 + 100);
}

void all_that_is_ready_may_have_left_before_the_release(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 0);
  world.network.feed(0, 1, 1000, 0, 0);
  world.advance_to(5000);
  assert_int_equal(world.finish_of(1), -1);
  world.network.release(5000, 1);
  world.run();
  assert_int_equal(world.finish_of(1), 5000 + 100);
}

// Half of the egress is more than the 0.1 bytes a nanosecond that become ready: nothing is lost.
void a_share_that_suffices_delays_nothing(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start(0, 2, 0, 2, 1000);
  world.start_growing(9000);
  world.run();
  assert_int_equal(world.finish_of(1), 9000 + 100 + 100);
  // What the other cannot use is not handed on: half of the link until it has ended.
  assert_int_equal(world.finish_of(2), 2000 + 100);
}

void a_share_that_does_not_suffice_piles_up(void** state) {
  // 500 have left at 1,000, the other has 500 left too: 1,000 each until 2,000.
  World& world = *static_cast<World*>(*state);
  world.network.start(0, 2, 0, 2, 1000);
  world.start_growing(1000);
  world.run();
  assert_int_equal(world.finish_of(1), 2000 + 100);
  assert_int_equal(world.finish_of(2), 2000 + 100);
}

void a_share_that_grows_works_off_what_has_piled_up(void** state) {
  // At 600 the other, of 300, is gone: 300 of 540 have left. Then 240 wait and 0.9 a nanosecond are
  // added: all the link until 1,000 takes 400, and 300 are left.
  World& world = *static_cast<World*>(*state);
  world.network.start(0, 2, 0, 2, 300);
  world.start_growing(1000);
  assert_int_equal(world.sent_by_worker(0, 1000) - 300, 700);
  world.run();
  assert_int_equal(world.finish_of(1), 1300 + 100);
}

void two_held_flows_share_an_end(void** state) {
  // Into worker 2: 450 of each have left at 900; 550 each at half the rate.
  World& world = *static_cast<World*>(*state);
  for (const uint64_t id : {1u, 2u}) {
    world.network.start_held(0, id, static_cast<int32_t>(id - 1), 2, 1000, 0);
    world.network.feed(0, id, 0, 900, 900);
  }
  world.advance_to(900);
  for (const uint64_t id : {1u, 2u}) world.network.release(900, id);
  world.run();
  assert_int_equal(world.finish_of(1), 2000 + 100);
  assert_int_equal(world.finish_of(2), 2000 + 100);
}

void chunk_after_chunk_is_fed(void** state) {
  // Two chunks of 500 in 1,000 each, the last 50 of a chunk at its end.
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 0);
  world.network.feed(0, 1, 0, 450, 1000);
  world.advance_to(1000);
  world.network.feed(1000, 1, 500, 450, 2000);
  world.advance_to(2000);
  assert_int_equal(world.sent_by_worker(0, 2000), 950);
  assert_in_range(world.events, 1, 3);  // its begin, and when the 50 were through
  world.network.release(2000, 1);
  world.run();
  assert_int_equal(world.finish_of(1), 2000 + 50 + 100);
}

void a_prefill_that_pauses_lets_the_flow_wait(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 0);
  world.network.feed(0, 1, 0, 400, 500);
  world.advance_to(500);
  world.network.feed(500, 1, 500, 0, 700);
  world.advance_to(700);
  assert_int_equal(world.sent_by_worker(0, 700), 500);
  world.network.feed(700, 1, 500, 400, 1200);
  world.advance_to(1200);
  world.network.release(1200, 1);
  world.run();
  assert_int_equal(world.finish_of(1), 1200 + 100 + 100);
}

void cancelled_in_the_middle_it_gives_its_share_back(void** state) {
  // 300 sent by 600, the remaining 700 at full rate.
  World& world = *static_cast<World*>(*state);
  world.network.start(0, 2, 0, 2, 1000);
  world.network.start_held(0, 1, 0, 1, 1000, 0);
  world.network.feed(0, 1, 0, 900, 9000);
  world.advance_to(600);
  assert_true(world.network.cancel(600, 1));
  assert_int_equal(world.network.flows_out(0), 1);
  world.run();
  assert_int_equal(world.finish_of(1), -1);
  assert_int_equal(world.finish_of(2), 600 + 700 + 100);
  assert_int_equal(world.sent_by_worker(0, 2000), 1000 + 60);
}

void cancelled_before_its_begin_it_has_never_been_there(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 500);
  assert_true(world.network.cancel(200, 1));
  world.run();
  assert_int_equal(world.reports.size(), 0);
}

void a_lost_worker_ends_held_flows_too(void** state) {
  World& world = *static_cast<World*>(*state);
  world.network.start_held(0, 1, 0, 1, 1000, 0);
  world.network.feed(0, 1, 0, 900, 1000);
  world.network.start_held(0, 2, 2, 1, 1000, 800);
  world.advance_to(500);
  assert_int_equal(world.network.lose(500, 1).size(), 2);
  world.run();
  assert_int_equal(world.finish_of(1), -1);
  assert_int_equal(world.sent_by_worker(0, 500), 450);
}

template <typename Action>
bool throws(const Action& action) {
  World world;
  world.network.start_held(0, 1, 0, 1, 1000, 0);
  world.network.feed(0, 1, 500, 300, 100);
  world.advance_to(0);
  try {
    action(&world.network);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

void what_cannot_be_is_refused(void** /*state*/) {
  assert_true(throws([](LinkNetwork* net) { net->feed(50, 1, 600, 0, 100); }));      // 650 were
  assert_true(throws([](LinkNetwork* net) { net->feed(100, 1, 800, 201, 200); }));   // of 1000
  assert_true(throws([](LinkNetwork* net) { net->feed(100, 1, 800, 100, 50); }));    // in the past
  assert_true(throws([](LinkNetwork* net) { net->feed(100, 7, 800, 100, 200); }));   // unknown
  assert_true(throws([](LinkNetwork* net) { net->start_held(0, 1, 0, 1, 5, 0); }));  // twice
  assert_true(throws([](LinkNetwork* net) { net->start_held(0, 2, 0, 1, 0, 0); }));  // nothing
  assert_true(throws([](LinkNetwork* net) { net->start_held(9, 2, 0, 1, 5, 8); }));  // in the past
  assert_false(throws([](LinkNetwork* net) { net->feed(100, 1, 800, 200, 200); }));
}

}  // namespace
}  // namespace hexagent::sim

#define HELD_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_fast_link_has_only_the_last_bytes_left_at_the_end),
      cmocka_unit_test(a_slow_link_is_busy_from_the_first_byte_on),
      HELD_TEST(what_is_ready_at_once_leaves_at_once),
      HELD_TEST(a_flow_waits_for_its_begin),
      HELD_TEST(released_before_its_begin_it_is_like_any_other),
      HELD_TEST(all_that_is_ready_may_have_left_before_the_release),
      HELD_TEST(a_share_that_suffices_delays_nothing),
      HELD_TEST(a_share_that_does_not_suffice_piles_up),
      HELD_TEST(a_share_that_grows_works_off_what_has_piled_up),
      HELD_TEST(two_held_flows_share_an_end),
      HELD_TEST(chunk_after_chunk_is_fed),
      HELD_TEST(a_prefill_that_pauses_lets_the_flow_wait),
      HELD_TEST(cancelled_in_the_middle_it_gives_its_share_back),
      HELD_TEST(cancelled_before_its_begin_it_has_never_been_there),
      HELD_TEST(a_lost_worker_ends_held_flows_too),
      cmocka_unit_test(what_cannot_be_is_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
