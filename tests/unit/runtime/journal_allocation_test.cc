// Once warm, recording a step allocates nothing: the journal lies on the hot path.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "crash/workload.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

uint64_t allocations = 0;  // of this process; the test is its only thread

}  // namespace

void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

// Takes everything and keeps nothing.
class Sink final : public JournalFolder {
 public:
  hexagent_status list(std::vector<std::string>*) override { return HEXAGENT_OK; }
  hexagent_status read(const std::string&, std::vector<uint8_t>*) override { return HEXAGENT_E_IO; }
  hexagent_status size(const std::string&, uint64_t*) override { return HEXAGENT_E_IO; }
  hexagent_status create(const std::string&, std::unique_ptr<JournalFile>* file) override {
    *file = std::make_unique<File>();
    return HEXAGENT_OK;
  }
  hexagent_status sync(const std::string&) override { return HEXAGENT_OK; }
  hexagent_status rename(const std::string&, const std::string&) override { return HEXAGENT_OK; }
  hexagent_status remove(const std::string&) override { return HEXAGENT_OK; }
  const std::string& trouble() const override { return trouble_; }

 private:
  class File final : public JournalFile {
   public:
    hexagent_status append(const uint8_t*, uint64_t) override { return HEXAGENT_OK; }
    hexagent_status sync() override { return HEXAGENT_OK; }
  };
  std::string trouble_;
};

// Inputs of the kinds that come while serving, recorded `steps` times; allocations of that.
uint64_t record(JournalWriter* writer, Scheduler* core, TimeNs* now, int steps) {
  const uint64_t deps[] = {1, 2};
  const hexagent_prefix prefixes[3] = {};
  hexagent_call call = {};
  call.trace_id[0] = 1;
  Input submit = {InputKind::kSubmit};
  submit.record = &call;
  submit.record_size = sizeof(call);
  submit.deps = deps;
  submit.deps_count = 2;
  submit.prefixes = prefixes;
  submit.prefixes_count = 3;
  hexagent_report report = {};
  Input reported = {InputKind::kReport};
  reported.record = &report;
  reported.record_size = sizeof(report);
  uint64_t spent = 0;
  hexagent_decision decision = {};
  for (int step = 0; step < steps; ++step) {
    *now += 1000;
    const uint64_t before = allocations;
    for (int i = 0; i < 20; ++i) {
      writer->input(i % 2 == 0 ? submit : reported);
    }
    spent += allocations - before;
    for (int i = 0; i < 20; ++i) core->apply(i % 2 == 0 ? submit : reported, *now);
    core->advance(*now);
    const uint64_t advanced = allocations;
    writer->end_of_step(*now, *core);
    static_cast<void>(writer->commit());
    spent += allocations - advanced;
    while (core->take_decisions(&decision, 1) == 1) {
    }
  }
  return spent;
}

uint64_t allocations_when_warm(bool full_decisions) {
  Sink sink;
  JournalOptions options;
  options.durability = Durability::kBeforeAccepted;
  options.full_decisions = full_decisions;
  JournalledRun run(1, &sink, options);
  static_cast<void>(run.start());
  TimeNs now = 1;
  static_cast<void>(record(&run.writer, &run.workload.core, &now, 50));
  return record(&run.writer, &run.workload.core, &now, 500);
}

void a_warm_journal_allocates_nothing(void**) {
  assert_int_equal(allocations_when_warm(false), 0);
  assert_int_equal(allocations_when_warm(true), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(a_warm_journal_allocates_nothing)};
  return cmocka_run_group_tests_name("journal allocation", tests, nullptr, nullptr);
}
