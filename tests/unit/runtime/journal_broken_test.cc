// A step that breaks half-way, in a driver with a journal: what came before is in the journal and
// can be recovered, the inputs that broke it are there to be looked at and count for nothing. Only
// a bug of ours could show this from outside; an observer that throws stands in for one.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "crash/memory_folder.h"
#include "crash/recovered.h"
#include "crash/workload.h"
#include "runtime/driver.h"
#include "runtime/journal.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

// Records, then fails at the input with this user_data.
class Saboteur final : public StepObserver {
 public:
  explicit Saboteur(Journal* journal) : journal_(journal) {}
  void on_input(TimeNs now, const Input& input) override {
    journal_->on_input(now, input);
    if (input.user_data == 666) throw InvariantFailure{"1 == 2", __FILE__, __LINE__};
  }
  void end_of_step(TimeNs now) override { journal_->end_of_step(now); }
  void on_end() noexcept override { journal_->on_end(); }

 private:
  Journal* journal_;
};

struct World {
  NameTable names{256};
  NameTable labels{64};
  Journal journal{JournalOptions{}};
  IntakeRing intake{65536};
  MemoryFolder* folder = nullptr;
  std::unique_ptr<Scheduler> core;
  std::unique_ptr<Saboteur> saboteur;
  std::unique_ptr<Driver> driver;

  World() {
    auto owned = std::make_unique<MemoryFolder>();
    folder = owned.get();
    static_cast<void>(journal.open(std::move(owned), small_settings()));
    core = std::make_unique<Scheduler>(journal.settings());
    static_cast<void>(journal.recover(core.get(), &names, &labels, nullptr));
    saboteur = std::make_unique<Saboteur>(&journal);
    driver = std::make_unique<Driver>(core.get(), &intake, saboteur.get(), 1024);
  }

  // False if the step breaks.
  bool step(TimeNs now, uint64_t user_data) {
    Input input = {InputKind::kReady};
    input.workflow = 77;
    input.user_data = user_data;
    intake.try_push(input);
    try {
      driver->step(now, {100, intake.end(), 0});
    } catch (const InvariantFailure&) {
      return false;
    }
    return true;
  }
};

std::string broken_step() {
  World world;
  for (TimeNs now = 1; now <= 5; ++now) {
    if (!world.step(now, 1)) return "a good step broke";
  }
  if (world.step(6, 666)) return "the bad step did not break";
  world.journal.on_end();  // as hexagent_close() does: once more changes nothing
  if (world.journal.writer()->status() != HEXAGENT_E_CLOSED) return "the journal has not ended";
  MemoryFolder left;
  left.files = world.folder->files;
  const Recovered recovered(&left);
  if (recovered.flaw.status != HEXAGENT_OK) return recovered.flaw.text;
  if (recovered.end.steps != 5 || recovered.end.inputs != 5) return "wrong steps came back";
  if (recovered.end.cut_frames != 1) return "the broken step's inputs are not there";
  return recovered.end.closed ? "it bears the mark of a good end" : "";
}

void a_step_that_breaks_leaves_a_journal_of_all_before_it(void**) {
  assert_string_equal(broken_step().c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_step_that_breaks_leaves_a_journal_of_all_before_it),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
