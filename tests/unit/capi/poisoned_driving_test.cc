// A poisoned handle where nobody steps by hand: whoever waits gets to see it, nobody hangs. Only a
// bug of ours could show this from outside; an observer that throws stands in for one.
#include <poll.h>

#include <atomic>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "capi/guard.h"
#include "core/base/check.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::Driving;
using hexagent::Input;
using hexagent::StepObserver;
using hexagent::TimeNs;

// Fails at the input with this user_data.
class Saboteur : public StepObserver {
 public:
  void on_input(TimeNs, const Input& input) override {
    if (input.user_data == 666) throw hexagent::InvariantFailure{"1 == 2", __FILE__, __LINE__};
  }
  void end_of_step(TimeNs) override {}
};

struct World {
  Saboteur saboteur;
  std::unique_ptr<hexagent_scheduler> scheduler;

  explicit World(Driving driving) {
    hexagent_config config;
    config.settings.workflows_max = 16;
    config.settings.calls_max = 64;
    config.settings.workers_max = 4;
    config.driving = driving;
    scheduler = std::make_unique<hexagent_scheduler>(config, &saboteur);
  }

  hexagent_status ready(uint64_t user_data) {
    return hexagent_ready(scheduler.get(), 77, 1, user_data);
  }

  bool readable() {
    pollfd entry = {scheduler->thread != nullptr ? scheduler->thread->descriptor()
                                                 : scheduler->loop->descriptor(),
                    POLLIN, 0};
    return poll(&entry, 1, 60000) == 1;
  }

  bool says_poisoned() {
    hexagent_stats stats = {};
    stats.struct_size = sizeof(stats);
    hexagent_decision decision;
    return ready(1) == HEXAGENT_E_POISONED &&
           hexagent_stats_read(scheduler.get(), &stats) == HEXAGENT_E_POISONED &&
           hexagent_poll(scheduler.get(), &decision, 1) == HEXAGENT_E_POISONED &&
           hexagent_event_fd(scheduler.get()) == HEXAGENT_E_POISONED &&
           hexagent_shutdown(scheduler.get()) == HEXAGENT_E_POISONED && readable();
  }
};

bool thread_tells_who_waits() {
  World world(Driving::kThread);
  hexagent_decision decision;
  if (hexagent_poll(world.scheduler.get(), &decision, 1) != 0) return false;
  if (world.ready(666) != HEXAGENT_OK) return false;
  for (;;) {
    if (!world.readable()) return false;
    const int32_t answer = hexagent_poll(world.scheduler.get(), &decision, 1);
    if (answer == HEXAGENT_E_POISONED) break;
    if (answer != 0) return false;
  }
  return world.says_poisoned();
}

void a_broken_step_on_the_thread_wakes_who_waits(void**) { assert_true(thread_tells_who_waits()); }

// Askers and submitters at work while the step breaks: all come back, with the right answer.
bool nobody_hangs() {
  World world(Driving::kThread);
  std::atomic<uint32_t> wrong{0};
  std::vector<std::thread> threads;
  for (int who = 0; who < 4; ++who) {
    threads.emplace_back([&world, &wrong, who] {
      for (uint64_t i = 0;; ++i) {
        int32_t answer = hexagent_call_state(world.scheduler.get(), 5, 1);
        if (answer == HEXAGENT_E_UNKNOWN_WORKFLOW) {
          answer = world.ready(who == 0 && i == 100 ? 666 : 1);
        }
        if (answer == HEXAGENT_E_POISONED) return;
        if (answer != HEXAGENT_OK && answer != HEXAGENT_E_AGAIN) {
          wrong.fetch_add(1);
          return;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return wrong.load() == 0 && world.says_poisoned();
}

void nobody_who_asks_waits_for_ever(void**) { assert_true(nobody_hangs()); }

bool question_poisons() {
  World world(Driving::kThread);
  const int32_t answer = hexagent::ask(world.scheduler.get(), [](hexagent_scheduler&) -> int32_t {
    throw hexagent::InvariantFailure{"1 == 2", __FILE__, __LINE__};
  });
  return answer == HEXAGENT_E_POISONED && world.says_poisoned();
}

void a_question_that_breaks_something_poisons_too(void**) { assert_true(question_poisons()); }

bool want_of_memory_is_an_answer() {
  World world(Driving::kThread);
  const int32_t answer = hexagent::ask(
      world.scheduler.get(), [](hexagent_scheduler&) -> int32_t { throw std::bad_alloc(); });
  return answer == HEXAGENT_E_NO_MEMORY && world.ready(1) == HEXAGENT_OK;
}

void want_of_memory_in_a_question_leaves_the_handle_usable(void**) {
  assert_true(want_of_memory_is_an_answer());
}

bool loop_tells() {
  World world(Driving::kLoop);
  if (world.ready(666) != HEXAGENT_OK || !world.readable()) return false;
  if (hexagent_run_once(world.scheduler.get(), 0) != HEXAGENT_E_POISONED) return false;
  return hexagent_run_once(world.scheduler.get(), 0) == HEXAGENT_E_POISONED &&
         world.says_poisoned();
}

void a_broken_step_in_the_embedders_loop_poisons(void**) { assert_true(loop_tells()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_broken_step_on_the_thread_wakes_who_waits),
      cmocka_unit_test(nobody_who_asks_waits_for_ever),
      cmocka_unit_test(a_question_that_breaks_something_poisons_too),
      cmocka_unit_test(want_of_memory_in_a_question_leaves_the_handle_usable),
      cmocka_unit_test(a_broken_step_in_the_embedders_loop_poisons),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
