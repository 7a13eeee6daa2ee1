// Tests of src/sim/engine/link.h: 1 byte takes 1 ns on an idle link, latency 100 ns.
#include "sim/engine/link.h"

#include <cmath>
#include <stdexcept>

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
  LinkNetwork network{{{1e9, 1e9}, {1e9, 1e9}, {1e9, 1e9}, {0.5e9, 2e9}}, 100e-9};
  Reports reports;

  void advance_to(TimeNs now) {
    while (network.next_event() <= now) network.advance(network.next_event(), reports);
  }
  void run() {
    while (network.next_event() != kNever) network.advance(network.next_event(), reports);
    network.check_drained();
  }
  TimeNs finish_of(uint64_t id) const {
    for (const Report& report : reports) {
      if (report.id == id) return report.time;
    }
    return -1;
  }
};

struct Finishes {
  TimeNs first = -1;
  TimeNs second = -1;
  TimeNs third = -1;
};

Finishes finishes(World& world) {
  world.run();
  return Finishes{world.finish_of(1), world.finish_of(2), world.finish_of(3)};
}

Finishes one_flow(int32_t from, int32_t to, int64_t bytes) {
  World world;
  world.network.start(50, 1, from, to, bytes);
  return finishes(world);
}

Finishes two_from_one_worker() {
  World world;
  world.network.start(0, 1, 0, 1, 1000);
  world.advance_to(500);
  world.network.start(500, 2, 0, 2, 1000);
  return finishes(world);
}

Finishes three_on_a_chain_of_ends() {
  World world;
  world.network.start(0, 1, 0, 1, 1000);  // shares its source with 2
  world.network.start(0, 2, 0, 2, 1000);  // shares its target with 3
  world.network.start(0, 3, 1, 2, 2000);
  return finishes(world);
}

Finishes one_of_two_cancelled() {
  World world;
  world.network.start(0, 1, 0, 1, 1000);
  world.network.start(0, 2, 0, 2, 1000);
  world.advance_to(600);
  world.network.cancel(600, 2);
  return finishes(world);
}

// Digits of the ids lost with worker 2, and the end of the flow that stays.
struct Loss {
  int64_t digits;
  TimeNs other;
};
Loss lose_worker_two() {
  World world;
  world.network.start(0, 5, 2, 1, 1000);
  world.network.start(0, 1, 0, 1, 1000);
  world.network.start(0, 3, 0, 2, 1000);
  Loss loss{0, 0};
  for (const uint64_t id : world.network.lose(200, 2)) {
    loss.digits = loss.digits * 10 + static_cast<int64_t>(id);
  }
  world.run();
  loss.other = world.finish_of(1);
  return loss;
}

struct Egress {
  int64_t bytes;
  int64_t busy_ns;
};
Egress egress(const LinkStats& stats) {
  return Egress{std::llround(stats.egress_bytes), std::llround(stats.egress_busy_s * 1e9)};
}

Egress stats_midway() {
  World world;
  world.network.start(0, 1, 0, 1, 1000);
  world.network.start(0, 2, 0, 2, 1000);
  return egress(world.network.stats(600, 0));
}

Egress stats_at_the_end() {
  World world;
  world.network.start(0, 1, 0, 1, 1000);
  world.network.start(0, 2, 0, 2, 300);
  world.run();
  return egress(world.network.stats(5000, 0));
}

bool second_start_of_an_id_throws() {
  World world;
  world.network.start(0, 1, 0, 1, 1000);
  try {
    world.network.start(0, 1, 0, 2, 1000);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

void a_flow_takes_bytes_over_bandwidth_and_then_the_latency(void** /*state*/) {
  assert_int_equal(one_flow(0, 1, 1000).first, 50 + 1000 + 100);
}
void the_slower_end_sets_the_rate(void** /*state*/) {
  assert_int_equal(one_flow(3, 1, 1000).first, 50 + 2000 + 100);
  assert_int_equal(one_flow(1, 3, 1000).first, 50 + 1000 + 100);
}
void a_flow_of_no_bytes_takes_the_latency_only(void** /*state*/) {
  assert_int_equal(one_flow(0, 1, 0).first, 150);
}
void two_flows_from_one_worker_share_its_egress(void** /*state*/) {
  // The first has 500 left at 500 and half the rate; the second then runs alone for its last 500.
  const Finishes end = two_from_one_worker();
  assert_int_equal(end.first, 1500 + 100);
  assert_int_equal(end.second, 2000 + 100);
}
void a_flow_speeds_up_when_a_sharer_of_either_end_is_done(void** /*state*/) {
  // All at half rate until 2000, when 1 and 2 end together; 3 has 1000 left at full rate.
  const Finishes end = three_on_a_chain_of_ends();
  assert_int_equal(end.first, 2100);
  assert_int_equal(end.second, 2100);
  assert_int_equal(end.third, 3100);
}
void cancelling_a_flow_gives_its_share_back(void** /*state*/) {
  // 300 sent by 600, the remaining 700 at full rate.
  const Finishes end = one_of_two_cancelled();
  assert_int_equal(end.first, 1300 + 100);
  assert_int_equal(end.second, -1);
}
void a_lost_worker_ends_its_flows_in_both_directions(void** /*state*/) {
  const Loss loss = lose_worker_two();
  assert_int_equal(loss.digits, 53);
  assert_int_equal(loss.other, 200 + 900 + 100);
}
void statistics_count_moving_bytes_up_to_now(void** /*state*/) {
  const Egress stats = stats_midway();
  assert_int_equal(stats.bytes, 600);
  assert_int_equal(stats.busy_ns, 600);
}
void statistics_of_ended_flows_add_up(void** /*state*/) {
  const Egress stats = stats_at_the_end();
  assert_int_equal(stats.bytes, 1300);
  assert_int_equal(stats.busy_ns, 1300);
}
void a_flow_cannot_be_started_twice(void** /*state*/) {
  assert_true(second_start_of_an_id_throws());
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_flow_takes_bytes_over_bandwidth_and_then_the_latency),
      cmocka_unit_test(the_slower_end_sets_the_rate),
      cmocka_unit_test(a_flow_of_no_bytes_takes_the_latency_only),
      cmocka_unit_test(two_flows_from_one_worker_share_its_egress),
      cmocka_unit_test(a_flow_speeds_up_when_a_sharer_of_either_end_is_done),
      cmocka_unit_test(cancelling_a_flow_gives_its_share_back),
      cmocka_unit_test(a_lost_worker_ends_its_flows_in_both_directions),
      cmocka_unit_test(statistics_count_moving_bytes_up_to_now),
      cmocka_unit_test(statistics_of_ended_flows_add_up),
      cmocka_unit_test(a_flow_cannot_be_started_twice),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
