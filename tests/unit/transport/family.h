// Two processes with a transport each and a socket pair as their control path: the parent is the
// target, the child it forks the source.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/descriptors.h"
#include "unit/transport/copy/slow_kv.h"
#include "unit/transport/local_host.h"
#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace hexagent::transport {

inline constexpr uint32_t kFamilyBlocks = 64;
inline constexpr uint32_t kFamilyLayers = 8;

// One process's end: its host and its side of the socket pair, whose packets keep their bounds.
struct FamilyProcess {
  LocalHost host;
  TestPool memory{small_shape(kFamilyBlocks, kFamilyLayers), 0, 0};
  int socket = -1;
  uint32_t peer = 0;
  uint64_t pool = 0;

  bool open(const hexagent_transport_ops* ops, const char* options, uint32_t slot_bytes,
            uint32_t worker, int with) {
    socket = with;
    peer = 3 - worker;
    hexagent_transport_config config = LocalHost::config(worker);
    config.slot_bytes = config.chunk_bytes_min = slot_bytes;
    config.options = options;
    if (host.open(ops, config) != HEXAGENT_OK) return false;
    const hexagent_kv_pool shape = memory.description();
    return host.ops->register_pool(host.transport, &shape, &pool) == HEXAGENT_OK;
  }
  hexagent_kv_blocks all(std::vector<int32_t>* ids) const {
    ids->resize(kFamilyBlocks);
    std::iota(ids->begin(), ids->end(), 0);
    hexagent_kv_blocks blocks = {};
    blocks.pool = pool;
    blocks.blocks = ids->data();
    blocks.block_count = kFamilyBlocks;
    return blocks;
  }
  // Works, and sends what there is to say. False: the other end is closed.
  bool work() {
    host.progress();
    while (!host.sent.empty()) {
      const std::vector<unsigned char>& message = host.sent.front().second;
      if (send(socket, message.data(), message.size(), MSG_NOSIGNAL) < 0) return false;
      host.sent.pop_front();
    }
    return true;
  }
  // Carries what there is; waits a little when there is nothing. False: as work().
  bool turn() {
    if (!work()) return false;
    pollfd wait = {socket, POLLIN, 0};
    if (poll(&wait, 1, 1) <= 0) return true;
    unsigned char message[HEXAGENT_CONTROL_MAX + 1];
    const ssize_t size = recv(socket, message, sizeof(message), MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
    if (size > 0) host.ops->control(host.transport, peer, message, static_cast<size_t>(size));
    return true;
  }
};

inline unsigned char family_content(size_t at) {
  return static_cast<unsigned char>(at * 7 + (at >> 9));
}

struct FamilyWish {
  const char* source_options = nullptr;
  const char* target_options = nullptr;
  uint32_t flags = HEXAGENT_TRANSFER_CHECKSUM;
  bool slow = false;  // never beyond some layers
  uint32_t slot_bytes = 16384;
  // What the source does in place of one transfer; does not return.
  void (*source)(FamilyProcess* self, int tokens) = nullptr;
};

// The source: connects, waits for a token, submits; for ever.
[[noreturn]] inline void be_source(const hexagent_transport_ops* ops, int socket, int tokens,
                                   const FamilyWish& wish) {
  constexpr unsigned kLifeSeconds = 600;
  alarm(kLifeSeconds);  // also when its parent was killed
  FamilyProcess self;
  if (!self.open(ops, wish.source_options, wish.slot_bytes, 1, socket)) _exit(1);
  for (size_t at = 0; at < self.memory.bytes; ++at)
    self.memory.memory.get()[at] = family_content(at);
  self.host.ops->connect(self.host.transport, 2);
  if (wish.source != nullptr) wish.source(&self, tokens);
  hexagent_kv_transfer transfer = {};
  uint64_t id = 0;
  for (;;) {
    if (!self.turn()) _exit(0);
    if (transfer.token != 0) continue;
    if (read(tokens, &transfer.token, sizeof(transfer.token)) != sizeof(transfer.token)) continue;
    std::vector<int32_t> ids;
    transfer.struct_size = sizeof(transfer);
    transfer.flags = wish.flags | (wish.slow ? uint32_t{HEXAGENT_TRANSFER_LAYERWISE} : 0u);
    transfer.peer_worker = 2;
    transfer.source = self.all(&ids);
    if (self.host.ops->submit(self.host.transport, &transfer, &id) != HEXAGENT_OK) _exit(1);
    if (wish.slow) self.host.ops->layers_ready(self.host.transport, id, 3, nullptr);
  }
}

struct Family {
  FamilyProcess target;
  pid_t child = 0;
  int sockets[2] = {-1, -1};
  int tokens[2] = {-1, -1};
  uint64_t token = 0;

  Family(const hexagent_transport_ops* ops, const FamilyWish& wish) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    assert_int_equal(pipe(tokens), 0);
    fcntl(tokens[0], F_SETFL, O_NONBLOCK);
    child = fork();
    if (child == 0) {
      close(sockets[0]);
      close(tokens[1]);
      be_source(ops, sockets[1], tokens[0], wish);
    }
    close(sockets[1]);
    close(tokens[0]);
    assert_true(target.open(ops, wish.target_options, wish.slot_bytes, 2, sockets[0]));
    until([this] { return target.host.find(HEXAGENT_TRANSFER_PEER_UP, 0) != nullptr; });
    promise();
  }
  // Reserves, and tells the source.
  void promise() {
    std::vector<int32_t> ids;
    hexagent_kv_reservation reservation = {};
    reservation.struct_size = sizeof(reservation);
    reservation.peer_worker = 1;
    reservation.target = target.all(&ids);
    assert_int_equal(target.host.ops->reserve(target.host.transport, &reservation, &token),
                     HEXAGENT_OK);
    assert_int_equal(write(tokens[1], &token, sizeof(token)), sizeof(token));
  }
  ~Family() {
    if (child > 0) end(SIGKILL);
    close(sockets[0]);
    close(tokens[1]);
  }
  template <class Reached>
  void until(const Reached& reached) {
    constexpr uint32_t kTurnsMax = 200'000;  // an idle one takes a millisecond
    for (uint32_t turns = 0; !reached(); ++turns) assert_true(turns < kTurnsMax && target.turn());
  }
  void end(int with) {
    kill(child, with);
    waitpid(child, nullptr, 0);
    child = 0;
  }
};

// A transfer from the child arrives whole.
inline void crosses_processes(const hexagent_transport_ops* ops, const FamilyWish& wish = {}) {
  Family family(ops, wish);
  family.until(
      [&] { return family.target.host.find(HEXAGENT_TRANSFER_QUIESCED, family.token) != nullptr; });
  assert_non_null(family.target.host.find(HEXAGENT_TRANSFER_DONE, family.token));
  const unsigned char* memory = family.target.memory.memory.get();
  for (size_t at = 0; at < family.target.memory.bytes; ++at) {
    if (memory[at] != family_content(at)) fail();
  }
}

}  // namespace hexagent::transport
