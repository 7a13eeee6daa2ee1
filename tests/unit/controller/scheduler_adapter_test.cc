// From decisions to chunks: the adapter with endpoints, its decisions made by the test. What they
// say of deadline and risk decides which of two transfers in one queue is over first.
#include "controller/scheduler_adapter.h"

#include "unit/endpoint/rig.h"

namespace {

using namespace hexagent;  // NOLINT: a test of one part
using endpoint::Engine;
using endpoint::kPoolLayers;

constexpr int64_t kNowNs = 1'700'000'000'000'000'000;  // of a scheduler that has another clock

struct Adapter {
  uv_loop_t loop = {};
  std::unique_ptr<controller::SchedulerAdapter> adapter;
  Engine source;
  Engine target;
  std::vector<hexagent_report> reports;
  std::vector<hexagent_link_sample> samples;

  Adapter() {
    signal(SIGPIPE, SIG_IGN);
    controller::ControllerSettings settings;
    const std::string address = "unix:/tmp/hexagent-adapter-" + std::to_string(getpid());
    assert_true(control::parse_address(address, &settings.address));
    settings.secret = endpoint::kSecret;
    adapter = std::make_unique<controller::SchedulerAdapter>(
        settings,
        [this](const hexagent_report& report) {
          reports.push_back(report);
          return HEXAGENT_OK;
        },
        [this](const hexagent_link_sample& sample) {
          samples.push_back(sample);
          return HEXAGENT_OK;
        });
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(adapter->open(&loop), 0);
    for (Engine* engine : {&source, &target}) {
      engine->flags = HEXAGENT_TRANSFER_LAYERWISE;
      engine->answer = [](const hexagent_endpoint_event& event) {
        std::vector<int32_t> ids;
        for (int32_t i = 0; i < 30; ++i) ids.push_back(i + (event.call == 1 ? 1 : 32));
        return ids;
      };
      engine->open(Engine::config(engine == &source ? 1 : 2, address));
      until([&] { return engine->connected > 0; });
    }
  }
  ~Adapter() {
    adapter->close();
    uv_run(&loop, UV_RUN_DEFAULT);
    adapter.reset();
    uv_loop_close(&loop);
  }
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  template <class Reached>
  void until(const Reached& reached) {
    for (;;) {
      uv_run(&loop, UV_RUN_NOWAIT);
      source.poll();
      target.poll();
      if (reached()) return;
      pollfd wait = {uv_backend_fd(&loop), POLLIN, 0};
      poll(&wait, 1, 1);
    }
  }
  void decide(uint32_t kind, uint64_t call, uint32_t risk_milli, int64_t deadline_ns) {
    hexagent_decision decision = {};
    decision.kind = kind;
    decision.workflow = call;
    decision.call = call;
    decision.attempt = 1;
    decision.worker = 1;
    decision.peer_worker = 2;
    decision.tokens = 30 * 16;
    decision.time_ns = kNowNs;
    decision.risk_milli = risk_milli;
    decision.deadline_ns = deadline_ns;
    adapter->on_decisions(&decision, 1);
  }
  // The source's id of a call's transfer, once it was asked for blocks.
  uint64_t asked(uint64_t call) {
    uint64_t id = 0;
    until([&] {
      for (const auto& [transfer, told] : source.told) {
        if (transfer != 0 && told.call == call && told.asked > 0) id = transfer;
      }
      return id != 0;
    });
    return id;
  }
  // Both are let go at once; the call that was over first.
  uint64_t first_of(uint64_t one, uint64_t other) {
    for (const uint64_t id : {one, other}) {
      assert_int_equal(hexagent_endpoint_layers_ready(source.endpoint, id, kPoolLayers, nullptr),
                       HEXAGENT_OK);
    }
    until([&] { return reports.size() == 2; });
    for (const hexagent_report& report : reports) {
      assert_int_equal(report.outcome, HEXAGENT_OUTCOME_DONE);
    }
    return reports[0].call;
  }
};

void equal_transfers_end_in_their_order(void**) {
  Adapter rig;
  rig.decide(HEXAGENT_DECISION_TRANSFER, 1, 100, 0);
  const uint64_t one = rig.asked(1);
  rig.decide(HEXAGENT_DECISION_TRANSFER, 2, 100, 0);
  assert_int_equal(rig.first_of(one, rig.asked(2)), 1);
}

void a_near_deadline_goes_first(void**) {
  Adapter rig;
  rig.decide(HEXAGENT_DECISION_TRANSFER, 1, 100, kNowNs + 3'600'000'000'000);
  const uint64_t one = rig.asked(1);
  rig.decide(HEXAGENT_DECISION_TRANSFER, 2, 900, kNowNs + 2'000'000'000);
  assert_int_equal(rig.first_of(one, rig.asked(2)), 2);
}

void a_higher_risk_goes_first(void**) {
  Adapter rig;
  rig.decide(HEXAGENT_DECISION_TRANSFER, 1, 50, 0);
  const uint64_t one = rig.asked(1);
  rig.decide(HEXAGENT_DECISION_TRANSFER, 2, 5000, 0);
  assert_int_equal(rig.first_of(one, rig.asked(2)), 2);
}

void a_change_of_risk_reaches_what_is_queued(void**) {
  Adapter rig;
  rig.decide(HEXAGENT_DECISION_TRANSFER, 1, 100, 0);
  const uint64_t one = rig.asked(1);
  rig.decide(HEXAGENT_DECISION_TRANSFER, 2, 100, 0);
  const uint64_t two = rig.asked(2);
  rig.decide(HEXAGENT_DECISION_REPRIORITISE, 2, 1000, kNowNs + 1'000'000'000);
  // A third is asked for after it, by the same connection.
  rig.decide(HEXAGENT_DECISION_TRANSFER, 3, 100, 0);
  rig.source.answer = rig.target.answer = [](const hexagent_endpoint_event&) {
    return std::vector<int32_t>{62, 63};
  };
  rig.asked(3);
  assert_int_equal(rig.first_of(one, two), 2);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(equal_transfers_end_in_their_order),
      cmocka_unit_test(a_near_deadline_goes_first),
      cmocka_unit_test(a_higher_risk_goes_first),
      cmocka_unit_test(a_change_of_risk_reaches_what_is_queued),
  };
  return cmocka_run_group_tests_name("scheduler adapter", tests, nullptr, nullptr);
}
