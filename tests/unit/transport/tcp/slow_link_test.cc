// host-tcp where the link is slower than the source, or is none: a rate that is asked for is kept,
// what is urgent has little before it, lanes that never come end what waits for them. Part of
// acceptance row A13; its times: `hexagent bench transport --part urgent --link-rate`.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "transport/engine/message.h"
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

// Emulated processors do not pass the question on to the kernel.
void skip_without_pacing() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  const uint64_t rate = 50'000'000;
  const bool paces = setsockopt(probe, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)) == 0;
  close(probe);
  if (!paces) skip();
}

void a_rate_is_kept(void**) {
  skip_without_pacing();
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
  skip_without_pacing();
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

// A socket of the loopback that lets nobody in: its queue is full, so that the system drops what
// else wants to connect.
struct ShutDoor {
  int server = socket(AF_INET, SOCK_STREAM, 0);
  std::vector<int> waiting;
  sockaddr_in where = {};

  ShutDoor() {
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(where);
    assert_int_equal(bind(server, reinterpret_cast<const sockaddr*>(&where), size), 0);
    assert_int_equal(listen(server, 0), 0);
    assert_int_equal(getsockname(server, reinterpret_cast<sockaddr*>(&where), &size), 0);
    for (bool open = true; open;) {
      waiting.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      connect(waiting.back(), reinterpret_cast<const sockaddr*>(&where), size);
      pollfd ready = {waiting.back(), POLLOUT, 0};
      open = poll(&ready, 1, 100) == 1;
      assert_true(waiting.size() < 100);
    }
  }
  ~ShutDoor() {
    for (const int each : waiting) close(each);
    close(server);
  }
  ShutDoor(const ShutDoor&) = delete;
  ShutDoor& operator=(const ShutDoor&) = delete;
};

// As where a wall swallows what goes to the port that the target tells.
void lanes_that_never_come_are_silence(void**) {
  const ShutDoor door;
  HostPair pair;
  pair.open(host_tcp_ops(), "silence_ms=200", 1u << 16, 0);
  TestPool give(small_shape(8), 0, 1);
  const uint64_t pool = HostPair::enter(pair.source, give);
  assert_int_equal(pair.target.ops->connect(pair.target.transport, 1), HEXAGENT_OK);
  std::vector<unsigned char> hello = pair.target.sent.front().second;
  const auto port = static_cast<uint16_t>(ntohs(door.where.sin_port));
  std::memcpy(hello.data() + offsetof(HelloMessage, address) + offsetof(TcpAddress, port), &port,
              sizeof(port));
  LocalHost& source = pair.source;
  assert_int_equal(source.ops->control(source.transport, 2, hello.data(), hello.size()),
                   HEXAGENT_OK);
  const int32_t block = 3;
  hexagent_kv_transfer transfer = {};
  transfer.struct_size = sizeof(transfer);
  transfer.peer_worker = 2;
  transfer.source.pool = pool;
  transfer.source.blocks = &block;
  transfer.source.block_count = 1;
  transfer.token = 1;  // nobody looks at it
  uint64_t id = 0;
  assert_int_equal(source.ops->submit(source.transport, &transfer, &id), HEXAGENT_OK);
  while (source.find(HEXAGENT_TRANSFER_QUIESCED, id) == nullptr) {
    source.progress();
    usleep(1000);
  }
  assert_int_equal(source.find(HEXAGENT_TRANSFER_FAILED, id)->status, HEXAGENT_E_TIMEOUT);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_rate_is_kept),
      cmocka_unit_test(little_lies_before_the_urgent),
      cmocka_unit_test(lanes_that_never_come_are_silence),
  };
  return cmocka_run_group_tests_name("host tcp, slow link", tests, nullptr, nullptr);
}
