// A transport of ours between two processes: see ours.h. The parent is worker 1 and the source, its
// child worker 2 and the target. What they say goes through a pair of sockets: messages of the
// transport as they are, and orders of this benchmark, told by their first byte.
#include "ours.h"

#include <hexagent/endpoint.h>
#include <hexagent/transport.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "cases.h"

namespace hexagent::peers {
namespace {

enum Order : unsigned char { kMessage, kEnter, kReserve, kToken, kSum };

struct Packet {
  unsigned char order;
  unsigned char bytes[HEXAGENT_CONTROL_MAX];
};

class End {
 public:
  End(const char* name, const char* options, uint32_t worker, int socket)
      : worker_(worker), socket_(socket), pool_memory_(make_pool()) {
    ops_.struct_size = sizeof(ops_);
    hexagent_error error = {};
    error.struct_size = sizeof(error);
    if (hexagent_transport_load(name, &ops_, &error) != HEXAGENT_OK) fail(error.text);
    hexagent_transport_host host = {};
    host.struct_size = sizeof(host);
    host.abi = HEXAGENT_TRANSPORT_ABI;
    host.context = this;
    host.post_event = post_event;
    host.send_control = send_control;
    host.now_ns = [](void*) { return now_ns(); };
    host.log = [](void*, uint32_t, const char* text) { std::fprintf(stderr, "%s\n", text); };
    hexagent_transport_config config = {};
    config.struct_size = sizeof(config);
    config.worker = worker;
    config.incarnation = static_cast<uint64_t>(getpid());
    config.options = options;
    config.blocks_max = static_cast<uint32_t>(kPoolBytes >> 11);
    config.transfers_max = config.reservations_max = 4;
    const hexagent_status status = ops_.create(&host, &config, &transport_);
    if (status != HEXAGENT_OK) {
      std::fprintf(stderr, "%s: status %d\n", name, status);
      fail("the transport cannot be made");
    }
  }
  ~End() { ops_.destroy(transport_); }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  unsigned char* memory() const { return pool_memory_; }

  // The pool of a case. A contiguous transfer is of blocks of 1 MiB in their order.
  void enter(const Case& of) {
    if (pool_ != 0) must(ops_.unregister_pool(transport_, pool_), "unregister_pool");
    case_ = of;
    if (of.contiguous()) case_.block = size_t{1} << 20;
    at_ = places({of.bytes, case_.block}, worker_);
    if (of.contiguous()) {
      for (size_t i = 0; i < at_.size(); ++i) at_[i] = static_cast<int32_t>(i);
    }
    const auto base = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(pool_memory_));
    hexagent_kv_pool pool = {};
    pool.struct_size = sizeof(pool);
    pool.layout = HEXAGENT_KV_FLAT;
    pool.layer_count = 1;
    pool.regions_per_layer = 1;
    pool.block_tokens = 16;
    pool.token_bytes = static_cast<uint32_t>(case_.block / 16);
    pool.block_count = static_cast<uint32_t>(kPoolBytes / case_.block);
    pool.block_stride_bytes = case_.block;
    pool.region_bases = &base;
    must(ops_.register_pool(transport_, &pool, &pool_), "register_pool");
  }
  uint64_t sum() const { return sum_of(pool_memory_, case_, at_); }
  void connect(uint32_t to) {
    must(ops_.connect(transport_, to), "connect");
    until([this] { return up_; });
  }
  uint64_t reserve() {
    hexagent_kv_reservation wanted = {};
    wanted.struct_size = sizeof(wanted);
    wanted.peer_worker = 1;
    wanted.target = blocks();
    uint64_t token = 0;
    must(ops_.reserve(transport_, &wanted, &token), "reserve");
    return token;
  }
  // Nanoseconds from the submit to DONE, which the source is told after the target's own copy.
  int64_t transfer(uint64_t token) {
    hexagent_kv_transfer wanted = {};
    wanted.struct_size = sizeof(wanted);
    wanted.peer_worker = 2;
    wanted.source = blocks();
    wanted.token = token;
    done_ = quiesced_ = false;
    uint64_t id = 0;
    const int64_t begin_ns = now_ns();
    must(ops_.submit(transport_, &wanted, &id), "submit");
    until([this] { return done_; });
    const int64_t took_ns = now_ns() - begin_ns;
    until([this] { return quiesced_; });
    return took_ns;
  }
  void order(Order order, const void* bytes, size_t size) {
    Packet packet = {order, {}};
    std::memcpy(packet.bytes, bytes, size);
    if (send(socket_, &packet, size + 1, MSG_NOSIGNAL) < 0) fail("the other end is gone");
  }
  // The order that comes next; serves the transport until then.
  Order await(void* bytes, size_t size) {
    until([this] { return waiting_ != kMessage; });
    std::memcpy(bytes, order_.bytes, size);
    const Order order = waiting_;
    waiting_ = kMessage;
    return order;
  }

 private:
  static void must(hexagent_status status, const char* what) {
    if (status != HEXAGENT_OK) fail(what);
  }
  hexagent_kv_blocks blocks() const {
    hexagent_kv_blocks all = {};
    all.pool = pool_;
    all.blocks = at_.data();
    all.block_count = static_cast<uint32_t>(at_.size());
    return all;
  }
  static hexagent_status post_event(void* context, const hexagent_transfer_event* event) {
    auto* end = static_cast<End*>(context);
    if (event->kind == HEXAGENT_TRANSFER_FAILED) fail("a transfer failed");
    if (event->kind == HEXAGENT_TRANSFER_PEER_DOWN) fail("the peer is down");
    end->up_ = end->up_ || event->kind == HEXAGENT_TRANSFER_PEER_UP;
    end->done_ = end->done_ || event->kind == HEXAGENT_TRANSFER_DONE;
    end->quiesced_ = end->quiesced_ || event->kind == HEXAGENT_TRANSFER_QUIESCED;
    return HEXAGENT_OK;
  }
  static hexagent_status send_control(void* context, uint32_t, const void* message, size_t size) {
    Packet packet = {kMessage, {}};
    std::memcpy(packet.bytes, message, size);
    const int socket = static_cast<End*>(context)->socket_;
    const ssize_t sent = send(socket, &packet, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? HEXAGENT_OK : HEXAGENT_E_AGAIN;
  }
  bool receive() {
    // An order that nobody has taken yet stays the last thing read.
    if (waiting_ != kMessage) return false;
    Packet packet = {};
    const ssize_t size = recv(socket_, &packet, sizeof(packet), MSG_DONTWAIT);
    if (size == 0) std::exit(0);  // the other end has all it wanted
    if (size < 0) return false;
    if (packet.order == kMessage) {
      must(ops_.control(transport_, 3 - worker_, packet.bytes, static_cast<size_t>(size) - 1),
           "control");
    } else {
      order_ = packet;
      waiting_ = static_cast<Order>(packet.order);
    }
    return true;
  }
  template <class Reached>
  void until(const Reached& reached) {
    while (!reached()) {
      int64_t next_ns = std::numeric_limits<int64_t>::max();
      bool busy = ops_.progress(transport_, 1, &next_ns) > 0;
      busy = receive() || busy;
      if (busy || reached()) continue;
      const int descriptor =
          ops_.poll_descriptor != nullptr ? ops_.poll_descriptor(transport_) : -1;
      pollfd ready[] = {{socket_, POLLIN, 0}, {descriptor, POLLIN, 0}};
      const int64_t wait_ns = next_ns - now_ns();
      const int64_t wait_ms = wait_ns < 0 ? 0 : wait_ns / 1'000'000 + 1;
      poll(ready, 2, static_cast<int>(wait_ms < 1000 ? wait_ms : 1000));
    }
  }

  uint32_t worker_;
  int socket_;
  unsigned char* pool_memory_;
  hexagent_transport_ops ops_ = {};
  hexagent_transport* transport_ = nullptr;
  uint64_t pool_ = 0;
  Case case_ = {};
  std::vector<int32_t> at_;
  bool up_ = false;
  bool done_ = false;
  bool quiesced_ = false;
  Packet order_ = {};
  Order waiting_ = kMessage;
};

[[noreturn]] void serve(End* target) {
  for (;;) {
    uint64_t number = 0;
    switch (target->await(&number, sizeof(number))) {
      case kEnter:
        target->enter(all_cases()[number]);
        break;
      case kReserve: {
        const uint64_t token = target->reserve();
        target->order(kToken, &token, sizeof(token));
        break;
      }
      case kSum: {
        const uint64_t sum = target->sum();
        target->order(kSum, &sum, sizeof(sum));
        break;
      }
      default:
        fail("an order that nobody gives");
    }
  }
}

}  // namespace

void run_ours(const char* name, const char* options) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) != 0) fail("no sockets");
  const pid_t child = fork();
  if (child < 0) fail("no process");
  close(sockets[child == 0 ? 0 : 1]);
  if (child == 0) {
    End target(name, options, 2, sockets[1]);
    serve(&target);
  }
  End source(name, options, 1, sockets[0]);
  fill(source.memory(), 1);
  source.connect(2);
  for (uint64_t number = 0; number < all_cases().size(); ++number) {
    source.order(kEnter, &number, sizeof(number));
    source.enter(all_cases()[number]);
    const auto once = [&source] {
      uint64_t token = 0;
      source.order(kReserve, &token, sizeof(token));
      source.await(&token, sizeof(token));
      return source.transfer(token);
    };
    once();
    uint64_t sum = 0;
    source.order(kSum, &sum, sizeof(sum));
    source.await(&sum, sizeof(sum));
    if (sum != source.sum()) fail("the bytes differ");
    report(all_cases()[number], once);
  }
  close(sockets[0]);
  std::_Exit(0);  // the child ends by itself; nothing of the transport is measured any more
}

}  // namespace hexagent::peers
