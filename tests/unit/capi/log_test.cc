// Log and rescue file: what is told, at which level, how much of it, and what is left when a step
// breaks the core. An observer that throws stands in for a bug of ours.
#include "capi/log.h"

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "capi/guard.h"
#include "core/base/check.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test program

struct Line {
  uint32_t level;
  int64_t time_ns;
  std::string text;
};

using Lines = std::vector<Line>;

void keep(void* lines, uint32_t level, int64_t time_ns, const char* text) {
  static_cast<Lines*>(lines)->push_back({level, time_ns, text});
}

class Saboteur : public StepObserver {
 public:
  void on_input(TimeNs, const Input& input) override {
    if (input.user_data == 666) throw InvariantFailure{"1 == 2", "some.cc", 7};
  }
  void end_of_step(TimeNs) override {}
};

struct World {
  Lines lines;
  Saboteur saboteur;
  hexagent_config config;
  std::unique_ptr<hexagent_scheduler> scheduler;
  TimeNs now = kSecondNs;

  explicit World(uint32_t level, const std::string& rescue_prefix = "",
                 Driving driving = Driving::kManual) {
    config.settings.workflows_max = 16;
    config.settings.calls_max = 64;
    config.settings.workers_max = 4;
    config.driving = driving;
    config.rescue_prefix = rescue_prefix;
    hexagent_config_log(&config, level, keep, &lines);
    scheduler = std::make_unique<hexagent_scheduler>(config, &saboteur);
  }

  int32_t step() { return hexagent_step(scheduler.get(), now); }
  void configure(const char* value) {
    hexagent_configure(scheduler.get(), "retry_max", value, nullptr);
  }
  uint32_t count(const std::string& part) const {
    uint32_t found = 0;
    for (const Line& line : lines) found += line.text.find(part) != std::string::npos ? 1u : 0u;
    return found;
  }
};

bool opening_is_summed_up() {
  World world(HEXAGENT_LOG_INFO);
  return world.lines.size() == 1 && world.lines[0].level == HEXAGENT_LOG_INFO &&
         world.count("opened: policy default, driving manual, room for 16 workflows") == 1;
}

void the_opening_is_summed_up_in_one_line(void**) { assert_true(opening_is_summed_up()); }

bool levels_are_kept() {
  World none(HEXAGENT_LOG_NONE);
  World warnings(HEXAGENT_LOG_WARNING);
  World all(HEXAGENT_LOG_INFO);
  for (World* world : {&none, &warnings, &all}) {
    world->configure("3");
    world->step();
  }
  return none.lines.empty() && warnings.lines.empty() &&
         all.count("setting retry_max was changed") == 1 && all.lines.back().time_ns == all.now;
}

void a_level_gets_itself_and_what_is_more_severe(void**) { assert_true(levels_are_kept()); }

bool lines_are_bounded() {
  World world(HEXAGENT_LOG_INFO);
  for (int i = 0; i < 50; ++i) world.configure("3");
  world.step();
  if (world.count("was changed") != 20) return false;
  world.now += kSecondNs;
  world.configure("4");
  world.step();
  return world.count("was changed") == 21 && world.count("(30 lines left out before)") == 1;
}

void a_second_has_twenty_lines_and_the_rest_is_counted(void**) { assert_true(lines_are_bounded()); }

bool overload_is_told() {
  World world(HEXAGENT_LOG_WARNING);
  world.scheduler->intake_rejected.store(5);
  world.step();
  world.scheduler->intake_rejected.store(9);
  world.step();  // not again within the second
  if (world.count("overload: 5 inputs turned away") != 1 || world.lines.size() != 1) return false;
  world.now += kSecondNs;
  world.step();
  world.now += kSecondNs;
  world.step();  // nothing new
  return world.count("overload: 4 inputs turned away") == 1 && world.lines.size() == 2;
}

void overload_is_told_once_a_second_while_it_grows(void**) { assert_true(overload_is_told()); }

// A folder of its own under the system's for temporary files, removed with what is in it.
struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/hexagent_rescue_XXXXXX";
    if (mkdtemp(name) != nullptr) path = name;
  }
  ~Folder() {
    for (const std::string& name : names()) unlink((path + "/" + name).c_str());
    rmdir(path.c_str());
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    DIR* folder = opendir(path.c_str());
    if (folder == nullptr) return found;
    while (const dirent* entry = readdir(folder)) {
      if (entry->d_name[0] != '.') found.emplace_back(entry->d_name);
    }
    closedir(folder);
    return found;
  }
  std::string text() const {
    const std::vector<std::string> all = names();
    if (all.size() != 1) return {};
    FILE* file = std::fopen((path + "/" + all[0]).c_str(), "r");
    if (file == nullptr) return {};
    std::string text(65536, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
  }
};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

bool breakage_is_explained() {
  const Folder folder;
  World world(HEXAGENT_LOG_ERROR, folder.path + "/rescue");
  hexagent_workflow workflow = {};
  workflow.workflow = 4711;
  hexagent_status result = 0;
  hexagent_workflow_begin(world.scheduler.get(), &workflow, 1, &result);
  world.step();
  hexagent_ready(world.scheduler.get(), 77, 1, 666);
  if (world.step() != HEXAGENT_E_POISONED) return false;
  const std::string text = folder.text();
  return world.lines.size() == 1 && world.lines[0].level == HEXAGENT_LOG_ERROR &&
         world.count("poisoned: 1 == 2 (some.cc:7); see " + folder.path + "/rescue-") == 1 &&
         has(text, "failed: 1 == 2\nat: some.cc:7\n") && has(text, "audit: nothing else") &&
         has(text, "workflows live 1 ") && has(text, "\n  4711 ") && has(text, "workers: id") &&
         text.substr(text.size() - 4) == "end\n";
}

void a_broken_invariant_is_told_and_explained_in_a_file(void**) {
  assert_true(breakage_is_explained());
}

bool evidence_is_kept() {
  const Folder folder;
  for (int i = 0; i < 2; ++i) {
    World world(HEXAGENT_LOG_NONE, folder.path + "/rescue");
    hexagent_ready(world.scheduler.get(), 77, 1, 666);
    world.step();
  }
  return folder.names().size() == 2;
}

void an_earlier_file_is_never_written_over(void**) { assert_true(evidence_is_kept()); }

bool bad_folder_is_survived() {
  World world(HEXAGENT_LOG_ERROR, "/no/such/folder/rescue");
  hexagent_ready(world.scheduler.get(), 77, 1, 666);
  return world.step() == HEXAGENT_E_POISONED && world.lines.size() == 1 && world.count("see") == 0;
}

void a_folder_that_is_not_there_costs_the_file_only(void**) {
  assert_true(bad_folder_is_survived());
}

// The library's own thread tells it, and has told it by the time that the handle says so.
bool thread_tells() {
  const Folder folder;
  World world(HEXAGENT_LOG_ERROR, folder.path + "/rescue", Driving::kThread);
  hexagent_ready(world.scheduler.get(), 77, 1, 666);
  pollfd entry = {world.scheduler->thread->descriptor(), POLLIN, 0};
  hexagent_decision decision;
  while (hexagent_poll(world.scheduler.get(), &decision, 1) != HEXAGENT_E_POISONED) {
    if (poll(&entry, 1, 60000) != 1) return false;
  }
  world.scheduler.reset();
  return world.lines.size() == 1 && world.count("poisoned: 1 == 2") == 1 &&
         folder.names().size() == 1;
}

void the_librarys_own_thread_tells_it_too(void**) { assert_true(thread_tells()); }

void a_configuration_refuses_what_is_no_level(void**) {
  hexagent_config config;
  assert_int_equal(hexagent_config_log(nullptr, 1, keep, nullptr), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_config_log(&config, 4, keep, nullptr), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_config_log(&config, 3, nullptr, nullptr), HEXAGENT_OK);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_opening_is_summed_up_in_one_line),
      cmocka_unit_test(a_level_gets_itself_and_what_is_more_severe),
      cmocka_unit_test(a_second_has_twenty_lines_and_the_rest_is_counted),
      cmocka_unit_test(overload_is_told_once_a_second_while_it_grows),
      cmocka_unit_test(a_broken_invariant_is_told_and_explained_in_a_file),
      cmocka_unit_test(an_earlier_file_is_never_written_over),
      cmocka_unit_test(a_folder_that_is_not_there_costs_the_file_only),
      cmocka_unit_test(the_librarys_own_thread_tells_it_too),
      cmocka_unit_test(a_configuration_refuses_what_is_no_level),
  };
  return cmocka_run_group_tests_name("log", tests, nullptr, nullptr);
}
