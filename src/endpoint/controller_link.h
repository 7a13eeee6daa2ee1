// ControllerLink: an endpoint's connection to the controller: connects, proves itself, keeps it
// alive, and begins again with growing pauses when it is lost. Tests:
// tests/unit/endpoint/endpoint_test.cc.
#pragma once

#include <uv.h>

#include <cstdint>
#include <string>

#include "control/connection.h"
#include "control/handshake.h"

namespace hexagent::endpoint {

struct LinkSettings {
  control::Address address;
  std::string secret;
  std::string transport;  // name, for the operator at the other end
  uint32_t worker = 0;
  uint64_t incarnation = 0;
  int64_t reconnect_min_ns = 50'000'000;
  int64_t reconnect_max_ns = 5'000'000'000;
  int64_t silence_ns = 5'000'000'000;
};

class ControllerLink : private control::Connection::Owner {
 public:
  class Owner {
   public:
    // Both ends have proved themselves. `session` is the controller's, another one in each life.
    virtual void on_controller_up(uint64_t session) = 0;
    // It was up and is not any more, or an attempt failed: `attempt` in a row, 0 = it was up.
    virtual void on_controller_down(hexagent_status status, uint32_t attempt) = 0;
    virtual void on_controller_message(const control::Message& message) = 0;

   protected:
    ~Owner() = default;
  };

  ControllerLink(const LinkSettings& settings, Owner* owner) : settings_(settings), owner_(owner) {}

  // Begins to connect.
  void open(uv_loop_t* loop);
  void close();

  bool is_up() const { return state_ == State::kUp; }

  // False when it is not up, or `limit` bytes wait to go out.
  bool send(const control::Message& message, size_t limit = control::Connection::kQueueMax) {
    return is_up() && connection_->send(message, limit);
  }

 private:
  enum class State { kPausing, kConnecting, kGreeted, kUp, kClosed };

  void on_message(control::Connection* connection, const control::Message& message) override;
  void on_lost(control::Connection* connection, hexagent_status status) override;
  void connect();
  void answer(const control::Message& challenge);
  void finish(const control::Message& welcome);
  void drop(hexagent_status status);
  void pause();
  void tick();

  const LinkSettings settings_;
  Owner* const owner_;
  uv_loop_t* loop_ = nullptr;
  uv_timer_t timer_ = {};
  control::Connection* connection_ = nullptr;
  State state_ = State::kClosed;
  control::Nonce challenge_ = {};
  control::Message hello_;
  uint32_t attempt_ = 0;  // that failed since it was up
  int64_t until_ns_ = 0;  // of the pause, or of the attempt
};

}  // namespace hexagent::endpoint
