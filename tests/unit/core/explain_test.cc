// hexagent_explain(): JSON at every state of a call, with the terms of order and placement in it.
#include <nlohmann/json.hpp>

#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

// Does the explanation of call 1 parse, and has it all these paths ("/order/name")? The first that
// is missing, or what is wrong; "" when all is well.
std::string flaw_of(const World& world, std::initializer_list<const char*> paths) {
  std::string text;
  if (world.scheduler().explain(1, 1, &text) != HEXAGENT_OK) return "no explanation";
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return "is no JSON: " + text;
  for (const char* path : paths) {
    if (!json.contains(nlohmann::json::json_pointer(path))) return path;
  }
  return "";
}

nlohmann::json explained(const World& world) {
  std::string text;
  world.scheduler().explain(1, 1, &text);
  return nlohmann::json::parse(text, nullptr, false);
}

bool is_whole(const World& world) {
  const std::string flaw = flaw_of(world, {"/workflow",
                                           "/call",
                                           "/state",
                                           "/now_ns",
                                           "/attempt",
                                           "/retries",
                                           "/prompt_tokens",
                                           "/output_expected",
                                           "/output_reserved",
                                           "/order/name",
                                           "/order/key",
                                           "/order/sent_order_key",
                                           "/order/elapsed_s",
                                           "/order/horizon_s",
                                           "/order/remaining_s",
                                           "/order/delta_s",
                                           "/order/standalone_s",
                                           "/order/attained_s",
                                           "/placement/name",
                                           "/placement/prefill_worker",
                                           "/placement/decode_worker",
                                           "/placement/cost_s",
                                           "/placement/prefill_cached",
                                           "/placement/decode_cached",
                                           "/candidates_now",
                                           "/predicted_ns/prefill_start",
                                           "/predicted_ns/prefill_end",
                                           "/predicted_ns/transfer_end",
                                           "/predicted_ns/decode_end",
                                           "/actual_ns/revealed",
                                           "/actual_ns/ready",
                                           "/actual_ns/dispatched",
                                           "/actual_ns/prefill_start",
                                           "/actual_ns/prefill_end",
                                           "/actual_ns/transfer_end",
                                           "/actual_ns/decode_start",
                                           "/actual_ns/decode_end"});
  if (!flaw.empty()) print_error("%s\n", flaw.c_str());
  return flaw.empty();
}

bool state_is(const World& world, const char* name) { return explained(world)["state"] == name; }

void every_state_of_a_call_is_explained(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(2, 2);
  world.begin(1);
  hexagent_call held = test_call(1, 1);
  held.flags = HEXAGENT_CALL_HELD;
  world.submit(held);
  assert_true(is_whole(world) && state_is(world, "held"));
  world.ready(1, 1);
  assert_true(is_whole(world) && state_is(world, "dispatched"));
  world.report(1, 1, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED);
  assert_true(is_whole(world) && state_is(world, "prefilling"));
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_true(is_whole(world) && state_is(world, "transferring"));
  world.report(1, 1, HEXAGENT_PHASE_TRANSFER);
  assert_true(is_whole(world) && state_is(world, "decode_queued"));
  world.report(1, 1, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_STARTED);
  assert_true(is_whole(world) && state_is(world, "decoding"));
  world.report(1, 1, HEXAGENT_PHASE_DECODE);
  assert_true(is_whole(world) && state_is(world, "done"));
}

bool terms_are_right(const World& world, TimeNs sent) {
  const nlohmann::json json = explained(world);
  const auto& order = json["order"];
  const double horizon_s = order["horizon_s"];
  const double key = order["key"];
  const double delta_s = order["delta_s"];  // with half a round trip each way
  const bool stretch = std::abs(horizon_s - 1.11) < 0.001 && std::abs(delta_s - 1.111) < 0.001 &&
                       std::abs(key - delta_s / horizon_s) < 1e-9 &&
                       std::abs(order["sent_order_key"].get<double>() + 1e6 * key) <= 1.0;
  const auto& placement = json["placement"];
  const bool sent_there = placement["prefill_worker"] == 1 && placement["decode_worker"] == 11;
  const bool times = json["actual_ns"]["dispatched"] == sent &&
                     json["predicted_ns"]["prefill_end"] == sent + kMs / 2 + 110 * kMs &&
                     json["actual_ns"]["prefill_end"] == sent + 150 * kMs;
  return stretch && sent_there && times && order["name"] == "stretch" &&
         placement["name"] == "impact";
}

void predicted_stands_beside_actual(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(1, 1);
  world.begin(1);
  const TimeNs sent = world.now();
  world.submit(1, 1);
  world.pass(150 * kMs);
  world.report(1, 1, HEXAGENT_PHASE_PREFILL);
  assert_true(terms_are_right(world, sent));
}

bool candidates_say_why(const World& world) {
  const nlohmann::json candidates = explained(world)["candidates_now"];
  if (candidates.size() != 2) return false;
  for (const auto& candidate : candidates) {
    for (const char* key : {"prefill_worker", "decode_worker", "cost_s", "wait_s", "prefill_end_s",
                            "transfer_end_s", "finish_s", "prefill_cached", "decode_cached"}) {
      if (!candidate[key].is_number()) return false;
    }
    if (candidate["fits"] != false) return false;  // this is what keeps the call back
  }
  return true;
}

void a_waiting_call_tells_what_keeps_it_back(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(2, 1);
  world.begin(1);
  world.heartbeat(11, 16000);
  world.submit(1, 1);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_READY);
  assert_true(is_whole(world));
  assert_true(candidates_say_why(world));
}

void a_call_without_any_worker_is_explained_too(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(1, 1);
  world.begin(1);
  world.submit(1, 1);
  world.lose(1);
  world.lose(11);
  assert_true(is_whole(world) && state_is(world, "ready"));
  world.cancel(1, 1);
  assert_true(is_whole(world) && state_is(world, "cancelled"));
}

bool is_the_same_twice(const World& world) { return explained(world) == explained(world); }

void explaining_changes_nothing(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(2, 2);
  world.begin(1);
  world.submit(1, 1);
  assert_true(is_the_same_twice(world));
  assert_null(world.scheduler().audit());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(every_state_of_a_call_is_explained),
      WORLD_TEST(predicted_stands_beside_actual),
      WORLD_TEST(a_waiting_call_tells_what_keeps_it_back),
      WORLD_TEST(a_call_without_any_worker_is_explained_too),
      WORLD_TEST(explaining_changes_nothing),
  };
  return cmocka_run_group_tests_name("explain", tests, nullptr, nullptr);
}
