// Cancelled at any point, on either side: no byte is written to blocks after QUIESCED, and none is
// read. Freed blocks are filled with a canary, and those of the source with rubbish (acceptance row
// A15 of the data plane's design).
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

constexpr uint32_t kBlocks = 24;
constexpr uint32_t kLayers = 2;
constexpr unsigned char kCanary = 0xc5;
constexpr uint32_t kCancels = 10'000;
constexpr int64_t kQuiesceNs = 1'000'000;

struct Cancels {
  struct Held {
    std::vector<int32_t> from;
    std::vector<int32_t> to;
    uint64_t id = 0;
    uint64_t token = 0;
    unsigned char content = 0;  // every byte of the source's blocks
    bool source_free = false;
    bool target_free = false;
    bool done = false;
    int64_t cancelled_ns = 0;
  };

  TestRandom random{1};
  SimWorld world;
  SimWorker* source;
  SimWorker* target;
  std::unique_ptr<SimEnd> give;
  std::unique_ptr<SimEnd> take;
  std::vector<int32_t> free_from;
  std::vector<int32_t> free_to;
  std::vector<Held> held;
  uint32_t cancelled = 0;
  uint32_t in_the_middle = 0;
  uint32_t bad = 0;

  Cancels() {
    world.limits.chunk_bytes_min = world.limits.slot_bytes = 4096;
    source = &world.add();
    target = &world.add();
    give = std::make_unique<SimEnd>(source, small_shape(kBlocks, kLayers), 0);
    take = std::make_unique<SimEnd>(target, small_shape(kBlocks, kLayers), kCanary);
    for (int32_t id = 0; id < int32_t{kBlocks}; ++id) {
      free_from.push_back(id);
      free_to.push_back(id);
    }
    source->on_event = [this](const hexagent_transfer_event& event) { on_event(event, true); };
    target->on_event = [this](const hexagent_transfer_event& event) { on_event(event, false); };
    world.connect(*source, *target);
  }
  static void fill(const SimEnd& end, const std::vector<int32_t>& ids, unsigned char with) {
    for (const uint64_t base : end.memory.pool.bases) {
      for (const int32_t id : ids) {
        auto* at = reinterpret_cast<unsigned char*>(static_cast<uintptr_t>(base));
        std::memset(at + static_cast<size_t>(id) * 2048, with, 2048);
      }
    }
  }
  static bool filled(const SimEnd& end, const std::vector<int32_t>& ids, unsigned char with) {
    for (const uint64_t base : end.memory.pool.bases) {
      for (const int32_t id : ids) {
        const auto* at = reinterpret_cast<const unsigned char*>(static_cast<uintptr_t>(base)) +
                         static_cast<size_t>(id) * 2048;
        if (at[0] != with || std::memcmp(at, at + 1, 2047) != 0) return false;
      }
    }
    return true;
  }
  std::vector<int32_t> take_from(std::vector<int32_t>* list, uint32_t count) {
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t at = random.below(static_cast<uint32_t>(list->size()));
      ids.push_back((*list)[at]);
      list->erase(list->begin() + at);
    }
    return ids;
  }
  void begin() {
    const uint32_t most =
        static_cast<uint32_t>(std::min({free_from.size(), free_to.size(), size_t{8}}));
    if (most == 0 || held.size() >= 6) return;
    Held one;
    const uint32_t count = random.between(1, most);
    one.from = take_from(&free_from, count);
    one.to = take_from(&free_to, count);
    one.content = static_cast<unsigned char>(random.between(1, 120));
    fill(*give, one.from, one.content);
    assert_int_equal(take->reserve(1, one.to, &one.token), HEXAGENT_OK);
    hexagent_kv_transfer wanted = give->transfer(2, one.from, one.token);
    wanted.flags = random.chance(50) ? HEXAGENT_TRANSFER_CHECKSUM : 0;
    assert_int_equal(give->submit(wanted, &one.id), HEXAGENT_OK);
    held.push_back(one);
  }
  void on_event(const hexagent_transfer_event& event, bool at_source) {
    for (Held& one : held) {
      if (event.id != (at_source ? one.id : one.token)) continue;
      if (event.kind == HEXAGENT_TRANSFER_DONE && !at_source) {
        if (!filled(*take, one.to, one.content)) ++bad;
        one.done = true;
      }
      if (event.kind != HEXAGENT_TRANSFER_QUIESCED) continue;
      if (one.cancelled_ns != 0 && world.now_ns - one.cancelled_ns > kQuiesceNs) ++bad;
      if (at_source) {
        fill(*give, one.from, 0xff);  // whoever reads it now is found out at the target
        one.source_free = true;
      } else {
        fill(*take, one.to, kCanary);
        one.target_free = true;
      }
    }
  }
  void cancel() {
    if (held.empty()) return;
    Held& one = held[random.below(static_cast<uint32_t>(held.size()))];
    const bool at_source = random.chance(50);
    const SimRecord before = at_source ? give->sent(one.id) : take->taken(one.token);
    const SimWorker& where = at_source ? *source : *target;
    const hexagent_status status =
        where.engine->cancel(at_source ? HEXAGENT_TRANSFER_SOURCE : HEXAGENT_TRANSFER_TARGET,
                             at_source ? one.id : one.token);
    if (status != HEXAGENT_OK) return;
    one.cancelled_ns = world.now_ns;
    ++cancelled;
    in_the_middle += before.chunks > 0 ? 1 : 0;
  }
  void collect() {
    for (size_t i = 0; i < held.size();) {
      const Held& one = held[i];
      if (!one.source_free || !one.target_free) {
        ++i;
        continue;
      }
      free_from.insert(free_from.end(), one.from.begin(), one.from.end());
      free_to.insert(free_to.end(), one.to.begin(), one.to.end());
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
};

// `lend`: of so many percent of the transfers the target reads the source's blocks.
void cancel_at_any_time(uint32_t lend) {
  Cancels life;
  TestRandom lending(2);
  life.source->mover->lend = [&] { return lending.chance(lend); };
  while (life.cancelled < kCancels) {
    life.begin();
    // Now chunks wait to be sent, now they lie in staging.
    life.source->mover->link_bytes_per_s = life.random.chance(50) ? 4e9 : 1e9;
    life.target->mover->scatter_bytes_per_s = life.random.chance(50) ? 8e9 : 2e9;
    life.world.run_for(life.random.below(20'000));
    if (life.random.chance(60)) life.cancel();
    life.world.run_for(life.random.below(10'000));
    life.collect();
    assert_true(Cancels::filled(*life.take, life.free_to, kCanary));
  }
  life.world.run_for(1'000'000'000);
  life.collect();
  assert_int_equal(life.bad, 0);
  assert_int_equal(life.free_to.size(), kBlocks);
  assert_true(Cancels::filled(*life.take, life.free_to, kCanary));
  assert_true(life.in_the_middle > kCancels / 10);
  assert_true(all_ended_once(life.world));
  assert_true(all_returned(life.world));
  assert_int_equal(life.source->engine->credits(2), 3);
}

void nothing_is_written_after_quiesced(void**) { cancel_at_any_time(0); }
void nothing_is_read_in_place_after_quiesced(void**) { cancel_at_any_time(70); }

// The target keeps blocks for it all the same.
void what_was_not_announced_ends_on_both_sides(void**) {
  Cancels life;
  life.source->mover->settles = false;
  life.begin();
  life.world.run_for(kQuiesceNs);
  const Cancels::Held& one = life.held.front();
  assert_int_equal(life.source->engine->cancel(HEXAGENT_TRANSFER_SOURCE, one.id), HEXAGENT_OK);
  life.world.run_for(kQuiesceNs);
  assert_int_equal(life.take->taken(one.token).status, HEXAGENT_E_CANCELLED);
  assert_int_equal(life.take->taken(one.token).quiesced, 1);
  assert_true(all_ended_once(life.world));
  assert_true(all_returned(life.world));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_written_after_quiesced),
      cmocka_unit_test(nothing_is_read_in_place_after_quiesced),
      cmocka_unit_test(what_was_not_announced_ends_on_both_sides),
  };
  return cmocka_run_group_tests_name("cancelled transfers", tests, nullptr, nullptr);
}
