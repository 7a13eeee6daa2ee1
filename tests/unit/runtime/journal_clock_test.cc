// What a journal's clock does when the next process reads another one: the machine was started
// anew, or the folder was carried to another machine.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "capi/handle.h"
#include "crash/history.h"
#include "crash/memory_folder.h"
#include "crash/workload.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

constexpr TimeNs kDay = 86'400 * kSecondNs;

// A journal that ended at one day of its clock, which was `shift` before that of its machine.
JournalEnd ended(uint64_t boot, TimeNs shift) {
  JournalEnd end;
  end.steps = 1;
  end.last_now = kDay;
  end.boot = boot;
  end.clock_shift = shift;
  return end;
}

void on_the_same_clock_the_time_in_between_has_passed(void**) {
  assert_int_equal(find_clock_shift(ended(7, 0), 7, 3 * kDay), 0);
  assert_int_equal(find_clock_shift(ended(7, 5), 7, 3 * kDay), 5);
  assert_int_equal(find_clock_shift(ended(7, -kDay), 7, 3 * kDay), -kDay);
}

void on_another_clock_no_time_has_passed(void**) {
  assert_int_equal(find_clock_shift(ended(7, 0), 8, 300 * kDay), -299 * kDay);
  assert_int_equal(find_clock_shift(ended(7, 0), 8, 10), kDay - 10);
}

void where_it_is_not_known_time_has_passed_if_it_may_have(void**) {
  assert_int_equal(find_clock_shift(ended(0, 0), 7, 3 * kDay), 0);
  assert_int_equal(find_clock_shift(ended(7, 0), 0, 3 * kDay), 0);
  assert_int_equal(find_clock_shift(ended(0, 0), 7, 10), kDay - 10);
  assert_int_equal(find_clock_shift(JournalEnd{}, 7, 10), 0);
}

void time_never_runs_backwards_nor_away(void**) {
  assert_int_equal(find_clock_shift(ended(7, -2 * kDay), 7, 2 * kDay), -kDay);
  assert_int_equal(find_clock_shift(ended(7, kNever), 7, 2 * kDay), -kDay);
  assert_int_equal(find_clock_shift(ended(7, INT64_MIN), 7, 2 * kDay), -kDay);
}

struct Lived {
  std::string wrong;
  TimeNs recovered = 0;  // the journal's clock where it ended
  TimeNs shift = 0;
  TimeNs step = 0;  // time of the step, the caller's clock
};

// One process on the machine of that identity, which makes a step unless told not to.
Lived live(MemoryFolder* folder, uint64_t boot, Driving driving, bool steps = true) {
  Lived lived;
  hexagent_config config;
  config.settings = small_settings();
  config.driving = driving;
  config.journal_path = "memory";
  config.journal.boot = boot;
  std::unique_ptr<hexagent_scheduler> scheduler;
  if (open_in_folder(config, std::make_unique<BorrowedFolder>(folder), &scheduler, &lived.wrong) !=
      HEXAGENT_OK) {
    return lived;
  }
  lived.recovered = scheduler->journal->recovered().last_now;
  if (steps) {
    static_cast<void>(hexagent_ready(scheduler.get(), 77, 1, 1));
    hexagent_decision decision = {};
    int32_t count = 0;
    while (count == 0) {
      if (driving == Driving::kLoop) static_cast<void>(hexagent_run_once(scheduler.get(), 0));
      count = hexagent_poll(scheduler.get(), &decision, 1);
    }
    lived.step = decision.time_ns;
  }
  lived.shift = scheduler->driver.shift();
  hexagent_close(scheduler.release());
  return lived;
}

std::string carried(Driving driving) {
  MemoryFolder folder;
  const Lived first = live(&folder, 1, driving);
  if (first.shift != 0 || !first.wrong.empty()) return "at first: " + first.wrong;
  const TimeNs before = hexagent_now();
  const Lived idle = live(&folder, 2, driving, false);
  if (idle.recovered < first.step || idle.recovered > before) return "not where it ended";
  if (idle.shift > idle.recovered - before) return "time has passed on another machine";
  // Nothing was recorded there but whose clock it was, and that is what counts.
  const Lived second = live(&folder, 2, driving);
  if (second.shift != idle.shift) return "another shift on the same machine";
  if (second.step < before || second.step > hexagent_now()) return "not of the usual clock";
  const TimeNs after = hexagent_now() + second.shift;
  const Lived third = live(&folder, 2, driving);
  if (third.recovered < second.step + second.shift || third.recovered > after)
    return "the journal's clock is another";
  if (third.shift != second.shift) return "the shift was not kept";
  const Lived back = live(&folder, 1, driving);
  if (back.shift > third.shift) return "time has passed on the way back";
  std::vector<hexagent_decision> history;
  return read_history(&folder, &history);
}

void a_journal_that_is_carried_to_another_machine_goes_on_there(void**) {
  assert_string_equal(carried(Driving::kLoop).c_str(), "");
  assert_string_equal(carried(Driving::kThread).c_str(), "");
}

std::string by_hand() {
  MemoryFolder folder;
  static_cast<void>(live(&folder, 1, Driving::kLoop));
  hexagent_config config;
  config.settings = small_settings();
  config.journal.boot = 2;
  std::unique_ptr<hexagent_scheduler> scheduler;
  std::string trouble;
  if (open_in_folder(config, std::make_unique<BorrowedFolder>(&folder), &scheduler, &trouble) !=
      HEXAGENT_OK) {
    return trouble;
  }
  const TimeNs later = scheduler->journal->recovered().last_now + kDay;
  static_cast<void>(hexagent_ready(scheduler.get(), 77, 1, 1));
  static_cast<void>(hexagent_step(scheduler.get(), later));
  if (scheduler->driver.shift() != 0) return "the caller's clock was not taken as it is";
  hexagent_close(scheduler.release());
  JournalReader reader(&folder);
  if (!reader.open(JournalBegin::kLatest)) return reader.flaw().text;
  return reader.end().boot == 0 ? "" : "the caller's clock is taken for the machine's";
}

void a_clock_by_hand_is_the_callers_business(void**) { assert_string_equal(by_hand().c_str(), ""); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(on_the_same_clock_the_time_in_between_has_passed),
      cmocka_unit_test(on_another_clock_no_time_has_passed),
      cmocka_unit_test(where_it_is_not_known_time_has_passed_if_it_may_have),
      cmocka_unit_test(time_never_runs_backwards_nor_away),
      cmocka_unit_test(a_journal_that_is_carried_to_another_machine_goes_on_there),
      cmocka_unit_test(a_clock_by_hand_is_the_callers_business),
  };
  return cmocka_run_group_tests_name("journal clock", tests, nullptr, nullptr);
}
