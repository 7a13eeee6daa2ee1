// Chunks that the target reads where they lie in the source's blocks: when those are free, whatever
// becomes of the transfer. Random lives with lending: cancel_test.cc, random_life_test.cc.
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

constexpr uint32_t kBlocks = 8;
constexpr uint32_t kLayers = 4;
constexpr int64_t kReadNs = 1'000'000;  // of a chunk of two layers, all that a slot takes

struct Lending {
  SimWorld world;
  SimWorker* source;
  SimWorker* target;
  std::unique_ptr<SimEnd> give;
  std::unique_ptr<SimEnd> take;
  std::vector<int32_t> ids = {0, 1, 2, 3};
  uint64_t id = 0;
  uint64_t token = 0;

  Lending() {
    world.limits.slot_bytes = 16384;
    source = &world.add();
    target = &world.add();
    source->mover->lend = [] { return true; };
    target->mover->scatter_bytes_per_s = 16384 * 1e9 / static_cast<double>(kReadNs);
    give = std::make_unique<SimEnd>(source, small_shape(kBlocks, kLayers), 1);
    take = std::make_unique<SimEnd>(target, small_shape(kBlocks, kLayers), 0);
    world.connect(*source, *target);
  }
  void begin(uint32_t flags = 0) {
    assert_int_equal(take->reserve(1, ids, &token), HEXAGENT_OK);
    hexagent_kv_transfer wanted = give->transfer(2, ids, token);
    wanted.flags = flags;
    assert_int_equal(give->submit(wanted, &id), HEXAGENT_OK);
  }
  const SimRecord& sent() const { return give->sent(id); }
  const SimRecord& taken() const { return take->taken(token); }
};

void the_source_is_quiet_when_all_is_read(void**) {
  Lending test;
  test.begin();
  test.world.run_for(kReadNs / 2);  // lent, and not read yet
  assert_int_equal(test.source->engine->unregister_pool(test.give->pool), HEXAGENT_E_STATE);
  assert_int_equal(test.sent().quiesced, 0);
  test.world.run_for(100 * kReadNs);
  assert_int_equal(test.sent().status, HEXAGENT_OK);
  assert_int_equal(test.sent().quiesced, 1);
  assert_true(test.sent().quiesced_ns > test.taken().quiesced_ns);
  assert_true(same_content(*test.give, test.ids, *test.take, test.ids));
  assert_int_equal(test.source->engine->unregister_pool(test.give->pool), HEXAGENT_OK);
}

void a_cancel_frees_at_once_what_is_not_read(void**) {
  Lending test;
  test.world.control_delay_ns = kReadNs;  // the target does not know of it yet
  test.begin();
  test.world.run_for(kReadNs / 2);
  const int64_t now_ns = test.world.now_ns;
  assert_int_equal(test.source->engine->cancel(HEXAGENT_TRANSFER_SOURCE, test.id), HEXAGENT_OK);
  test.world.run_for(1);
  assert_int_equal(test.sent().quiesced, 1);
  assert_true(test.sent().quiesced_ns <= now_ns + 1);
  test.world.run_for(100 * kReadNs);
  assert_int_equal(test.taken().status, HEXAGENT_E_CANCELLED);
  assert_int_equal(test.taken().quiesced, 1);
  assert_int_equal(test.take->memory.memory.get()[0], 0);
  assert_int_equal(test.source->engine->credits(2), 3);  // the slots have come back
}

void a_cancel_waits_for_a_read_that_has_begun(void**) {
  Lending test;
  test.begin();
  test.world.run_for(kReadNs / 2);
  assert_int_equal(test.source->engine->cancel(HEXAGENT_TRANSFER_SOURCE, test.id), HEXAGENT_OK);
  test.world.run_for(1);
  assert_int_equal(test.sent().status, HEXAGENT_E_CANCELLED);
  assert_int_equal(test.sent().quiesced, 0);
  test.world.run_for(kReadNs);
  assert_int_equal(test.sent().quiesced, 1);
  test.world.run_for(100 * kReadNs);
  assert_true(all_ended_once(test.world));
  assert_int_equal(test.taken().status, HEXAGENT_E_CANCELLED);
  assert_int_equal(test.source->engine->credits(2), 3);
}

// A target that is lost may still read: the blocks are free without its help, and what it reads
// counts for nothing.
void a_lost_target_holds_nothing_back(void**) {
  Lending test;
  test.begin();
  test.world.run_for(kReadNs / 2);  // in the middle of its read
  test.world.lose = [](uint32_t, uint32_t, const AnyMessage&) { return true; };
  assert_int_equal(test.source->engine->disconnect(2, HEXAGENT_E_PEER), HEXAGENT_OK);
  test.world.run_for(1);
  assert_int_equal(test.sent().status, HEXAGENT_E_PEER);
  assert_int_equal(test.sent().quiesced, 1);
  assert_int_equal(test.source->engine->unregister_pool(test.give->pool), HEXAGENT_OK);
  test.world.run_for(100 * kReadNs);
  assert_int_equal(test.taken().status, HEXAGENT_E_PEER);
  assert_int_equal(test.taken().bytes, 0);
  assert_int_equal(test.taken().quiesced, 1);
}

void a_silent_target_is_given_up(void**) {
  Lending test;
  test.begin();
  test.world.run_for(kReadNs / 2);
  test.world.lose = [](uint32_t from, uint32_t, const AnyMessage&) { return from == 2; };
  test.target->mover->scatter_bytes_per_s = 1.0;  // whatever comes next is never read
  assert_int_equal(test.source->engine->cancel(HEXAGENT_TRANSFER_SOURCE, test.id), HEXAGENT_OK);
  test.world.run_for(20'000'000'000);
  assert_int_equal(test.sent().quiesced, 1);
  assert_int_equal(test.source->down_status, HEXAGENT_E_TIMEOUT);
}

void layers_are_read_as_they_get_ready(void**) {
  Lending test;
  test.begin(HEXAGENT_TRANSFER_LAYERWISE);
  for (uint32_t layer = 1; layer <= kLayers; ++layer) {
    assert_int_equal(test.taken().layers, layer - 1);
    test.source->engine->layers_ready(test.id, layer, nullptr);
    test.world.run_for(10 * kReadNs);
  }
  assert_int_equal(test.taken().status, HEXAGENT_OK);
  assert_int_equal(test.taken().layers, kLayers);
  assert_true(all_ended_once(test.world));
}

// What the target alone copies is not cut into eight.
void a_short_transfer_is_one_chunk(void**) {
  Lending test;
  test.ids = {0};
  test.world.settings.chunk_bytes_min = 4096;
  test.begin();
  test.world.run_for(100 * kReadNs);
  assert_int_equal(test.taken().status, HEXAGENT_OK);
  assert_int_equal(test.target->mover->scattered, 1);
}

// Acceptance row A13: what is read and the next go before it, and no third.
void something_urgent_waits_for_two_chunks(void**) {
  Lending test;
  const int64_t begun_ns = test.world.now_ns;
  for (uint32_t i = 0; i < 3; ++i) test.begin();  // two chunks each
  test.world.run_for(kReadNs / 10);
  uint64_t token = 0;
  uint64_t id = 0;
  assert_int_equal(test.take->reserve(1, test.ids, &token), HEXAGENT_OK);
  hexagent_kv_transfer wanted = test.give->transfer(2, test.ids, token);
  wanted.deadline_ns = test.world.now_ns + 10 * kReadNs;
  wanted.risk = 1.0;
  assert_int_equal(test.give->submit(wanted, &id), HEXAGENT_OK);
  test.world.run_until([&] { return test.take->taken(token).bytes > 0; });
  // Those two and its own, and the messages.
  assert_true(test.world.now_ns - begun_ns < 3 * kReadNs + kReadNs / 10);
  test.world.run_for(100 * kReadNs);
  assert_true(all_ended_once(test.world));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_source_is_quiet_when_all_is_read),
      cmocka_unit_test(a_cancel_frees_at_once_what_is_not_read),
      cmocka_unit_test(a_cancel_waits_for_a_read_that_has_begun),
      cmocka_unit_test(a_lost_target_holds_nothing_back),
      cmocka_unit_test(a_silent_target_is_given_up),
      cmocka_unit_test(layers_are_read_as_they_get_ready),
      cmocka_unit_test(a_short_transfer_is_one_chunk),
      cmocka_unit_test(something_urgent_waits_for_two_chunks),
  };
  return cmocka_run_group_tests_name("lending", tests, nullptr, nullptr);
}
