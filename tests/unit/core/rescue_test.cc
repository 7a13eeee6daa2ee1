// What is left to be told of a core that broke, and what it notes for operators while it is whole.
#include <string>

#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test program

bool has(const World& world, const char* part) {
  std::string text;
  world.scheduler().rescue_text(&text);
  return text.find(part) != std::string::npos;
}

void a_rescue_text_tells_the_audit_counters_workers_and_workflows(void** state) {
  World& world = *static_cast<World*>(*state);
  world.add_workers(1, 1);
  hexagent_workflow workflow = {};
  workflow.workflow = 4711;
  workflow.deadline_ns = 5 * kSecond;
  workflow.tier = HEXAGENT_TIER_BATCH;
  world.begin(workflow);
  world.submit(4711, 1);
  assert_true(has(world, "audit: nothing else is broken\nnow_ns 1000000000\npolicy default\n"));
  assert_true(has(world, "inputs 5 refused 0 rejected 0 "));
  assert_true(has(world, "calls live 1 waiting 0 prefilled 0 done 0 "));
  assert_true(has(world, "\n  1 1 1 1 0 16000 1008 0\n"));  // a prefill, 63 blocks of KV
  assert_true(has(world, "\n  4711 1000000000 6000000000 2 1 0 0 1 0\n"));
}

std::vector<Notice> notices(World* world, uint64_t* dropped) {
  std::vector<Notice> taken;
  *dropped =
      world->scheduler().notices().take([&](const Notice& notice) { taken.push_back(notice); });
  return taken;
}

bool losses_are_noted() {
  World world;
  world.add_workers(2, 1);
  world.begin(1);
  world.submit(1, 1);
  const uint32_t busy = world.worker(1).prefill_outstanding == 1 ? 1 : 2;
  world.lose(busy);
  hexagent_worker again = test_worker(3 - busy, HEXAGENT_ROLE_PREFILL);
  again.incarnation = 2;
  world.set_worker(again);
  world.drain(11);
  world.configure("retry_max", "5");
  uint64_t dropped = 1;
  const std::vector<Notice> seen = notices(&world, &dropped);
  return dropped == 0 && seen.size() == 4 && seen[0].kind == NoticeKind::kWorkerLost &&
         seen[0].subject == busy && seen[0].count == 1 &&
         seen[1].kind == NoticeKind::kWorkerRestarted && seen[1].count == 1 &&
         seen[2].kind == NoticeKind::kWorkerDrained && seen[2].subject == 11 &&
         seen[3].kind == NoticeKind::kSettingChanged &&
         setting_info(seen[3].subject).key == "retry_max" && notices(&world, &dropped).empty();
}

void losses_drains_and_settings_are_noted_once(void**) { assert_true(losses_are_noted()); }

bool a_full_board_counts() {
  World world;
  for (int i = 0; i < 70; ++i) world.configure("retry_max", "5");
  uint64_t dropped = 0;
  return notices(&world, &dropped).size() == 64 && dropped == 6;
}

void a_full_board_drops_and_counts(void**) { assert_true(a_full_board_counts()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(a_rescue_text_tells_the_audit_counters_workers_and_workflows),
      cmocka_unit_test(losses_drains_and_settings_are_noted_once),
      cmocka_unit_test(a_full_board_drops_and_counts),
  };
  return cmocka_run_group_tests_name("rescue", tests, nullptr, nullptr);
}
