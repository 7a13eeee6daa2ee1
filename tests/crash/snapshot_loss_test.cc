// Snapshots and crashes: the machine dies at every operation of a life with several snapshots and
// removals, with each kind of loss; and a disk that refuses snapshots, each operation of theirs in
// turn or all, costs no step of the journal.
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

constexpr uint32_t kSteps = 80;

JournalOptions make_options(bool remove) {
  JournalOptions options;
  options.durability = Durability::kBeforeAccepted;
  options.segment_bytes = 4'000;
  options.keep_bytes = remove ? 1 : 0;
  return options;
}

struct Life {
  MemoryFolder folder;
  JournalStats stats;
  std::vector<uint64_t> digests;    // after 0, 1, 2 ... steps
  std::vector<uint64_t> committed;  // operations after which so many steps were acknowledged

  Life(bool remove, std::function<bool(const std::string&)> refuses) {
    folder.refuses = std::move(refuses);
    JournalledRun run(5, &folder, make_options(remove));
    digests.push_back(digest_of_all(run.workload.core));
    committed.push_back(0);
    static_cast<void>(run.start());
    for (uint32_t step = 1; step <= kSteps; ++step) {
      run.workload.step(&run.writer);
      digests.push_back(digest_of_all(run.workload.core));
      const bool done = run.writer.commit() == HEXAGENT_OK;
      committed.push_back(done ? folder.operations() : UINT64_MAX);
    }
    stats = run.writer.stats();
  }
};

std::string look_back(const Life& life, MemoryFolder* image, uint64_t operations) {
  Recovered recovered(image);
  if (recovered.flaw.status != HEXAGENT_OK) return recovered.flaw.text;
  uint64_t acknowledged = 0;
  while (acknowledged < kSteps && life.committed[acknowledged + 1] <= operations) ++acknowledged;
  if (recovered.end.steps < acknowledged) {
    return "only " + std::to_string(recovered.end.steps) + " of " + std::to_string(acknowledged) +
           " acknowledged steps";
  }
  if (recovered.core == nullptr) return "";
  if (digest_of_all(*recovered.core) != life.digests[recovered.end.steps]) return "another state";
  // What is left can be replayed from its beginning too, and the journal goes on from here.
  const Recovered earliest(image, JournalBegin::kEarliest);
  if (earliest.flaw.status != HEXAGENT_OK) return "replay: " + earliest.flaw.text;
  JournalWriter writer(image, small_settings(), &recovered.names, &recovered.labels,
                       make_options(true));
  if (writer.start(recovered.end, *recovered.core) != HEXAGENT_OK) return "cannot go on";
  if (writer.close() != HEXAGENT_OK) return "cannot close";
  const Recovered again(image);
  if (again.flaw.status != HEXAGENT_OK) return "after going on: " + again.flaw.text;
  return digest_of_all(*again.core) == life.digests[again.end.steps] ? "" : "after going on";
}

bool every_cut_is_survived(bool remove) {
  const Life life(remove, nullptr);
  Draw draw{remove ? uint64_t{11} : uint64_t{12}};
  for (uint64_t operations = 0; operations <= life.folder.operations(); ++operations) {
    const bool inside = operations < life.folder.operations();
    const uint64_t size = inside ? life.folder.append_size(operations) : 0;
    for (uint32_t loss = 0; loss < 3; ++loss) {
      const uint64_t bytes = draw(size + 1);
      const auto image = life.folder.crash(operations, bytes, static_cast<Loss>(loss), &draw);
      const std::string wrong = look_back(life, image.get(), operations);
      if (wrong.empty()) continue;
      print_error("operation %llu, byte %llu, loss %u: %s\n",
                  static_cast<unsigned long long>(operations),
                  static_cast<unsigned long long>(bytes), loss, wrong.c_str());
      return false;
    }
  }
  return life.stats.snapshots >= 3 && (life.stats.segments_removed > 0) == remove;
}

void every_cut_around_snapshots_is_survived(void**) { assert_true(every_cut_is_survived(false)); }
void every_cut_around_removals_is_survived(void**) { assert_true(every_cut_is_survived(true)); }

bool is_of_a_snapshot(const std::string& name) {
  return name.find(".snapshot") != std::string::npos;
}

// `which` = the operation on a snapshot that is refused, or all of them.
std::string refuse(uint64_t which, uint64_t* operations) {
  uint64_t count = 0;
  Life life(true, [&](const std::string& name) {
    if (!is_of_a_snapshot(name)) return false;
    return which == UINT64_MAX || count++ == which;
  });
  *operations = count;
  if (life.stats.failures != 0 || life.stats.steps != kSteps) return "the journal has ended";
  if (which == UINT64_MAX && life.stats.snapshots_skipped == 0) return "not counted";
  if (which == UINT64_MAX && life.stats.segments_removed != 0) return "what is needed was removed";
  life.folder.refuses = nullptr;
  for (const auto& [name, file] : life.folder.files) {
    const bool draft = name.find(".new") != std::string::npos;
    if (draft && which != UINT64_MAX && which + 1 < count) return name + " is left";
  }
  return look_back(life, &life.folder, life.folder.operations());
}

bool every_refusal_costs_a_snapshot_at_most() {
  uint64_t operations = 1;
  for (uint64_t which = 0; which < operations; ++which) {
    const std::string wrong = refuse(which, &operations);
    if (wrong.empty()) continue;
    print_error("operation %llu on snapshots: %s\n", static_cast<unsigned long long>(which),
                wrong.c_str());
    return false;
  }
  uint64_t all = 0;
  const std::string wrong = refuse(UINT64_MAX, &all);
  if (!wrong.empty()) print_error("all: %s\n", wrong.c_str());
  return wrong.empty() && operations > 10;
}

void a_disk_that_refuses_snapshots_costs_no_step(void**) {
  assert_true(every_refusal_costs_a_snapshot_at_most());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_cut_around_snapshots_is_survived),
      cmocka_unit_test(every_cut_around_removals_is_survived),
      cmocka_unit_test(a_disk_that_refuses_snapshots_costs_no_step),
  };
  return cmocka_run_group_tests_name("snapshot loss", tests, nullptr, nullptr);
}
