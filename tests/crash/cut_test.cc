// The machine loses its power at a thousand random moments while four threads submit: nothing
// acknowledged is lost and no call is decided twice (crash/world.h says what that is, exactly).
//
// The scheduler is the shipping one behind its C ABI, with a thread of its own and
// journal_durability = before_accepted. Only its folder is made of memory: from a random byte of a
// random operation on it refuses everything, then it loses what was never synced, and the next
// life begins with what is left. A decision that was polled after the cut was never seen; but an
// ACCEPTED that says it is on disk has to be there all the same.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "capi/handle.h"
#include "crash/gateway.h"
#include "crash/history.h"
#include "crash/memory_folder.h"
#include "crash/world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

#ifdef __SANITIZE_THREAD__
constexpr uint32_t kCuts = 200;  // ThreadSanitizer takes four times as long
#else
constexpr uint32_t kCuts = 1000;  // while threads submit
#endif
constexpr uint32_t kCutsInARow = 8;  // of one journal
constexpr uint64_t kOperationsMax = 20;

hexagent_config make_config(uint64_t seed) {
  hexagent_config config;
  config.settings.workflows_max = 256;
  config.settings.calls_max = 1024;
  config.settings.workers_max = 8;
  config.settings.groups_max = config.settings.names_max = 16;
  config.settings.retry_max = 100;  // a crash may use up one
  config.driving = Driving::kThread;
  config.journal_path = "memory";
  config.journal.durability = Durability::kBeforeAccepted;
  config.journal.segment_bytes = 12'000;
  config.journal.keep_bytes = 0;  // all of it is looked at
  config.journal.full_decisions = seed % 2 == 0;
  return config;
}

struct Life {
  std::string wrong;
  bool opened = false;
  std::vector<hexagent_decision> promised;  // polled after the cut and said to be on disk
};

// One life in this folder, until the power goes or all workflows are done.
Life live(MemoryFolder* folder, World* world, uint64_t seed, uint64_t last) {
  Life life;
  std::unique_ptr<hexagent_scheduler> scheduler;
  const hexagent_status status = open_in_folder(
      make_config(seed), std::make_unique<BorrowedFolder>(folder), &scheduler, &life.wrong);
  if (status == HEXAGENT_E_IO && folder->has_failed()) life.wrong.clear();
  if (status != HEXAGENT_OK) return life;
  life.opened = true;
  Gateway gateway(scheduler.get(), world, last,
                  [&](const hexagent_decision* batch, uint32_t count) {
                    if (!folder->has_failed()) return true;
                    for (uint32_t i = 0; i < count; ++i) {
                      const bool accepted = batch[i].kind == HEXAGENT_DECISION_ACCEPTED;
                      if (accepted && batch[i].status == HEXAGENT_OK)
                        life.promised.push_back(batch[i]);
                    }
                    return false;
                  });
  life.wrong = gateway.live();
  hexagent_close(scheduler.release());
  return life;
}

// What is wrong with the folder that was left, or nothing.
std::string look_back(MemoryFolder* folder, World* world, const Life& life) {
  std::vector<hexagent_decision> history;
  std::string wrong = read_history(folder, &history);
  if (wrong.empty()) wrong = world->recall(history);
  if (!wrong.empty()) return wrong;
  for (const hexagent_decision& decision : life.promised) {
    const uint64_t at = decision.sequence - 1;
    if (at < history.size() && history[at].user_data == decision.user_data) continue;
    return "decision " + std::to_string(decision.sequence) + " was said to be on disk and is lost";
  }
  return {};
}

// A journal that is cut again and again, and then may finish its work; counts the cuts.
std::string cut_in_a_row(uint64_t seed, uint32_t* cuts) {
  Draw draw{seed};
  World world;
  auto folder = std::make_unique<MemoryFolder>();
  for (uint32_t row = 0; row < kCutsInARow;) {
    folder->fail_at = draw(kOperationsMax);
    folder->fail_bytes = draw(2000);
    const Life life = live(folder.get(), &world, seed, UINT64_MAX);
    if (!life.wrong.empty()) return life.wrong;
    if (!folder->has_failed()) return "it ended though the power was on";
    // A dead process leaves more behind than a dead machine.
    folder = folder->power_off(static_cast<Loss>(draw(3)), &draw);
    const std::string wrong = look_back(folder.get(), &world, life);
    if (!wrong.empty()) return wrong;
    if (life.opened) ++row, ++*cuts;
  }
  const Life life = live(folder.get(), &world, seed, world.newest() + 1);
  return life.wrong.empty() ? look_back(folder.get(), &world, life) : life.wrong;
}

bool every_cut_is_survived() {
  uint32_t cuts = 0;
  for (uint64_t seed = 1; cuts < kCuts; ++seed) {
    const std::string wrong = cut_in_a_row(seed, &cuts);
    if (wrong.empty()) continue;
    print_error("seed %llu, after %u cuts: %s\n", static_cast<unsigned long long>(seed), cuts,
                wrong.c_str());
    return false;
  }
  return true;
}

void a_thousand_cuts_lose_nothing_acknowledged_and_decide_no_call_twice(void**) {
  assert_true(every_cut_is_survived());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_thousand_cuts_lose_nothing_acknowledged_and_decide_no_call_twice),
  };
  return cmocka_run_group_tests_name("cut", tests, nullptr, nullptr);
}
