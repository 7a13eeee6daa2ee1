// Endpoints and the controller together: transfers that go well, answers that cannot be right, and
// what is left when one of the three dies.
#include <cstring>

#include "unit/endpoint/rig.h"

namespace {

using namespace hexagent::endpoint;  // NOLINT: a test of one part
using hexagent::transport::slow_gather;

bool same_content(const Engine& one, const Engine& other, const std::vector<int32_t>& ids) {
  const uint32_t layout = one.memory->pool.shape.layout;
  return slow_gather(one.memory->pool, one.blocks(ids), layout) ==
         slow_gather(other.memory->pool, other.blocks(ids), layout);
}

void moves(const char* transport, const char* address, const char* options = nullptr,
           uint32_t flags = HEXAGENT_TRANSFER_CHECKSUM) {
  Rig rig(address);
  Engine source;
  Engine target;
  source.flags = flags;
  rig.add(&source, 1, transport, options);
  rig.add(&target, 2, transport, options);
  const uint64_t id = rig.start(1, 2, 9);
  rig.until([&] { return rig.over(id) && source.quiesced(id) && target.quiesced(id); });
  assert_ended_once(&source, id, HEXAGENT_OK);
  assert_ended_once(&target, id, HEXAGENT_OK);
  assert_true(same_content(source, target, {1, 2, 3, 4, 5, 6, 7}));
  assert_int_equal(rig.ended[id].status, HEXAGENT_OK);
  assert_int_equal(rig.ended[id].bytes, 7ull * 16 * 2 * 64 * 2 * kPoolLayers);
  assert_true(rig.ended[id].start_ns > 0 && rig.ended[id].end_ns > rig.ended[id].start_ns);
  assert_int_equal(target.told[id].workflow, 100);
  assert_int_equal(source.told[id].call, 9);
  // Not by one short transfer.
  rig.until([&] { return !rig.links.empty(); });
  assert_true(rig.links.back().bytes_per_s == 0.0);
  while (rig.links.back().bytes_per_s == 0.0) {
    assert_true(rig.links.size() < 10'000);
    assert_moves(&rig);
  }
  assert_int_equal(rig.links.back().from, 1);
  assert_int_equal(rig.links.back().to, 2);
  assert_true(rig.links.back().bytes_per_s < 1e12);
  assert_int_equal(rig.controller->transfers_alive(), 0);
}

void kv_arrives_over_shared_memory(void**) { moves("host-memory", nullptr); }
void kv_arrives_in_one_copy(void**) {
  moves("host-memory", nullptr, "silence_ms=60000 one_copy_min=0", 0);
}
void kv_arrives_in_two_copies(void**) {
  moves("host-memory", nullptr, "silence_ms=60000 one_copy=off", 0);
}
void kv_arrives_over_tcp(void**) { moves("host-tcp", nullptr); }

void layers_arrive_as_they_get_ready(void**) {
  PairRig rig(HEXAGENT_TRANSFER_LAYERWISE);
  Engine& source = rig.source;
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return source.told[id].asked > 0; });
  for (uint32_t layer = 1; layer <= kPoolLayers; ++layer) {
    assert_false(rig.over(id));
    assert_int_equal(hexagent_endpoint_layers_ready(source.endpoint, id, layer, nullptr),
                     HEXAGENT_OK);
  }
  rig.until([&] { return rig.over(id); });
  assert_int_equal(rig.ended[id].status, HEXAGENT_OK);
}

void a_stranger_is_not_let_in(void**) {
  Rig rig;
  Engine engine;
  hexagent_endpoint_config config = Engine::config(1, rig.address);
  config.secret = "another secret of the same kind";
  engine.open(config);
  rig.engines.push_back(&engine);
  rig.until([&] { return engine.disconnected > 0; });
  assert_int_equal(engine.down, HEXAGENT_E_SECRET);
  assert_true(rig.connected.empty());
}

void an_earlier_life_is_not_let_in(void**) {
  Rig rig;
  Engine present;
  Engine earlier;
  hexagent_endpoint_config config = Engine::config(1, rig.address);
  config.incarnation = 20;
  present.open(config);
  rig.engines = {&present, &earlier};
  rig.until([&] { return rig.connected.contains(1); });
  config.incarnation = 19;
  earlier.open(config);
  rig.until([&] { return earlier.disconnected > 0; });
  assert_int_equal(earlier.down, HEXAGENT_E_STALE);
  assert_int_equal(rig.connected[1], 20);
  assert_int_equal(present.disconnected, 0);
}

void a_later_life_takes_over(void**) {
  Rig rig;
  Engine old_life;
  Engine target;
  Engine new_life;
  old_life.flags = HEXAGENT_TRANSFER_LAYERWISE;
  rig.add(&old_life, 1);
  rig.add(&target, 2);
  const uint64_t cut = rig.start(1, 2);
  rig.until([&] { return old_life.told[cut].asked > 0; });
  const uint64_t before = rig.connected[1];
  hexagent_endpoint_config config = Engine::config(1, rig.address);
  new_life.open(config);
  rig.engines.push_back(&new_life);
  rig.until([&] { return rig.over(cut) && target.quiesced(cut) && old_life.quiesced(cut); });
  assert_true(rig.connected[1] > before);
  assert_int_equal(rig.ended[cut].status, HEXAGENT_E_PEER);
  assert_ended_once(&target, cut, HEXAGENT_E_PEER);
  assert_ended_once(&old_life, cut, HEXAGENT_E_PEER);
  rig.until([&] { return new_life.connected > 0; });
  assert_moves(&rig);
}

// Both engines get their blocks back, and what follows works, with a new controller.
void a_dead_controller_ends_what_moves(void**) {
  PairRig rig(HEXAGENT_TRANSFER_LAYERWISE);
  Engine& source = rig.source;
  Engine& target = rig.target;
  const uint64_t moving = rig.start(1, 2);
  rig.until([&] { return source.told[moving].asked > 0; });
  assert_int_equal(hexagent_endpoint_layers_ready(source.endpoint, moving, 1, nullptr),
                   HEXAGENT_OK);
  target.answer = [](const hexagent_endpoint_event&) { return std::vector<int32_t>(); };
  const uint64_t asked = rig.start(1, 2);
  rig.until([&] { return target.told[asked].asked > 0; });
  rig.shut();
  rig.until(
      [&] { return source.quiesced(moving) && target.quiesced(moving) && target.quiesced(asked); });
  assert_ended_once(&source, moving, HEXAGENT_E_PEER);
  assert_ended_once(&target, moving, HEXAGENT_E_PEER);
  assert_ended_once(&target, asked, HEXAGENT_E_PEER);
  rig.until([&] { return source.disconnected > 0 && target.disconnected > 0; });
  source.flags = 0;
  target.answer = nullptr;
  source.told.clear();  // ids begin anew with the controller
  target.told.clear();
  rig.open();
  rig.until([&] { return rig.connected.size() == 2; });
  rig.end_count.clear();
  rig.quiesced[0].clear();
  rig.quiesced[1].clear();
  assert_moves(&rig);
}

void a_silent_target_can_be_cancelled(void**) {
  PairRig rig;
  Engine& source = rig.source;
  Engine& target = rig.target;
  target.answer = [](const hexagent_endpoint_event&) { return std::vector<int32_t>(); };
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return target.told[id].asked > 0; });
  assert_int_equal(rig.controller->cancel(id), HEXAGENT_OK);
  assert_int_equal(rig.controller->cancel(id), HEXAGENT_E_STALE);
  rig.until([&] { return rig.over(id) && target.quiesced(id); });
  assert_ended_once(&target, id, HEXAGENT_E_CANCELLED);
  assert_int_equal(source.told[id].asked, 0);
}

void a_refusal_names_its_cause(void**) {
  PairRig rig;
  Engine& source = rig.source;
  Engine& target = rig.target;
  source.answer = [&](const hexagent_endpoint_event& event) {
    assert_int_equal(
        hexagent_endpoint_refuse(source.endpoint, event.transfer, HEXAGENT_E_UNKNOWN_CALL),
        HEXAGENT_OK);
    return std::vector<int32_t>();
  };
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return rig.over(id) && source.quiesced(id) && target.quiesced(id); });
  assert_int_equal(rig.ended[id].status, HEXAGENT_E_UNKNOWN_CALL);
  assert_ended_once(&source, id, HEXAGENT_E_UNKNOWN_CALL);
  assert_ended_once(&target, id, HEXAGENT_E_UNKNOWN_CALL);
}

// Blocks that cannot be right fail before a byte moves, and nothing is kept of them.
void wrong_blocks_are_refused(void**) {
  const struct {
    std::vector<int32_t> ids;
    bool at_source;
    hexagent_status status;
  } cases[] = {
      {{1, 2, 64}, false, HEXAGENT_E_RANGE},    {{-1}, false, HEXAGENT_E_RANGE},
      {{3, 4, 3}, false, HEXAGENT_E_DUPLICATE}, {{1, 2, 99}, true, HEXAGENT_E_RANGE},
      {{1, 2, 3}, true, HEXAGENT_E_ARGUMENT},  // not as many as at the target
  };
  PairRig rig;
  Engine& source = rig.source;
  Engine& target = rig.target;
  const std::vector<unsigned char> before(target.memory->memory.get(),
                                          target.memory->memory.get() + target.memory->bytes);
  for (const auto& wrong : cases) {
    const auto answer = [&wrong](const hexagent_endpoint_event&) { return wrong.ids; };
    source.answer = target.answer = nullptr;
    (wrong.at_source ? source : target).answer = answer;
    const uint64_t id = rig.start(1, 2);
    rig.until([&] { return rig.over(id) && target.quiesced(id); });
    assert_int_equal(rig.ended[id].status, wrong.status);
    assert_ended_once(&target, id, wrong.status);
  }
  assert_memory_equal(target.memory->memory.get(), before.data(), before.size());
  source.answer = target.answer = nullptr;
  assert_moves(&rig);
}

void a_block_is_written_for_one_transfer_at_a_time(void**) {
  PairRig rig(HEXAGENT_TRANSFER_LAYERWISE);
  Engine& source = rig.source;
  Engine& target = rig.target;
  const uint64_t first = rig.start(1, 2, 1);
  const uint64_t second = rig.start(1, 2, 2);
  rig.until(
      [&] { return rig.over(second) && target.quiesced(second) && source.told[first].asked > 0; });
  assert_int_equal(rig.ended[second].status, HEXAGENT_E_DUPLICATE);
  assert_int_equal(rig.end_count[first], 0);
  // Nor may what is being written be read.
  source.answer = [](const hexagent_endpoint_event&) { return std::vector<int32_t>{8}; };
  target.answer = [](const hexagent_endpoint_event&) { return std::vector<int32_t>{5}; };
  const uint64_t back = rig.start(2, 1, 3);
  rig.until([&] { return rig.over(back) && source.quiesced(back); });
  assert_int_equal(rig.ended[back].status, HEXAGENT_E_DUPLICATE);
  assert_int_equal(hexagent_endpoint_layers_ready(source.endpoint, first, kPoolLayers, nullptr),
                   HEXAGENT_OK);
  rig.until([&] { return rig.over(first); });
  assert_int_equal(rig.ended[first].status, HEXAGENT_OK);
}

void layouts_must_fit(void**) {
  PairRig rig;
  Engine& source = rig.source;
  Engine& target = rig.target;
  hexagent_kv_pool other = small_shape(kPoolBlocks, kPoolLayers);
  other.content_hash = 8;  // another model
  target.enter(other);
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return rig.over(id) && source.quiesced(id) && target.quiesced(id); });
  assert_int_equal(rig.ended[id].status, HEXAGENT_E_ARGUMENT);
  assert_ended_once(&source, id, HEXAGENT_E_ARGUMENT);
  assert_int_equal(target.told[id].ended, 1);
}

void a_full_endpoint_says_so(void**) {
  Rig rig;
  Engine source;
  Engine target;
  rig.add(&source, 1);
  hexagent_endpoint_config config = Engine::config(2, rig.address);
  config.transfers_max = 1;
  target.open(config);
  rig.engines.push_back(&target);
  rig.until([&] { return rig.connected.contains(2); });
  target.answer = [](const hexagent_endpoint_event&) { return std::vector<int32_t>(); };
  const uint64_t first = rig.start(1, 2);
  const uint64_t second = rig.start(1, 2);
  const uint64_t third = rig.start(1, 2);
  rig.until([&] { return rig.over(third); });
  assert_int_equal(rig.ended[third].status, HEXAGENT_E_FULL);
  assert_int_equal(target.told[third].asked, 0);
  for (const uint64_t id : {first, second}) {
    assert_int_equal(rig.controller->cancel(id), HEXAGENT_OK);
    rig.until([&] { return rig.over(id); });
  }
}

void a_pool_in_use_stays(void**) {
  PairRig rig(HEXAGENT_TRANSFER_LAYERWISE);
  Engine& source = rig.source;
  Engine& target = rig.target;
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return source.told[id].asked > 0; });
  assert_int_equal(hexagent_endpoint_pool_remove(target.endpoint, target.pool), HEXAGENT_E_STATE);
  assert_int_equal(rig.controller->cancel(id), HEXAGENT_OK);
  rig.until([&] { return rig.over(id) && target.quiesced(id); });
  assert_int_equal(hexagent_endpoint_pool_remove(target.endpoint, target.pool), HEXAGENT_OK);
  assert_int_equal(hexagent_endpoint_pool_remove(target.endpoint, target.pool), HEXAGENT_E_STALE);
}

// Some hundred transfers in both directions, changed and cancelled at any moment.
void everything_ends_once(void**) {
  TestRandom random(3);
  Rig rig;
  Engine engines[3];
  for (uint32_t i = 0; i < 3; ++i) {
    engines[i].flags = i == 0 ? HEXAGENT_TRANSFER_CHECKSUM : 0;  // packed; read in place
    rig.add(&engines[i], i + 1, nullptr, "silence_ms=60000 one_copy_min=0");
  }
  uint64_t last = 0;
  std::map<uint64_t, std::pair<uint32_t, uint32_t>> started;
  for (Engine& engine : engines) {
    engine.answer = [&random](const hexagent_endpoint_event& event) {
      if (random.chance(5)) return std::vector<int32_t>{};
      const auto first = static_cast<int32_t>(event.transfer * 2 % 60);
      return std::vector<int32_t>{first, first + 1};
    };
  }
  for (uint32_t i = 0; i < 400; ++i) {
    const uint32_t from = random.between(1, 3);
    const uint32_t to = from % 3 + 1;
    last = rig.start(from, to, i);
    started[last] = {from, to};
    uv_run(&rig.loop, UV_RUN_NOWAIT);
    for (Engine& engine : engines) engine.poll();
    const uint64_t some = random.between(1, static_cast<uint32_t>(last));
    if (random.chance(20)) rig.controller->cancel(some);
    if (random.chance(20)) rig.controller->change_urgency(some, {random.below(9), 0, 0.5});
  }
  for (const auto& [id, ends] : started) {
    if (rig.controller->transfers_alive() > 0 && !rig.over(id)) rig.controller->cancel(id);
  }
  rig.until([&] { return rig.controller->transfers_alive() == 0; });
  for (const auto& entry : started) {
    const uint64_t id = entry.first;
    assert_int_equal(rig.end_count[id], 1);
    for (const uint32_t worker : {entry.second.first, entry.second.second}) {
      Engine& engine = engines[worker - 1];
      if (engine.told[id].asked == 0) continue;
      rig.until([&] { return engine.quiesced(id); });
      assert_int_equal(engine.told[id].ended, 1);
      assert_int_equal(engine.told[id].quiesced, 1);
    }
  }
  for (Engine& engine : engines) {
    assert_int_equal(hexagent_endpoint_pool_remove(engine.endpoint, engine.pool), HEXAGENT_OK);
  }
}

void nothing_is_left_open(void**) {
  moves(nullptr, nullptr);  // what is opened once for good
  const uint32_t before = hexagent::test::descriptors_open();
  for (uint32_t i = 0; i < 5; ++i) moves(i % 2 == 0 ? "host-tcp" : "host-memory", nullptr);
  assert_int_equal(hexagent::test::descriptors_open(), before);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(kv_arrives_over_shared_memory),
      cmocka_unit_test(kv_arrives_in_one_copy),
      cmocka_unit_test(kv_arrives_in_two_copies),
      cmocka_unit_test(kv_arrives_over_tcp),
      cmocka_unit_test(layers_arrive_as_they_get_ready),
      cmocka_unit_test(a_stranger_is_not_let_in),
      cmocka_unit_test(an_earlier_life_is_not_let_in),
      cmocka_unit_test(a_later_life_takes_over),
      cmocka_unit_test(a_dead_controller_ends_what_moves),
      cmocka_unit_test(a_silent_target_can_be_cancelled),
      cmocka_unit_test(a_refusal_names_its_cause),
      cmocka_unit_test(wrong_blocks_are_refused),
      cmocka_unit_test(a_block_is_written_for_one_transfer_at_a_time),
      cmocka_unit_test(layouts_must_fit),
      cmocka_unit_test(a_full_endpoint_says_so),
      cmocka_unit_test(a_pool_in_use_stays),
      cmocka_unit_test(everything_ends_once),
      cmocka_unit_test(nothing_is_left_open),
  };
  return cmocka_run_group_tests_name("endpoint", tests, nullptr, nullptr);
}
