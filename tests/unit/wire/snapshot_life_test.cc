// Snapshots of living cores: whoever goes on from one decides, byte for byte, what the core it was
// made of decides, and makes the same snapshots.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "crash/memory_folder.h"
#include "crash/rich_life.h"
#include "crash/workload.h"
#include "runtime/journal_reader.h"
#include "wire/snapshot.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

using Bytes = std::vector<uint8_t>;
constexpr size_t kEvery = 10;  // steps from one snapshot to the next

template <class Record>
void add_bytes(const Record& record, std::string* text) {
  text->append(reinterpret_cast<const char*>(&record), sizeof(record));
}

// Everything that can be asked of a core.
std::string answers_of(const Scheduler& core) {
  std::string answers;
  hexagent_stats stats = {};
  core.stats(&stats);
  add_bytes(stats, &answers);
  hexagent_shadow_info shadow = {};
  static_cast<void>(core.shadow_query(&shadow));
  add_bytes(shadow, &answers);
  for (uint32_t worker = 1; worker <= 8; ++worker) {
    hexagent_worker_info info = {};
    static_cast<void>(core.worker_query(worker, &info));
    add_bytes(info, &answers);
  }
  for (uint64_t workflow = 1; workflow <= 20; ++workflow) {
    hexagent_workflow_info info = {};
    static_cast<void>(core.workflow_query(workflow, &info));
    add_bytes(info, &answers);
    for (uint64_t call = 0; call < 14; ++call) {
      std::string text;
      static_cast<void>(core.explain(workflow, call, &text));
      answers += text;
    }
  }
  return answers;
}

// A life that was lived: what happened in each step, and the core behind every tenth.
struct Life {
  Settings settings;
  std::deque<KeptStep> steps;
  std::vector<Bytes> snapshots;      // [i] behind step kEvery * i, counted from 0
  std::vector<std::string> answers;  // and what the core answered there

  void keep(const Scheduler& core) {
    snapshots.push_back(encode_snapshot(core));
    answers.push_back(answers_of(core));
  }
};

bool same(const std::vector<hexagent_decision>& a, const std::vector<hexagent_decision>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0);
}

// "" or what is wrong.
std::string goes_on(const Life& life, size_t from) {
  Scheduler core(life.settings);
  std::string flaw;
  const Bytes& bytes = life.snapshots[from];
  const std::string where = "snapshot " + std::to_string(from);
  if (!decode_snapshot(bytes.data(), bytes.size(), &core, &flaw)) return where + ": " + flaw;
  if (encode_snapshot(core) != bytes) return where + " is not made again";
  if (answers_of(core) != life.answers[from]) return where + " answers otherwise";
  for (size_t step = from * kEvery + 1; step < life.steps.size(); ++step) {
    if (!same(take_step(life.steps[step], &core), life.steps[step].decisions)) {
      return where + ": step " + std::to_string(step) + " decides otherwise";
    }
    if (step % kEvery == 0 && encode_snapshot(core) != life.snapshots[step / kEvery]) {
      return where + ": after step " + std::to_string(step) + " it is another core";
    }
  }
  return "";
}

std::string goes_on_from_everywhere(const Life& life) {
  for (size_t from = 0; from < life.snapshots.size(); ++from) {
    const std::string wrong = goes_on(life, from);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

// The life that the journal's tests live.
Life journal_life(uint64_t seed, uint32_t steps) {
  Life life;
  life.settings = small_settings();
  MemoryFolder folder;
  JournalOptions options;
  options.full_decisions = true;
  JournalledRun run(seed, &folder, options);
  if (run.start() != HEXAGENT_OK) return {};
  for (uint32_t step = 0; step < steps; ++step) {
    run.workload.step(&run.writer);
    if (step % kEvery == 0) life.keep(run.workload.core);
  }
  static_cast<void>(run.writer.close());
  JournalReader reader(&folder);
  if (!reader.open()) return {};
  while (reader.next() == JournalItem::kStep) {
    KeptStep& kept = life.steps.emplace_back();
    kept.now = reader.step().head().now;
    kept.decisions = reader.decisions();
    for (uint32_t i = 0; i < reader.step().input_count(); ++i) {
      const Input input = reader.step().input(i);
      struct Whole {
        unsigned char bytes[128];
      } record = {};
      if (input.record != nullptr) std::memcpy(&record, input.record, input.record_size);
      kept.inputs.push_back(std::make_unique<KeptInput>(
          input, record, std::vector<uint64_t>(input.deps, input.deps + input.deps_count),
          std::vector<hexagent_prefix>(input.prefixes, input.prefixes + input.prefixes_count)));
    }
  }
  return life;
}

enum class Kind { kUsual, kShadow, kEndpoints };

Life rich_life(uint64_t seed, Kind kind_of_life, uint32_t steps, uint32_t* seen) {
  const bool shadow = kind_of_life == Kind::kShadow;
  RichLife rich(seed, shadow, kind_of_life == Kind::kEndpoints);
  Life life;
  life.settings = rich_settings(shadow);
  for (uint32_t step = 0; step < steps; ++step) {
    rich.step();
    if (step % kEvery == 0) life.keep(rich.core);
  }
  life.steps = std::move(rich.steps);
  for (uint32_t kind = 0; kind < 32; ++kind) seen[kind] += rich.seen[kind];
  return life;
}

std::string journal_lives_go_on() {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const Life life = journal_life(seed, 300);
    if (life.steps.size() != 300) return "no life";
    const std::string wrong = goes_on_from_everywhere(life);
    if (!wrong.empty()) return "seed " + std::to_string(seed) + ", " + wrong;
  }
  return "";
}

// `kinds`: decisions that there must have been, or it was no rich life.
std::string rich_lives_go_on(uint64_t seeds, Kind kind_of_life, uint32_t steps,
                             const std::vector<uint32_t>& kinds) {
  uint32_t seen[32] = {};
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::string wrong = goes_on_from_everywhere(rich_life(seed, kind_of_life, steps, seen));
    if (!wrong.empty()) return "seed " + std::to_string(seed) + ", " + wrong;
  }
  for (uint32_t kind : kinds) {
    if (seen[kind] < 5) return "hardly a decision of kind " + std::to_string(kind);
  }
  return "";
}

void the_journals_life_goes_on_from_everywhere(void**) {
  assert_string_equal(journal_lives_go_on().c_str(), "");
}

void a_rich_life_goes_on_from_everywhere(void**) {
  assert_string_equal(
      rich_lives_go_on(
          4, Kind::kUsual, 500,
          {HEXAGENT_DECISION_PREFILL, HEXAGENT_DECISION_LOCAL, HEXAGENT_DECISION_TRANSFER,
           HEXAGENT_DECISION_DECODE, HEXAGENT_DECISION_REPRIORITISE, HEXAGENT_DECISION_ABORT,
           HEXAGENT_DECISION_REJECT, HEXAGENT_DECISION_RISK, HEXAGENT_DECISION_CALL_DONE,
           HEXAGENT_DECISION_WORKFLOW_DONE})
          .c_str(),
      "");
}

void shadow_mode_goes_on_from_everywhere(void**) {
  assert_string_equal(
      rich_lives_go_on(2, Kind::kShadow, 400,
                       {HEXAGENT_DECISION_CALL_DONE, HEXAGENT_DECISION_WORKFLOW_DONE})
          .c_str(),
      "");
}

void a_life_with_endpoints_goes_on_from_everywhere(void**) {
  assert_string_equal(rich_lives_go_on(4, Kind::kEndpoints, 500,
                                       {HEXAGENT_DECISION_TRANSFER, HEXAGENT_DECISION_REPRIORITISE,
                                        HEXAGENT_DECISION_ABORT, HEXAGENT_DECISION_DECODE,
                                        HEXAGENT_DECISION_CALL_DONE})
                          .c_str(),
                      "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_journals_life_goes_on_from_everywhere),
      cmocka_unit_test(a_rich_life_goes_on_from_everywhere),
      cmocka_unit_test(shadow_mode_goes_on_from_everywhere),
      cmocka_unit_test(a_life_with_endpoints_goes_on_from_everywhere),
  };
  return cmocka_run_group_tests_name("snapshots of living cores", tests, nullptr, nullptr);
}
