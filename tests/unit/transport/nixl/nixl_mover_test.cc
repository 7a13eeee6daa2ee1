// The adapter for NIXL behind its table, over a scripted NIXL: transfers arrive whatever the pace;
// what fails, hangs or is missing ends with a status, and leaves no agent, request or byte behind.
#include "transport/plugins/nixl/nixl_mover.h"

#include <dlfcn.h>
#include <poll.h>

#include <cstring>
#include <memory>
#include <string>
#include <tuple>

#include "transport/ops.h"
#include "unit/transport/host_pair.h"
#include "unit/transport/nixl/fake_nixl.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr unsigned char kCanary = 0xc5;
constexpr const char* kOptions = "library=" HEXAGENT_FAKE_NIXL " nixl.any=thing";

const hexagent_transport_ops* nixl_ops() {
  static const hexagent_transport_ops ops = make_ops(
      "nixl", kNixlCapabilities,
      [](const hexagent_transport_host* host, const hexagent_transport_config* config,
         hexagent_transport** out) { return create_transport(host, config, out, make_nixl); });
  return &ops;
}

FakeNixlScript& fresh_nixl() {
  void* library = dlopen(HEXAGENT_FAKE_NIXL, RTLD_NOW | RTLD_LOCAL);
  assert_non_null(library);
  void* symbol = dlsym(library, "fake_nixl_script");
  FakeNixlScript* (*find)() = nullptr;
  std::memcpy(&find, &symbol, sizeof(find));
  FakeNixlScript& script = *find();
  script = {};
  script.complete_most = -1;
  script.metadata_bytes = 700;
  return script;
}

// Two workers with a pool each, connected.
struct Pair : HostPair {
  explicit Pair(const char* options = kOptions) : shape(small_shape(24)) {
    open(nixl_ops(), options, 1u << 14, 4096);
    give = std::make_unique<TestPool>(shape, 0, 0);
    take = std::make_unique<TestPool>(shape, 0, kCanary);
    TestRandom random(7);
    random.fill(give->memory.get(), give->bytes);
    for (int32_t i = 0; i < 24; ++i) ids.push_back(i);
    from.pool = enter(source, *give);
    to.pool = enter(target, *take);
    for (hexagent_kv_blocks* blocks : {&from, &to}) {
      blocks->blocks = ids.data();
      blocks->block_count = 24;
    }
    connect();
  }
  void connect() {
    assert_int_equal(source.ops->connect(source.transport, 2), HEXAGENT_OK);
    run_both(&source, &target);
  }
  void begin_transfer() { std::tie(id, token) = begin(from, to); }
  // run_both() ends at the first moment when nothing moves; a timer then says when to go on.
  void run_until_end() {
    for (uint32_t i = 0; i < 10'000 && !ended(); ++i) run_both(&source, &target);
    assert_true(ended());
  }
  bool ended() const {
    return source.find(HEXAGENT_TRANSFER_QUIESCED, id) != nullptr &&
           target.find(HEXAGENT_TRANSFER_QUIESCED, token) != nullptr;
  }
  bool arrived() const {
    return source.find(HEXAGENT_TRANSFER_DONE, id) != nullptr &&
           target.find(HEXAGENT_TRANSFER_DONE, token) != nullptr &&
           slow_gather(give->pool, from, shape.layout) == slow_gather(take->pool, to, shape.layout);
  }

  hexagent_kv_pool shape;
  std::unique_ptr<TestPool> give;
  std::unique_ptr<TestPool> take;
  std::vector<int32_t> ids;
  hexagent_kv_blocks from = {};
  hexagent_kv_blocks to = {};
  uint64_t id = 0;
  uint64_t token = 0;
};

void expect_nothing_left(const FakeNixlScript& nixl) {
  assert_int_equal(nixl.agents, 0);
  assert_int_equal(nixl.requests, 0);
  assert_int_equal(nixl.lists, 0);
  assert_int_equal(nixl.mistakes, 0);
}

void a_transfer_arrives_whatever_the_pace(void**) {
  FakeNixlScript& nixl = fresh_nixl();
  for (const int32_t polls : {0, 1, 50}) {
    nixl.polls = polls;
    Pair pair;
    pair.begin_transfer();
    pair.run_until_end();
    assert_true(pair.arrived());
  }
  assert_true(nixl.posted > 6);
  expect_nothing_left(nixl);
}

void the_descriptor_tells_of_a_write_under_way(void**) {
  FakeNixlScript& nixl = fresh_nixl();
  nixl.complete_most = 0;
  Pair pair;
  const int descriptor = nixl_ops()->poll_descriptor(pair.source.transport);
  pollfd ready = {descriptor, POLLIN, 0};
  assert_int_equal(poll(&ready, 1, 0), 0);
  pair.begin_transfer();
  run_both(&pair.source, &pair.target);
  assert_true(nixl.requests > 0);
  assert_int_equal(poll(&ready, 1, 10'000), 1);
  nixl.complete_most = -1;
  pair.run_until_end();
  assert_true(pair.arrived());
  assert_int_equal(poll(&ready, 1, 0), 0);
}

void a_write_that_never_completes_holds_no_blocks(void**) {
  FakeNixlScript& nixl = fresh_nixl();
  nixl.complete_most = 1;
  Pair pair;
  pair.begin_transfer();
  run_both(&pair.source, &pair.target);
  assert_false(pair.ended());
  assert_int_equal(
      pair.source.ops->cancel(pair.source.transport, HEXAGENT_TRANSFER_SOURCE, pair.id),
      HEXAGENT_OK);
  assert_int_equal(
      pair.target.ops->cancel(pair.target.transport, HEXAGENT_TRANSFER_TARGET, pair.token),
      HEXAGENT_OK);
  pair.run_until_end();
  // What lands now finds nobody who wants it.
  const std::vector<unsigned char> before =
      slow_gather(pair.take->pool, pair.to, pair.shape.layout);
  nixl.complete_most = -1;
  run_both(&pair.source, &pair.target);
  assert_true(before == slow_gather(pair.take->pool, pair.to, pair.shape.layout));
  pair.begin_transfer();
  pair.run_until_end();
  assert_true(pair.arrived());
}

void a_write_that_fails_is_the_end_of_the_connection(void**) {
  FakeNixlScript& nixl = fresh_nixl();
  for (bool FakeNixlScript::*wrong :
       {&FakeNixlScript::fail_writes, &FakeNixlScript::refuse_posts}) {
    nixl.*wrong = true;
    Pair pair;
    pair.begin_transfer();
    run_both(&pair.source, &pair.target);
    const hexagent_transfer_event* failed = pair.source.find(HEXAGENT_TRANSFER_FAILED, pair.id);
    assert_non_null(failed);
    assert_int_equal(failed->status, HEXAGENT_E_PEER);
    pair.target.ops->disconnect(pair.target.transport, 1, HEXAGENT_E_PEER);
    pair.run_until_end();
    // And again, with writes that work.
    nixl.*wrong = false;
    pair.connect();
    pair.begin_transfer();
    pair.run_until_end();
    assert_true(pair.arrived());
  }
  expect_nothing_left(nixl);
}

void metadata_that_is_not_taken_ends_the_connection(void**) {
  FakeNixlScript& nixl = fresh_nixl();
  nixl.refuse_metadata = true;
  {
    Pair pair;
    assert_non_null(pair.source.find(HEXAGENT_TRANSFER_PEER_DOWN, 0));
  }
  expect_nothing_left(nixl);
}

void destroy_ends_what_is_under_way(void**) {
  FakeNixlScript& nixl = fresh_nixl();
  nixl.complete_most = 0;
  {
    Pair pair;
    pair.begin_transfer();
    run_both(&pair.source, &pair.target);
    assert_true(nixl.requests > 0);
  }
  expect_nothing_left(nixl);
}

void without_nixl_the_status_and_a_line_say_so(void**) {
  static std::string line;
  line.clear();
  LocalHost host;
  hexagent_transport_host table = host.table();
  table.log = [](void*, uint32_t, const char* text) { line = text; };
  hexagent_transport_config config = LocalHost::config(1);
  hexagent_transport* transport = nullptr;
  const auto create = [&](const char* options) {
    config.options = options;
    return nixl_ops()->create(&table, &config, &transport);
  };
  assert_int_equal(create("library=/nowhere/libnixl_capi.so"), HEXAGENT_E_NO_DEVICE);
  assert_non_null(std::strstr(line.c_str(), "/nowhere/libnixl_capi.so"));
  assert_int_equal(create("library=libc.so.6"), HEXAGENT_E_NO_DEVICE);  // of something else
  assert_non_null(std::strstr(line.c_str(), "lacks nixl_capi_create_configured_agent"));
  for (const char* wrong : {"library=", "nixl.=1", "progress_delay_us=x", "unknown=1"}) {
    assert_int_equal(create(wrong), HEXAGENT_E_KEY);
  }
}

void a_back_end_that_is_not_there_fails_the_connect(void**) {
  FakeNixlScript& nixl = fresh_nixl();
  nixl.refuse_backend = true;
  {
    LocalHost host;
    hexagent_transport_config config = LocalHost::config(1);
    config.options = kOptions;
    assert_int_equal(host.open(nixl_ops(), config), HEXAGENT_OK);
    assert_int_equal(host.ops->connect(host.transport, 2), HEXAGENT_E_SYSTEM);
  }
  expect_nothing_left(nixl);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_transfer_arrives_whatever_the_pace),
      cmocka_unit_test(the_descriptor_tells_of_a_write_under_way),
      cmocka_unit_test(a_write_that_never_completes_holds_no_blocks),
      cmocka_unit_test(a_write_that_fails_is_the_end_of_the_connection),
      cmocka_unit_test(metadata_that_is_not_taken_ends_the_connection),
      cmocka_unit_test(destroy_ends_what_is_under_way),
      cmocka_unit_test(without_nixl_the_status_and_a_line_say_so),
      cmocka_unit_test(a_back_end_that_is_not_there_fails_the_connect),
  };
  return cmocka_run_group_tests_name("nixl mover", tests, nullptr, nullptr);
}
