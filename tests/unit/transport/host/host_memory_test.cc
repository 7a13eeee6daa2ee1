// The host-memory transport behind its table, within one process: every layout, with one copy and
// with two. What is particular to one copy: lending_test.cc beside this.
#include "transport/host/host_memory.h"

#include "unit/transport/host_pair.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr unsigned char kCanary = 0xc5;

struct Pair : HostPair {
  explicit Pair(const char* options = nullptr, uint32_t slot_bytes = 1u << 20,
                uint32_t chunk_bytes = 0) {
    open(host_memory_ops(), options, slot_bytes, chunk_bytes);
    assert_int_equal(source.ops->connect(source.transport, 2), HEXAGENT_OK);
    run_both(&source, &target);
    assert_non_null(source.find(HEXAGENT_TRANSFER_PEER_UP, 0));
    assert_non_null(target.find(HEXAGENT_TRANSFER_PEER_UP, 0));
  }
};

void every_layout_arrives(void**) {
  TestRandom random(1);
  for (uint32_t i = 0; i < 300; ++i) {
    constexpr const char* kOptions[] = {nullptr, "one_copy_min=0", "one_copy=off",
                                        "one_copy=off pack=streaming"};
    Pair pair(kOptions[i % 4], 1u << 20, random.between(4096, 100'000));
    const hexagent_kv_pool shape = random_shape(&random);
    TestPool give(shape, random.below(100), 0);
    TestPool take(shape, random.below(100), kCanary);
    TestPool wanted(shape, 0, kCanary);
    random.fill(give.memory.get(), give.bytes);
    std::vector<int32_t> from;
    hexagent_kv_blocks source = random_selection(shape, &random, &from);
    const std::vector<int32_t> to =
        some_blocks(static_cast<uint32_t>(from.size()), shape.block_count, &random);
    hexagent_kv_blocks target = source;
    target.blocks = to.data();
    slow_scatter(wanted.pool, target, shape.layout, slow_gather(give.pool, source, shape.layout));
    source.pool = Pair::enter(pair.source, give);
    target.pool = Pair::enter(pair.target, take);
    const uint32_t flags = random.chance(30) ? HEXAGENT_TRANSFER_CHECKSUM : 0;
    const auto [id, token] = pair.begin(source, target, flags);
    run_both(&pair.source, &pair.target);
    assert_non_null(pair.source.find(HEXAGENT_TRANSFER_DONE, id));
    assert_non_null(pair.source.find(HEXAGENT_TRANSFER_QUIESCED, id));
    assert_non_null(pair.target.find(HEXAGENT_TRANSFER_DONE, token));
    assert_non_null(pair.target.find(HEXAGENT_TRANSFER_QUIESCED, token));
    for (size_t region = 0; region < take.pool.bases.size(); ++region) {
      assert_memory_equal(
          reinterpret_cast<void*>(static_cast<uintptr_t>(take.pool.bases[region])),
          reinterpret_cast<void*>(static_cast<uintptr_t>(wanted.pool.bases[region])),
          shape.block_stride_bytes * shape.block_count);
    }
  }
}

// One worker with 8 heads in NHD gives 4 of them to one with 4 heads in HND.
void exchange_heads(const char* options, uint32_t flags) {
  Pair pair(options);
  TestRandom random(2);
  hexagent_kv_pool shape = small_shape(6);
  shape.head_count = 8;
  shape.block_stride_bytes = block_bytes(shape);
  TestPool give(shape, 0, 0);
  random.fill(give.memory.get(), give.bytes);
  shape.head_count = 4;
  shape.layout = HEXAGENT_KV_HND;
  shape.block_stride_bytes = block_bytes(shape);
  TestPool take(shape, 0, kCanary);
  const std::vector<int32_t> from = {5, 1, 3};
  const std::vector<int32_t> to = {0, 2, 4};
  hexagent_kv_blocks source = {};
  source.pool = Pair::enter(pair.source, give);
  source.blocks = from.data();
  source.block_count = 3;
  source.last_block_tokens = 9;
  source.first_head = 4;
  hexagent_kv_blocks target = source;
  target.pool = Pair::enter(pair.target, take);
  target.blocks = to.data();
  target.first_head = 0;
  const auto [id, token] = pair.begin(source, target, flags);
  run_both(&pair.source, &pair.target);
  assert_non_null(pair.source.find(HEXAGENT_TRANSFER_DONE, id));
  assert_true(slow_gather(give.pool, source, HEXAGENT_KV_NHD) ==
              slow_gather(take.pool, target, HEXAGENT_KV_NHD));
}

void workers_of_other_parallelism_and_layout_exchange_heads(void**) {
  exchange_heads(nullptr, HEXAGENT_TRANSFER_CHECKSUM);
  exchange_heads("one_copy=off", 0);
  exchange_heads("one_copy_min=0", 0);
}

// Acceptance row A15 on the real mover: cancelled between any two steps, not a byte is written.
void cancel_between_steps(const char* options) {
  TestRandom random(3);
  constexpr uint32_t kBlocks = 8;
  Pair pair(options, 4096, 4096);
  TestPool give(small_shape(kBlocks), 0, 1);
  TestPool take(small_shape(kBlocks), 0, kCanary);
  const std::vector<int32_t> ids = some_blocks(kBlocks, kBlocks, &random);
  hexagent_kv_blocks source = {};
  source.pool = Pair::enter(pair.source, give);
  source.blocks = ids.data();
  source.block_count = kBlocks;
  hexagent_kv_blocks target = source;
  target.pool = Pair::enter(pair.target, take);
  for (uint32_t i = 0; i < 500; ++i) {
    const auto [id, token] = pair.begin(source, target, 0);
    for (uint32_t step = random.below(12); step > 0; --step) {
      int64_t next = 0;
      LocalHost& from = random.chance(50) ? pair.source : pair.target;
      LocalHost& to = &from == &pair.source ? pair.target : pair.source;
      from.ops->progress(from.transport, 1, &next);
      while (!from.sent.empty()) {
        to.ops->control(to.transport, &from == &pair.source ? 1 : 2,
                        from.sent.front().second.data(), from.sent.front().second.size());
        from.sent.pop_front();
      }
    }
    const hexagent_status status =
        pair.target.ops->cancel(pair.target.transport, HEXAGENT_TRANSFER_TARGET, token);
    int64_t next = 0;
    pair.target.ops->progress(pair.target.transport, 0, &next);
    assert_non_null(pair.target.find(HEXAGENT_TRANSFER_QUIESCED, token));
    std::memset(take.memory.get(), kCanary, take.bytes);
    run_both(&pair.source, &pair.target);
    for (size_t at = 0; at < take.bytes; ++at) assert_int_equal(take.memory.get()[at], kCanary);
    assert_non_null(pair.source.find(HEXAGENT_TRANSFER_QUIESCED, id));
    assert_true(status == HEXAGENT_OK || status == HEXAGENT_E_STALE);
    pair.source.events.clear();
    pair.target.events.clear();
  }
}

void cancelled_transfers_write_nothing(void**) {
  cancel_between_steps("one_copy=off");
  cancel_between_steps("one_copy_min=0");
}

void a_failed_peer_costs_no_memory(void**) {
  Pair pair;
  for (uint32_t i = 0; i < 50; ++i) {
    assert_int_equal(pair.source.ops->disconnect(pair.source.transport, 2, HEXAGENT_E_PEER),
                     HEXAGENT_OK);
    run_both(&pair.source, &pair.target);
    assert_int_equal(pair.source.ops->connect(pair.source.transport, 2), HEXAGENT_OK);
    run_both(&pair.source, &pair.target);
    assert_int_equal(pair.source.events.back().kind, HEXAGENT_TRANSFER_PEER_UP);
  }
}

void destroying_ends_what_is_alive(void**) {
  Pair pair;
  TestPool give(small_shape(4), 0, 1);
  TestPool take(small_shape(4), 0, 2);
  const std::vector<int32_t> ids = {0, 1};
  hexagent_kv_blocks source = {};
  source.pool = Pair::enter(pair.source, give);
  source.blocks = ids.data();
  source.block_count = 2;
  hexagent_kv_blocks target = source;
  target.pool = Pair::enter(pair.target, take);
  const auto [id, token] = pair.begin(source, target, 0);
  pair.source.close();
  const hexagent_transfer_event* failed = pair.source.find(HEXAGENT_TRANSFER_FAILED, id);
  assert_non_null(failed);
  assert_int_equal(failed->status, HEXAGENT_E_CLOSED);
  assert_non_null(pair.source.find(HEXAGENT_TRANSFER_QUIESCED, id));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_layout_arrives),
      cmocka_unit_test(workers_of_other_parallelism_and_layout_exchange_heads),
      cmocka_unit_test(cancelled_transfers_write_nothing),
      cmocka_unit_test(a_failed_peer_costs_no_memory),
      cmocka_unit_test(destroying_ends_what_is_alive),
  };
  return cmocka_run_group_tests_name("host memory", tests, nullptr, nullptr);
}
