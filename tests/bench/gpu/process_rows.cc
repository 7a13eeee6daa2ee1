// Two processes on one device, joined by CUDA IPC: content, bandwidth, and what happens when one is
// killed in the middle. The second process is this program again, as source; packets on a socket
// carry control messages and, of 8 bytes, tokens.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <numeric>

#include "pair.h"
#include "transport/loader.h"

namespace hexagent::transport::bench {
namespace {

constexpr uint32_t kSlotBytes = 8u << 20;

PoolShape process_shape() {
  PoolShape shape;
  shape.layers = 32;
  shape.blocks = 512;
  return shape;
}

unsigned char content_at(size_t at) { return static_cast<unsigned char>(at * 7 + (at >> 9)); }

struct Process {
  hexagent_transport_ops ops;
  PoolShape shape = process_shape();
  BenchEnd end{shape};
  int socket;
  uint32_t peer;
  std::vector<uint64_t> tokens;  // that came in
  std::vector<int32_t> ids;

  Process(const char* plugin, uint32_t worker, int with) : socket(with), peer(3 - worker) {
    const LoadedTransport loaded = load_plugin(plugin);
    if (loaded.status != HEXAGENT_OK) must(cudaErrorUnknown, loaded.text);
    ops = loaded.ops;
    open_end(ops, shape, worker, "path=direct", kSlotBytes, 1u << 20, &end);
    ids.resize(shape.blocks);
    std::iota(ids.begin(), ids.end(), 0);
  }
  hexagent_kv_blocks all() const {
    hexagent_kv_blocks blocks = {};
    blocks.pool = end.pool;
    blocks.blocks = ids.data();
    blocks.block_count = shape.blocks;
    return blocks;
  }
  // False: the other process is gone.
  bool turn() {
    end.host.progress();
    while (!end.host.sent.empty()) {
      const std::vector<unsigned char>& message = end.host.sent.front().second;
      if (send(socket, message.data(), message.size(), MSG_NOSIGNAL) < 0) return false;
      end.host.sent.pop_front();
    }
    unsigned char message[HEXAGENT_CONTROL_MAX];
    const ssize_t size = recv(socket, message, sizeof(message), MSG_DONTWAIT);
    if (size == 0) return false;
    if (size == sizeof(uint64_t)) {
      tokens.emplace_back();
      std::memcpy(&tokens.back(), message, sizeof(uint64_t));
    } else if (size > 0) {
      ops.control(end.host.transport, peer, message, static_cast<size_t>(size));
    }
    return true;
  }
};

struct Child {
  int socket = -1;
  pid_t pid = 0;

  explicit Child(const char* plugin) {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0) must(cudaErrorUnknown, "socketpair");
    const std::string number = text("%d", sockets[1]);
    pid = fork();
    if (pid == 0) {
      close(sockets[0]);
      execl("/proc/self/exe", "gpu_bench", "--source", plugin, number.c_str(), nullptr);
      _exit(127);
    }
    close(sockets[1]);
    socket = sockets[0];
  }
  ~Child() {
    end();
    close(socket);
  }
  void end() {
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = 0;
  }
};

template <class Reached>
void until(Process* process, const Reached& reached) {
  const int64_t give_up = BenchPair::now_ns() + 30'000'000'000;
  while (!reached()) {
    if (!process->turn()) must(cudaErrorUnknown, "the other process");
    if (BenchPair::now_ns() > give_up) must(cudaErrorTimeout, "a transfer between processes");
  }
}

uint64_t reserve(Process* process) {
  hexagent_kv_reservation reservation = {};
  reservation.struct_size = sizeof(reservation);
  reservation.peer_worker = process->peer;
  reservation.target = process->all();
  uint64_t token = 0;
  if (process->ops.reserve(process->end.host.transport, &reservation, &token) != HEXAGENT_OK ||
      send(process->socket, &token, sizeof(token), MSG_NOSIGNAL) < 0) {
    must(cudaErrorUnknown, "reserve");
  }
  return token;
}

bool content_is_right(const Process& process) {
  std::vector<unsigned char> got(process.end.memory.bytes());
  must(cudaMemcpy(got.data(), process.end.memory.data(), got.size(), cudaMemcpyDefault), "pool");
  for (size_t at = 0; at < got.size(); ++at) {
    if (got[at] != content_at(at)) return false;
  }
  return true;
}

// Kills the source in the middle; what of our blocks is free then stays as we fill it.
int kill_row(Process* target, Child* child, Table* table) {
  const uint64_t token = reserve(target);
  until(target, [&] { return target->end.host.find(HEXAGENT_TRANSFER_CHUNK, token) != nullptr; });
  const int64_t begin_ns = BenchPair::now_ns();
  child->end();
  while (target->turn()) continue;
  target->ops.disconnect(target->end.host.transport, target->peer, HEXAGENT_E_PEER);
  while (target->end.host.find(HEXAGENT_TRANSFER_QUIESCED, token) == nullptr) {
    target->end.host.progress();
  }
  const double ms = 1e-6 * static_cast<double>(BenchPair::now_ns() - begin_ns);
  const bool failed = target->end.host.find(HEXAGENT_TRANSFER_FAILED, token) != nullptr;
  must(cudaMemset(target->end.memory.data(), 0xc5, target->end.memory.bytes()), "canary");
  usleep(200'000);  // what a kernel of the dead might still do, it does now
  std::vector<unsigned char> got(target->end.memory.bytes());
  must(cudaMemcpy(got.data(), target->end.memory.data(), got.size(), cudaMemcpyDefault), "pool");
  const bool clean = std::all_of(got.begin(), got.end(), [](unsigned char c) { return c == 0xc5; });
  table->row("A16", "source killed, CUDA IPC: failed and quiesced", "100 ms, no late write",
             text("%.1f ms%s", ms, clean ? "" : ", WRITTEN LATE"), failed && clean && ms <= 100);
  return failed && clean ? 0 : 1;
}

}  // namespace

void be_process(const char* plugin, int socket) {
  Process source(plugin, 1, socket);
  std::vector<unsigned char> given(source.end.memory.bytes());
  for (size_t at = 0; at < given.size(); ++at) given[at] = content_at(at);
  must(cudaMemcpy(source.end.memory.data(), given.data(), given.size(), cudaMemcpyDefault), "pool");
  source.ops.connect(source.end.host.transport, 2);
  while (source.turn()) {
    for (const uint64_t token : source.tokens) {
      hexagent_kv_transfer transfer = {};
      transfer.struct_size = sizeof(transfer);
      transfer.flags = HEXAGENT_TRANSFER_CHECKSUM;
      transfer.peer_worker = 2;
      transfer.source = source.all();
      transfer.token = token;
      uint64_t id = 0;
      source.ops.submit(source.end.host.transport, &transfer, &id);
    }
    source.tokens.clear();
  }
  _exit(0);
}

int process_rows(const char* plugin, Table* table) {
  constexpr int kRounds = 10;
  Child child(plugin);
  Process target(plugin, 2, child.socket);
  must(cudaMemset(target.end.memory.data(), 0xdb, target.end.memory.bytes()), "poison");
  until(&target, [&] { return target.end.host.find(HEXAGENT_TRANSFER_PEER_UP, 0) != nullptr; });
  std::vector<double> rates;
  bool good = true;
  for (int round = 0; round < kRounds; ++round) {
    const int64_t begin_ns = BenchPair::now_ns();
    const uint64_t token = reserve(&target);
    until(&target,
          [&] { return target.end.host.find(HEXAGENT_TRANSFER_QUIESCED, token) != nullptr; });
    const double seconds = 1e-9 * static_cast<double>(BenchPair::now_ns() - begin_ns);
    rates.push_back(static_cast<double>(target.shape.bytes()) / seconds);
    good = good && target.end.host.find(HEXAGENT_TRANSFER_DONE, token) != nullptr;
    if (round == 0) good = good && content_is_right(target);
    target.end.host.events.clear();
  }
  table->note(
      "", "two processes, one device, CUDA IPC, 1 GiB with checksum",
      text("%.0f GB/s payload, content %s", 1e-9 * median(rates), good ? "right" : "WRONG"));
  return (good ? 0 : 1) + kill_row(&target, &child, table);
}

}  // namespace hexagent::transport::bench
