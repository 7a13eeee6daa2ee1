// The references: one memcpy, and plain sockets between two processes, always of one piece.
#include "plain.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "cases.h"

namespace hexagent::peers {
namespace {

constexpr uint32_t kSockets = 4;
constexpr size_t kPiece = size_t{256} << 10;

struct Sockets {
  int each[kSockets];
};

Sockets listening(int* server, sockaddr_in* where) {
  *server = socket(AF_INET, SOCK_STREAM, 0);
  where->sin_family = AF_INET;
  where->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(*where);
  auto* address = reinterpret_cast<sockaddr*>(where);
  if (*server < 0 || bind(*server, address, size) != 0 || listen(*server, kSockets) != 0 ||
      getsockname(*server, address, &size) != 0) {
    fail("no socket on the loopback");
  }
  Sockets out = {};
  for (int& socket : out.each) {
    socket = ::socket(AF_INET, SOCK_STREAM, 0);
    if (connect(socket, address, size) != 0) fail("cannot connect on the loopback");
  }
  return out;
}

void must_send(int socket, const void* bytes, size_t size) {
  const auto* from = static_cast<const unsigned char*>(bytes);
  for (size_t sent = 0; sent < size;) {
    const ssize_t count = send(socket, from + sent, size - sent, MSG_NOSIGNAL);
    if (count <= 0) fail("a socket broke");
    sent += static_cast<size_t>(count);
  }
}

void must_receive(int socket, void* bytes, size_t size) {
  if (recv(socket, bytes, size, MSG_WAITALL) != static_cast<ssize_t>(size)) fail("a socket broke");
}

// Piece i of the whole goes through socket i % kSockets; each byte lands where it belongs.
void receive_all(const Sockets& in, unsigned char* to, size_t bytes) {
  pollfd ready[kSockets];
  size_t got[kSockets] = {};
  for (uint32_t i = 0; i < kSockets; ++i) ready[i] = {in.each[i], POLLIN, 0};
  for (size_t all = 0; all < bytes;) {
    poll(ready, kSockets, -1);
    for (uint32_t i = 0; i < kSockets; ++i) {
      if ((ready[i].revents & (POLLIN | POLLHUP)) == 0) continue;
      const size_t in_piece = got[i] % kPiece;
      const size_t at = (got[i] / kPiece * kSockets + i) * kPiece + in_piece;
      const ssize_t count = recv(in.each[i], to + at, kPiece - in_piece, MSG_DONTWAIT);
      if (count == 0) fail("a socket broke");
      if (count < 0) continue;
      got[i] += static_cast<size_t>(count);
      all += static_cast<size_t>(count);
    }
  }
}

[[noreturn]] void receive_cases(int server) {
  Sockets in = {};
  for (int& socket : in.each) socket = accept(server, nullptr, nullptr);
  unsigned char* pool = make_pool();
  for (;;) {
    uint64_t bytes = 0;
    if (recv(in.each[0], &bytes, sizeof(bytes), MSG_WAITALL) != ssize_t{sizeof(bytes)}) _exit(0);
    const bool check = bytes % 2 == 1;
    bytes -= check ? 1 : 0;
    receive_all(in, pool, bytes);
    const uint64_t sum = check ? sum_of(pool, {bytes, bytes}, {0}) : 0;
    must_send(in.each[0], &sum, sizeof(sum));
  }
}

int64_t send_case(const Sockets& out, const unsigned char* from, size_t bytes, bool check) {
  const uint64_t wanted = bytes + (check ? 1 : 0);
  const int64_t begin_ns = now_ns();
  must_send(out.each[0], &wanted, sizeof(wanted));
  for (size_t at = 0; at < bytes; at += kPiece) {
    must_send(out.each[at / kPiece % kSockets], from + at, std::min(kPiece, bytes - at));
  }
  uint64_t sum = 0;
  must_receive(out.each[0], &sum, sizeof(sum));
  const int64_t took_ns = now_ns() - begin_ns;
  if (check && sum != sum_of(from, {bytes, bytes}, {0})) fail("sockets: the bytes differ");
  return took_ns;
}

}  // namespace

void run_memcpy() {
  unsigned char* from = make_pool();
  unsigned char* to = make_pool();
  fill(from, 1);
  for (const Case& each : all_cases()) {
    if (!each.contiguous()) continue;
    report(each, [&] {
      const int64_t begin_ns = now_ns();
      std::memcpy(to, from, each.bytes);
      return now_ns() - begin_ns;
    });
    if (std::memcmp(from, to, each.bytes) != 0) fail("memcpy: the bytes differ");
  }
}

void run_sockets() {
  int server = -1;
  sockaddr_in where = {};
  const Sockets out = listening(&server, &where);
  const pid_t child = fork();
  if (child < 0) fail("no process");
  if (child == 0) {
    for (const int socket : out.each) close(socket);
    receive_cases(server);
  }
  unsigned char* pool = make_pool();
  fill(pool, 1);
  for (const Case& each : all_cases()) {
    if (!each.contiguous()) continue;
    send_case(out, pool, each.bytes, true);
    report(each, [&] { return send_case(out, pool, each.bytes, false); });
  }
}

}  // namespace hexagent::peers
