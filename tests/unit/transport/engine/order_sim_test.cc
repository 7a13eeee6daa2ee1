// What the order does to transfers on one simulated link: urgent behind bulk, fair shares, layers,
// estimates. Acceptance rows A12, A13, A14 and A18 of the data plane's design.
#include <cmath>
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
constexpr uint32_t kBlocks = 1200;
constexpr uint32_t kLayers = 16;
constexpr uint64_t kBlockBytes = 2048;  // in one region

// A link of 1 GB/s with chunks of 64 KiB; pools of 16 layers x 2 regions x 1200 blocks.
struct Link {
  SimWorld world;
  SimWorker* source;
  SimWorker* target;
  std::unique_ptr<SimEnd> give;
  std::unique_ptr<SimEnd> take;
  int32_t next_block = 0;
  int64_t chunk_ns = static_cast<int64_t>(65536 / kRate * 1e9);

  Link() {
    world.limits.chunk_bytes_min = 65536;
    world.limits.slot_bytes = 65536;
    source = &world.add();
    target = &world.add();
    source->mover->link_bytes_per_s = kRate;
    target->mover->scatter_bytes_per_s = 4 * kRate;
    give = std::make_unique<SimEnd>(source, small_shape(kBlocks, kLayers), 1);
    take = std::make_unique<SimEnd>(target, small_shape(kBlocks, kLayers), 2);
    world.connect(*source, *target);
  }
  // Blocks that no other transfer of the test has.
  std::vector<int32_t> fresh(uint32_t count) {
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < count; ++i) ids.push_back(next_block++ % int32_t{kBlocks});
    return ids;
  }
  template <class Change>
  uint64_t send(uint32_t blocks, const Change& change) {
    const std::vector<int32_t> ids = fresh(blocks);
    uint64_t token = 0;
    uint64_t id = 0;
    assert_int_equal(take->reserve(1, ids, &token), HEXAGENT_OK);
    hexagent_kv_transfer wanted = give->transfer(2, ids, token);
    change(&wanted);
    assert_int_equal(give->submit(wanted, &id), HEXAGENT_OK);
    return id;
  }
  uint64_t send(uint32_t blocks) {
    return send(blocks, [](hexagent_kv_transfer*) {});
  }
  uint64_t bytes_of(uint32_t blocks) const { return blocks * kBlockBytes * 2 * kLayers; }
};

void an_urgent_transfer_overtakes_bulk(void**) {
  for (const bool by_priority : {true, false}) {
    Link link;
    const int64_t begun = link.world.now_ns;
    const uint64_t bulk = link.send(1000, [](hexagent_kv_transfer* t) { t->priority = 1; });
    link.world.run_for(10'000'000);
    const int64_t submitted = link.world.now_ns;
    const uint64_t urgent = link.send(20, [&](hexagent_kv_transfer* t) {
      t->priority = by_priority ? 0 : 1;
      t->risk = 1.0;
      t->deadline_ns = submitted + 5'000'000;
    });
    link.world.run_until([&] { return link.give->sent(bulk).terminal == 1; });
    int64_t first_byte = 0;
    for (const auto& [at, blocks] : link.source->mover->begun) {
      if (blocks == 20 && first_byte == 0) first_byte = at;
    }
    assert_true(first_byte - submitted <= 2 * link.chunk_ns);
    const double alone_ns = static_cast<double>(link.bytes_of(20)) / kRate * 1e9;
    const auto took = static_cast<double>(link.give->sent(urgent).end_ns - submitted);
    assert_true(took <= alone_ns + 4 * static_cast<double>(link.chunk_ns));
    // The bulk loses what the urgent one took of the link, and no more than 5 % beside.
    const double all_ns = static_cast<double>(link.bytes_of(1020)) / kRate * 1e9;
    const auto bulk_ns = static_cast<double>(link.give->sent(bulk).end_ns - begun);
    assert_true(bulk_ns <= 1.05 * all_ns);
  }
}

void what_is_reprioritised_overtakes(void**) {
  Link link;
  const uint64_t first = link.send(400);
  const uint64_t second = link.send(400);
  const uint64_t third = link.send(20, [](hexagent_kv_transfer* t) { t->priority = 5; });
  link.world.run_for(5'000'000);
  assert_int_equal(link.source->engine->reprioritise(third, 0, 0, 1.0), HEXAGENT_OK);
  assert_int_equal(link.source->engine->reprioritise(first, 3, 0, 0.0), HEXAGENT_OK);
  link.world.run_for(100'000'000);
  assert_true(link.give->sent(third).end_ns < link.give->sent(second).end_ns);
  assert_true(link.give->sent(second).end_ns < link.give->sent(first).end_ns);
}

void equal_transfers_share_the_link(void**) {
  Link link;
  const uint64_t one = link.send(500);
  link.world.run_for(1'000'000);
  const uint64_t other = link.send(500);
  const uint64_t had = link.give->sent(one).bytes;
  link.world.run_for(20'000'000);
  const auto first = static_cast<double>(link.give->sent(one).bytes - had);
  const auto second = static_cast<double>(link.give->sent(other).bytes);
  const double share = first / (first + second);
  assert_true(share > 0.45 && share < 0.55);
}

void a_workflow_gets_one_share_however_many_transfers(void**) {
  Link link;
  const auto of = [](uint64_t workflow) {
    return [workflow](hexagent_kv_transfer* t) { t->workflow = workflow; };
  };
  const uint64_t lone = link.send(300, of(1));
  const uint64_t many[] = {link.send(300, of(2)), link.send(300, of(2)), link.send(300, of(2))};
  link.world.run_for(20'000'000);
  double others = 0;
  for (const uint64_t id : many) others += static_cast<double>(link.give->sent(id).bytes);
  const auto alone = static_cast<double>(link.give->sent(lone).bytes);
  const double share = alone / (alone + others);
  assert_true(share > 0.45 && share < 0.55);
}

void nothing_starves_behind_what_is_more_urgent(void**) {
  Link link;
  const uint64_t poor = link.send(10, [](hexagent_kv_transfer* t) { t->priority = 9; });
  const int64_t begun = link.world.now_ns;
  for (uint32_t i = 0; i < 2; ++i) link.send(580);
  link.world.run_for(70'000'000);
  assert_int_equal(link.give->sent(poor).terminal, 1);
  // 10 chunks, each after at most four times the time that is left (2 ms at least) and its turn.
  assert_true(link.give->sent(poor).end_ns - begun < 40'000'000);
}

void layers_overlap_with_what_makes_them(void**) {
  Link link;
  // A layer of 16 blocks is a chunk of 64 KiB and takes 65 us; one becomes ready every 100 us.
  const uint64_t id =
      link.send(16, [](hexagent_kv_transfer* t) { t->flags = HEXAGENT_TRANSFER_LAYERWISE; });
  for (uint32_t layer = 1; layer <= kLayers; ++layer) {
    link.world.run_for(100'000);
    assert_int_equal(link.source->engine->layers_ready(id, layer, nullptr), HEXAGENT_OK);
  }
  const int64_t ready = link.world.now_ns;
  link.world.run_for(100'000'000);
  const int64_t after = link.give->sent(id).end_ns - ready;
  // One chunk, its scatter at four times the rate, and the messages.
  assert_true(after <= link.chunk_ns * 3 / 2);
}

void the_estimate_follows_the_link(void**) {
  for (const double after : {kRate / 4, kRate * 4}) {
    Link link;
    link.source->mover->setup_ns = 2'000;
    link.target->mover->scatter_bytes_per_s = 100 * kRate;
    for (uint32_t i = 0; i < 10; ++i) {
      link.send(20);
      link.world.run_for(20'000'000);
    }
    hexagent_link_estimate estimate = {};
    assert_int_equal(link.source->engine->link_estimate(2, &estimate), HEXAGENT_OK);
    assert_true(std::fabs(estimate.bytes_per_s / kRate - 1.0) < 0.15);
    assert_int_equal(estimate.transfers, 10);
    assert_true(estimate.bytes == 10 * link.bytes_of(20));
    link.source->mover->link_bytes_per_s = after;
    for (uint32_t i = 0; i < 5; ++i) {
      link.send(20);
      link.world.run_for(100'000'000);
    }
    assert_int_equal(link.source->engine->link_estimate(2, &estimate), HEXAGENT_OK);
    assert_true(std::fabs(estimate.bytes_per_s / after - 1.0) < 0.15);
  }
}

void the_estimate_tells_what_is_queued(void**) {
  Link link;
  for (uint32_t i = 0; i < 5; ++i) {
    link.send(20);
    link.world.run_for(20'000'000);
  }
  link.send(400);
  link.send(400);
  hexagent_link_estimate estimate = {};
  assert_int_equal(link.source->engine->link_estimate(2, &estimate), HEXAGENT_OK);
  assert_true(estimate.queued_bytes == link.bytes_of(800));
  const double seconds = static_cast<double>(link.bytes_of(800)) / kRate;
  assert_true(std::fabs(static_cast<double>(estimate.queue_ns) * 1e-9 / seconds - 1.0) < 0.2);
  link.world.run_for(200'000'000);
  assert_int_equal(link.source->engine->link_estimate(2, &estimate), HEXAGENT_OK);
  assert_int_equal(estimate.queued_bytes, 0);
  assert_int_equal(estimate.queue_ns, 0);
  assert_int_equal(link.source->engine->link_estimate(7, &estimate), HEXAGENT_E_UNKNOWN_WORKER);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_urgent_transfer_overtakes_bulk),
      cmocka_unit_test(what_is_reprioritised_overtakes),
      cmocka_unit_test(equal_transfers_share_the_link),
      cmocka_unit_test(a_workflow_gets_one_share_however_many_transfers),
      cmocka_unit_test(nothing_starves_behind_what_is_more_urgent),
      cmocka_unit_test(layers_overlap_with_what_makes_them),
      cmocka_unit_test(the_estimate_follows_the_link),
      cmocka_unit_test(the_estimate_tells_what_is_queued),
  };
  return cmocka_run_group_tests_name("order on a link", tests, nullptr, nullptr);
}
