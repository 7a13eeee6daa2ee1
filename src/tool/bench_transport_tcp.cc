// The host-tcp transport over the loopback against as many plain sockets: two threads each, one
// that sends and one that receives. Row A8 of the data plane's acceptance table.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "hexagent/transport.h"
#include "tool/bench_timing.h"
#include "tool/bench_transport.h"
#include "tool/bench_transport_end.h"
#include "tool/bench_transport_pool.h"
#include "transport/tcp/host_tcp.h"

namespace hexagent::tool {
namespace {

constexpr uint32_t kSockets = 4;
constexpr size_t kPiece = size_t{256} << 10;

// -- plain sockets

int listening(sockaddr_in* where) {
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  *where = {};
  where->sin_family = AF_INET;
  where->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(*where);
  auto* address = reinterpret_cast<sockaddr*>(where);
  if (server < 0 || bind(server, address, size) != 0 || listen(server, kSockets) != 0 ||
      getsockname(server, address, &size) != 0) {
    throw std::runtime_error("no socket on the loopback");
  }
  return server;
}

// Nanoseconds for `bytes` through kSockets; every socket carries pieces in turn.
double plain_loop(const unsigned char* from, unsigned char* to, size_t bytes) {
  sockaddr_in where = {};
  const int server = listening(&where);
  int out[kSockets];
  int in[kSockets];
  for (uint32_t i = 0; i < kSockets; ++i) {
    out[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(out[i], reinterpret_cast<sockaddr*>(&where), sizeof(where)) != 0) {
      throw std::runtime_error("cannot connect on the loopback");
    }
    in[i] = accept(server, nullptr, nullptr);
  }
  const int64_t begin = clock_ns();
  std::thread receiver([&in, to, bytes] {
    pollfd ready[kSockets];
    for (uint32_t i = 0; i < kSockets; ++i) ready[i] = {in[i], POLLIN, 0};
    for (size_t got = 0; got < bytes;) {
      poll(ready, kSockets, -1);
      for (const pollfd& each : ready) {
        if ((each.revents & POLLIN) == 0) continue;
        const ssize_t count = recv(each.fd, to + got, std::min(kPiece, bytes - got), MSG_DONTWAIT);
        if (count > 0) got += static_cast<size_t>(count);
      }
    }
  });
  for (size_t at = 0; at < bytes; at += kPiece) {
    const int socket = out[at / kPiece % kSockets];
    const size_t end = std::min(at + kPiece, bytes);
    for (size_t sent = at; sent < end;) {
      const ssize_t count = send(socket, from + sent, end - sent, MSG_NOSIGNAL);
      if (count <= 0) throw std::runtime_error("a socket of the loopback broke");
      sent += static_cast<size_t>(count);
    }
  }
  receiver.join();
  const auto took = static_cast<double>(clock_ns() - begin);
  for (uint32_t i = 0; i < kSockets; ++i) {
    close(out[i]);
    close(in[i]);
  }
  close(server);
  return took;
}

// -- the transport, each end in a thread

class TcpPath {
 public:
  TcpPath(uint32_t fragment, uint32_t blocks) : ids_(shuffled_ids(2 * blocks)) {
    ids_.resize(blocks);
    source_.open(transport::host_tcp_ops(), 1, nullptr, &target_);
    target_.open(transport::host_tcp_ops(), 2, nullptr, &source_);
    const hexagent_kv_pool shape = flat_shape(kRegions, 1, fragment, 2 * blocks);
    for (BenchMemory& memory : memory_) memory = make_bench_memory(pool_bytes(shape));
    give_ = register_flat_pool(source_.ops, source_.transport, shape, memory_[0].get());
    take_ = register_flat_pool(target_.ops, target_.transport, shape, memory_[1].get());
    check(source_.ops->connect(source_.transport, 2), "connect");
    while (source_.ups == 0 || target_.ups == 0) {
      source_.turn(0);
      target_.turn(0);
    }
  }
  double transfer() {
    BenchTransfer wanted(ids_, give_, take_, 0);
    check(target_.ops->reserve(target_.transport, &wanted.reservation, &wanted.transfer.token),
          "reserve");
    const uint32_t before = target_.quiesced;
    const uint32_t done_before = source_.done;
    uint64_t id = 0;
    const int64_t begin = clock_ns();
    std::thread receiver([this, before] {
      while (target_.quiesced == before) target_.turn(0);
    });
    check(source_.ops->submit(source_.transport, &wanted.transfer, &id), "submit");
    const uint32_t mine = source_.quiesced;
    while (source_.quiesced == mine) source_.turn(0);
    receiver.join();
    const auto took = static_cast<double>(clock_ns() - begin);
    if (source_.done == done_before) throw std::runtime_error("a transfer over TCP failed");
    return took;
  }
  static constexpr uint32_t kRegions = 32;

 private:
  std::vector<int32_t> ids_;
  BenchMemory memory_[2];
  BenchEnd source_;
  BenchEnd target_;
  uint64_t give_ = 0;
  uint64_t take_ = 0;
};

}  // namespace

TcpResult bench_tcp(const BenchTransportOptions& options) {
  constexpr uint32_t kFragment = 16384;
  const auto blocks =
      static_cast<uint32_t>((size_t{options.megabytes} << 20) / kFragment / TcpPath::kRegions);
  const size_t bytes = size_t{blocks} * kFragment * TcpPath::kRegions;
  const BenchMemory from = make_bench_memory(bytes);
  const BenchMemory to = make_bench_memory(bytes);
  TcpPath path(kFragment, blocks);
  std::vector<double> shares;
  std::vector<double> rates;
  std::vector<double> plain_rates;
  path.transfer();
  for (uint32_t i = 0; i < options.repetitions; ++i) {
    const double plain = plain_loop(from.get(), to.get(), bytes);
    const double took = path.transfer();
    shares.push_back(plain / took);
    rates.push_back(static_cast<double>(bytes) / took * 1e9);
    plain_rates.push_back(static_cast<double>(bytes) / plain * 1e9);
  }
  return {median(shares), median(rates), median(plain_rates)};
}

}  // namespace hexagent::tool
