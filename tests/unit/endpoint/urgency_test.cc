// Urgency from controller to chunks: of two transfers in one queue the more pressing is over
// first, whether that was said with SEND or later.
#include "unit/endpoint/rig.h"

namespace {

using namespace hexagent::endpoint;  // NOLINT: a test of one part
using hexagent::controller::TransferOrder;
using hexagent::controller::Urgency;

constexpr int64_t kSecondNs = 1'000'000'000;

// Two transfers of thirty chunks each, whose layers get ready at the same time, so that they meet
// in the source's queue; the bulk first.
struct TwoRig : PairRig {
  uint64_t bulk = 0;
  uint64_t urgent = 0;

  TwoRig() : PairRig(HEXAGENT_TRANSFER_LAYERWISE) {
    const auto answer = [](const hexagent_endpoint_event& event) {
      if (event.call == 3) return std::vector<int32_t>{62, 63};
      std::vector<int32_t> ids;
      for (int32_t i = 0; i < 30; ++i) ids.push_back(i + (event.call == 1 ? 1 : 32));
      return ids;
    };
    source.answer = target.answer = answer;
  }
  uint64_t begin(uint64_t call, const Urgency& urgency) {
    TransferOrder order;
    order.workflow = call;
    order.call = call;
    order.from = 1;
    order.to = 2;
    order.tokens = 30 * 16;
    order.urgency = urgency;
    uint64_t id = 0;
    assert_int_equal(controller->start(order, &id), HEXAGENT_OK);
    return id;
  }
  void begin_both(const Urgency& of_urgent) {
    bulk = begin(1, {5, 0, 0.1});
    until([&] { return source.told[bulk].asked > 0; });
    urgent = begin(2, of_urgent);
    until([&] { return source.told[urgent].asked > 0; });
  }
  // From here on the controller carries no word until until(), so neither gets far ahead.
  void let_go() {
    for (const uint64_t id : {bulk, urgent}) {
      assert_int_equal(hexagent_endpoint_layers_ready(source.endpoint, id, kPoolLayers, nullptr),
                       HEXAGENT_OK);
    }
    until([&] { return over(bulk) && over(urgent); });
    assert_int_equal(ended[bulk].status, HEXAGENT_OK);
    assert_int_equal(ended[urgent].status, HEXAGENT_OK);
  }
  bool urgent_was_first() { return ended[urgent].end_ns < ended[bulk].end_ns; }
};

Urgency pressing() { return {5, static_cast<int64_t>(uv_hrtime()) + kSecondNs / 100, 1.0}; }

void who_comes_first_goes_first_where_nothing_presses(void**) {
  TwoRig rig;
  rig.begin_both({5, 0, 0.1});
  rig.let_go();
  assert_false(rig.urgent_was_first());
}

void the_pressing_passes_the_bulk(void**) {
  TwoRig rig;
  rig.begin_both(pressing());
  rig.let_go();
  assert_true(rig.urgent_was_first());
}

void what_gets_pressing_passes_the_bulk(void**) {
  TwoRig rig;
  rig.begin_both({5, 0, 0.1});
  const uint64_t later = rig.begin(3, {5, 0, 0.1});
  rig.until([&] { return rig.source.told[later].asked > 0; });
  assert_int_equal(rig.controller->change_urgency(rig.urgent, pressing()), HEXAGENT_OK);
  // What was said after it has reached the source, so it has, too.
  assert_int_equal(rig.controller->cancel(later), HEXAGENT_OK);
  rig.until([&] { return rig.source.told[later].ended > 0; });
  rig.let_go();
  assert_true(rig.urgent_was_first());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(who_comes_first_goes_first_where_nothing_presses),
      cmocka_unit_test(the_pressing_passes_the_bulk),
      cmocka_unit_test(what_gets_pressing_passes_the_bulk),
  };
  return cmocka_run_group_tests_name("urgency", tests, nullptr, nullptr);
}
