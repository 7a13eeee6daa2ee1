// One end of a control connection: a stream of libuv, cut into messages. It belongs to the thread
// of its loop. Tests: tests/unit/controller/controller_test.cc,
// tests/unit/endpoint/endpoint_test.cc.
#pragma once

#include <uv.h>

#include <cstdint>
#include <vector>

#include "control/address.h"
#include "control/message.h"

namespace hexagent::control {

class Connection {
 public:
  class Owner {
   public:
    // A message has come; `message` is good during the call. The owner may close the connection,
    // and is spared the rest by an exception: then it is lost with HEXAGENT_E_NO_MEMORY.
    virtual void on_message(Connection* connection, const Message& message) = 0;
    // It is over, by itself: HEXAGENT_E_PEER (reset, ended, not reachable), HEXAGENT_E_DAMAGED
    // (what came is no message). It closes itself; the owner forgets it.
    virtual void on_lost(Connection* connection, hexagent_status status) = 0;

   protected:
    ~Owner() = default;
  };

  // Makes one that deletes itself once its handle is closed; null when there is no memory.
  static Connection* make(uv_loop_t* loop, bool is_unix, Owner* owner);

  // Takes what waits at a listening stream of the same kind. False: nothing came of it; close().
  bool accept(uv_stream_t* listener);
  // Begins to connect; the other end speaks first, or on_lost() follows. False: close().
  bool connect(const Address& address);

  // Queues one message. False when it cannot go out: over, too long, no memory, or `limit` bytes
  // wait already.
  bool send(const Message& message, size_t limit = kQueueMax);

  // A message was lost for want of memory, or with kQueueMax bytes waiting. What follows would have
  // a gap, so nothing more goes out; the owner ends it, but not from within send().
  bool is_broken() const { return broken_; }

  // Ends it; the owner hears nothing more, and what is queued is dropped.
  void close();
  // The same, but what is queued goes out first if the peer takes it at once.
  void close_after_sending();

  // For the owner: who this is.
  void* tag = nullptr;
  int64_t heard_ns = 0;  // when it last said something, by uv_hrtime()
  int64_t sent_ns = 0;   // and we

  // What a peer that reads slowly may have waiting.
  static constexpr size_t kQueueMax = size_t{4} << 20;    // bytes; beyond, it counts as lost
  static constexpr size_t kRelayLimit = size_t{1} << 20;  // of what can be sent again later

 private:
  explicit Connection(Owner* owner) : owner_(owner) {}
  ~Connection() = default;

  bool start_reading();
  void on_bytes(size_t size);
  void flush();
  void lose(hexagent_status status);
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle_); }

  union {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle_ = {};
  uv_connect_t connect_ = {};
  uv_write_t write_ = {};
  Owner* owner_;
  std::vector<uint8_t> incoming_;  // its start is aligned, frames keep it so
  size_t filled_ = 0;
  std::vector<uint8_t> waiting_;
  std::vector<uint8_t> sending_;
  uint64_t sent_count_ = 0;
  uint64_t read_count_ = 0;
  bool writing_ = false;
  bool closing_ = false;
  bool hang_up_ = false;  // when all is sent
  bool open_ = false;     // connected
  bool broken_ = false;
};

}  // namespace hexagent::control
