// The adapter over the real NIXL, UCX by TCP, between processes: transfers arrive, and when the
// peer is killed or stopped while writes are under way every transfer ends once, blocks that are
// free stay as they are, and no descriptor is left. Needs HEXAGENT_NIXL_LIBRARY, the path of
// libnixl_capi.so; skipped without it. tests/nixl.sh fetches NIXL and runs this.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "transport/ops.h"
#include "transport/plugins/nixl/nixl_mover.h"
#include "unit/transport/family.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr uint32_t kVictims = 6;
constexpr uint32_t kTransfers = 3;  // at once
constexpr uint32_t kBlocks = 192;
constexpr uint32_t kLayers = 16;
constexpr uint32_t kSlotBytes = 1u << 18;
constexpr unsigned char kCanary = 0xc5;
constexpr unsigned kLifeSeconds = 300;
constexpr uint32_t kSource = 1;
constexpr uint32_t kTarget = 2;

std::string nixl_options(uint32_t silence_ms) {
  return std::string("library=") + std::getenv("HEXAGENT_NIXL_LIBRARY") +
         " silence_ms=" + std::to_string(silence_ms);
}

void need_nixl() {
  if (std::getenv("HEXAGENT_NIXL_LIBRARY") == nullptr) skip();
}

const hexagent_transport_ops* nixl_ops() {
  static const hexagent_transport_ops ops = make_ops(
      "nixl", kNixlCapabilities,
      [](const hexagent_transport_host* host, const hexagent_transport_config* config,
         hexagent_transport** out) { return create_transport(host, config, out, make_nixl); });
  return &ops;
}

int64_t now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Says what went wrong in a process without cmocka.
void must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  _exit(1);
}

// One end with large enough transfers that they last; its side of the socket is set by who uses it.
struct Worker : FamilyProcess {
  TestPool pages{small_shape(kBlocks, kLayers), 0, 0};

  void begin(uint32_t worker, uint64_t incarnation, uint32_t silence_ms) {
    peer = kSource + kTarget - worker;
    hexagent_transport_config config = LocalHost::config(worker);
    config.incarnation = incarnation;
    config.slot_bytes = config.chunk_bytes_min = kSlotBytes;
    const std::string options = nixl_options(silence_ms);
    config.options = options.c_str();
    must(host.open(nixl_ops(), config) == HEXAGENT_OK, "no transport");
    const hexagent_kv_pool shape = pages.description();
    must(host.ops->register_pool(host.transport, &shape, &pool) == HEXAGENT_OK, "no pool");
  }
  // Every kTransfers-th block, so that transfers have none in common.
  hexagent_kv_blocks share(uint32_t number, std::vector<int32_t>* ids) const {
    for (uint32_t id = number; id < kBlocks; id += kTransfers) {
      ids->push_back(static_cast<int32_t>(id));
    }
    hexagent_kv_blocks blocks = {};
    blocks.pool = pool;
    blocks.blocks = ids->data();
    blocks.block_count = static_cast<uint32_t>(ids->size());
    return blocks;
  }
  uint64_t reserve(uint32_t number) const {
    std::vector<int32_t> ids;
    hexagent_kv_reservation wanted = {};
    wanted.struct_size = sizeof(wanted);
    wanted.peer_worker = kSource;
    wanted.target = share(number, &ids);
    uint64_t token = 0;
    must(host.ops->reserve(host.transport, &wanted, &token) == HEXAGENT_OK, "no reservation");
    return token;
  }
  uint64_t submit(uint32_t number, uint64_t token) const {
    std::vector<int32_t> ids;
    hexagent_kv_transfer wanted = {};
    wanted.struct_size = sizeof(wanted);
    wanted.flags = HEXAGENT_TRANSFER_CHECKSUM;
    wanted.peer_worker = kTarget;
    wanted.source = share(number, &ids);
    wanted.token = token;
    uint64_t id = 0;
    must(host.ops->submit(host.transport, &wanted, &id) == HEXAGENT_OK, "no submit");
    return id;
  }
  bool is_up() const { return host.find(HEXAGENT_TRANSFER_PEER_UP, 0) != nullptr; }
  uint32_t count(uint32_t kind, uint64_t id) const {
    uint32_t found = 0;
    for (const hexagent_transfer_event& event : host.events) {
      found += event.kind == kind && event.id == id ? 1 : 0;
    }
    return found;
  }
};

// A peer for one round. It is forked before its parent loads NIXL, which does not survive a fork.
struct Victim {
  pid_t pid = 0;
  int socket = -1;
  int tokens[2] = {-1, -1};  // from the target to the source
};

[[noreturn]] void be_victim(const Victim& victim, int socket, uint32_t worker, uint64_t life) {
  alarm(kLifeSeconds);
  char go = 0;
  if (recv(socket, &go, 1, 0) != 1) _exit(0);
  Worker self;
  self.socket = socket;
  self.begin(worker, life, 60'000);
  if (worker == kSource) self.host.ops->connect(self.host.transport, kTarget);
  while (!self.is_up()) must(self.turn(), "the survivor is gone");
  if (worker == kTarget) {
    for (uint32_t i = 0; i < kTransfers; ++i) {
      const uint64_t token = self.reserve(i);
      must(write(victim.tokens[1], &token, sizeof(token)) == sizeof(token), "no pipe");
    }
  }
  for (uint32_t got = 0;;) {
    if (!self.turn()) _exit(0);
    uint64_t token = 0;
    if (worker == kTarget || got == kTransfers) continue;
    if (read(victim.tokens[0], &token, sizeof(token)) == sizeof(token)) self.submit(got++, token);
  }
}

Victim make_victim(uint32_t worker, uint64_t life) {
  Victim victim;
  int sockets[2];
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) == 0 && pipe(victim.tokens) == 0, "no pipe");
  fcntl(victim.tokens[0], F_SETFL, O_NONBLOCK);
  victim.pid = fork();
  if (victim.pid == 0) {
    close(sockets[0]);
    be_victim(victim, sockets[1], worker, life);
  }
  close(sockets[1]);
  victim.socket = sockets[0];
  return victim;
}

struct Plan {
  uint32_t survivor;  // kSource or kTarget
  int with;           // the signal
  bool told;          // by the control path; else by NIXL or silence alone
};

class Survivor {
 public:
  explicit Survivor(const Plan& plan) : plan_(plan) {
    for (uint32_t i = 0; i < kVictims; ++i) {
      victims_.push_back(make_victim(kSource + kTarget - plan.survivor, 1000 + i));
    }
    // Without the control path silence is what ends a transfer that NIXL says nothing of.
    self_.begin(plan.survivor, 1, plan.told ? 60'000 : 2'000);
  }

  void run() {
    uint32_t open_before = 0;
    for (uint32_t i = 0; i < kVictims; ++i) {
      round(victims_[i], i);
      const uint32_t open = hexagent::test::descriptors_open();
      // The first connection opens what the library keeps for the process.
      must(i == 0 || open + 3 == open_before, "descriptors are left");
      open_before = open;
    }
    must(failures_ > 0, "all was through when the peer ended");
    must(self_.host.ops->unregister_pool(self_.host.transport, self_.pool) == HEXAGENT_OK,
         "the pool is still in use");
  }

 private:
  void round(const Victim& victim, uint32_t number) {
    self_.socket = victim.socket;
    self_.host.events.clear();
    self_.host.sent.clear();
    must(send(victim.socket, "g", 1, 0) == 1, "no victim");
    const bool is_target = plan_.survivor == kTarget;
    if (!is_target) self_.host.ops->connect(self_.host.transport, self_.peer);
    until([this] { return self_.is_up(); });
    std::vector<uint64_t> ids = is_target ? promise(victim) : submit(victim);
    until([&] { return any(HEXAGENT_TRANSFER_CHUNK, ids); });
    const int64_t moment = now_ns() + random_.below(5'000'000);
    while (now_ns() < moment) self_.turn();
    kill(victim.pid, plan_.with);
    if (plan_.with == SIGKILL) waitpid(victim.pid, nullptr, 0);
    end(ids, number);
    kill(victim.pid, SIGKILL);
    if (plan_.with != SIGKILL) waitpid(victim.pid, nullptr, 0);
    for (const int each : {victim.socket, victim.tokens[0], victim.tokens[1]}) close(each);
  }
  std::vector<uint64_t> promise(const Victim& victim) {
    std::vector<uint64_t> ids;
    for (uint32_t i = 0; i < kTransfers; ++i) {
      ids.push_back(self_.reserve(i));
      must(write(victim.tokens[1], &ids[i], sizeof(ids[i])) == sizeof(ids[i]), "no pipe");
    }
    return ids;
  }
  std::vector<uint64_t> submit(const Victim& victim) {
    std::vector<uint64_t> ids;
    until([&] {
      uint64_t token = 0;
      if (read(victim.tokens[0], &token, sizeof(token)) != sizeof(token)) return false;
      ids.push_back(self_.submit(static_cast<uint32_t>(ids.size()), token));
      return ids.size() == kTransfers;
    });
    return ids;
  }
  // Some go on over the dead peer for a while before the host says so.
  void end(const std::vector<uint64_t>& ids, uint32_t number) {
    const int64_t say_ns = now_ns() + int64_t{number % 3} * 20'000'000;
    bool said = !plan_.told;
    while (!all(HEXAGENT_TRANSFER_QUIESCED, ids)) {
      if (!said && now_ns() >= say_ns) {
        const hexagent_status status =
            self_.host.ops->disconnect(self_.host.transport, self_.peer, HEXAGENT_E_PEER);
        must(status == HEXAGENT_OK || status == HEXAGENT_E_UNKNOWN_WORKER, "no disconnect");
        said = true;
      }
      self_.turn();
      self_.host.sent.clear();
    }
    for (const uint64_t id : ids) check(id);
    // What is free is ours: nothing of the dead peer's comes late.
    TestPool& pages = self_.pages;
    if (plan_.survivor != kTarget) return;
    std::memset(pages.memory.get(), kCanary, pages.bytes);
    const int64_t until_ns = now_ns() + 20'000'000;
    while (now_ns() < until_ns) self_.turn();
    for (size_t at = 0; at < pages.bytes; ++at) {
      must(pages.memory.get()[at] == kCanary, "a block was written that was free");
    }
  }
  void check(uint64_t id) {
    const uint32_t done = self_.count(HEXAGENT_TRANSFER_DONE, id);
    const uint32_t failed = self_.count(HEXAGENT_TRANSFER_FAILED, id);
    must(done + failed == 1, "not one end");
    must(self_.count(HEXAGENT_TRANSFER_QUIESCED, id) == 1, "not quiesced once");
    must(self_.host.events.back().id == 0 || self_.host.events.back().kind > HEXAGENT_TRANSFER_DONE,
         "something after quiesced");
    if (failed == 0) return;
    ++failures_;
    const hexagent_status status = self_.host.find(HEXAGENT_TRANSFER_FAILED, id)->status;
    must(status == HEXAGENT_E_PEER || (!plan_.told && status == HEXAGENT_E_TIMEOUT), "another end");
  }
  bool any(uint32_t kind, const std::vector<uint64_t>& ids) const {
    for (const uint64_t id : ids) {
      if (self_.host.find(kind, id) != nullptr) return true;
    }
    return false;
  }
  bool all(uint32_t kind, const std::vector<uint64_t>& ids) const {
    for (const uint64_t id : ids) {
      if (self_.host.find(kind, id) == nullptr) return false;
    }
    return true;
  }
  template <class Reached>
  void until(const Reached& reached) {
    while (!reached()) must(self_.turn(), "the victim is gone early");
  }

  const Plan plan_;
  std::vector<Victim> victims_;
  Worker self_;
  TestRandom random_{7};
  uint32_t failures_ = 0;
};

// In a process of its own: those of this test are forked without NIXL in them.
template <class Body>
void in_a_process(const Body& body) {
  need_nixl();
  const pid_t child = fork();
  if (child == 0) {
    alarm(kLifeSeconds);
    setenv("UCX_TLS", "tcp,self", 1);
    setenv("UCX_LOG_LEVEL", "fatal", 1);  // both tell of each dead peer
    setenv("NIXL_LOG_LEVEL", "FATAL", 1);
    body();
    _exit(0);
  }
  int status = 0;
  assert_true(waitpid(child, &status, 0) == child);
  assert_int_equal(status, 0);
}

void survives(const Plan& plan) {
  in_a_process([&] {
    Survivor survivor(plan);
    survivor.run();
  });
}

void a_transfer_crosses_processes(void**) {
  in_a_process([] {
    const std::string options = nixl_options(60'000);
    FamilyWish wish;
    wish.source_options = wish.target_options = options.c_str();
    crosses_processes(nixl_ops(), wish);
  });
}
void a_killed_source_ends_once(void**) { survives({kTarget, SIGKILL, true}); }
void a_killed_target_ends_once(void**) { survives({kSource, SIGKILL, true}); }
void a_killed_target_is_noticed_without_a_word(void**) { survives({kSource, SIGKILL, false}); }
void a_stopped_source_ends_once(void**) { survives({kTarget, SIGSTOP, true}); }
void a_stopped_target_ends_once(void**) { survives({kSource, SIGSTOP, true}); }
void a_stopped_target_is_noticed_by_silence(void**) { survives({kSource, SIGSTOP, false}); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_transfer_crosses_processes),
      cmocka_unit_test(a_killed_source_ends_once),
      cmocka_unit_test(a_killed_target_ends_once),
      cmocka_unit_test(a_killed_target_is_noticed_without_a_word),
      cmocka_unit_test(a_stopped_source_ends_once),
      cmocka_unit_test(a_stopped_target_ends_once),
      cmocka_unit_test(a_stopped_target_is_noticed_by_silence),
  };
  return cmocka_run_group_tests_name("real nixl", tests, nullptr, nullptr);
}
