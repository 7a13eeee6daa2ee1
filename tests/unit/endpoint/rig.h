// Endpoints with a controller, in one process: the controller's loop is the test's own thread, each
// endpoint has its own. Engines are played by the test: they answer by their rules and count what
// they are told about each transfer.
#pragma once

#include <poll.h>
#include <unistd.h>
#include <uv.h>

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controller/controller.h"
#include "hexagent/endpoint.h"
#include "unit/descriptors.h"
#include "unit/transport/copy/slow_kv.h"

extern "C" {
#include <cmocka.h>
}

namespace hexagent::endpoint {

using transport::small_shape;
using transport::TestPool;
using transport::TestRandom;

inline constexpr const char* kSecret = "a secret of the tests alone";
inline constexpr uint32_t kPoolBlocks = 64;
inline constexpr uint32_t kPoolLayers = 4;
inline constexpr uint64_t kPatienceNs = 300'000'000'000;  // what is awaited must come by then

// What an engine was told of one transfer.
struct Told {
  uint32_t asked = 0;
  uint32_t ended = 0;
  uint32_t quiesced = 0;
  bool in_order = true;
  hexagent_status status = HEXAGENT_OK;
  uint64_t bytes = 0;
  uint64_t workflow = 0;
  uint64_t call = 0;
};

struct Engine {
  hexagent_endpoint* endpoint = nullptr;
  uint32_t worker = 0;
  uint64_t pool = 0;
  std::unique_ptr<TestPool> memory;
  std::map<uint64_t, Told> told;
  uint32_t connected = 0;
  uint32_t disconnected = 0;
  hexagent_status down = HEXAGENT_OK;
  uint32_t flags = HEXAGENT_TRANSFER_CHECKSUM;
  // Blocks for a question; the default is the same for every transfer. Empty: no answer.
  std::function<std::vector<int32_t>(const hexagent_endpoint_event&)> answer;

  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() { close(); }
  void close() {
    hexagent_endpoint_close(endpoint);
    endpoint = nullptr;
  }

  static hexagent_endpoint_config config(uint32_t worker, const std::string& address) {
    hexagent_endpoint_config config = {};
    config.struct_size = sizeof(config);
    config.worker = worker;
    config.controller = address.c_str();
    config.secret = kSecret;
    config.options = "silence_ms=60000";  // this machine may be busy
    config.slot_bytes = config.chunk_bytes_min = 16384;
    config.reconnect_min_ns = 1'000'000;
    config.reconnect_max_ns = 20'000'000;
    return config;
  }
  void open(const hexagent_endpoint_config& with) {
    hexagent_error error = {};
    error.struct_size = sizeof(error);
    worker = with.worker;
    endpoint = hexagent_endpoint_open(&with, &error);
    if (endpoint == nullptr) std::fprintf(stderr, "%s\n", error.text);
    assert_non_null(endpoint);
    const hexagent_kv_pool shape = small_shape(kPoolBlocks, kPoolLayers);
    enter(shape);
  }
  void enter(const hexagent_kv_pool& shape) {
    memory = std::make_unique<TestPool>(shape, 0, 0);
    TestRandom random(worker);
    random.fill(memory->memory.get(), memory->bytes);
    const hexagent_kv_pool described = memory->description();
    assert_int_equal(hexagent_endpoint_pool_add(endpoint, &described, &pool), HEXAGENT_OK);
  }
  hexagent_kv_blocks blocks(const std::vector<int32_t>& ids) const {
    hexagent_kv_blocks blocks = {};
    blocks.pool = pool;
    blocks.blocks = ids.data();
    blocks.block_count = static_cast<uint32_t>(ids.size());
    return blocks;
  }
  void poll() {
    hexagent_endpoint_event events[16];
    int32_t count = 0;
    while (endpoint != nullptr && (count = hexagent_endpoint_poll(endpoint, events, 16)) > 0) {
      for (int32_t i = 0; i < count; ++i) take(events[i]);
    }
  }
  void take(const hexagent_endpoint_event& event) {
    Told& about = told[event.transfer];
    switch (event.kind) {
      case HEXAGENT_ENDPOINT_CONNECTED:
        ++connected;
        break;
      case HEXAGENT_ENDPOINT_DISCONNECTED:
        ++disconnected;
        down = event.status;
        break;
      case HEXAGENT_ENDPOINT_RESERVE:
      case HEXAGENT_ENDPOINT_SEND:
        ++about.asked;
        about.workflow = event.workflow;
        about.call = event.call;
        reply(event);
        break;
      case HEXAGENT_ENDPOINT_DONE:
      case HEXAGENT_ENDPOINT_FAILED:
        ++about.ended;
        about.status = event.status;
        about.bytes = event.bytes;
        break;
      case HEXAGENT_ENDPOINT_QUIESCED:
        about.in_order = about.in_order && about.ended == 1;
        ++about.quiesced;
        break;
      default:
        break;
    }
  }
  void reply(const hexagent_endpoint_event& event) {
    std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6, 7};
    if (answer) ids = answer(event);
    if (ids.empty()) return;
    const hexagent_kv_blocks named = blocks(ids);
    const hexagent_status status =
        event.kind == HEXAGENT_ENDPOINT_RESERVE
            ? hexagent_endpoint_reserve(endpoint, event.transfer, &named)
            : hexagent_endpoint_send(endpoint, event.transfer, &named, flags);
    assert_int_equal(status, HEXAGENT_OK);
  }
  bool quiesced(uint64_t id) { return told[id].quiesced > 0; }
};

struct Rig : controller::ControllerEvents {
  uv_loop_t loop = {};
  std::unique_ptr<controller::Controller> controller;
  std::string address;
  std::vector<Engine*> engines;
  std::map<uint64_t, controller::TransferEnd> ended;
  std::map<uint64_t, uint32_t> end_count;
  std::map<uint64_t, hexagent_status> quiesced[2];
  std::map<uint32_t, uint64_t> connected;
  std::vector<controller::LinkMeasured> links;
  uint32_t lost = 0;
  hexagent_status lost_status = HEXAGENT_OK;

  explicit Rig(const char* where = nullptr) {
    static uint32_t number = 0;
    address = where != nullptr ? where
                               : "unix:/tmp/hexagent-test-" + std::to_string(getpid()) + "-" +
                                     std::to_string(++number);
    signal(SIGPIPE, SIG_IGN);  // the library's own thread has it blocked
    assert_int_equal(uv_loop_init(&loop), 0);
    open();
  }
  ~Rig() {
    shut();
    uv_loop_close(&loop);
  }
  void open() {
    controller::ControllerSettings settings;
    assert_true(control::parse_address(address, &settings.address));
    settings.secret = kSecret;
    settings.sweep_ms = 20;
    tune(&settings);
    controller = std::make_unique<controller::Controller>(settings, this);
    assert_int_equal(controller->open(&loop), 0);
  }
  std::function<void(controller::ControllerSettings*)> tune = [](controller::ControllerSettings*) {
  };
  void shut() {
    if (controller == nullptr) return;
    controller->close();
    uv_run(&loop, UV_RUN_DEFAULT);
    controller.reset();
    connected.clear();
  }
  void add(Engine* engine, uint32_t worker, const char* transport = nullptr,
           const char* options = nullptr) {
    hexagent_endpoint_config config = Engine::config(worker, address);
    config.transport = transport;
    if (options != nullptr) config.options = options;
    engine->open(config);
    engines.push_back(engine);
    until([&] { return connected.contains(worker) && engine->connected > 0; });
  }
  template <class Reached>
  void until(const Reached& reached) {
    const uint64_t given_up = uv_hrtime() + kPatienceNs;
    for (;;) {
      assert_true(uv_hrtime() < given_up);
      if (controller != nullptr) uv_run(&loop, UV_RUN_NOWAIT);
      for (Engine* engine : engines) engine->poll();
      if (reached()) return;
      wait();
    }
  }
  void wait() {
    std::vector<pollfd> sockets = {{uv_backend_fd(&loop), POLLIN, 0}};
    for (const Engine* engine : engines) {
      if (engine->endpoint == nullptr) continue;
      sockets.push_back({hexagent_endpoint_event_fd(engine->endpoint), POLLIN, 0});
    }
    poll(sockets.data(), static_cast<nfds_t>(sockets.size()), 5);
  }
  uint64_t start(uint32_t from, uint32_t to, uint64_t call = 1) {
    controller::TransferOrder order;
    order.workflow = 100;
    order.call = call;
    order.from = from;
    order.to = to;
    order.tokens = 7 * 16;
    uint64_t id = 0;
    assert_int_equal(controller->start(order, &id), HEXAGENT_OK);
    return id;
  }
  bool over(uint64_t id) {
    return end_count[id] > 0 && quiesced[0].contains(id) && quiesced[1].contains(id);
  }

  void on_transfer_ended(const controller::TransferEnd& end) override {
    ended[end.id] = end;
    ++end_count[end.id];
  }
  void on_transfer_quiesced(uint64_t id, const controller::TransferOrder&, uint32_t side,
                            hexagent_status status) override {
    assert_false(quiesced[side].contains(id));
    assert_int_equal(end_count[id], 1);
    quiesced[side][id] = status;
  }
  void on_link_measured(const controller::LinkMeasured& link) override { links.push_back(link); }
  void on_endpoint_connected(uint32_t worker, uint64_t incarnation) override {
    connected[worker] = incarnation;
  }
  void on_endpoint_lost(uint32_t worker, uint64_t, hexagent_status status) override {
    connected.erase(worker);
    ++lost;
    lost_status = status;
  }
};

// A rig with a source, worker 1, and a target, worker 2.
struct PairRig : Rig {
  Engine source;
  Engine target;

  explicit PairRig(uint32_t source_flags = 0) {
    source.flags = source_flags;
    add(&source, 1);
    add(&target, 2);
  }
};

// A transfer from worker 1 to 2 goes well.
inline void assert_moves(Rig* rig) {
  const uint64_t id = rig->start(1, 2);
  rig->until([&] { return rig->over(id); });
  assert_int_equal(rig->ended[id].status, HEXAGENT_OK);
}

// One terminal event and one QUIESCED for what was asked, in this order.
inline void assert_ended_once(Engine* engine, uint64_t id, hexagent_status status) {
  const Told& told = engine->told[id];
  assert_int_equal(told.asked, 1);
  assert_int_equal(told.ended, 1);
  assert_int_equal(told.quiesced, 1);
  assert_true(told.in_order);
  assert_int_equal(told.status, status);
}

}  // namespace hexagent::endpoint
