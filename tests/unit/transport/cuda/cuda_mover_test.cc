// The cuda-nccl mover under the real engine, on devices made of host memory: how chunks go by each
// route. What goes wrong is in cuda_faults_test.cc.
#include "unit/transport/cuda/cuda_pair.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

constexpr unsigned char kOtherDevice = 2;

void expect_whole(CudaPair* pair, const std::pair<uint64_t, uint64_t>& both) {
  const auto [token, id] = both;
  pair->until([pair, token = token, id = id] {
    return pair->target.quiesced(token) && pair->source.quiesced(id);
  });
  assert_int_equal(pair->target.status_of(token), HEXAGENT_OK);
  assert_int_equal(pair->source.status_of(id), HEXAGENT_OK);
  assert_true(pair->same_content());
}

void chunks_go_directly_on_one_device(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  CudaPair pair;
  pair.open("");
  pair.connect();
  expect_whole(&pair, pair.begin());
  assert_int_equal(nccl.alive, 0);
  assert_int_equal(pair.source.device->copies, pair.target.device->copies);
  assert_true(pair.source.device->copies >= 8);
}

void chunks_go_through_imported_memory_between_processes(void**) {
  fresh_nccl();
  CudaPair pair;
  pair.open("path=direct");
  // As if the target were another process.
  pair.on_message = [](bool from_source, std::vector<unsigned char>* message) {
    AnyMessage read;
    if (from_source) return true;
    if (read_message(message->data(), message->size(), &read) != MessageCheck::kGood) return true;
    if (read.header.kind != MessageKind::kHello) return true;
    auto* hello = reinterpret_cast<HelloMessage*>(message->data());
    auto* address = reinterpret_cast<CudaAddress*>(hello->address);
    ++address->process;
    return true;
  };
  pair.connect();
  assert_int_equal(pair.source.device->live_imports(), 1);
  expect_whole(&pair, pair.begin());
  pair.source.engine->disconnect(2, HEXAGENT_E_CLOSED);
  while (!pair.source.mover->reaper_idle()) continue;
  assert_int_equal(pair.source.device->live_imports(), 0);
}

void chunks_go_by_nccl_between_devices(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  CudaPair pair;
  pair.open("", kOtherDevice);
  pair.connect();
  assert_int_equal(nccl.alive, 0);  // none before something is to be sent
  expect_whole(&pair, pair.begin());
  assert_int_equal(nccl.connected, 2);
  assert_int_equal(nccl.sends, nccl.receives);
  assert_int_equal(nccl.sends, pair.source.device->copies + 1);  // and the first, of 16 bytes
  expect_whole(&pair, pair.begin(0));
  assert_int_equal(nccl.connected, 2);
}

void calls_in_progress_are_waited_for(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  nccl.connect_polls = 100;
  nccl.enqueue_polls = 9;
  CudaPair pair;
  pair.open("path=nccl");
  pair.connect();
  expect_whole(&pair, pair.begin());
  assert_int_equal(nccl.unsettled_calls, 0);
}

void both_directions_at_once_do_not_meet(void**) {
  FakeNcclScript& nccl = fresh_nccl();
  CudaPair pair;
  pair.open("path=nccl");
  pair.connect();
  // The target sends its first half of blocks back into the source's second half.
  const std::vector<int32_t> low = {0, 1, 2, 3, 4, 5, 6, 7};
  const std::vector<int32_t> high = {8, 9, 10, 11, 12, 13, 14, 15};
  const auto start = [&](CudaEnd* from, CudaEnd* to, uint32_t from_worker) {
    hexagent_kv_reservation reservation = {};
    reservation.struct_size = sizeof(reservation);
    reservation.peer_worker = from_worker;
    reservation.target = pair.blocks_of(*to);
    reservation.target.blocks = high.data();
    reservation.target.block_count = 8;
    hexagent_kv_transfer transfer = {};
    transfer.struct_size = sizeof(transfer);
    transfer.flags = HEXAGENT_TRANSFER_CHECKSUM;
    transfer.peer_worker = 3 - from_worker;
    transfer.source = pair.blocks_of(*from);
    transfer.source.blocks = low.data();
    transfer.source.block_count = 8;
    uint64_t id = 0;
    assert_int_equal(to->engine->reserve(reservation, &transfer.token), HEXAGENT_OK);
    assert_int_equal(from->engine->submit(transfer, &id), HEXAGENT_OK);
    return transfer.token;
  };
  const uint64_t there = start(&pair.source, &pair.target, 1);
  const uint64_t back = start(&pair.target, &pair.source, 2);
  pair.until([&] { return pair.target.quiesced(there) && pair.source.quiesced(back); });
  assert_int_equal(pair.target.status_of(there), HEXAGENT_OK);
  assert_int_equal(pair.source.status_of(back), HEXAGENT_OK);
  assert_int_equal(nccl.connected, 4);
}

void layers_wait_for_their_event(void**) {
  for (const char* path : {"path=direct nccl_ctas=1", "path=nccl"}) {
    fresh_nccl();
    CudaPair pair;
    pair.open(path);
    pair.connect();
    const auto both = pair.begin(HEXAGENT_TRANSFER_LAYERWISE | HEXAGENT_TRANSFER_CHECKSUM);
    std::atomic<bool> reached = false;
    pair.source.engine->layers_ready(both.second, 2, &reached);
    for (int turn = 0; turn < 100; ++turn) pair.turn();
    assert_int_equal(pair.source.device->copies, 0);
    reached = true;
    pair.until([&] { return pair.target.find(HEXAGENT_TRANSFER_CHUNK, both.first) != nullptr; });
    pair.source.engine->layers_ready(both.second, 4, nullptr);
    expect_whole(&pair, both);
  }
}

void a_transfer_that_waits_for_its_event_is_cancelled_at_once(void**) {
  fresh_nccl();
  CudaPair pair;
  pair.open("");
  pair.connect();
  const auto both = pair.begin(HEXAGENT_TRANSFER_LAYERWISE);
  std::atomic<bool> reached = false;
  pair.source.engine->layers_ready(both.second, 4, &reached);
  pair.turn();
  assert_int_equal(pair.source.engine->cancel(HEXAGENT_TRANSFER_SOURCE, both.second), HEXAGENT_OK);
  pair.turn();
  assert_true(pair.source.quiesced(both.second));
  assert_int_equal(pair.source.device->copies, 0);
}

void only_pools_on_its_device_are_taken(void**) {
  fresh_nccl();
  CudaPair pair;
  pair.open("");
  hexagent_kv_pool shape = pair.source.memory->description();
  uint64_t pool = 0;
  assert_int_equal(pair.source.engine->register_pool(shape, &pool), HEXAGENT_OK);
  shape.device = 3;
  assert_int_equal(pair.source.engine->register_pool(shape, &pool), HEXAGENT_E_UNSUPPORTED);
  shape.device = 0;
  shape.memory = HEXAGENT_MEMORY_HOST;
  assert_int_equal(pair.source.engine->register_pool(shape, &pool), HEXAGENT_E_UNSUPPORTED);
  shape.memory = HEXAGENT_MEMORY_CUDA;
  std::vector<uint64_t> bases = pair.source.memory->pool.bases;
  bases.back() = reinterpret_cast<uintptr_t>(&pool);
  shape.region_bases = bases.data();
  assert_int_equal(pair.source.engine->register_pool(shape, &pool), HEXAGENT_E_UNSUPPORTED);
}

void nothing_is_left_of_a_transport(void**) {
  for (const char* path : {"path=direct", "path=nccl"}) {
    FakeNcclScript& nccl = fresh_nccl();
    CudaPair pair;
    pair.open(path);
    pair.connect();
    expect_whole(&pair, pair.begin());
    for (CudaEnd* end : {&pair.source, &pair.target}) {
      end->engine->close();
      end->engine.reset();
      assert_int_equal(end->device->live_memory(), 0);
      assert_int_equal(end->device->live_streams(), 0);
    }
    assert_int_equal(nccl.alive, 0);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(chunks_go_directly_on_one_device),
      cmocka_unit_test(chunks_go_through_imported_memory_between_processes),
      cmocka_unit_test(chunks_go_by_nccl_between_devices),
      cmocka_unit_test(calls_in_progress_are_waited_for),
      cmocka_unit_test(both_directions_at_once_do_not_meet),
      cmocka_unit_test(layers_wait_for_their_event),
      cmocka_unit_test(a_transfer_that_waits_for_its_event_is_cancelled_at_once),
      cmocka_unit_test(only_pools_on_its_device_are_taken),
      cmocka_unit_test(nothing_is_left_of_a_transport),
  };
  return cmocka_run_group_tests_name("cuda-nccl mover", tests, nullptr, nullptr);
}
