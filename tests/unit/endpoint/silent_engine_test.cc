// Engines that are asked and do not answer: the transfer ends in time at both ends, and what they
// say too late is dropped.
#include "unit/endpoint/rig.h"

namespace {

using namespace hexagent;            // NOLINT: a test of one part
using namespace hexagent::endpoint;  // NOLINT

constexpr int64_t kAnswerNs = 2'000'000'000;  // those who do answer must be quicker

std::vector<int32_t> say_nothing(const hexagent_endpoint_event&) { return {}; }

struct ImpatientRig : PairRig {
  ImpatientRig() {
    // Both are let in again by a controller that waits less long.
    shut();
    tune = [](controller::ControllerSettings* settings) { settings->answer_ns = kAnswerNs; };
    open();
    source.connected = target.connected = 0;
    until([&] { return source.connected > 0 && target.connected > 0; });
  }
};

void a_silent_target_ends_the_transfer(void**) {
  ImpatientRig rig;
  rig.target.answer = say_nothing;
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return rig.over(id) && rig.target.quiesced(id); });
  assert_int_equal(rig.ended[id].status, HEXAGENT_E_TIMEOUT);
  assert_int_equal(rig.ended[id].start_ns, 0);
  assert_ended_once(&rig.target, id, HEXAGENT_E_TIMEOUT);
  assert_int_equal(rig.source.told[id].asked, 0);
  assert_int_equal(rig.quiesced[HEXAGENT_TRANSFER_TARGET][id], HEXAGENT_OK);
  assert_int_equal(rig.controller->transfers_alive(), 0);
}

void a_silent_source_ends_the_transfer_at_both(void**) {
  ImpatientRig rig;
  rig.source.answer = say_nothing;
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return rig.over(id) && rig.target.quiesced(id) && rig.source.quiesced(id); });
  assert_int_equal(rig.ended[id].status, HEXAGENT_E_TIMEOUT);
  assert_ended_once(&rig.source, id, HEXAGENT_E_TIMEOUT);
  assert_ended_once(&rig.target, id, HEXAGENT_E_TIMEOUT);
  assert_int_equal(hexagent_endpoint_pool_remove(rig.target.endpoint, rig.target.pool),
                   HEXAGENT_OK);
}

void a_late_answer_is_dropped(void**) {
  ImpatientRig rig;
  rig.target.answer = say_nothing;
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return rig.over(id) && rig.target.quiesced(id); });
  const std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6, 7};
  const hexagent_kv_blocks late = rig.target.blocks(ids);
  assert_int_equal(hexagent_endpoint_reserve(rig.target.endpoint, id, &late), HEXAGENT_OK);
  // These blocks are free for the next, which goes as if nothing had been.
  rig.target.answer = nullptr;
  assert_moves(&rig);
  assert_ended_once(&rig.target, id, HEXAGENT_E_TIMEOUT);
  assert_int_equal(rig.source.told[id].asked, 0);
}

// Only the silent one: others are asked later.
void others_go_on(void**) {
  ImpatientRig rig;
  rig.target.answer = say_nothing;
  const uint64_t first = rig.start(1, 2);
  rig.until([&] { return rig.target.told[first].asked > 0; });
  rig.target.answer = nullptr;
  assert_moves(&rig);
  rig.target.answer = say_nothing;
  const uint64_t second = rig.start(1, 2);
  rig.until([&] { return rig.over(first) && rig.over(second); });
  assert_int_equal(rig.ended[first].status, HEXAGENT_E_TIMEOUT);
  assert_int_equal(rig.ended[second].status, HEXAGENT_E_TIMEOUT);
}

void say_layers(const Engine& engine, uint64_t id, uint32_t layers) {
  assert_int_equal(hexagent_endpoint_layers_ready(engine.endpoint, id, layers, nullptr),
                   HEXAGENT_OK);
}

// It has answered, and the layers that it owes do not come: none, or no more, or one too many.
void a_source_that_stalls_ends_the_transfer_at_both(void**) {
  ImpatientRig rig;
  rig.source.flags = HEXAGENT_TRANSFER_LAYERWISE;
  for (const uint32_t said : {0u, 1u, kPoolLayers - 1, kPoolLayers + 1}) {
    const uint64_t id = rig.start(1, 2);
    rig.until([&] { return rig.source.told[id].asked > 0; });
    if (said > 0) say_layers(rig.source, id, said);
    rig.until([&] { return rig.over(id) && rig.target.quiesced(id) && rig.source.quiesced(id); });
    assert_ended_once(&rig.source, id, HEXAGENT_E_TIMEOUT);
    // The source's transport tells it, too, and may be quicker.
    const hexagent_status status = rig.target.told[id].status;
    assert_true(status == HEXAGENT_E_TIMEOUT || status == HEXAGENT_E_CANCELLED);
    assert_ended_once(&rig.target, id, status);
    assert_true(rig.ended[id].status == HEXAGENT_E_TIMEOUT || rig.ended[id].status == status);
    say_layers(rig.source, id, kPoolLayers);  // too late
  }
  rig.source.flags = 0;
  assert_moves(&rig);
}

// Each layer gives it the time anew.
void a_slow_source_is_not_silent(void**) {
  ImpatientRig rig;
  rig.source.flags = HEXAGENT_TRANSFER_LAYERWISE;
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return rig.source.told[id].asked > 0; });
  for (uint32_t layer = 1; layer <= kPoolLayers; ++layer) {
    const uint64_t later = uv_hrtime() + static_cast<uint64_t>(kAnswerNs) * 2 / 5;
    rig.until([&] { return uv_hrtime() > later; });
    assert_int_equal(rig.end_count[id], 0);
    say_layers(rig.source, id, layer);
  }
  rig.until([&] { return rig.over(id); });
  assert_int_equal(rig.ended[id].status, HEXAGENT_OK);
}

void without_a_bound_it_waits(void**) {
  Rig rig;
  rig.shut();
  rig.tune = [](controller::ControllerSettings* settings) { settings->answer_ns = 0; };
  rig.open();
  Engine source;
  Engine target;
  rig.add(&source, 1);
  rig.add(&target, 2);
  target.answer = say_nothing;
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return target.told[id].asked > 0; });
  const uint64_t later = uv_hrtime() + static_cast<uint64_t>(kAnswerNs);
  rig.until([&] { return uv_hrtime() > later; });
  assert_int_equal(rig.end_count[id], 0);
  assert_int_equal(rig.controller->cancel(id), HEXAGENT_OK);
  rig.until([&] { return rig.over(id); });
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_silent_target_ends_the_transfer),
      cmocka_unit_test(a_silent_source_ends_the_transfer_at_both),
      cmocka_unit_test(a_late_answer_is_dropped),
      cmocka_unit_test(others_go_on),
      cmocka_unit_test(a_source_that_stalls_ends_the_transfer_at_both),
      cmocka_unit_test(a_slow_source_is_not_silent),
      cmocka_unit_test(without_a_bound_it_waits),
  };
  return cmocka_run_group_tests_name("silent engines", tests, nullptr, nullptr);
}
