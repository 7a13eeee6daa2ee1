// The cuda-nccl transport's mover: chunks of pools in device memory.
//
// Direct (one machine): a kernel packs into the peer's staging, which CUDA IPC maps here; the
// peer's kernel unpacks. As host-memory does it, with kernels.
//
// NCCL:   source                                target
//   push: pack into staging of our own
//         READY (the engine's)      ---->       scatter: receive into our slot is enqueued, and
//         send is enqueued          <---- GO
//         ... NCCL moves the bytes ...
//                                               unpack is launched once they are here
//                                   <---- ACK (the engine's)
// So neither end enqueues before the other has promised to, and both enqueue in the order of GO.
// The kernel that writes blocks is launched only after the bytes are here, by this thread: until
// then a cancelled transfer or a lost peer just forgets the job, and blocks are free without the
// peer.
//
// Nothing blocks: run() looks at marks in host memory. Communicators die on the reaper's thread.
// Tests: tests/unit/transport/cuda/cuda_mover_test.cc, on a device of host memory and with a
// scripted NCCL.
#pragma once

#include <memory>
#include <vector>

#include "transport/engine/lost_peers.h"
#include "transport/engine/mover.h"
#include "transport/plugins/cuda_nccl/copy_lanes.h"
#include "transport/plugins/cuda_nccl/cuda_options.h"
#include "transport/plugins/cuda_nccl/peer_end.h"
#include "transport/plugins/cuda_nccl/watcher.h"

namespace hexagent::transport {

class CudaMover : public Mover {
 public:
  CudaMover(const CudaOptions& options, uint32_t peers_max, const hexagent_transport_host& host,
            std::shared_ptr<DeviceRuntime> runtime);
  ~CudaMover() override;
  CudaMover(const CudaMover&) = delete;
  CudaMover& operator=(const CudaMover&) = delete;

  // HEXAGENT_OK, _NO_MEMORY, _SYSTEM, _IO or _VERSION (NCCL was demanded and cannot be had);
  // nothing else may be called after a failure.
  hexagent_status start();

  hexagent_status accepts(const hexagent_kv_pool& pool) const override;
  hexagent_status open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                               unsigned char* address, size_t* address_size) override;
  hexagent_status attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                         const unsigned char* address, size_t address_size) override;
  void close_peer(uint32_t peer) override;
  bool ready(uint32_t peer) override;
  void push(const MoveJob& job) override;
  void scatter(const MoveJob& job) override;
  bool drop(uint64_t ticket) override;
  void stop() override { stopping_ = true; }
  uint32_t run(uint32_t budget, MoveResult* results, uint32_t room) override;
  bool take_note(MoverNote* out) override;
  void on_note(const MoverNote& note) override;
  uint32_t take_lost() override { return lost_.take(); }
  int32_t descriptor() const override { return watcher_->descriptor(); }

  // For tests: every communicator and every piece of memory of peers that left is gone.
  bool reaper_idle() const { return reaper_->idle(); }
  const char* nccl_problem() const { return nccl_problem_; }

 private:
  struct Job {
    enum class State { kWaiting, kReceiving, kReceived, kCopying, kFailed };
    MoveJob job;
    bool pushing = false;
    State state = State::kWaiting;
    std::shared_ptr<DeviceMemory> memory;  // of the slot, while a kernel may use it
  };

  bool has_nccl() const { return nccl_.send != nullptr; }
  int64_t now() const { return host_.now_ns(host_.context); }
  std::shared_ptr<DeviceMemory> own_memory(void* memory, DeviceMemory::Kind kind) const;
  std::shared_ptr<DeviceMemory> allocate(uint64_t bytes) const;
  std::shared_ptr<DeviceMemory> reach(const CudaAddress& where) const;
  void start_link(uint32_t peer, std::unique_ptr<NcclLink>* link, NcclLink::Side side,
                  const NcclId& id, const std::shared_ptr<DeviceMemory>& memory);
  void bury(std::unique_ptr<NcclLink>* link);
  void on_id(uint32_t peer, const CudaIdNote& note);
  void on_route(uint32_t peer, Route route);
  void on_go(uint32_t peer, const CudaNote& note);

  void run_links(int64_t now_ns);
  void run_link(uint32_t peer, NcclLink* link, bool outbound, int64_t now_ns);
  void on_received(uint32_t peer, const LinkOperation& operation);
  void start_jobs(uint32_t budget, int64_t now_ns);
  bool start_job(Job* job, int64_t now_ns);
  bool start_push(Job* job, int64_t now_ns);
  bool start_receive(Job* job);
  bool start_copy(Job* job, const std::shared_ptr<DeviceMemory>& memory, uint64_t offset,
                  int64_t now_ns);
  bool take_ended(int64_t now_ns, MoveResult* out);
  void settle_push(const Job& job, hexagent_status status);
  void wait_for_device() const;
  void tell_watcher();

  CudaOptions options_;
  hexagent_transport_host host_;
  std::shared_ptr<DeviceRuntime> runtime_;
  NcclApi nccl_ = {};
  const char* nccl_problem_ = "";
  std::shared_ptr<MarkTable> marks_;
  std::unique_ptr<Reaper> reaper_;
  std::unique_ptr<CopyLanes> lanes_;
  std::vector<PeerEnd> peers_;
  std::vector<uint32_t> linked_;  // peers with a communicator
  std::vector<Job> jobs_;         // in order; at most a few for each peer
  std::vector<MoverNote> notes_;
  LostPeers lost_;
  std::unique_ptr<Watcher> watcher_;
  bool stopping_ = false;
  bool waits_for_event_ = false;
};

}  // namespace hexagent::transport
