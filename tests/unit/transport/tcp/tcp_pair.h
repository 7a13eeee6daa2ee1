// Two ends of host-tcp in one thread.
#pragma once

#include <poll.h>

#include "transport/tcp/host_tcp.h"
#include "unit/transport/host_pair.h"

namespace hexagent::transport {

struct TcpEnds : HostPair {
  void connect() {
    source.events.clear();
    target.events.clear();
    assert_int_equal(source.ops->connect(source.transport, 2), HEXAGENT_OK);
    until([this] {
      return source.find(HEXAGENT_TRANSFER_PEER_UP, 0) != nullptr &&
             target.find(HEXAGENT_TRANSFER_PEER_UP, 0) != nullptr;
    });
  }
  template <class Reached>
  void until(const Reached& reached) {
    while (!reached()) {
      run_both(&source, &target);
      if (reached()) return;
      pollfd sockets[2] = {{source.ops->poll_descriptor(source.transport), POLLIN, 0},
                           {target.ops->poll_descriptor(target.transport), POLLIN, 0}};
      poll(sockets, 2, 1);
    }
  }
  void until_quiesced(uint64_t id, uint64_t token) {
    until([this, id, token] {
      return source.find(HEXAGENT_TRANSFER_QUIESCED, id) != nullptr &&
             target.find(HEXAGENT_TRANSFER_QUIESCED, token) != nullptr;
    });
  }
};

// Connected.
struct TcpPair : TcpEnds {
  explicit TcpPair(const char* options = nullptr, uint32_t chunk_bytes = 0) {
    open(host_tcp_ops(), options, 1u << 20, chunk_bytes);
    connect();
  }
};

}  // namespace hexagent::transport
