// The target's side of TCP lanes: listens, knows lanes by their cookie, and reads frames straight
// into staging slots. Tests: tests/unit/transport/tcp/.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hexagent/hexagent.h"
#include "transport/copy/kernels.h"
#include "transport/engine/staging.h"
#include "transport/tcp/tcp_frame.h"

namespace hexagent::transport {

class TcpInbound {
 public:
  // `lost` is told a peer whose lane ended or made no sense.
  TcpInbound(uv_loop_t* loop, uint32_t peers_max, std::function<void(uint32_t)> lost);
  // Every handle must have been closed: close_all(), then the loop until it is empty.
  ~TcpInbound();

  // HEXAGENT_OK, HEXAGENT_E_KEY (no numeric address), HEXAGENT_E_SYSTEM.
  hexagent_status listen(const std::string& ip, uint16_t port);
  // Staging for a peer, and the address by which it is reached.
  hexagent_status open(uint32_t peer, uint32_t slots, uint32_t slot_bytes, TcpAddress* address);
  void close(uint32_t peer);
  void close_all();
  // Who came when there was no memory, if anybody; libuv listens no more until then.
  void let_in();

  // Is all of this chunk here?
  bool arrived(uint32_t peer, uint32_t slot, uint32_t generation, uint64_t bytes) const;
  unsigned char* slot(uint32_t peer, uint32_t slot) const;

 private:
  struct FreeMemory {
    void operator()(unsigned char* memory) const;
  };
  struct Staging {
    std::unique_ptr<unsigned char, FreeMemory> memory;
    uint64_t cookie[2] = {};
    uint32_t slots = 0;
    size_t slot_bytes = 0;
    ArrivingSlot arriving[kSlotsMax];
  };
  struct Lane {
    uv_tcp_t handle;
    TcpInbound* owner;
    uint32_t peer = 0;
    bool known = false;  // the preamble has come
    bool closing = false;
    size_t have = 0;  // bytes of the preamble, header or payload that is being read
    LanePreamble preamble = {};
    FrameHeader header = {};
    bool in_payload = false;
  };

  static void on_connection(uv_stream_t* server, int status);
  static void on_alloc(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer);
  static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);
  static void on_closed(uv_handle_t* handle);

  void welcome();
  void room_for(Lane* lane, uv_buf_t* buffer);
  bool take(Lane* lane, size_t count);
  bool know(Lane* lane);
  bool begin_payload(Lane* lane);
  void close_lane(Lane* lane);

  uv_loop_t* loop_;
  std::function<void(uint32_t)> lost_;
  uv_tcp_t listener_ = {};
  bool listening_ = false;
  bool knocking_ = false;  // somebody has come and is not let in
  TcpAddress address_ = {};
  std::vector<std::unique_ptr<Staging>> stagings_;  // by peer
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<unsigned char> sink_;  // for what nobody wants any more
};

}  // namespace hexagent::transport
