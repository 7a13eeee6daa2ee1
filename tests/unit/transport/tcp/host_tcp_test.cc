// The host-tcp transport: within one process over the loopback, with strangers at its door, and
// between two processes of which one is killed.
#include "transport/tcp/host_tcp.h"

#include <arpa/inet.h>

#include "unit/transport/family.h"
#include "unit/transport/tcp/tcp_pair.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr unsigned char kCanary = 0xc5;

using Pair = TcpPair;

void every_layout_arrives(void**) {
  TestRandom random(1);
  for (uint32_t i = 0; i < 40; ++i) {
    Pair pair(i % 2 == 0 ? nullptr : "lanes=1", random.between(4096, 200'000));
    const hexagent_kv_pool shape = random_shape(&random);
    TestPool give(shape, random.below(100), 0);
    TestPool take(shape, random.below(100), kCanary);
    random.fill(give.memory.get(), give.bytes);
    std::vector<int32_t> from;
    hexagent_kv_blocks source = random_selection(shape, &random, &from);
    const std::vector<int32_t> to =
        some_blocks(static_cast<uint32_t>(from.size()), shape.block_count, &random);
    hexagent_kv_blocks target = source;
    target.blocks = to.data();
    source.pool = Pair::enter(pair.source, give);
    target.pool = Pair::enter(pair.target, take);
    const auto [id, token] = pair.begin(source, target);
    pair.until_quiesced(id, token);
    assert_non_null(pair.source.find(HEXAGENT_TRANSFER_DONE, id));
    assert_true(slow_gather(give.pool, source, shape.layout) ==
                slow_gather(take.pool, target, shape.layout));
  }
}

void cancelled_transfers_write_nothing(void**) {
  TestRandom random(2);
  constexpr uint32_t kBlocks = 64;
  Pair pair(nullptr, 65536);
  TestPool give(small_shape(kBlocks, 8), 0, 1);
  TestPool take(small_shape(kBlocks, 8), 0, kCanary);
  const std::vector<int32_t> ids = some_blocks(kBlocks, kBlocks, &random);
  hexagent_kv_blocks source = {};
  source.pool = Pair::enter(pair.source, give);
  source.blocks = ids.data();
  source.block_count = kBlocks;
  hexagent_kv_blocks target = source;
  target.pool = Pair::enter(pair.target, take);
  const std::vector<unsigned char> wanted(take.bytes, kCanary);
  uint32_t cut = 0;
  for (uint32_t i = 0; i < 300; ++i) {
    const std::pair<uint64_t, uint64_t> handles = pair.begin(source, target);
    const uint64_t id = handles.first;
    const uint64_t token = handles.second;
    for (uint32_t turn = random.below(30); turn > 0; --turn) {
      int64_t next = 0;
      LocalHost& from = random.chance(50) ? pair.source : pair.target;
      LocalHost& to = &from == &pair.source ? pair.target : pair.source;
      from.ops->progress(from.transport, 1, &next);
      for (; !from.sent.empty(); from.sent.pop_front()) {
        const std::vector<unsigned char>& message = from.sent.front().second;
        to.ops->control(to.transport, &from == &pair.source ? 1 : 2, message.data(),
                        message.size());
      }
    }
    const bool at_source = random.chance(30);
    LocalHost& where = at_source ? pair.source : pair.target;
    if (where.ops->cancel(where.transport,
                          at_source ? HEXAGENT_TRANSFER_SOURCE : HEXAGENT_TRANSFER_TARGET,
                          at_source ? id : token) == HEXAGENT_OK) {
      ++cut;
    }
    if (!at_source) {
      int64_t next = 0;
      pair.target.ops->progress(pair.target.transport, 0, &next);
      assert_non_null(pair.target.find(HEXAGENT_TRANSFER_QUIESCED, token));
    }
    pair.until(
        [&pair, token] { return pair.target.find(HEXAGENT_TRANSFER_QUIESCED, token) != nullptr; });
    std::memset(take.memory.get(), kCanary, take.bytes);
    pair.until_quiesced(id, token);
    for (uint32_t turn = 0; turn < 20; ++turn) run_both(&pair.source, &pair.target);
    assert_memory_equal(take.memory.get(), wanted.data(), take.bytes);
    pair.source.events.clear();
    pair.target.events.clear();
  }
  assert_true(cut > 200);
  // All credits are back: a whole transfer still goes.
  const auto [id, token] = pair.begin(source, target);
  pair.until_quiesced(id, token);
  assert_non_null(pair.source.find(HEXAGENT_TRANSFER_DONE, id));
}

void a_connection_can_be_made_anew(void**) {
  Pair pair;
  for (uint32_t i = 0; i < 20; ++i) {
    LocalHost& one = i % 2 == 0 ? pair.source : pair.target;
    assert_int_equal(one.ops->disconnect(one.transport, i % 2 == 0 ? 2 : 1, HEXAGENT_E_CLOSED),
                     HEXAGENT_OK);
    pair.until([&pair] {
      return pair.source.find(HEXAGENT_TRANSFER_PEER_DOWN, 0) != nullptr &&
             pair.target.find(HEXAGENT_TRANSFER_PEER_DOWN, 0) != nullptr;
    });
    pair.connect();
  }
}

void bad_options_are_refused(void**) {
  for (const char* options : {"address=nowhere", "lanes=0", "lanes=17", "port=70000",
                              "port=", "rate=fast", "kernels=none", "listen=1"}) {
    LocalHost host;
    hexagent_transport_config config = LocalHost::config(1);
    config.options = options;
    assert_int_equal(host.open(host_tcp_ops(), config), HEXAGENT_E_KEY);
  }
  LocalHost host;
  hexagent_transport_config config = LocalHost::config(1);
  config.options = "address=192.0.2.1";  // of no interface here
  assert_int_equal(host.open(host_tcp_ops(), config), HEXAGENT_E_SYSTEM);
}

// What connects to the port that HELLO tells, and says something else.
void strangers_do_no_harm(void**) {
  TestRandom random(3);
  LocalHost host;
  assert_int_equal(host.open(host_tcp_ops(), LocalHost::config(1)), HEXAGENT_OK);
  assert_int_equal(host.ops->connect(host.transport, 2), HEXAGENT_OK);
  HelloMessage hello = {};
  std::memcpy(&hello, host.sent.front().second.data(), sizeof(hello));
  TcpAddress address = {};
  std::memcpy(&address, hello.address, sizeof(address));
  sockaddr_in where = {};
  where.sin_family = AF_INET;
  where.sin_port = htons(address.port);
  std::memcpy(&where.sin_addr, address.ip, sizeof(where.sin_addr));
  for (uint32_t i = 0; i < 200; ++i) {
    const int stranger = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(stranger, reinterpret_cast<const sockaddr*>(&where), sizeof(where)),
                     0);
    unsigned char bytes[200];
    random.fill(bytes, sizeof(bytes));
    if (random.chance(70)) std::memcpy(bytes, &kLaneMagic, sizeof(kLaneMagic));
    const bool knows = random.chance(30);  // a broken peer, rather
    if (knows) {
      const LanePreamble preamble = {kLaneMagic, 0, {address.cookie[0], address.cookie[1]}};
      const FrameHeader frame = {kFrameMagic,
                                 random.below(5),
                                 random.below(3),
                                 random.below(9),
                                 static_cast<uint32_t>(random.next()),
                                 0};
      std::memcpy(bytes, &preamble, sizeof(preamble));
      std::memcpy(bytes + sizeof(preamble), &frame, sizeof(frame));
    }
    send(stranger, bytes, random.below(sizeof(bytes)), MSG_NOSIGNAL);
    host.progress();
    close(stranger);
    host.progress();
    // A lane with the cookie that ends is the end of the connection it belongs to.
    if (host.find(HEXAGENT_TRANSFER_PEER_DOWN, 0) == nullptr) continue;
    host.events.clear();
    host.sent.clear();
    assert_int_equal(host.ops->connect(host.transport, 2), HEXAGENT_OK);
    std::memcpy(&hello, host.sent.front().second.data(), sizeof(hello));
    std::memcpy(&address, hello.address, sizeof(address));
  }
}

void a_transfer_crosses_processes(void**) { crosses_processes(host_tcp_ops()); }

// Acceptance row A16: the lanes alone tell that the peer is gone; nothing is left.
void a_killed_peer_is_noticed_by_its_lanes(void**) {
  const uint32_t before = hexagent::test::descriptors_open();
  for (uint32_t i = 0; i < 200; ++i) {
    FamilyWish wish;
    wish.slow = true;
    Family family(host_tcp_ops(), wish);
    LocalHost& host = family.target.host;
    family.until([&] {
      const hexagent_transfer_event* chunk = host.find(HEXAGENT_TRANSFER_CHUNK, family.token);
      return chunk != nullptr && chunk->layers >= i % 3;
    });
    family.end(SIGKILL);
    while (host.find(HEXAGENT_TRANSFER_QUIESCED, family.token) == nullptr) {
      pollfd wait = {host.ops->poll_descriptor(host.transport), POLLIN, 0};
      poll(&wait, 1, 1);
      host.progress();
    }
    const hexagent_transfer_event* failed = host.find(HEXAGENT_TRANSFER_FAILED, family.token);
    assert_non_null(failed);
    assert_int_equal(failed->status, HEXAGENT_E_PEER);
    assert_int_equal(host.ops->unregister_pool(host.transport, family.target.pool), HEXAGENT_OK);
  }
  assert_int_equal(hexagent::test::descriptors_open(), before);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_layout_arrives),
      cmocka_unit_test(cancelled_transfers_write_nothing),
      cmocka_unit_test(a_connection_can_be_made_anew),
      cmocka_unit_test(bad_options_are_refused),
      cmocka_unit_test(strangers_do_no_harm),
      cmocka_unit_test(a_transfer_crosses_processes),
      cmocka_unit_test(a_killed_peer_is_noticed_by_its_lanes),
  };
  return cmocka_run_group_tests_name("host tcp", tests, nullptr, nullptr);
}
