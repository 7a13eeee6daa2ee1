// Workers with an engine each, joined by a control path with delays and faults, in simulated time.
// Every event is recorded and held against the promise of transport.h: one terminal event and one
// QUIESCED for each accepted submit() and reserve().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "transport/engine/engine.h"
#include "unit/transport/copy/slow_kv.h"
#include "unit/transport/sim_mover.h"

namespace hexagent::transport {

class SimWorld;

// What the host of one worker saw of one transfer or reservation.
struct SimRecord {
  uint32_t terminal = 0;
  uint32_t quiesced = 0;
  uint32_t chunks = 0;
  hexagent_status status = HEXAGENT_OK;
  uint32_t layers = 0;
  uint64_t bytes = 0;
  int64_t first_chunk_ns = 0;
  int64_t end_ns = 0;
  int64_t quiesced_ns = 0;
  bool in_order = true;
};

struct SimWorker {
  SimWorld* world = nullptr;
  uint32_t worker = 0;
  uint64_t incarnation = 1;
  std::unique_ptr<Engine> engine;
  SimMover* mover = nullptr;  // the engine's
  // (side, id) to what was seen. Ids are never used again, so nothing is overwritten.
  std::map<std::pair<uint32_t, uint64_t>, SimRecord> seen;
  uint32_t ups = 0;
  uint32_t downs = 0;
  hexagent_status down_status = HEXAGENT_OK;
  uint32_t event_room = UINT32_MAX;    // the host takes so many more
  uint32_t control_room = UINT32_MAX;  // likewise
  std::function<void(const hexagent_transfer_event&)> on_event;
  int64_t timer_ns = kSimNever;

  SimRecord& record(uint32_t side, uint64_t id) { return seen[{side, id}]; }
};

class SimWorld {
 public:
  int64_t now_ns = 1'000'000;
  int64_t control_delay_ns = 5'000;
  int64_t control_batch_ns = 1;  // messages are handed over at multiples of it, all at once
  // Says whether to lose a control message.
  std::function<bool(uint32_t from, uint32_t to, const AnyMessage&)> lose;
  std::deque<SimWorker> workers;
  SimMemory memory;
  hexagent_transport_config limits = {};
  EngineSettings settings;

  SimWorker& add() {
    SimWorker& worker = workers.emplace_back();
    worker.world = this;
    worker.worker = static_cast<uint32_t>(workers.size());
    start(&worker);
    return worker;
  }
  // A new life of a worker. Without `close` as after kill -9: nobody is told, its memory stays.
  void start(SimWorker* worker) {
    hexagent_transport_config config = limits;
    config.struct_size = sizeof(config);
    config.worker = worker->worker;
    config.incarnation = worker->incarnation++;
    if (config.slot_bytes == 0) config.slot_bytes = 1u << 20;
    hexagent_transport_host host = {};
    host.struct_size = sizeof(host);
    host.abi = HEXAGENT_TRANSPORT_ABI;
    host.context = worker;
    host.post_event = post_event;
    host.send_control = send_control;
    host.now_ns = read_clock;
    auto mover = std::make_unique<SimMover>(&now_ns, &memory, 64);
    worker->mover = mover.get();
    worker->engine = std::make_unique<Engine>(host, config, settings, std::move(mover));
  }
  void connect(SimWorker& one, SimWorker& other) {
    one.engine->connect(other.worker);
    run_for(1'000'000);
  }

  // Everything that is due, then the clock moves to what comes next. False: nothing is to come.
  bool step(int64_t until_ns) {
    while (!messages_.empty() && messages_.front().at_ns <= now_ns) {
      const Message message = messages_.front();
      messages_.pop_front();
      SimWorker& to = workers[message.to - 1];
      if (to.engine) to.engine->control(message.from, message.bytes.data(), message.bytes.size());
    }
    for (SimWorker& worker : workers) {
      worker.timer_ns = kSimNever;
      if (worker.engine) worker.engine->progress(0, &worker.timer_ns);
    }
    int64_t next = messages_.empty() ? kSimNever : messages_.front().at_ns;
    for (const SimWorker& worker : workers) {
      if (worker.engine == nullptr) continue;
      next = std::min({next, worker.timer_ns, worker.mover->next_end_ns()});
    }
    if (next == kSimNever || next > until_ns) return false;
    now_ns = std::max(now_ns, next);
    return true;
  }
  void run_for(int64_t duration_ns) {
    const int64_t until = now_ns + duration_ns;
    while (step(until)) continue;
    now_ns = std::max(now_ns, until);
  }
  void run_until(const std::function<bool()>& reached, int64_t most_ns = 100'000'000'000) {
    const int64_t until = now_ns + most_ns;
    while (!reached() && step(until)) continue;
  }

 private:
  struct Message {
    int64_t at_ns;
    uint32_t from;
    uint32_t to;
    std::vector<unsigned char> bytes;
  };

  static hexagent_status post_event(void* context, const hexagent_transfer_event* event) {
    auto* worker = static_cast<SimWorker*>(context);
    if (worker->event_room == 0) return HEXAGENT_E_AGAIN;
    if (worker->event_room != UINT32_MAX) --worker->event_room;
    if (event->kind == HEXAGENT_TRANSFER_PEER_UP) ++worker->ups;
    if (event->kind == HEXAGENT_TRANSFER_PEER_DOWN) {
      ++worker->downs;
      worker->down_status = event->status;
    }
    if (event->id != 0) note(&worker->record(event->side, event->id), *event);
    if (worker->on_event) worker->on_event(*event);
    return HEXAGENT_OK;
  }
  static void note(SimRecord* record, const hexagent_transfer_event& event) {
    if (record->quiesced > 0) record->in_order = false;
    record->layers = event.layers;
    record->bytes = event.bytes;
    switch (event.kind) {
      case HEXAGENT_TRANSFER_CHUNK:
        if (record->terminal > 0) record->in_order = false;
        if (record->chunks++ == 0) record->first_chunk_ns = event.time_ns;
        break;
      case HEXAGENT_TRANSFER_QUIESCED:
        if (record->terminal == 0) record->in_order = false;
        ++record->quiesced;
        record->quiesced_ns = event.time_ns;
        break;
      default:
        ++record->terminal;
        record->status = event.status;
        record->end_ns = event.time_ns;
        if ((event.kind == HEXAGENT_TRANSFER_DONE) != (event.status == HEXAGENT_OK)) {
          record->in_order = false;
        }
    }
  }
  static hexagent_status send_control(void* context, uint32_t to, const void* bytes, size_t size) {
    auto* worker = static_cast<SimWorker*>(context);
    SimWorld* world = worker->world;
    if (to == 0 || to > world->workers.size()) return HEXAGENT_E_PEER;
    if (worker->control_room == 0) return HEXAGENT_E_AGAIN;
    if (worker->control_room != UINT32_MAX) --worker->control_room;
    AnyMessage message;
    const bool good = read_message(bytes, size, &message) == MessageCheck::kGood;
    if (good && world->lose && world->lose(worker->worker, to, message)) return HEXAGENT_OK;
    const auto* at = static_cast<const unsigned char*>(bytes);
    const int64_t batch_ns = world->control_batch_ns;
    const int64_t batches = (world->now_ns + world->control_delay_ns + batch_ns - 1) / batch_ns;
    world->messages_.push_back({batches * batch_ns, worker->worker, to, {at, at + size}});
    return HEXAGENT_OK;
  }
  static int64_t read_clock(void* context) {
    return static_cast<SimWorker*>(context)->world->now_ns;
  }

  std::deque<Message> messages_;  // in the order of sending, which is that of arrival
};

// One end's pool with its memory, and short ways to reserve and submit.
struct SimEnd {
  SimWorker* at;
  TestPool memory;
  uint64_t pool = 0;
  uint32_t life = 0;

  SimEnd(SimWorker* worker, const hexagent_kv_pool& shape, unsigned char fill)
      : at(worker), memory(shape, 64, fill) {
    enter();
  }
  // Again after the worker began a new life.
  hexagent_status enter() {
    const hexagent_kv_pool shape = memory.description();
    return at->engine->register_pool(shape, &pool);
  }
  hexagent_kv_blocks blocks(const std::vector<int32_t>& ids) const {
    hexagent_kv_blocks blocks = {};
    blocks.pool = pool;
    blocks.blocks = ids.data();
    blocks.block_count = static_cast<uint32_t>(ids.size());
    return blocks;
  }
  hexagent_status reserve(uint32_t source, const std::vector<int32_t>& ids, uint64_t* token,
                          int64_t expires_ns = 0) const {
    hexagent_kv_reservation wanted = {};
    wanted.struct_size = sizeof(wanted);
    wanted.peer_worker = source;
    wanted.target = blocks(ids);
    wanted.expires_ns = expires_ns;
    const hexagent_status status = at->engine->reserve(wanted, token);
    if (status == HEXAGENT_OK) at->record(HEXAGENT_TRANSFER_TARGET, *token);
    return status;
  }
  hexagent_kv_transfer transfer(uint32_t target, const std::vector<int32_t>& ids,
                                uint64_t token) const {
    hexagent_kv_transfer wanted = {};
    wanted.struct_size = sizeof(wanted);
    wanted.peer_worker = target;
    wanted.source = blocks(ids);
    wanted.token = token;
    return wanted;
  }
  hexagent_status submit(const hexagent_kv_transfer& wanted, uint64_t* id) const {
    const hexagent_status status = at->engine->submit(wanted, id);
    if (status == HEXAGENT_OK) at->record(HEXAGENT_TRANSFER_SOURCE, *id);
    return status;
  }
  const SimRecord& sent(uint64_t id) const { return at->record(HEXAGENT_TRANSFER_SOURCE, id); }
  const SimRecord& taken(uint64_t token) const {
    return at->record(HEXAGENT_TRANSFER_TARGET, token);
  }
};

// Do the blocks hold the same at both ends?
inline bool same_content(const SimEnd& source, const std::vector<int32_t>& from,
                         const SimEnd& target, const std::vector<int32_t>& to) {
  const hexagent_kv_blocks give = source.blocks(from);
  const hexagent_kv_blocks take = target.blocks(to);
  return slow_gather(source.memory.pool, give, HEXAGENT_KV_NHD) ==
         slow_gather(target.memory.pool, take, HEXAGENT_KV_NHD);
}

// Every record has had one terminal event and one QUIESCED, in that order.
inline bool all_ended_once(const SimWorld& world) {
  for (const SimWorker& worker : world.workers) {
    for (const auto& [key, record] : worker.seen) {
      if (record.terminal != 1 || record.quiesced != 1 || !record.in_order) return false;
    }
  }
  return true;
}

// Nothing is left in the engines.
inline bool all_returned(const SimWorld& world) {
  for (const SimWorker& worker : world.workers) {
    if (worker.engine == nullptr) continue;
    if (worker.engine->transfers_alive() != 0) return false;
    if (worker.engine->reservations_alive() != 0) return false;
  }
  return true;
}

}  // namespace hexagent::transport
