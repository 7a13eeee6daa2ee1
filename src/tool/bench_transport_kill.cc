// Row A16: from kill -9 of a process to FAILED and QUIESCED in the other one, in the middle of a
// transfer; source and target die in turn. The process forks before it has threads: every other
// part has joined its own.
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>

#include "sim/random.h"
#include "tool/bench_timing.h"
#include "tool/bench_transport.h"
#include "tool/bench_transport_pool.h"
#include "transport/host/host_memory.h"
#include "transport/tcp/host_tcp.h"

namespace hexagent::tool {
namespace {

constexpr uint32_t kKillBlocks = 128;  // 64 MiB
constexpr uint32_t kKillFragment = 16384;
constexpr uint32_t kKillLayers = 32;
constexpr uint32_t kKillLayersReady = 24;  // so that no transfer ends before the kill
constexpr int64_t kRoundLongestNs = 20'000'000'000;

struct KillWay {
  const char* name;
  const hexagent_transport_ops* ops;
  const char* options;
  bool control;  // the survivor's host watches its control path; else only the transport's own
};

// An end in a process of its own. The control path keeps the bounds of messages and their order;
// tokens go beside it, as from host to host.
class KillEnd {
 public:
  KillEnd(const KillWay& way, uint32_t worker, int control, int tokens)
      : ops_(way.ops), worker_(worker), control_(control), tokens_(tokens) {
    const hexagent_transport_host host = host_of(this, post_event, send_control);
    hexagent_transport_config config = {};
    config.struct_size = sizeof(config);
    config.worker = worker;
    config.incarnation = static_cast<uint64_t>(clock_ns());
    config.options = way.options;
    check(ops_->create(&host, &config, &transport_), "create");
    const hexagent_kv_pool shape = flat_shape(kKillLayers, 1, kKillFragment, kKillBlocks);
    memory_ = make_bench_memory(pool_bytes(shape));
    pool_ = register_flat_pool(ops_, transport_, shape, memory_.get());
  }
  ~KillEnd() { ops_->destroy(transport_); }
  KillEnd(const KillEnd&) = delete;
  KillEnd& operator=(const KillEnd&) = delete;

  // One turn of its loop. False: the control path tells that the other end is gone.
  bool turn(bool watch_control) {
    int64_t next_ns = 0;
    if (check(ops_->progress(transport_, 2, &next_ns), "progress") == 0) {
      pollfd ready[3] = {{ops_->poll_descriptor(transport_), POLLIN, 0},
                         {watch_control ? control_ : -1, POLLIN, 0},
                         {tokens_, static_cast<short>(peer_token_ == 0 ? POLLIN : 0), 0}};
      poll(ready, watch_control ? 3 : 1, 1);
    }
    return !watch_control || receive();
  }
  // Says to the transport what turn() told.
  void disconnect() {
    const hexagent_status status = ops_->disconnect(transport_, 3 - worker_, HEXAGENT_E_PEER);
    if (status != HEXAGENT_E_UNKNOWN_WORKER) check(status, "disconnect");
  }
  void connect() { check(ops_->connect(transport_, 3 - worker_), "connect"); }
  // Once connected: its part of the transfer, as far as it can.
  void begin_transfer() {
    if (!up_ || id_ != 0) return;
    const std::vector<int32_t> ids = shuffled_ids(kKillBlocks);
    BenchTransfer wanted(ids, pool_, pool_, HEXAGENT_TRANSFER_LAYERWISE);
    if (worker_ == 2) {
      check(ops_->reserve(transport_, &wanted.reservation, &id_), "reserve");
      if (write(tokens_, &id_, sizeof(id_)) < 0) throw std::runtime_error("no token sent");
    } else if (peer_token_ != 0) {
      wanted.transfer.token = peer_token_;
      check(ops_->submit(transport_, &wanted.transfer, &id_), "submit");
      check(ops_->layers_ready(transport_, id_, kKillLayersReady, nullptr), "layers_ready");
    }
  }
  bool moves() const { return first_chunk_ns_ != 0; }
  int64_t failed_ns() const { return failed_ns_; }
  int64_t quiesced_ns() const { return quiesced_ns_; }

 private:
  static hexagent_status post_event(void* context, const hexagent_transfer_event* event) {
    auto* end = static_cast<KillEnd*>(context);
    int64_t ignored = 0;
    int64_t* moment = &ignored;
    if (event->kind == HEXAGENT_TRANSFER_PEER_UP) end->up_ = true;
    if (event->kind == HEXAGENT_TRANSFER_CHUNK) moment = &end->first_chunk_ns_;
    if (event->kind == HEXAGENT_TRANSFER_FAILED) moment = &end->failed_ns_;
    if (event->kind == HEXAGENT_TRANSFER_QUIESCED) moment = &end->quiesced_ns_;
    if (*moment == 0) *moment = clock_ns();
    return HEXAGENT_OK;
  }
  static hexagent_status send_control(void* context, uint32_t, const void* message, size_t size) {
    auto* end = static_cast<KillEnd*>(context);
    if (send(end->control_, message, size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return HEXAGENT_OK;
    return errno == EAGAIN ? HEXAGENT_E_AGAIN : HEXAGENT_E_SYSTEM;
  }
  bool receive() {
    constexpr uint32_t kMessagesMax = 64;  // a turn
    for (uint32_t i = 0; i < kMessagesMax; ++i) {
      unsigned char message[HEXAGENT_CONTROL_MAX + 1];
      const ssize_t size = recv(control_, message, sizeof(message), MSG_DONTWAIT);
      if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
      if (size < 0) break;
      check(ops_->control(transport_, 3 - worker_, message, static_cast<size_t>(size)), "control");
    }
    uint64_t token = 0;
    if (recv(tokens_, &token, sizeof(token), MSG_DONTWAIT) == sizeof(token)) peer_token_ = token;
    return true;
  }

  const hexagent_transport_ops* ops_;
  uint32_t worker_;
  int control_;
  int tokens_;
  hexagent_transport* transport_ = nullptr;
  BenchMemory memory_;
  uint64_t pool_ = 0;
  bool up_ = false;
  uint64_t peer_token_ = 0;
  uint64_t id_ = 0;  // of the transfer, or the token
  int64_t first_chunk_ns_ = 0;
  int64_t failed_ns_ = 0;
  int64_t quiesced_ns_ = 0;
};

// What the child does until it is killed, or its parent is gone.
[[noreturn]] void be_victim(const KillWay& way, uint32_t worker, int control, int tokens) {
  constexpr unsigned kLifeSeconds = 60;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(kLifeSeconds);
  try {
    KillEnd end(way, worker, control, tokens);
    end.connect();
    while (end.turn(true)) end.begin_transfer();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the process to be killed: %s\n", error.what());
  }
  _exit(1);
}

// The child and the ends of the two ways to it; reaps it.
class Victim {
 public:
  Victim(const KillWay& way, uint32_t worker) {
    int control[2];
    int tokens[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, tokens) != 0) {
      throw std::runtime_error("no socket pair");
    }
    process_ = fork();
    if (process_ == 0) {
      close(control[0]);
      close(tokens[0]);
      be_victim(way, worker, control[1], tokens[1]);
    }
    close(control[1]);
    close(tokens[1]);
    control_ = control[0];
    tokens_ = tokens[0];
    // No object, so nothing will kill number -1, which is everybody.
    if (process_ < 0) throw std::runtime_error("cannot fork");
  }
  ~Victim() {
    kill_it();
    waitpid(process_, nullptr, 0);
    close(control_);
    close(tokens_);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  // It stays a zombie, so its number is its own until it is reaped.
  void kill_it() const { kill(process_, SIGKILL); }
  int control() const { return control_; }
  int tokens() const { return tokens_; }

 private:
  pid_t process_ = -1;
  int control_ = -1;
  int tokens_ = -1;
};

struct KillTimes {
  std::vector<int64_t> failed_ns;
  std::vector<int64_t> quiesced_ns;
};

// A transfer begins, moves for `after_ns`, and one end is killed.
void kill_once(const KillWay& way, uint32_t victim_worker, int64_t after_ns, KillTimes* times) {
  const Victim victim(way, victim_worker);
  KillEnd end(way, 3 - victim_worker, victim.control(), victim.tokens());
  const int64_t longest_ns = clock_ns() + kRoundLongestNs;
  const auto in_time = [longest_ns] {
    if (clock_ns() > longest_ns) throw std::runtime_error("a transfer between processes hangs");
  };
  int64_t kill_ns = 0;
  while (kill_ns == 0 || clock_ns() < kill_ns) {
    if (!end.turn(true)) throw std::runtime_error("the other process ended by itself");
    end.begin_transfer();
    if (kill_ns == 0 && end.moves()) kill_ns = clock_ns() + after_ns;
    in_time();
  }
  kill_ns = clock_ns();
  victim.kill_it();
  bool gone = false;
  while (end.quiesced_ns() == 0) {
    const bool alive = end.turn(way.control && !gone);
    if (!alive) end.disconnect();
    gone = gone || !alive;
    in_time();
  }
  times->failed_ns.push_back(end.failed_ns() - kill_ns);
  times->quiesced_ns.push_back(end.quiesced_ns() - kill_ns);
}

KillResult measure_kills(const KillWay& way) {
  constexpr uint32_t kKills = 50;
  constexpr int64_t kLongestAfterNs = 20'000'000;
  KillTimes times;
  sim::Random random(1);
  for (uint32_t i = 0; i < kKills; ++i) {
    kill_once(way, 1 + i % 2, static_cast<int64_t>(random.below(kLongestAfterNs)), &times);
  }
  return {way.name,
          kKills,
          quantile(&times.failed_ns, 0.5),
          quantile(&times.failed_ns, 1.0),
          quantile(&times.quiesced_ns, 0.5),
          quantile(&times.quiesced_ns, 1.0)};
}

}  // namespace

std::vector<KillResult> bench_kills() {
  const hexagent_transport_ops* memory = transport::host_memory_ops();
  const hexagent_transport_ops* tcp = transport::host_tcp_ops();
  std::vector<KillResult> results;
  for (const KillWay& way : {KillWay{"host-memory, two copies", memory, "one_copy=off", true},
                             KillWay{"host-memory, one copy", memory, "one_copy_min=0", true},
                             KillWay{"host-tcp, control path", tcp, nullptr, true},
                             KillWay{"host-tcp, its sockets alone", tcp, nullptr, false}}) {
    results.push_back(measure_kills(way));
  }
  return results;
}

}  // namespace hexagent::tool
