// The machine dies at a random byte of a random write, a thousand times under each durability: the
// journal always opens, what was acknowledged is there, and the core is in exactly the state it had
// after the last step that survived.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "crash/memory_folder.h"
#include "crash/recovered.h"
#include "crash/workload.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

constexpr uint32_t kSteps = 150;
constexpr uint32_t kCrashes = 1000;

// What was promised once the folder had done this many operations.
struct Promise {
  uint64_t operations;
  uint64_t steps;  // that must survive
};

struct Life {
  MemoryFolder folder;
  std::vector<uint64_t> digests;  // after 0, 1, 2 ... steps
  std::vector<Promise> promises;
};

void live(Life* life, Durability durability, uint64_t seed) {
  JournalOptions options;
  options.durability = durability;
  options.sync_interval_ns = 40'000'000;
  options.segment_bytes = 12'000;
  options.buffer_bytes = 1'500;
  options.full_decisions = seed % 2 == 0;
  JournalledRun run(seed, &life->folder, options);
  Draw draw{seed};
  life->digests.push_back(digest_of_all(run.workload.core));
  static_cast<void>(run.start());
  for (uint32_t step = 1; step <= kSteps; ++step) {
    run.workload.step(&run.writer);
    life->digests.push_back(digest_of_all(run.workload.core));
    if (draw(3) == 0) static_cast<void>(run.writer.commit());
    // Under kBeforeAccepted this is what the driver may have shown.
    life->promises.push_back({life->folder.operations(), run.writer.durable_steps()});
  }
}

uint64_t promised(const Life& life, uint64_t operations) {
  uint64_t steps = 0;
  for (const Promise& promise : life.promises) {
    if (promise.operations <= operations) steps = promise.steps;
  }
  return steps;
}

// Goes on where the journal ended and comes back once more.
std::string goes_on(MemoryFolder* folder, Recovered* recovered) {
  JournalWriter writer(folder, small_settings(), &recovered->names, &recovered->labels, {});
  if (writer.start(recovered->end, *recovered->core) != HEXAGENT_OK) return "cannot go on";
  const TimeNs now = recovered->end.last_now + 1;
  Input input = {InputKind::kWorkflowCancel};
  input.workflow = 1;
  writer.input(input);
  recovered->core->apply(input, now);
  recovered->core->advance(now);
  writer.end_of_step(now, *recovered->core);
  hexagent_decision decision = {};
  while (recovered->core->take_decisions(&decision, 1) == 1) {
  }
  if (writer.close() != HEXAGENT_OK) return "cannot close";
  const Recovered again(folder);
  if (again.flaw.status != HEXAGENT_OK) return "after going on: " + again.flaw.text;
  if (!again.end.closed || again.end.steps != recovered->end.steps + 1) return "lost its last step";
  return digest_of_all(*again.core) == digest_of_all(*recovered->core)
             ? ""
             : "another state after going on";
}

std::string crash_once(const Life& life, Draw* draw, bool go_on) {
  const uint64_t operations = (*draw)(life.folder.operations() + 1);
  uint64_t bytes = 0;
  if (operations < life.folder.operations()) {
    bytes = (*draw)(life.folder.append_size(operations) + 1);
  }
  const auto loss = static_cast<Loss>((*draw)(3));
  const auto image = life.folder.crash(operations, bytes, loss, draw);
  Recovered recovered(image.get());
  const std::string where = "operation " + std::to_string(operations) + ", byte " +
                            std::to_string(bytes) + ", loss " +
                            std::to_string(static_cast<int>(loss)) + ": ";
  if (recovered.flaw.status != HEXAGENT_OK) return where + recovered.flaw.text;
  const uint64_t wanted = promised(life, operations);
  if (recovered.end.steps < wanted) {
    return where + "only " + std::to_string(recovered.end.steps) + " steps of " +
           std::to_string(wanted);
  }
  if (recovered.core == nullptr) return "";
  if (digest_of_all(*recovered.core) != life.digests[recovered.end.steps])
    return where + "another state";
  if (!go_on) return "";
  const std::string wrong = goes_on(image.get(), &recovered);
  return wrong.empty() ? "" : where + wrong;
}

bool survives(Durability durability) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    Life life;
    live(&life, durability, seed);
    Draw draw{seed * 31 + 7};
    for (uint32_t crash = 0; crash < kCrashes / 2; ++crash) {
      const std::string wrong = crash_once(life, &draw, crash % 4 == 0);
      if (wrong.empty()) continue;
      print_error("seed %llu, crash %u, %s\n", static_cast<unsigned long long>(seed), crash,
                  wrong.c_str());
      return false;
    }
  }
  return true;
}

void nothing_promised_is_lost_without_durability(void**) {
  assert_true(survives(Durability::kNone));
}
void nothing_promised_is_lost_with_an_interval(void**) {
  assert_true(survives(Durability::kInterval));
}
void nothing_acknowledged_is_lost_when_synced_before(void**) {
  assert_true(survives(Durability::kBeforeAccepted));
}

// Every operation fails once. The scheduler must go on all the same, and what was on disk stays.
std::string fails_at(uint64_t operation, const std::vector<uint64_t>& digests) {
  MemoryFolder folder;
  folder.fail_at = operation;
  JournalOptions options;
  options.durability = Durability::kBeforeAccepted;
  options.segment_bytes = 12'000;
  JournalledRun run(1, &folder, options);
  static_cast<void>(run.start());
  uint64_t acknowledged = 0;
  for (uint32_t step = 1; step <= kSteps; ++step) {
    run.workload.step(&run.writer);
    if (digest(run.workload.core) != digests[step]) return "the core was disturbed";
    if (run.writer.commit() == HEXAGENT_OK) acknowledged = step;
    const uint64_t newest = run.workload.decisions;
    const bool ended = run.writer.status() != HEXAGENT_OK;
    if (!run.writer.may_show(newest)) return "a decision was held back";
    if (ended && newest > run.writer.durable_decision() &&
        run.writer.acknowledgement(newest) != HEXAGENT_E_IO) {
      return "acknowledged though not on disk";
    }
  }
  if (run.writer.status() != HEXAGENT_E_IO || run.writer.trouble().empty())
    return "failed silently";
  if (run.writer.stats().failures != 1) return "not counted";
  if (run.writer.stats().steps_lost + run.writer.stats().steps < kSteps) return "steps not counted";
  Draw draw{operation};
  const auto image = folder.crash(operation, UINT64_MAX, Loss::kTail, &draw);
  const Recovered recovered(image.get());
  if (recovered.flaw.status != HEXAGENT_OK) return recovered.flaw.text;
  if (recovered.end.steps < acknowledged) return "lost what was acknowledged";
  return "";
}

bool every_failure_is_survived() {
  MemoryFolder folder;
  JournalOptions options;
  options.durability = Durability::kBeforeAccepted;
  options.segment_bytes = 12'000;
  JournalledRun run(1, &folder, options);
  static_cast<void>(run.start());
  std::vector<uint64_t> digests = {0};
  for (uint32_t step = 1; step <= kSteps; ++step) {
    run.workload.step(&run.writer);
    digests.push_back(digest(run.workload.core));
    static_cast<void>(run.writer.commit());
  }
  for (uint64_t operation = 0; operation < folder.operations(); ++operation) {
    const std::string wrong = fails_at(operation, digests);
    if (wrong.empty()) continue;
    print_error("operation %llu: %s\n", static_cast<unsigned long long>(operation), wrong.c_str());
    return false;
  }
  return folder.operations() > 100;
}

void every_refused_operation_is_survived_and_told(void**) {
  assert_true(every_failure_is_survived());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_promised_is_lost_without_durability),
      cmocka_unit_test(nothing_promised_is_lost_with_an_interval),
      cmocka_unit_test(nothing_acknowledged_is_lost_when_synced_before),
      cmocka_unit_test(every_refused_operation_is_survived_and_told),
  };
  return cmocka_run_group_tests_name("power loss", tests, nullptr, nullptr);
}
