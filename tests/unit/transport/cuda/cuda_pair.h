// Two engines with the plugin's mover, workers 1 (source) and 2 (target), on devices made of host
// memory and the scripted NCCL; a clock set by hand; a control path that can be cut or held.
#pragma once

#include <dlfcn.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "transport/engine/engine.h"
#include "transport/plugins/cuda_nccl/cuda_mover.h"
#include "unit/transport/copy/slow_kv.h"
#include "unit/transport/cuda/fake_device.h"
#include "unit/transport/cuda/fake_nccl.h"
#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace hexagent::transport {

// The script of the fake NCCL, as it was before anything happened.
inline FakeNcclScript& fresh_nccl() {
  void* library = dlopen(HEXAGENT_FAKE_NCCL, RTLD_NOW | RTLD_LOCAL);
  assert_non_null(library);
  void* symbol = dlsym(library, "fake_nccl_script");
  assert_non_null(symbol);
  FakeNcclScript* (*get)() = nullptr;
  std::memcpy(&get, &symbol, sizeof(get));
  FakeNcclScript& script = *get();
  script.connect_polls = 0;
  script.enqueue_polls = 0;
  script.version = 0;
  script.refuse_connect = script.never_connect = script.fail_async = false;
  script.complete_most = -1;
  script.flip_one = 0;
  script.abort_ms = 0;
  script.connected = script.revoked = script.aborted = script.sends = script.receives = 0;
  script.unsettled_calls = 0;
  script.enqueue = [](void* stream, bool (*attempt)(void*), void* context) {
    auto* into = static_cast<FakeDevice::Stream*>(stream);
    into->device->enqueue(stream, [attempt, context] { return attempt(context); });
  };
  return script;
}

struct CudaEnd {
  int64_t* clock = nullptr;
  std::shared_ptr<FakeDevice> device;
  CudaMover* mover = nullptr;
  std::unique_ptr<Engine> engine;
  std::vector<hexagent_transfer_event> events;
  std::deque<std::vector<unsigned char>> sent;
  std::unique_ptr<TestPool> memory;
  uint64_t pool = 0;

  void start(uint32_t worker, const CudaOptions& options, unsigned char number) {
    hexagent_transport_host host = {};
    host.struct_size = sizeof(host);
    host.abi = HEXAGENT_TRANSPORT_ABI;
    host.context = this;
    host.post_event = [](void* context, const hexagent_transfer_event* event) {
      static_cast<CudaEnd*>(context)->events.push_back(*event);
      return hexagent_status{HEXAGENT_OK};
    };
    host.send_control = [](void* context, uint32_t, const void* message, size_t size) {
      const auto* bytes = static_cast<const unsigned char*>(message);
      static_cast<CudaEnd*>(context)->sent.emplace_back(bytes, bytes + size);
      return hexagent_status{HEXAGENT_OK};
    };
    host.now_ns = [](void* context) { return *static_cast<CudaEnd*>(context)->clock; };
    hexagent_transport_config config = {};
    config.struct_size = sizeof(config);
    config.worker = worker;
    config.incarnation = worker + 100;
    config.slot_bytes = config.chunk_bytes_min = 8192;
    config.peers_max = 4;
    device = std::make_shared<FakeDevice>(number);
    auto made = std::make_unique<CudaMover>(options, config.peers_max, host, device);
    assert_int_equal(made->start(), HEXAGENT_OK);
    mover = made.get();
    engine = std::make_unique<Engine>(host, config, EngineSettings(), std::move(made));
  }
  void enter(const hexagent_kv_pool& shape, unsigned char fill) {
    memory = std::make_unique<TestPool>(shape, 64, fill);
    memory->pool.shape.memory = HEXAGENT_MEMORY_CUDA;
    device->adopt(memory->memory.get(), memory->bytes);
    const hexagent_kv_pool description = memory->description();
    assert_int_equal(engine->register_pool(description, &pool), HEXAGENT_OK);
  }
  const hexagent_transfer_event* find(uint32_t kind, uint64_t id) const {
    for (const hexagent_transfer_event& event : events) {
      if (event.kind == kind && event.id == id) return &event;
    }
    return nullptr;
  }
  hexagent_status status_of(uint64_t id) const {
    const hexagent_transfer_event* failed = find(HEXAGENT_TRANSFER_FAILED, id);
    if (failed != nullptr) return failed->status;
    return find(HEXAGENT_TRANSFER_DONE, id) != nullptr ? HEXAGENT_OK : HEXAGENT_E_AGAIN;
  }
  bool quiesced(uint64_t id) const { return find(HEXAGENT_TRANSFER_QUIESCED, id) != nullptr; }
  bool peer_is(uint32_t kind) const { return find(kind, 0) != nullptr; }
};

struct CudaPair {
  int64_t clock = 1'000'000;
  CudaEnd source;
  CudaEnd target;
  bool cut = false;  // messages are lost from now on
  // May change a message, or say that it is lost.
  std::function<bool(bool from_source, std::vector<unsigned char>*)> on_message;
  std::vector<int32_t> ids;

  static CudaOptions options(const char* text) {
    CudaOptions read;
    EngineSettings settings;
    const std::string all =
        std::string("nccl=") + HEXAGENT_FAKE_NCCL + " linger_ms=0 close_ms=20000 " + text;
    assert_int_equal(read_cuda_options(all, &read, &settings), HEXAGENT_OK);
    return read;
  }
  // On one device or on two of one machine; both with all their blocks.
  void open(const char* text, unsigned char target_device = 1, uint32_t blocks = 16,
            uint32_t layers = 4) {
    source.clock = target.clock = &clock;
    source.start(1, options(text), 1);
    target.start(2, options(text), target_device);
    hexagent_kv_pool shape = small_shape(blocks, layers);
    shape.device = 0;
    source.enter(shape, 0);
    target.enter(shape, 0xdb);
    TestRandom random(5);
    random.fill(source.memory->memory.get(), source.memory->bytes);
    for (uint32_t id = 0; id < blocks; ++id) ids.push_back(static_cast<int32_t>(id));
  }
  void connect() {
    assert_int_equal(source.engine->connect(2), HEXAGENT_OK);
    until([this] {
      return source.peer_is(HEXAGENT_TRANSFER_PEER_UP) && target.peer_is(HEXAGENT_TRANSFER_PEER_UP);
    });
  }
  hexagent_kv_blocks blocks_of(const CudaEnd& end) const {
    hexagent_kv_blocks blocks = {};
    blocks.pool = end.pool;
    blocks.blocks = ids.data();
    blocks.block_count = static_cast<uint32_t>(ids.size());
    return blocks;
  }
  // The target's token and the source's id.
  std::pair<uint64_t, uint64_t> begin(uint32_t flags = HEXAGENT_TRANSFER_CHECKSUM) {
    hexagent_kv_reservation reservation = {};
    reservation.struct_size = sizeof(reservation);
    reservation.peer_worker = 1;
    reservation.target = blocks_of(target);
    hexagent_kv_transfer transfer = {};
    transfer.struct_size = sizeof(transfer);
    transfer.flags = flags;
    transfer.peer_worker = 2;
    transfer.source = blocks_of(source);
    uint64_t id = 0;
    assert_int_equal(target.engine->reserve(reservation, &transfer.token), HEXAGENT_OK);
    assert_int_equal(source.engine->submit(transfer, &id), HEXAGENT_OK);
    return {transfer.token, id};
  }
  void deliver(CudaEnd* from, CudaEnd* to) {
    while (!from->sent.empty()) {
      std::vector<unsigned char> message = std::move(from->sent.front());
      from->sent.pop_front();
      if (cut || to->engine == nullptr) continue;
      if (on_message && !on_message(from == &source, &message)) continue;
      to->engine->control(from == &source ? 1 : 2, message.data(), message.size());
    }
  }
  void turn(int64_t step_ns = 10'000) {
    clock += step_ns;
    int64_t next = 0;
    for (CudaEnd* end : {&source, &target}) {
      if (end->engine != nullptr) end->engine->progress(0, &next);
    }
    deliver(&source, &target);
    deliver(&target, &source);
  }
  void until(const std::function<bool()>& reached, int64_t step_ns = 10'000) {
    for (uint32_t turns = 0; !reached(); ++turns) {
      if (turns > 100'000) fail_msg("never reached");
      turn(step_ns);
    }
  }
  bool same_content() const {
    const hexagent_kv_blocks give = blocks_of(source);
    const hexagent_kv_blocks take = blocks_of(target);
    return slow_gather(source.memory->pool, give, HEXAGENT_KV_NHD) ==
           slow_gather(target.memory->pool, take, HEXAGENT_KV_NHD);
  }
};

}  // namespace hexagent::transport
