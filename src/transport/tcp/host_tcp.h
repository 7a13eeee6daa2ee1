// The host-tcp transport: pools in host memory, peers anywhere that TCP reaches. Each chunk is
// packed into memory of the source's, split over some sockets ("lanes") and read straight into the
// target's staging. Driven by a libuv loop of its own inside progress(); its descriptor tells when.
// Tests: tests/unit/transport/tcp/host_tcp_test.cc.
#pragma once

#include <uv.h>

#include <memory>
#include <vector>

#include "hexagent/transport.h"
#include "transport/engine/job_queue.h"
#include "transport/engine/lost_peers.h"
#include "transport/engine/mover.h"
#include "transport/tcp/tcp_inbound.h"
#include "transport/tcp/tcp_outbound.h"

namespace hexagent::transport {

// Its table, as a plugin would give it. Options: address=IP (numeric; where to listen and what
// peers are told, 127.0.0.1), port=N (0 = any), lanes=N (4), rate=BYTES_PER_S (to each peer at most
// that, by the pacing of the kernel; 0 = as fast as it goes), kernels=NAME, silence_ms=N.
const hexagent_transport_ops* host_tcp_ops();

struct HostTcpOptions {
  const CopyKernels* kernels = nullptr;
  uint32_t lanes = 4;
  std::string address = "127.0.0.1";
  uint16_t port = 0;
  uint64_t bytes_per_s = 0;  // 0 = no limit
};

class HostTcpMover : public Mover {
 public:
  HostTcpMover(const HostTcpOptions& options, uint32_t peers_max);
  ~HostTcpMover() override;
  HostTcpMover(const HostTcpMover&) = delete;
  HostTcpMover& operator=(const HostTcpMover&) = delete;

  // HEXAGENT_OK, HEXAGENT_E_KEY or HEXAGENT_E_SYSTEM; nothing else may be called after a failure.
  hexagent_status start();

  hexagent_status accepts(const hexagent_kv_pool& pool) const override;
  hexagent_status open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                               unsigned char* address, size_t* address_size) override;
  hexagent_status attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                         const unsigned char* address, size_t address_size) override;
  void close_peer(uint32_t peer) override;
  bool ready(uint32_t peer) override;
  void push(const MoveJob& job) override { jobs_.push(job); }
  void scatter(const MoveJob& job) override { jobs_.scatter(job); }
  bool drop(uint64_t ticket) override { return jobs_.drop(ticket); }
  void stop() override;
  uint32_t run(uint32_t budget, MoveResult* results, uint32_t room) override;
  uint32_t take_lost() override { return lost_.take(); }
  int32_t descriptor() const override { return uv_backend_fd(&loop_); }

 private:
  bool can_do(const JobQueue::Waiting& waiting) const;
  MoveResult do_job(const JobQueue::Waiting& waiting) const;
  void turn();

  HostTcpOptions options_;
  uv_loop_t loop_ = {};
  std::unique_ptr<TcpInbound> inbound_;
  std::vector<std::unique_ptr<TcpOutbound>> outbound_;  // by peer
  std::vector<std::unique_ptr<TcpOutbound>> closing_;
  LostPeers lost_;
  JobQueue jobs_;
};

}  // namespace hexagent::transport
