// The engine between two workers in simulated time: how transfers go well, and every way in which
// they may not.
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

constexpr uint32_t kBlocks = 64;
constexpr unsigned char kCanary = 0xc5;

// A source and a target, connected; chunks of 16 KiB, so that a transfer of all has 64 of them.
struct Pair {
  SimWorld world;
  SimWorker* source;
  SimWorker* target;
  std::unique_ptr<SimEnd> give;
  std::unique_ptr<SimEnd> take;
  std::vector<int32_t> from;
  std::vector<int32_t> to;
  uint64_t token = 0;
  uint64_t id = 0;

  explicit Pair(bool connected = true) {
    world.limits.chunk_bytes_min = 16384;
    world.limits.slot_bytes = 16384;
    world.limits.transfers_max = 16;
    world.limits.reservations_max = 16;
    world.limits.blocks_max = kBlocks;
    source = &world.add();
    target = &world.add();
    give = std::make_unique<SimEnd>(source, small_shape(kBlocks), 1);
    take = std::make_unique<SimEnd>(target, small_shape(kBlocks), kCanary);
    TestRandom random(1);
    random.fill(give->memory.memory.get(), give->memory.bytes);
    from = some_blocks(kBlocks, kBlocks, &random);
    to = some_blocks(kBlocks, kBlocks, &random);
    if (connected) world.connect(*source, *target);
  }
  hexagent_kv_transfer wanted() const { return give->transfer(target->worker, from, token); }
  void begin(uint32_t flags = HEXAGENT_TRANSFER_CHECKSUM) {
    assert_int_equal(take->reserve(source->worker, to, &token), HEXAGENT_OK);
    hexagent_kv_transfer transfer = wanted();
    transfer.flags = flags;
    assert_int_equal(give->submit(transfer, &id), HEXAGENT_OK);
  }
  const SimRecord& sent() const { return give->sent(id); }
  const SimRecord& taken() const { return take->taken(token); }
  void expect_end(hexagent_status at_source, hexagent_status at_target) {
    world.run_for(10'000'000'000);
    assert_int_equal(sent().status, at_source);
    assert_int_equal(taken().status, at_target);
    assert_true(all_ended_once(world));
    assert_true(all_returned(world));
  }
};

void a_transfer_arrives_whole(void**) {
  Pair pair;
  pair.begin();
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  assert_true(same_content(*pair.give, pair.from, *pair.take, pair.to));
  assert_int_equal(pair.sent().layers, 4);
  assert_int_equal(pair.sent().bytes, 4u * 2 * kBlocks * 2048);
  assert_int_equal(pair.taken().bytes, pair.sent().bytes);
  assert_true(pair.sent().chunks > 10);
  assert_int_equal(pair.source->ups, 1);
  assert_int_equal(pair.target->ups, 1);
  assert_int_equal(pair.source->downs, 0);
}

void a_transfer_may_be_submitted_before_the_peer_answers(void**) {
  Pair pair(false);
  assert_int_equal(pair.source->engine->connect(2), HEXAGENT_OK);
  assert_int_equal(pair.target->engine->connect(1), HEXAGENT_OK);
  pair.begin();
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  assert_true(same_content(*pair.give, pair.from, *pair.take, pair.to));
}

void both_directions_work_at_once(void**) {
  Pair pair;
  uint64_t back_token = 0;
  uint64_t back = 0;
  const std::vector<int32_t> some = {1, 2, 3};
  assert_int_equal(pair.give->reserve(2, {40, 41, 42}, &back_token), HEXAGENT_OK);
  // Blocks 40 to 42 of the source are written meanwhile; the way there does not use them.
  pair.from.assign({0, 1, 2, 3, 4, 5});
  pair.to.assign({10, 11, 12, 13, 14, 15});
  pair.begin();
  assert_int_equal(pair.take->submit(pair.take->transfer(1, some, back_token), &back), HEXAGENT_OK);
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  assert_true(same_content(*pair.take, some, *pair.give, {40, 41, 42}));
}

void unknown_things_are_refused(void**) {
  Pair pair;
  uint64_t token = 0;
  uint64_t id = 0;
  assert_int_equal(pair.take->reserve(9, pair.to, &token), HEXAGENT_E_UNKNOWN_WORKER);
  assert_int_equal(pair.take->reserve(1, {0, 64}, &token), HEXAGENT_E_RANGE);
  hexagent_kv_transfer wanted = pair.wanted();
  assert_int_equal(pair.give->submit(wanted, &id), HEXAGENT_E_ARGUMENT);  // no token
  wanted.token = 77;
  wanted.risk = 1.5;
  assert_int_equal(pair.give->submit(wanted, &id), HEXAGENT_E_RANGE);
  wanted.risk = 0.0;
  wanted.flags = 64;
  assert_int_equal(pair.give->submit(wanted, &id), HEXAGENT_E_RESERVED);
  wanted.flags = 0;
  wanted.source.pool = 1234567;
  assert_int_equal(pair.give->submit(wanted, &id), HEXAGENT_E_STALE);
  assert_int_equal(pair.source->engine->cancel(HEXAGENT_TRANSFER_SOURCE, 5), HEXAGENT_E_STALE);
  assert_int_equal(pair.source->engine->cancel(7, 5), HEXAGENT_E_RANGE);
  assert_int_equal(pair.source->engine->layers_ready(5, 1, nullptr), HEXAGENT_E_STALE);
  assert_int_equal(pair.source->engine->reprioritise(5, 1, 0, 0.0), HEXAGENT_E_STALE);
  assert_int_equal(pair.source->engine->disconnect(9, HEXAGENT_E_PEER), HEXAGENT_E_UNKNOWN_WORKER);
}

void tables_are_bounded(void**) {
  Pair pair;
  uint64_t token = 0;
  for (uint32_t i = 0; i < 16; ++i) {
    assert_int_equal(pair.take->reserve(1, {static_cast<int32_t>(i)}, &token), HEXAGENT_OK);
  }
  assert_int_equal(pair.take->reserve(1, {20}, &token), HEXAGENT_E_FULL);
  assert_int_equal(pair.target->engine->unregister_pool(pair.take->pool), HEXAGENT_E_STATE);
  for (const auto& [key, record] : pair.target->seen) {
    pair.target->engine->cancel(HEXAGENT_TRANSFER_TARGET, key.second);
  }
  pair.world.run_for(1'000'000);
  assert_int_equal(pair.take->reserve(1, {20}, &token), HEXAGENT_OK);
  pair.target->engine->cancel(HEXAGENT_TRANSFER_TARGET, token);
  pair.world.run_for(1'000'000);
  assert_int_equal(pair.target->engine->unregister_pool(pair.take->pool), HEXAGENT_OK);
  assert_int_equal(pair.target->engine->unregister_pool(pair.take->pool), HEXAGENT_E_STALE);
}

void a_token_never_given_is_stale(void**) {
  Pair pair;
  assert_int_equal(pair.take->reserve(1, pair.to, &pair.token), HEXAGENT_OK);
  hexagent_kv_transfer wanted = pair.wanted();
  wanted.token = pair.token + (1u << 20);
  assert_int_equal(pair.give->submit(wanted, &pair.id), HEXAGENT_OK);
  pair.world.run_for(1'000'000'000);
  assert_int_equal(pair.sent().status, HEXAGENT_E_STALE);
  assert_int_equal(pair.sent().quiesced, 1);
  assert_int_equal(pair.taken().terminal, 0);
  assert_int_equal(pair.target->mover->scattered, 0);
}

void a_token_works_once(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_for(1'000'000'000);
  const uint64_t first = pair.id;
  assert_int_equal(pair.give->submit(pair.wanted(), &pair.id), HEXAGENT_OK);
  pair.world.run_for(1'000'000'000);
  assert_int_equal(pair.give->sent(first).status, HEXAGENT_OK);
  assert_int_equal(pair.sent().status, HEXAGENT_E_STALE);
}

void two_transfers_cannot_share_a_token(void**) {
  Pair pair;
  pair.begin();
  const uint64_t first = pair.id;
  assert_int_equal(pair.give->submit(pair.wanted(), &pair.id), HEXAGENT_OK);
  pair.world.run_for(1'000'000'000);
  assert_int_equal(pair.give->sent(first).status, HEXAGENT_OK);
  assert_int_equal(pair.sent().status, HEXAGENT_E_STALE);
  assert_true(all_ended_once(pair.world));
}

void ends_that_do_not_fit_fail_before_a_byte_moves(void**) {
  Pair pair;
  pair.to.resize(kBlocks - 1);
  pair.begin();
  pair.expect_end(HEXAGENT_E_ARGUMENT, HEXAGENT_E_ARGUMENT);
  assert_int_equal(pair.target->mover->scattered, 0);
}

void a_block_that_no_slot_holds_is_refused(void**) {
  Pair pair;
  hexagent_kv_pool shape = small_shape(4);
  shape.head_bytes = 1024;
  shape.block_stride_bytes = 16 * 2 * 1024;
  SimEnd big(pair.source, shape, 0);
  SimEnd target(pair.target, shape, 0);
  assert_int_equal(target.reserve(1, {0}, &pair.token), HEXAGENT_OK);
  assert_int_equal(big.submit(big.transfer(2, {0}, pair.token), &pair.id), HEXAGENT_OK);
  pair.world.run_for(1'000'000);
  assert_int_equal(big.sent(pair.id).status, HEXAGENT_E_ARGUMENT);
}

void layers_leave_as_they_become_ready(void**) {
  Pair pair;
  pair.begin(HEXAGENT_TRANSFER_LAYERWISE);
  Engine& engine = *pair.source->engine;
  pair.world.run_for(1'000'000'000);
  assert_int_equal(pair.sent().chunks, 0);
  for (uint32_t layer = 1; layer <= 3; ++layer) {
    assert_int_equal(engine.layers_ready(pair.id, layer, nullptr), HEXAGENT_OK);
    assert_int_equal(engine.layers_ready(pair.id, 1, nullptr), HEXAGENT_OK);  // never falls
    pair.world.run_for(1'000'000'000);
    assert_int_equal(pair.sent().layers, layer);
    assert_int_equal(pair.taken().layers, layer);
    assert_int_equal(pair.sent().terminal, 0);
  }
  assert_int_equal(engine.layers_ready(pair.id, 5, nullptr), HEXAGENT_E_RANGE);
  assert_int_equal(engine.layers_ready(pair.id, 4, nullptr), HEXAGENT_OK);
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  assert_true(same_content(*pair.give, pair.from, *pair.take, pair.to));
}

void the_source_may_cancel(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.sent().chunks > 5; });
  Engine& engine = *pair.source->engine;
  assert_int_equal(engine.cancel(HEXAGENT_TRANSFER_SOURCE, pair.id), HEXAGENT_OK);
  assert_int_equal(engine.cancel(HEXAGENT_TRANSFER_SOURCE, pair.id), HEXAGENT_E_STALE);
  pair.expect_end(HEXAGENT_E_CANCELLED, HEXAGENT_E_CANCELLED);
  // All slots came back: a second one goes as well as the first.
  pair.begin();
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
}

void the_target_may_cancel(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.taken().chunks > 5; });
  Engine& engine = *pair.target->engine;
  assert_int_equal(engine.cancel(HEXAGENT_TRANSFER_TARGET, pair.token), HEXAGENT_OK);
  pair.expect_end(HEXAGENT_E_CANCELLED, HEXAGENT_E_CANCELLED);
  pair.begin();
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
}

void a_reservation_expires(void**) {
  Pair pair;
  const int64_t at = pair.world.now_ns + 50'000'000;
  assert_int_equal(pair.take->reserve(1, pair.to, &pair.token, at), HEXAGENT_OK);
  pair.world.run_for(1'000'000'000);
  assert_int_equal(pair.taken().status, HEXAGENT_E_TIMEOUT);
  assert_true(pair.taken().end_ns == at);
  assert_int_equal(pair.give->submit(pair.wanted(), &pair.id), HEXAGENT_OK);
  pair.expect_end(HEXAGENT_E_STALE, HEXAGENT_E_TIMEOUT);
}

void a_copy_that_fails_ends_both_sides(void**) {
  for (const bool at_source : {true, false}) {
    Pair pair;
    SimWorker* where = at_source ? pair.source : pair.target;
    uint32_t left = 7;
    where->mover->fault = [&left](const MoveJob&, bool, unsigned char*) {
      return --left == 0 ? HEXAGENT_E_SYSTEM : HEXAGENT_OK;
    };
    pair.begin();
    pair.expect_end(HEXAGENT_E_SYSTEM, HEXAGENT_E_SYSTEM);
    where->mover->fault = nullptr;
    pair.begin();
    pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  }
}

void a_lost_chunk_means_that_the_peer_is_gone(void**) {
  Pair pair;
  uint32_t left = 5;
  pair.world.lose = [&left](uint32_t, uint32_t, const AnyMessage& message) {
    return message.header.kind == MessageKind::kReady && --left == 0;
  };
  pair.begin();
  // The target hears of it by BYE.
  pair.expect_end(HEXAGENT_E_TIMEOUT, HEXAGENT_E_PEER);
  assert_int_equal(pair.source->down_status, HEXAGENT_E_TIMEOUT);
  assert_int_equal(pair.target->down_status, HEXAGENT_E_PEER);
}

void a_dead_target_is_noticed_by_silence(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.sent().chunks > 5; });
  pair.target->engine.reset();
  const int64_t died = pair.world.now_ns;
  pair.world.run_for(10'000'000'000);
  assert_int_equal(pair.sent().status, HEXAGENT_E_TIMEOUT);
  assert_int_equal(pair.sent().quiesced, 1);
  assert_true(pair.sent().end_ns - died <= 260'000'000);
}

// The source did not run for a while: what the target has said meanwhile is not yet handed over.
void a_pause_of_our_own_is_no_silence(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.sent().chunks > 5; });
  pair.world.now_ns += 10'000'000'000;
  int64_t next_ns = 0;
  pair.source->engine->progress(0, &next_ns);
  assert_true(next_ns > pair.world.now_ns);
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  assert_int_equal(pair.source->downs, 0);
}

void the_host_may_say_that_a_peer_died(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.taken().chunks > 5; });
  pair.source->engine.reset();
  const int64_t died = pair.world.now_ns;
  assert_int_equal(pair.target->engine->disconnect(1, HEXAGENT_E_PEER), HEXAGENT_OK);
  pair.world.run_for(1'000'000);
  assert_int_equal(pair.taken().status, HEXAGENT_E_PEER);
  assert_int_equal(pair.taken().quiesced, 1);
  assert_true(pair.taken().quiesced_ns - died < 100'000);
}

void a_peer_that_began_anew_is_another(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.sent().chunks > 5; });
  pair.target->seen.clear();  // nobody is told of those any more
  pair.world.start(pair.target);
  assert_int_equal(pair.take->enter(), HEXAGENT_OK);
  const uint64_t old_token = pair.token;
  pair.world.connect(*pair.target, *pair.source);
  assert_int_equal(pair.sent().status, HEXAGENT_E_PEER);
  assert_int_equal(pair.source->ups, 2);
  assert_int_equal(pair.source->downs, 1);
  // The token of the life before means nothing, even though the same place is in use again.
  assert_int_equal(pair.take->reserve(1, pair.to, &pair.token), HEXAGENT_OK);
  assert_true(pair.token != old_token);
  hexagent_kv_transfer wanted = pair.wanted();
  wanted.token = old_token;
  assert_int_equal(pair.give->submit(wanted, &pair.id), HEXAGENT_OK);
  pair.world.run_for(1'000'000'000);
  assert_int_equal(pair.sent().status, HEXAGENT_E_STALE);
  assert_int_equal(pair.give->submit(pair.wanted(), &pair.id), HEXAGENT_OK);
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
}

void a_peer_that_forgot_us_says_so(void**) {
  Pair pair;
  pair.world.start(pair.target);  // as after kill -9; it does not connect
  assert_int_equal(pair.give->submit(pair.give->transfer(2, pair.from, 99), &pair.id), HEXAGENT_OK);
  pair.world.run_for(1'000'000);
  assert_int_equal(pair.sent().status, HEXAGENT_E_PEER);
  assert_int_equal(pair.source->downs, 1);
}

void an_orderly_end_fails_what_is_alive(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.sent().chunks > 5; });
  pair.source->engine->close();
  assert_int_equal(pair.sent().status, HEXAGENT_E_CLOSED);
  assert_int_equal(pair.sent().quiesced, 1);
  pair.expect_end(HEXAGENT_E_CLOSED, HEXAGENT_E_CLOSED);
}

void a_full_event_queue_stops_both_sides_and_loses_nothing(void**) {
  Pair pair;
  pair.begin();
  pair.world.run_until([&] { return pair.taken().chunks > 5; });
  pair.target->event_room = 0;
  pair.world.run_for(1'000'000'000);
  const uint64_t scattered = pair.target->mover->scattered;
  assert_true(scattered < 20);  // 64 in all: no slot is lent any more
  assert_int_equal(pair.sent().terminal, 0);
  assert_int_equal(pair.source->downs, 0);
  // One event at a time is enough to go on.
  for (uint32_t i = 0; i < 200; ++i) {
    pair.target->event_room = 1;
    pair.world.run_for(10'000'000);
  }
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  pair.target->event_room = UINT32_MAX;
  pair.source->event_room = 0;
  pair.begin();
  pair.world.run_for(1'000'000'000);
  pair.source->event_room = UINT32_MAX;
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
}

void a_control_path_that_is_full_loses_nothing(void**) {
  Pair pair;
  pair.source->control_room = pair.target->control_room = 0;
  pair.begin();
  pair.world.run_for(100'000);
  for (uint32_t i = 0; i < 2000 && pair.sent().terminal == 0; ++i) {
    pair.source->control_room = pair.target->control_room = 1;
    pair.world.run_for(100'000);
  }
  pair.source->control_room = pair.target->control_room = UINT32_MAX;
  pair.expect_end(HEXAGENT_OK, HEXAGENT_OK);
  assert_true(same_content(*pair.give, pair.from, *pair.take, pair.to));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_transfer_arrives_whole),
      cmocka_unit_test(a_transfer_may_be_submitted_before_the_peer_answers),
      cmocka_unit_test(both_directions_work_at_once),
      cmocka_unit_test(unknown_things_are_refused),
      cmocka_unit_test(tables_are_bounded),
      cmocka_unit_test(a_token_never_given_is_stale),
      cmocka_unit_test(a_token_works_once),
      cmocka_unit_test(two_transfers_cannot_share_a_token),
      cmocka_unit_test(ends_that_do_not_fit_fail_before_a_byte_moves),
      cmocka_unit_test(a_block_that_no_slot_holds_is_refused),
      cmocka_unit_test(layers_leave_as_they_become_ready),
      cmocka_unit_test(the_source_may_cancel),
      cmocka_unit_test(the_target_may_cancel),
      cmocka_unit_test(a_reservation_expires),
      cmocka_unit_test(a_copy_that_fails_ends_both_sides),
      cmocka_unit_test(a_lost_chunk_means_that_the_peer_is_gone),
      cmocka_unit_test(a_dead_target_is_noticed_by_silence),
      cmocka_unit_test(a_pause_of_our_own_is_no_silence),
      cmocka_unit_test(the_host_may_say_that_a_peer_died),
      cmocka_unit_test(a_peer_that_began_anew_is_another),
      cmocka_unit_test(a_peer_that_forgot_us_says_so),
      cmocka_unit_test(an_orderly_end_fails_what_is_alive),
      cmocka_unit_test(a_full_event_queue_stops_both_sides_and_loses_nothing),
      cmocka_unit_test(a_control_path_that_is_full_loses_nothing),
  };
  return cmocka_run_group_tests_name("transfer engine", tests, nullptr, nullptr);
}
