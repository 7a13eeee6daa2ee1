// What is learnt of a link whose pushes end in a buffer and whose acknowledgements come in bunches,
// as over sockets and a busy control path. Held against what transfers then really take.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

constexpr double kRate = 1e9;
constexpr uint32_t kBlocks = 800;
constexpr uint32_t kLayers = 16;
constexpr uint32_t kBlockBytes = 2048 * 2 * kLayers;  // a chunk is as much
constexpr int64_t kPauseNs = 5'000'000;

// A link of 1 GB/s with chunks of 64 KiB that are packed four times as fast as it sends them.
struct Link {
  SimWorld world;
  SimWorker* source;
  SimWorker* target;
  std::unique_ptr<SimEnd> give;
  std::unique_ptr<SimEnd> take;

  Link(int64_t bunch_ns, uint32_t slots) {
    world.limits.chunk_bytes_min = world.limits.slot_bytes = kBlockBytes;
    world.limits.slots_per_peer = slots;
    // When a transfer is over the clock moves to the first look at silence, 250 ms on: there in a
    // bunch the next begins, on which the time of single chunks depends.
    world.settings.silence_min_ns = 312'500'000;
    source = &world.add();
    target = &world.add();
    source->mover->link_bytes_per_s = kRate;
    source->mover->pack_bytes_per_s = 4 * kRate;
    target->mover->scatter_bytes_per_s = 20 * kRate;
    give = std::make_unique<SimEnd>(source, small_shape(kBlocks, kLayers), 1);
    take = std::make_unique<SimEnd>(target, small_shape(kBlocks, kLayers), 2);
    world.connect(*source, *target);
    world.control_batch_ns = bunch_ns;
  }
  // What a transfer of so many chunks takes on the idle link.
  int64_t move(uint32_t chunks) {
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < chunks; ++i) ids.push_back(static_cast<int32_t>(i));
    uint64_t token = 0;
    uint64_t id = 0;
    assert_int_equal(take->reserve(1, ids, &token), HEXAGENT_OK);
    const int64_t begun = world.now_ns;
    assert_int_equal(give->submit(give->transfer(2, ids, token), &id), HEXAGENT_OK);
    world.run_until([&] { return give->sent(id).terminal == 1; });
    assert_int_equal(give->sent(id).status, HEXAGENT_OK);
    const int64_t took = give->sent(id).end_ns - begun;
    world.run_for(kPauseNs);
    return took;
  }
  hexagent_link_estimate estimate() const {
    hexagent_link_estimate estimate = {};
    assert_int_equal(source->engine->link_estimate(2, &estimate), HEXAGENT_OK);
    return estimate;
  }
  // The time of a transfer by the estimate, over that which it takes.
  double foretold(uint32_t chunks) {
    const hexagent_link_estimate now = estimate();
    const double bytes = static_cast<double>(chunks) * kBlockBytes;
    const double wanted_ns = static_cast<double>(now.setup_ns) + bytes / now.bytes_per_s * 1e9;
    return wanted_ns / static_cast<double>(move(chunks));
  }
};

bool is_within(double value, double least, double most) { return value >= least && value <= most; }

constexpr int64_t kBunchesNs[] = {1, 20'000, 70'000, 200'000, 1'000'000, 3'000'000};

// Short transfers teach what such a transfer takes. What a long one takes, a run that is over with
// its first bunch cannot tell, but it must not promise more than the link carries.
void acknowledgements_in_bunches_do_not_mislead(void**) {
  for (const int64_t bunch_ns : kBunchesNs) {
    for (const uint32_t slots : {3u, 16u}) {
      for (const uint32_t chunks : {2u, 5u, 8u, 30u}) {
        Link link(bunch_ns, slots);
        for (uint32_t i = 0; i < 20; ++i) link.move(chunks);
        assert_true(link.estimate().bytes_per_s < 1.1 * kRate);
        assert_true(is_within(link.foretold(chunks), 0.85, chunks == 2 ? 1.7 : 1.4));
        const double of_long = link.foretold(400);
        assert_true(of_long > 0.9);
        assert_true(of_long < 1.1 || bunch_ns > 70'000 || chunks == 2);
      }
    }
  }
}

// Acceptance row A18 where acknowledgements come in bunches.
void a_step_of_four_times_is_followed_within_five_transfers(void**) {
  for (const int64_t bunch_ns : kBunchesNs) {
    for (const double after : {kRate / 4, kRate * 4}) {
      for (const uint32_t chunks : {1u, 5u, 30u}) {
        Link link(bunch_ns, 3);
        for (uint32_t i = 0; i < 20; ++i) link.move(chunks);
        link.source->mover->link_bytes_per_s = after;
        link.source->mover->pack_bytes_per_s = 4 * after;
        for (uint32_t i = 0; i < 5; ++i) link.move(chunks);
        const double rate = link.estimate().bytes_per_s;
        // Beyond, the bunches are what is slow.
        const bool by_link = chunks == 30 && bunch_ns <= 20'000;
        assert_true(!by_link || is_within(rate / after, 0.85, 1.15));
        assert_true(is_within(link.foretold(chunks), 0.85, 1.4));
      }
    }
  }
}

void little_tells_nothing(void**) {
  Link link(70'000, 3);
  link.move(8);
  assert_int_equal(link.estimate().transfers, 1);
  assert_true(link.estimate().bytes_per_s == 0.0);
  assert_int_equal(link.estimate().setup_ns, 0);
  for (uint32_t i = 0; i < 2; ++i) link.move(8);
  assert_true(is_within(link.estimate().bytes_per_s / kRate, 0.7, 1.1));
}

// Chunks overlap on the way to the target, but leave as slowly as their layers get ready.
void a_slow_engine_is_no_slow_link(void**) {
  Link link(1, 3);
  for (uint32_t i = 0; i < 10; ++i) link.move(30);
  const double before = link.estimate().bytes_per_s;
  link.world.control_delay_ns = 400'000;  // so that a chunk is always under way
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 16; ++i) ids.push_back(i);
  uint64_t token = 0;
  uint64_t id = 0;
  assert_int_equal(link.take->reserve(1, ids, &token), HEXAGENT_OK);
  hexagent_kv_transfer wanted = link.give->transfer(2, ids, token);
  wanted.flags = HEXAGENT_TRANSFER_LAYERWISE;
  assert_int_equal(link.give->submit(wanted, &id), HEXAGENT_OK);
  for (uint32_t layer = 1; layer <= kLayers; ++layer) {
    link.world.run_for(500'000);  // a chunk takes 65 us
    assert_int_equal(link.source->engine->layers_ready(id, layer, nullptr), HEXAGENT_OK);
  }
  link.world.run_for(kPauseNs);
  assert_int_equal(link.give->sent(id).status, HEXAGENT_OK);
  assert_int_equal(link.give->sent(id).terminal, 1);
  assert_true(is_within(link.estimate().bytes_per_s / before, 0.95, 1.05));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(acknowledgements_in_bunches_do_not_mislead),
      cmocka_unit_test(a_step_of_four_times_is_followed_within_five_transfers),
      cmocka_unit_test(little_tells_nothing),
      cmocka_unit_test(a_slow_engine_is_no_slow_link),
  };
  return cmocka_run_group_tests_name("link in simulated time", tests, nullptr, nullptr);
}
