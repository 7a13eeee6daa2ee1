// host-tcp where the link is slower than the source: a rate that is asked for is kept, and what is
// urgent has little before it. Part of acceptance row A13; its times are measured by
// `hexagent bench transport --part urgent --link-rate`.
#include "transport/tcp/host_tcp.h"
#include "unit/transport/tcp/tcp_pair.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr uint32_t kBlocks = 256;
constexpr uint32_t kLayers = 16;
constexpr uint32_t kChunkBytes = 1u << 19;

// One lane: the system takes whole pieces of 64 KiB, which are much of a part otherwise.
struct SlowPair : TcpPair {
  SlowPair() : TcpPair("lanes=1 rate=50000000 silence_ms=60000", kChunkBytes) {
    for (uint32_t i = 0; i < kBlocks; ++i) ids.push_back(static_cast<int32_t>(i));
    give_pool = enter(source, give);
    take_pool = enter(target, take);
  }
  // The first `count` blocks; urgent ones go before others.
  std::pair<uint64_t, uint64_t> send(uint32_t count, uint32_t priority) const {
    hexagent_kv_blocks blocks = {};
    blocks.blocks = ids.data();
    blocks.block_count = count;
    hexagent_kv_reservation reservation = {};
    reservation.struct_size = sizeof(reservation);
    reservation.peer_worker = 1;
    reservation.target = blocks;
    reservation.target.pool = take_pool;
    hexagent_kv_transfer transfer = {};
    transfer.struct_size = sizeof(transfer);
    transfer.peer_worker = 2;
    transfer.priority = priority;
    transfer.source = blocks;
    transfer.source.pool = give_pool;
    uint64_t id = 0;
    assert_int_equal(target.ops->reserve(target.transport, &reservation, &transfer.token),
                     HEXAGENT_OK);
    assert_int_equal(source.ops->submit(source.transport, &transfer, &id), HEXAGENT_OK);
    return {id, transfer.token};
  }
  // As the target has it.
  uint64_t arrived(uint64_t token) const {
    uint64_t bytes = 0;
    for (const hexagent_transfer_event& event : target.events) {
      if (event.id == token) bytes = std::max(bytes, event.bytes);
    }
    return bytes;
  }

  TestPool give{small_shape(kBlocks, kLayers), 0, 1};
  TestPool take{small_shape(kBlocks, kLayers), 0, 2};
  std::vector<int32_t> ids;
  uint64_t give_pool = 0;
  uint64_t take_pool = 0;
};

void a_rate_is_kept(void**) {
  SlowPair pair;
  const auto [id, token] = pair.send(kBlocks, 0);
  pair.until_quiesced(id, token);
  const hexagent_transfer_event* done = pair.target.find(HEXAGENT_TRANSFER_DONE, token);
  assert_non_null(done);
  // A socket may begin with a burst.
  const int64_t at_rate_ns = static_cast<int64_t>(done->bytes) * 1'000'000'000 / 50'000'000;
  assert_true(done->time_ns - done->begin_ns >= at_rate_ns / 2);
}

// What travels, and at most one chunk more. Three would be there if the system took what it can.
void little_lies_before_the_urgent(void**) {
  SlowPair pair;
  for (uint32_t i = 1; i <= 4; ++i) {
    const auto [bulk, bulk_token] = pair.send(kBlocks, 1);
    const uint64_t wanted = i * uint64_t{2} * kChunkBytes;
    pair.until([&, token = bulk_token] { return pair.arrived(token) >= wanted; });
    const uint64_t before = pair.arrived(bulk_token);
    const auto [urgent, urgent_token] = pair.send(16, 0);
    pair.until([&, token = urgent_token] { return pair.arrived(token) > 0; });
    assert_true(pair.arrived(bulk_token) - before <= uint64_t{2} * kChunkBytes);
    pair.until_quiesced(bulk, bulk_token);
    pair.until_quiesced(urgent, urgent_token);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_rate_is_kept),
      cmocka_unit_test(little_lies_before_the_urgent),
  };
  return cmocka_run_group_tests_name("host tcp, slow link", tests, nullptr, nullptr);
}
