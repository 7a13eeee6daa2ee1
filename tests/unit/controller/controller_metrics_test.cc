// What a controller counts, and the OpenMetrics text of it.
#include <string_view>

#include "unit/endpoint/rig.h"

namespace {

using namespace hexagent;            // NOLINT: a test of one part
using namespace hexagent::endpoint;  // NOLINT

std::string text_of(const controller::ControllerCounts& counts) {
  std::string text(16384, '\0');
  TextWriter writer(text.data(), text.size());
  controller::write_controller_metrics(counts, &writer);
  assert_true(writer.complete());
  text.resize(writer.needed() - 1);
  return text;
}

bool tells(const Rig& rig, std::string_view line) {
  const std::string text = "\n" + text_of(rig.controller->counts());
  const bool found = text.find("\n" + std::string(line) + "\n") != std::string::npos;
  if (!found) std::fprintf(stderr, "%s\nlacks: %s\n", text.c_str(), std::string(line).c_str());
  return found;
}

void what_has_moved_is_counted(void**) {
  PairRig rig;
  assert_true(tells(rig, "hexagent_endpoints_connected 2"));
  assert_true(tells(rig, "hexagent_transfers_ended_total{status=\"HEXAGENT_OK\"} 0"));
  assert_moves(&rig);
  assert_true(tells(rig, "hexagent_transfers_ended_total{status=\"HEXAGENT_OK\"} 1"));
  assert_true(
      tells(rig, "hexagent_endpoint_transfer_bytes_total " + std::to_string(rig.ended[1].bytes)));
  assert_true(rig.ended[1].bytes > 0);
  assert_true(tells(rig, "hexagent_quiesce_wait_seconds_count 2"));
  const controller::ControllerCounts counts = rig.controller->counts();
  assert_true(counts.quiesce_wait_ns >= 0);
  assert_true(counts.relayed_messages > 0);
  assert_true(counts.relayed_bytes > counts.relayed_messages);
  assert_true(
      tells(rig, "hexagent_relayed_messages_total " + std::to_string(counts.relayed_messages)));
}

void what_moves_is_a_gauge(void**) {
  PairRig rig;
  rig.target.answer = [](const hexagent_endpoint_event&) { return std::vector<int32_t>(); };
  const uint64_t id = rig.start(1, 2);
  assert_true(tells(rig, "hexagent_transfers_live 1"));
  assert_true(tells(rig, "hexagent_transfers_quiescing 0"));
  assert_int_equal(rig.controller->cancel(id), HEXAGENT_OK);
  assert_true(tells(rig, "hexagent_transfers_quiescing 1"));
  rig.until([&] { return rig.over(id); });
  assert_true(tells(rig, "hexagent_transfers_live 0"));
  assert_true(tells(rig, "hexagent_transfers_ended_total{status=\"HEXAGENT_E_CANCELLED\"} 1"));
  // The source was never told of it.
  assert_true(tells(rig, "hexagent_quiesce_wait_seconds_count 1"));
}

void who_is_turned_away_is_counted_by_cause(void**) {
  PairRig rig;
  Engine stranger;
  hexagent_endpoint_config config = Engine::config(3, rig.address);
  config.secret = "another secret than that";
  stranger.open(config);
  rig.engines.push_back(&stranger);
  rig.until([&] { return stranger.disconnected > 0; });
  assert_true(rig.controller->counts().refused[0].count > 0);  // it tries again
  assert_int_equal(rig.controller->counts().refused[0].status, HEXAGENT_E_SECRET);
  Engine earlier;
  config = Engine::config(2, rig.address);
  config.incarnation = 1;
  earlier.open(config);
  rig.engines.push_back(&earlier);
  rig.until([&] { return earlier.disconnected > 0; });
  assert_true(rig.controller->counts().refused[2].count > 0);
  assert_true(tells(rig, "hexagent_endpoints_connected 2"));
  assert_true(tells(rig, "hexagent_endpoints_lost_total{status=\"HEXAGENT_E_PEER\"} 0"));
  rig.engines.clear();
}

void who_goes_is_counted(void**) {
  PairRig rig;
  rig.target.close();
  rig.until([&] { return rig.lost == 1; });
  assert_true(tells(rig, "hexagent_endpoints_lost_total{status=\"HEXAGENT_E_PEER\"} 1"));
  assert_true(tells(rig, "hexagent_endpoints_connected 1"));
}

void a_status_of_the_engines_own_makes_no_row(void**) {
  PairRig rig;
  rig.target.answer = [&rig](const hexagent_endpoint_event& event) {
    hexagent_endpoint_refuse(rig.target.endpoint, event.transfer, -987654);
    return std::vector<int32_t>();
  };
  const uint64_t id = rig.start(1, 2);
  rig.until([&] { return rig.over(id); });
  assert_int_equal(rig.ended[id].status, -987654);
  assert_true(tells(rig, "hexagent_transfers_ended_total{status=\"other\"} 1"));
  assert_true(text_of(rig.controller->counts()).find("987654") == std::string::npos);
}

// HELP and TYPE before the samples of a family, which all have its name.
void the_text_keeps_to_the_grammar(void**) {
  const std::string text = text_of({});
  std::string family;
  uint32_t families = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    assert_true(end != std::string::npos);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.rfind("# HELP ", 0) == 0) {
      family = line.substr(7, line.find(' ', 7) - 7);
      assert_int_equal(text.compare(at, 7 + family.size(), "# TYPE " + family), 0);
      ++families;
    } else if (line[0] != '#') {
      assert_int_equal(line.compare(0, family.size(), family), 0);
      assert_true(line.find(' ') != std::string::npos);
    }
  }
  assert_int_equal(families, 10);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_has_moved_is_counted),
      cmocka_unit_test(what_moves_is_a_gauge),
      cmocka_unit_test(who_is_turned_away_is_counted_by_cause),
      cmocka_unit_test(who_goes_is_counted),
      cmocka_unit_test(a_status_of_the_engines_own_makes_no_row),
      cmocka_unit_test(the_text_keeps_to_the_grammar),
  };
  return cmocka_run_group_tests_name("controller metrics", tests, nullptr, nullptr);
}
