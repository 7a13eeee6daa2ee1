// The source's side of TCP lanes to one target: packed chunks wait in memory of our own until the
// system has taken them. Tests: tests/unit/transport/tcp/.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "hexagent/hexagent.h"
#include "transport/engine/staging.h"
#include "transport/tcp/tcp_frame.h"

namespace hexagent::transport {

class TcpOutbound {
 public:
  // `bytes_per_s`: of all lanes together, 0 = no limit.
  TcpOutbound(uv_loop_t* loop, uint32_t lanes, uint64_t bytes_per_s, std::function<void()> lost);

  // Begins to connect all lanes. HEXAGENT_OK, HEXAGENT_E_SYSTEM, HEXAGENT_E_ARGUMENT (no address),
  // HEXAGENT_E_NO_MEMORY.
  hexagent_status connect(const TcpAddress& address, uint32_t slots, uint32_t slot_bytes);
  // From here on nothing is told any more. The object must live until done().
  void close();
  bool done() const { return open_handles_ == 0; }

  // Has the system taken all that was sent?
  bool drained() const { return writing_ == 0; }
  // May a chunk be packed?
  bool idle() const { return drained() && !failed_ && connected_ == lanes_.size(); }
  unsigned char* slot(uint32_t slot) const { return memory_.get() + slot * slot_bytes_; }
  // Hands the slot's first `bytes` to the lanes.
  void send(uint32_t slot, uint32_t generation, uint64_t bytes);

 private:
  struct FreeMemory {
    void operator()(unsigned char* memory) const;
  };
  struct Lane {
    uv_tcp_t handle = {};
    uv_connect_t connecting = {};
    uv_write_t greeting = {};
    LanePreamble preamble = {};
    TcpOutbound* owner = nullptr;
    bool open = false;
    uint32_t unsent_most = 0;  // bytes that the system takes ahead of the link
    char ignored[8] = {};
  };
  struct Write {
    uv_write_t request = {};
    FrameHeader header = {};
    TcpOutbound* owner = nullptr;
  };

  static void on_connected(uv_connect_t* request, int status);
  static void on_written(uv_write_t* request, int status);
  bool tune(Lane* lane) const;
  static void hold_back(Lane* lane, uint64_t part);
  void fail();

  uv_loop_t* loop_;
  std::function<void()> lost_;
  std::vector<Lane> lanes_;
  uint64_t bytes_per_s_;
  std::vector<Write> writes_;  // slot by slot, one for each lane
  std::unique_ptr<unsigned char, FreeMemory> memory_;
  size_t slot_bytes_ = 0;
  uint32_t writing_ = 0;  // parts of chunks that the system has not taken whole
  uint32_t connected_ = 0;
  uint32_t open_handles_ = 0;
  bool closing_ = false;
  bool failed_ = false;
};

}  // namespace hexagent::transport
