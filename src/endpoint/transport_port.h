// TransportPort: a transport on a libuv loop. It calls progress() when the descriptor, the timer,
// a thread of the plugin's or the endpoint says so, and hands on what the transport tells. Events
// are handed on between two calls of the transport, never from within one. Tests:
// tests/unit/endpoint/endpoint_test.cc.
#pragma once

#include <uv.h>

#include <cstdint>
#include <vector>

#include "hexagent/transport.h"

namespace hexagent::endpoint {

// What libuv answers, as a status.
inline hexagent_status status_of_uv(int answer) {
  if (answer == UV_ENOMEM) return HEXAGENT_E_NO_MEMORY;
  return answer == 0 ? HEXAGENT_OK : HEXAGENT_E_SYSTEM;
}

class TransportPort {
 public:
  class Owner {
   public:
    virtual void on_transport_event(const hexagent_transfer_event& event) = 0;
    // As send_control() of the host.
    virtual hexagent_status send_to_peer(uint32_t peer, const void* message, size_t size) = 0;
    // It can no longer be trusted: memory ran out in the middle of its work, or it says so itself.
    virtual void on_transport_broken() = 0;

   protected:
    ~Owner() = default;
  };

  TransportPort(const hexagent_transport_ops& ops, Owner* owner) : ops_(ops), owner_(owner) {}

  // Makes the transport; HEXAGENT_OK or what its create() says. close() must follow in either case.
  hexagent_status open(uv_loop_t* loop, const hexagent_transport_config& config);

  // Destroys the transport and closes the handles, which needs some more turns of the loop.
  void close();

  // [loop's thread] Lets it work, soon, until it is idle.
  void stir();

  const hexagent_transport_ops& ops() const { return ops_; }
  hexagent_transport* get() { return transport_; }

 private:
  void turn();
  void hand_on();
  void arm(int64_t next_ns);

  const hexagent_transport_ops ops_;
  Owner* const owner_;
  hexagent_transport* transport_ = nullptr;
  uv_async_t wake_ = {};
  uv_timer_t timer_ = {};
  uv_idle_t idle_ = {};
  uv_poll_t poll_ = {};
  bool polling_ = false;
  bool open_ = false;
  bool send_again_ = false;  // a message had no room
  std::vector<hexagent_transfer_event> inbox_;
  std::vector<hexagent_transfer_event> handing_;
};

}  // namespace hexagent::endpoint
