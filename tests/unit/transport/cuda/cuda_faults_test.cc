// The cuda-nccl mover when things go wrong: a communicator that fails, hangs or dies slowly, a peer
// that is silent, a device that breaks, transfers cancelled at any moment. Always: one terminal
// event, then QUIESCED without the peer's help, no byte written to blocks after that, nothing left.
#include "unit/transport/cuda/cuda_pair.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

constexpr int64_t kLongNs = 100'000'000;

// Both ends of a transfer have ended and hold nothing.
void expect_end(CudaPair* pair, const std::pair<uint64_t, uint64_t>& both, int64_t step_ns) {
  const auto [token, id] = both;
  pair->until([pair, token = token,
               id = id] { return pair->target.quiesced(token) && pair->source.quiesced(id); },
              step_ns);
}

void expect_buried(CudaPair* pair, FakeNcclScript* nccl) {
  while (!pair->source.mover->reaper_idle() || !pair->target.mover->reaper_idle()) pair->turn(0);
  assert_int_equal(nccl->alive, 0);
}

std::vector<unsigned char> content(const CudaEnd& end) {
  const unsigned char* memory = end.memory->memory.get();
  return {memory, memory + end.memory->bytes};
}

void a_communicator_that_fails_is_the_end_of_the_connection(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  nccl.complete_most = 3;
  CudaPair pair;
  pair.open("path=nccl");
  pair.connect();
  const auto both = pair.begin();
  pair.until([&] { return pair.target.find(HEXAGENT_TRANSFER_CHUNK, both.first) != nullptr; });
  nccl.fail_async = true;
  expect_end(&pair, both, 1'000'000);
  assert_int_equal(pair.target.status_of(both.first), HEXAGENT_E_PEER);
  assert_int_equal(pair.source.status_of(both.second), HEXAGENT_E_PEER);
  expect_buried(&pair, &nccl);
  assert_int_equal(nccl.revoked, 2);
  assert_int_equal(nccl.aborted, 2);
  // And again, with communicators that work.
  nccl.fail_async = false;
  nccl.complete_most = -1;
  pair.source.events.clear();
  pair.target.events.clear();
  pair.connect();
  const auto again = pair.begin();
  expect_end(&pair, again, 10'000);
  assert_int_equal(pair.target.status_of(again.first), HEXAGENT_OK);
  assert_true(pair.same_content());
}

void an_operation_that_never_completes_is_given_up(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  nccl.complete_most = 2;
  CudaPair pair;
  pair.open("path=nccl watchdog_ms=100");
  pair.connect();
  const auto both = pair.begin();
  expect_end(&pair, both, 1'000'000);
  assert_true(pair.target.status_of(both.first) < 0);
  assert_true(pair.source.status_of(both.second) < 0);
  expect_buried(&pair, &nccl);
}

void a_connection_that_never_comes_is_given_up(void**) {
  for (const bool refuse : {false, true}) {
    FakeNcclScript& nccl = fresh_nccl();
    nccl.never_connect = true;
    nccl.refuse_connect = refuse;
    CudaPair pair;
    pair.open("path=nccl connect_ms=2000");
    pair.connect();
    const auto both = pair.begin();
    // Longer than silence of a chunk would be: while it connects, nobody is silent.
    for (int turn = 0; turn < 10 && !refuse; ++turn) pair.turn(kLongNs);
    if (!refuse) assert_false(pair.source.peer_is(HEXAGENT_TRANSFER_PEER_DOWN));
    expect_end(&pair, both, kLongNs);
    assert_int_equal(pair.source.status_of(both.second), HEXAGENT_E_PEER);
    expect_buried(&pair, &nccl);
  }
}

void a_slow_abort_holds_nobody_up(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  nccl.complete_most = 2;
  nccl.abort_ms = 300;
  CudaPair pair;
  pair.open("path=nccl");
  pair.connect();
  const auto both = pair.begin();
  for (int turn = 0; turn < 50; ++turn) pair.turn();
  pair.target.engine->disconnect(1, HEXAGENT_E_PEER);
  pair.turn();
  pair.turn();
  assert_true(pair.target.quiesced(both.first));
  assert_true(pair.source.quiesced(both.second));
  assert_int_equal(nccl.aborted, 0);  // they still die
  expect_buried(&pair, &nccl);
}

void an_abort_that_hangs_does_not_hang_the_end(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  nccl.abort_ms = 500;
  std::shared_ptr<FakeDevice> device;
  {
    CudaPair pair;
    pair.open("path=nccl close_ms=1");
    pair.connect();
    expect_end(&pair, pair.begin(), 10'000);
    device = pair.source.device;
    for (CudaEnd* end : {&pair.source, &pair.target}) {
      end->engine->close();
      end->engine.reset();
    }
    assert_int_equal(nccl.aborted, 0);
  }
  while (nccl.alive != 0) continue;  // what was left behind goes on by itself
  while (device->live_memory() != 0) continue;
}

void a_silent_peer_does_not_keep_our_blocks(void**) {
  fresh_nccl().complete_most = 3;
  CudaPair pair;
  pair.open("path=nccl");
  pair.connect();
  const auto both = pair.begin();
  pair.until([&] { return pair.target.find(HEXAGENT_TRANSFER_CHUNK, both.first) != nullptr; });
  pair.cut = true;
  assert_int_equal(pair.target.engine->cancel(HEXAGENT_TRANSFER_TARGET, both.first), HEXAGENT_OK);
  pair.turn();
  assert_true(pair.target.quiesced(both.first));
  assert_int_equal(pair.source.engine->cancel(HEXAGENT_TRANSFER_SOURCE, both.second), HEXAGENT_OK);
  pair.turn();
  assert_true(pair.source.quiesced(both.second));
  // What NCCL still moves lands in staging.
  const std::vector<unsigned char> before = content(pair.target);
  fresh_nccl();
  for (int turn = 0; turn < 100; ++turn) pair.turn();
  assert_memory_equal(content(pair.target).data(), before.data(), before.size());
}

void a_running_kernel_is_waited_for(void**) {
  for (const char* path : {"path=direct", "path=nccl"}) {
    fresh_nccl();
    CudaPair pair;
    pair.open(path);
    pair.connect();
    const auto both = pair.begin();
    pair.target.device->hold_at = 3;
    pair.until([&] { return pair.target.device->copies == 3; });
    pair.target.engine->cancel(HEXAGENT_TRANSFER_TARGET, both.first);
    for (int turn = 0; turn < 20; ++turn) pair.turn();
    assert_false(pair.target.quiesced(both.first));
    pair.target.device->hold(false);
    expect_end(&pair, both, 10'000);
    assert_int_equal(pair.target.status_of(both.first), HEXAGENT_E_CANCELLED);
  }
}

void a_damaged_chunk_is_caught(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  nccl.flip_one = 1;
  CudaPair pair;
  pair.open("path=nccl");
  pair.connect();
  const auto both = pair.begin();
  expect_end(&pair, both, 10'000);
  assert_int_equal(pair.target.status_of(both.first), HEXAGENT_E_CHECKSUM);
  assert_int_equal(pair.source.status_of(both.second), HEXAGENT_E_CHECKSUM);
  // The connection lives.
  const auto again = pair.begin();
  expect_end(&pair, again, 10'000);
  assert_int_equal(pair.target.status_of(again.first), HEXAGENT_OK);
}

void a_device_that_breaks_fails_what_it_had(void**) {
  for (const char* path : {"path=direct", "path=nccl"}) {
    fresh_nccl();
    CudaPair pair;
    pair.open(path);
    pair.connect();
    const auto both = pair.begin();
    pair.until([&] { return pair.target.find(HEXAGENT_TRANSFER_CHUNK, both.first) != nullptr; });
    pair.target.device->hold(true);
    for (int turn = 0; turn < 20; ++turn) pair.turn();
    pair.target.device->break_down();
    expect_end(&pair, both, kLongNs);
    assert_true(pair.target.status_of(both.first) < 0);
    assert_true(pair.source.status_of(both.second) < 0);
  }
}

void another_version_of_nccl_is_refused_before_anything_moves(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  CudaPair pair;
  pair.source.clock = pair.target.clock = &pair.clock;
  pair.source.start(1, CudaPair::options("path=nccl"), 1);
  nccl.version = 22909;
  pair.target.start(2, CudaPair::options("path=nccl"), 1);
  pair.source.engine->connect(2);
  pair.until([&] { return pair.source.peer_is(HEXAGENT_TRANSFER_PEER_DOWN); });
  assert_int_equal(pair.source.find(HEXAGENT_TRANSFER_PEER_DOWN, 0)->status, HEXAGENT_E_PEER);
  assert_int_equal(pair.target.find(HEXAGENT_TRANSFER_PEER_DOWN, 0)->status, HEXAGENT_E_SYSTEM);
  assert_int_equal(nccl.alive, 0);
}

void notes_that_cannot_be_are_the_end_of_the_connection(void**) {
  const auto bad = [](uint32_t kind) {
    MoverNote note = make_go_note(0, 1, 5, 100);
    if (kind == 1) note = make_route_note(0, static_cast<Route>(9));
    if (kind == 2) note = make_route_note(0, Route::kNccl);  // it has one already
    if (kind == 3) note.size = 3;
    if (kind == 4) note.bytes[0] ^= 1;
    if (kind == 5) note = make_id_note(0, NcclId{}, 1);
    if (kind == 6) note = make_go_note(0, 77, 5, 100);
    return note;
  };
  for (uint32_t kind = 0; kind < 7; ++kind) {
    fresh_nccl();
    CudaPair pair;
    pair.open("path=nccl");
    pair.connect();
    expect_end(&pair, pair.begin(), 10'000);
    pair.target.mover->on_note(bad(kind));
    pair.source.mover->on_note(bad(kind));
    pair.turn();
    assert_true(pair.target.peer_is(HEXAGENT_TRANSFER_PEER_DOWN));
  }
}

void without_memory_there_is_no_connection(void**) {
  for (uint32_t left = 0; left < 4; ++left) {
    FakeNcclScript& nccl = fresh_nccl();
    CudaPair pair;
    pair.open("path=nccl");
    pair.source.device->allocations_left = left;
    if (pair.source.engine->connect(2) == HEXAGENT_OK) {
      pair.until([&] { return pair.source.peer_is(HEXAGENT_TRANSFER_PEER_UP); });
      const auto both = pair.begin();
      expect_end(&pair, both, 10'000);
      assert_int_equal(pair.source.status_of(both.second),
                       left < 2 ? HEXAGENT_E_PEER : HEXAGENT_OK);
    }
    for (CudaEnd* end : {&pair.source, &pair.target}) {
      end->engine->close();
      end->engine.reset();
      assert_int_equal(end->device->live_memory(), 0);
    }
    assert_int_equal(nccl.alive, 0);
  }
}

// Row A15 of the data plane's list: whatever is cancelled whenever, a block that was quiesced is
// not written again.
void cancels_at_any_moment_leave_no_write_behind(void**) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    FakeNcclScript& nccl = fresh_nccl();
    TestRandom random(seed);
    nccl.enqueue_polls = static_cast<int32_t>(random.below(3));
    CudaPair pair;
    pair.open(random.chance(50) ? "path=nccl lanes=2" : "path=direct lanes=2", 1, 8, 2);
    pair.connect();
    for (int round = 0; round < 5; ++round) {
      const auto both = pair.begin();
      const uint32_t turns = random.below(12);
      for (uint32_t turn = 0; turn < turns; ++turn) {
        pair.target.device->hold(random.chance(40));
        pair.source.device->hold(random.chance(40));
        pair.turn();
      }
      const bool by_source = random.chance(50);
      if (by_source) {
        pair.source.engine->cancel(HEXAGENT_TRANSFER_SOURCE, both.second);
      } else {
        pair.target.engine->cancel(HEXAGENT_TRANSFER_TARGET, both.first);
      }
      pair.until([&] {
        pair.target.device->hold(random.chance(40));
        return pair.target.quiesced(both.first);
      });
      std::memset(pair.target.memory->memory.get(), 0xc5, pair.target.memory->bytes);
      pair.source.device->hold(false);
      pair.target.device->hold(false);
      expect_end(&pair, both, 10'000);
      for (int turn = 0; turn < 10; ++turn) pair.turn();
      for (const unsigned char byte : content(pair.target)) {
        if (byte != 0xc5) fail_msg("seed %d: a freed block was written", static_cast<int>(seed));
      }
    }
    assert_int_equal(nccl.unsettled_calls, 0);
    assert_int_equal(pair.source.engine->transfers_alive(), 0);
    assert_int_equal(pair.target.engine->reservations_alive(), 0);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_communicator_that_fails_is_the_end_of_the_connection),
      cmocka_unit_test(an_operation_that_never_completes_is_given_up),
      cmocka_unit_test(a_connection_that_never_comes_is_given_up),
      cmocka_unit_test(a_slow_abort_holds_nobody_up),
      cmocka_unit_test(an_abort_that_hangs_does_not_hang_the_end),
      cmocka_unit_test(a_silent_peer_does_not_keep_our_blocks),
      cmocka_unit_test(a_running_kernel_is_waited_for),
      cmocka_unit_test(a_damaged_chunk_is_caught),
      cmocka_unit_test(a_device_that_breaks_fails_what_it_had),
      cmocka_unit_test(another_version_of_nccl_is_refused_before_anything_moves),
      cmocka_unit_test(notes_that_cannot_be_are_the_end_of_the_connection),
      cmocka_unit_test(without_memory_there_is_no_connection),
      cmocka_unit_test(cancels_at_any_moment_leave_no_write_behind),
  };
  return cmocka_run_group_tests_name("cuda-nccl faults", tests, nullptr, nullptr);
}
