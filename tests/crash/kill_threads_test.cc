// A process in which four threads submit is killed at a hundred random moments, with real files and
// the public ABI only: nothing acknowledged is lost and no call is decided twice (crash/world.h
// says what that is, exactly).
//
// The process is a child that opens the journal with a thread of the library's own and
// journal_durability = before_accepted. Each decision it polls goes down a pipe before it acts on
// it; what has come out of the pipe is what the world has seen. The next child goes on in the same
// folder.
#include <sys/wait.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "crash/gateway.h"
#include "crash/random_input.h"
#include "crash/world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::test;  // NOLINT: a test of the whole

constexpr uint32_t kKills = 100;
constexpr uint32_t kKillsInARow = 10;    // of one journal
constexpr uint64_t kDecisionsMax = 120;  // seen before a kill
constexpr uint64_t kDelayMaxUs = 3000;   // and then a little more, to hit any place
constexpr int kWrong = 3;                // exit code of a child that has printed why

hexagent_scheduler* open_journal(const std::string& path) {
  const std::pair<const char*, const char*> keys[] = {{"driving", "thread"},
                                                      {"journal", path.c_str()},
                                                      {"journal_durability", "before_accepted"},
                                                      {"workflows_max", "256"},
                                                      {"calls_max", "1024"},
                                                      {"workers_max", "8"},
                                                      {"groups_max", "16"},
                                                      {"names_max", "16"},
                                                      {"retry_max", "100"},
                                                      {"journal_segment_bytes", "65536"}};
  hexagent_config* config = hexagent_config_create();
  for (const auto& [key, value] : keys) {
    if (hexagent_config_set(config, key, value, nullptr) != HEXAGENT_OK) return nullptr;
  }
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  hexagent_config_free(config);
  if (scheduler == nullptr) print_error("open: %s\n", error.text);
  return scheduler;
}

// The child: works until it is killed, or until all is done.
[[noreturn]] void work(const std::string& path, World world, uint64_t last, int pipe) {
  hexagent_scheduler* scheduler = open_journal(path);
  if (scheduler == nullptr) _exit(kWrong);
  Gateway gateway(scheduler, &world, last, [&](const hexagent_decision* batch, uint32_t count) {
    const size_t size = count * sizeof(*batch);
    if (write(pipe, batch, size) != static_cast<ssize_t>(size)) _exit(kWrong + 1);
    return true;
  });
  const std::string wrong = gateway.live();
  if (!wrong.empty()) print_error("%s\n", wrong.c_str());
  if (!wrong.empty()) _exit(kWrong);
  hexagent_close(scheduler);
  _exit(0);
}

// Runs a child until the world has seen `enough` decisions and `delay_us` more have passed, then
// kills it; what it told, whole decisions only. `status` as of waitpid().
std::vector<hexagent_decision> run_child(const std::string& path, const World& world, uint64_t last,
                                         uint64_t enough, uint64_t delay_us, int* status) {
  std::vector<hexagent_decision> told;
  int ends[2];
  if (pipe(ends) != 0) return told;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    work(path, world, last, ends[1]);
  }
  close(ends[1]);
  std::vector<unsigned char> bytes(1u << 22);
  size_t size = 0;
  bool killed = false;
  for (ssize_t got = 1; got > 0; size += static_cast<size_t>(std::max<ssize_t>(got, 0))) {
    if (!killed && size >= enough * sizeof(hexagent_decision)) {
      usleep(static_cast<useconds_t>(delay_us));
      killed = kill(child, SIGKILL) == 0;
    }
    got = read(ends[0], bytes.data() + size, bytes.size() - size);
  }
  close(ends[0]);
  if (child < 0 || waitpid(child, status, 0) != child) return told;
  told.resize(size / sizeof(hexagent_decision));
  // A child killed at once has told nothing, and memcpy takes no null pointer.
  if (!told.empty())
    std::memcpy(told.data(), bytes.data(), told.size() * sizeof(hexagent_decision));
  return told;
}

// A child may be killed before it has begun one.
bool has_journal(const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".journal") return true;
  }
  return false;
}

std::string read_journal(const std::string& path, std::vector<hexagent_decision>* history) {
  if (!has_journal(path)) return {};
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  hexagent_replay* replay = hexagent_replay_open(path.c_str(), HEXAGENT_VERSION, &error);
  if (replay == nullptr) return error.text;
  hexagent_replay_info info = {};
  info.struct_size = sizeof(info);
  int32_t more = 0;
  while ((more = hexagent_replay_step(replay, &info, &error)) == 1 && info.different == 0) {
    const size_t before = history->size();
    history->resize(before + info.decisions_count);
    hexagent_replay_decisions(replay, 0, history->data() + before, info.decisions_count);
  }
  hexagent_replay_close(replay);
  if (more == 0) return {};
  return more < 0 ? error.text : "a replay decides otherwise";
}

std::string look_back(const std::string& path, World* world,
                      const std::vector<hexagent_decision>& told) {
  for (const hexagent_decision& decision : told) {
    const std::string wrong = world->see(decision);
    if (!wrong.empty()) return wrong;
  }
  std::vector<hexagent_decision> history;
  const std::string wrong = read_journal(path, &history);
  return wrong.empty() ? world->recall(history) : wrong;
}

std::string kill_once(const std::string& path, World* world, Draw* draw) {
  const uint64_t enough = (*draw)(kDecisionsMax);
  int status = 0;
  const auto told = run_child(path, *world, UINT64_MAX, enough, (*draw)(kDelayMaxUs), &status);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) return "the child ended by itself";
  ++world->life;
  return look_back(path, world, told);
}

std::string kill_in_a_row(const std::string& path, uint64_t seed) {
  Draw draw{seed};
  World world;
  for (uint32_t row = 0; row < kKillsInARow; ++row) {
    const std::string wrong = kill_once(path, &world, &draw);
    if (!wrong.empty()) return wrong;
    world.adopt();
  }
  int status = 1;
  const auto told = run_child(path, world, world.newest() + 1, UINT64_MAX, 0, &status);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "what was begun cannot be finished";
  ++world.life;
  return look_back(path, &world, told);
}

bool every_kill_is_survived() {
  Draw draw{static_cast<uint64_t>(getpid())};
  for (uint32_t kills = 0; kills < kKills; kills += kKillsInARow) {
    std::string path = (std::filesystem::temp_directory_path() / "hexagent-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) return false;
    const uint64_t seed = draw(1'000'000);
    const std::string wrong = kill_in_a_row(path, seed);
    if (!wrong.empty()) {
      print_error("seed %llu, journal %s: %s\n", static_cast<unsigned long long>(seed),
                  path.c_str(), wrong.c_str());
      return false;
    }
    std::filesystem::remove_all(path);
  }
  return true;
}

void a_hundred_kills_lose_nothing_acknowledged_and_decide_no_call_twice(void**) {
  assert_true(every_kill_is_survived());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_hundred_kills_lose_nothing_acknowledged_and_decide_no_call_twice),
  };
  return cmocka_run_group_tests_name("kill threads", tests, nullptr, nullptr);
}
