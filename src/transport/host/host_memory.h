// The host-memory transport: pools in the memory of this process, peers in this or another process
// of this machine. The source packs straight into the target's staging, which both have mapped; the
// target scatters from there. Copies are made inside progress(), on the caller's thread. Tests:
// tests/unit/transport/host/.
#pragma once

#include <memory>
#include <vector>

#include "hexagent/transport.h"
#include "transport/engine/job_queue.h"
#include "transport/engine/mover.h"
#include "transport/host/shared_region.h"

namespace hexagent::transport {

// Its table, as a plugin would give it. Options: kernels=portable|avx2|avx512|neon,
// pack=cached|streaming, silence_ms=N.
const hexagent_transport_ops* host_memory_ops();

struct HostMemoryOptions {
  const CopyKernels* kernels = nullptr;
  // Packed chunks are read again at once by the target, from the shared cache if they are there.
  Store pack = Store::kCached;
};

class HostMemoryMover : public Mover {
 public:
  HostMemoryMover(const HostMemoryOptions& options, uint32_t peers_max);

  hexagent_status accepts(const hexagent_kv_pool& pool) const override;
  hexagent_status open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                               unsigned char* address, size_t* address_size) override;
  hexagent_status attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                         const unsigned char* address, size_t address_size) override;
  void close_peer(uint32_t peer) override;
  void push(const MoveJob& job) override { jobs_.push(job); }
  void scatter(const MoveJob& job) override { jobs_.scatter(job); }
  bool drop(uint64_t ticket) override { return jobs_.drop(ticket); }
  void stop() override {}  // nothing ever runs between two calls
  uint32_t run(uint32_t budget, MoveResult* results, uint32_t room) override;

 private:
  struct Side {
    std::unique_ptr<SharedRegion> region;
    uint32_t slots = 0;
    size_t slot_bytes = 0;  // from one slot to the next
  };
  struct End {
    Side own;
    Side other;
  };

  MoveResult do_job(const JobQueue::Waiting& waiting) const;

  HostMemoryOptions options_;
  std::vector<End> ends_;
  JobQueue jobs_;
};

}  // namespace hexagent::transport
