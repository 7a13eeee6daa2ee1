// The controller's door: a listening socket, TCP or Unix. Tests:
// tests/unit/controller/controller_test.cc.
#pragma once

#include <uv.h>

#include "control/address.h"
#include "control/connection.h"

namespace hexagent::controller {

class Listener {
 public:
  using Knock = void (*)(void* context);  // somebody waits: take()

  // Deletes itself when its handle is closed; null: *error is errno. A Unix socket that a process
  // left behind when it died is replaced, one that answers is not.
  static Listener* make(uv_loop_t* loop, const control::Address& address, Knock knock,
                        void* context, int* error);

  // What waits, as a connection of `owner`; null when nothing came of it.
  control::Connection* take(control::Connection::Owner* owner);

  // The port of TCP, chosen by the system if the address said 0.
  uint16_t port() const;
  void close();

 private:
  Listener() = default;
  ~Listener() = default;
  int open(const control::Address& address);
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle_); }

  union {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle_ = {};
  Knock knock_ = nullptr;
  void* context_ = nullptr;
  bool is_unix_ = false;
};

}  // namespace hexagent::controller
