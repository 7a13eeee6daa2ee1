// A random life of three workers with everything that can happen: reserve, submit, layers, cancel
// on either side, failing copies, lost messages, dead peers, full queues. At the end every submit()
// and reserve() has had one terminal event and one QUIESCED, and nothing is left (acceptance row
// A20 of the data plane's design).
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

constexpr uint32_t kWorkers = 3;
constexpr uint32_t kBlocks = 32;
constexpr uint32_t kSteps = 40'000;  // of one life
constexpr uint64_t kSeeds = 25;      // a million steps, row A20

struct Life {
  TestRandom random;
  SimWorld world;
  std::vector<std::unique_ptr<SimEnd>> ends;
  // (target worker, token) that no submit has used; (worker, id) of transfers and reservations.
  struct Promise {
    uint32_t target;
    uint32_t source;
    uint64_t token;
    uint32_t blocks;
  };
  std::vector<Promise> promises;
  std::vector<std::pair<uint32_t, uint64_t>> transfers;
  std::vector<std::pair<uint32_t, uint64_t>> tokens;
  uint64_t submits = 0;
  uint64_t done = 0;
  uint64_t restarts = 0;
  bool lends = false;  // the targets read most of it in place

  explicit Life(uint64_t seed) : random(seed) {
    world.limits.chunk_bytes_min = 4096;
    world.limits.slot_bytes = 8192;
    world.limits.transfers_max = 12;
    world.limits.reservations_max = 12;
    world.limits.blocks_max = kBlocks;
    world.limits.slots_per_peer = 3;
    world.settings.silence_min_ns = 300'000;
    world.lose = [this](uint32_t, uint32_t, const AnyMessage&) { return random.below(2000) == 0; };
    for (uint32_t i = 0; i < kWorkers; ++i) {
      SimWorker& worker = world.add();
      worker.on_event = [this](const hexagent_transfer_event& event) {
        if (event.kind == HEXAGENT_TRANSFER_DONE) ++done;
      };
      enter(&worker);
      ends.push_back(std::make_unique<SimEnd>(&worker, small_shape(kBlocks, 2), 0));
    }
  }
  void enter(SimWorker* worker) {
    worker->mover->link_bytes_per_s = 2e9;
    worker->mover->lend = [this] { return lends && random.chance(70); };
    worker->mover->fault = [this](const MoveJob&, bool, unsigned char*) {
      return random.below(500) == 0 ? HEXAGENT_E_SYSTEM : HEXAGENT_OK;
    };
  }
  Engine& engine(uint32_t worker) { return *world.workers[worker - 1].engine; }
  uint32_t any_worker() { return random.between(1, kWorkers); }

  void reserve() {
    const uint32_t target = any_worker();
    const uint32_t source = any_worker();
    const uint32_t count = random.between(1, 12);
    const std::vector<int32_t> ids = some_blocks(count, kBlocks, &random);
    const int64_t expires = random.chance(30) ? world.now_ns + random.below(3'000'000) : 0;
    uint64_t token = 0;
    if (ends[target - 1]->reserve(source, ids, &token, expires) != HEXAGENT_OK) return;
    promises.push_back({target, source, token, count});
    tokens.emplace_back(target, token);
  }
  void submit() {
    if (promises.empty()) return;
    const uint32_t which = random.below(static_cast<uint32_t>(promises.size()));
    Promise promise = promises[which];
    if (random.chance(90)) promises.erase(promises.begin() + which);  // else it is used twice
    if (random.chance(5)) promise.token += random.below(1u << 20);
    if (random.chance(5)) ++promise.blocks;
    const std::vector<int32_t> ids = some_blocks(promise.blocks, kBlocks, &random);
    const SimEnd& end = *ends[promise.source - 1];
    hexagent_kv_transfer wanted = end.transfer(promise.target, ids, promise.token);
    wanted.flags = random.below(4);
    wanted.priority = random.below(3);
    wanted.workflow = random.below(4);
    wanted.risk = random.below(5) / 4.0;
    if (random.chance(50)) wanted.deadline_ns = world.now_ns + random.below(10'000'000);
    uint64_t id = 0;
    if (end.submit(wanted, &id) != HEXAGENT_OK) return;
    ++submits;
    transfers.emplace_back(promise.source, id);
  }
  void touch() {
    if (transfers.empty()) return;
    const auto [worker, id] = transfers[random.below(static_cast<uint32_t>(transfers.size()))];
    if (random.chance(70)) {
      engine(worker).layers_ready(id, random.between(1, 2), nullptr);
    } else {
      engine(worker).reprioritise(id, random.below(3), 0, 1.0);
    }
  }
  void cancel() {
    const bool source = random.chance(50);
    auto& list = source ? transfers : tokens;
    if (list.empty()) return;
    const auto [worker, id] = list[random.below(static_cast<uint32_t>(list.size()))];
    engine(worker).cancel(source ? HEXAGENT_TRANSFER_SOURCE : HEXAGENT_TRANSFER_TARGET, id);
  }
  void trouble() {
    const uint32_t worker = any_worker();
    SimWorker& at = world.workers[worker - 1];
    switch (random.below(4)) {
      case 0:
        at.event_room = random.chance(80) ? UINT32_MAX : random.below(20);
        break;
      case 1:
        at.control_room = random.chance(80) ? UINT32_MAX : random.below(20);
        break;
      case 2:
        if (random.chance(10)) engine(worker).disconnect(any_worker(), HEXAGENT_E_PEER);
        break;
      default:
        if (random.chance(5)) restart(&at);
    }
  }
  // In good order, so that its records end; the others are told by BYE or find out.
  void restart(SimWorker* worker) {
    worker->event_room = UINT32_MAX;
    worker->engine->close();
    world.start(worker);
    enter(worker);
    ends[worker->worker - 1]->enter();
    ++restarts;
  }
  void connect_all() {
    for (uint32_t one = 1; one <= kWorkers; ++one) {
      for (uint32_t other = 1; other <= kWorkers; ++other) {
        if (one != other) engine(one).connect(other);
      }
    }
  }
  void forget_old() {
    const auto trim = [](auto* list) {
      if (list->size() > 40) list->erase(list->begin(), list->begin() + 20);
    };
    trim(&promises);
    trim(&transfers);
    trim(&tokens);
  }
  void step() {
    const uint32_t what = random.below(100);
    if (what < 22) reserve();
    if (what >= 22 && what < 50) submit();
    if (what >= 50 && what < 65) touch();
    if (what >= 65 && what < 71) cancel();
    if (what >= 71 && what < 74) trouble();
    if (what >= 74 && what < 78) connect_all();
    world.run_for(random.below(30'000));
    forget_old();
  }
  // No more faults; what is alive may end by itself or is cancelled.
  void settle() {
    world.lose = nullptr;
    for (SimWorker& worker : world.workers) {
      worker.event_room = worker.control_room = UINT32_MAX;
      worker.mover->fault = nullptr;
    }
    world.run_for(5'000'000'000);
    for (SimWorker& worker : world.workers) {
      const auto seen = worker.seen;
      for (const auto& [key, record] : seen) {
        if (record.terminal == 0) worker.engine->cancel(key.first, key.second);
      }
    }
    world.run_for(5'000'000'000);
  }
};

void report(const SimWorld& world, uint64_t seed) {
  for (const SimWorker& worker : world.workers) {
    for (const auto& [key, record] : worker.seen) {
      if (record.terminal == 1 && record.quiesced == 1 && record.in_order) continue;
      print_error("seed %lu, worker %u, side %u, %lx: %u terminal (%d), %u quiesced, order %d\n",
                  seed, worker.worker, key.first, key.second, record.terminal, record.status,
                  record.quiesced, record.in_order ? 1 : 0);
    }
  }
}

void every_end_is_told_once(void**) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Life life(seed);
    life.lends = seed % 2 == 0;
    life.connect_all();
    for (uint32_t i = 0; i < kSteps; ++i) life.step();
    life.settle();
    if (!all_ended_once(life.world)) report(life.world, seed);
    assert_true(all_ended_once(life.world));
    assert_true(all_returned(life.world));
    for (uint32_t worker = 1; worker <= kWorkers; ++worker) {
      const SimEnd& end = *life.ends[worker - 1];
      assert_int_equal(life.engine(worker).unregister_pool(end.pool), HEXAGENT_OK);
    }
    // It was a life: much was submitted, some of it arrived, workers came and went.
    assert_true(life.submits > kSteps / 20);
    assert_true(life.done > kSteps / 50);
    assert_true(life.restarts > 3);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(every_end_is_told_once)};
  return cmocka_run_group_tests_name("random life of transfers", tests, nullptr, nullptr);
}
